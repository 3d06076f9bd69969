// SPDX-License-Identifier: GPL-2.0

//! Mappings in which the driver inserts pages itself: VM_MIXEDMAP.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `vm_insert_page()`.

use super::{
    desc::{
        Ready,
        Undecided,
        VmaDesc, //
    },
    virt::flags,
    vm_operations::{
        self,
        VmOperations,
        VmaState, //
    }, //
};
use crate::bindings;
use core::marker::PhantomData;

impl<'a, T: VmOperations, S: Undecided> VmaDesc<'a, T, S> {
    /// Decides that the mapping is empty, and that the driver inserts pages with
    /// [`VmaMixedMap::vm_insert_page`] whenever it wants to. VM_MIXEDMAP. A process that touches a
    /// page that is not there gets a `SIGBUS`.
    ///
    /// # How to find the VMA
    ///
    /// The driver looks up a VMA by an address of the mapping, in the address space that
    /// [`VmaDesc::mm`] returned, with the mmap lock or with the VMA's own lock. If, while it holds
    /// this lock, [`VmOperations::open`] has been called for the mapping and
    /// [`VmOperations::close`] has not, then the VMA is one of the file:
    ///
    /// - The kernel calls `open` before it releases the mmap lock under which it has put the VMA
    ///   into the tree of VMAs.
    /// - To put another VMA at an address, the kernel needs the mmap lock for writing, and it has
    ///   called `close` by then for the VMA that was there. For a VMA that a new mapping replaces,
    ///   `__mmap_setup()` does that. `munmap()` does it before it releases the mmap lock, which it
    ///   may hold for reading only: until then, no VMA is found at the address.
    /// - A VMA that was removed from the tree cannot be locked by its own lock any more, and a VMA
    ///   is not removed while somebody holds that lock.
    /// - Such VMAs are never merged, not even with each other (`VMA_SPECIAL_FLAGS`).
    ///
    /// `close` is also called if only a part of the mapping is unmapped, and for the old VMA if
    /// `mremap()` moves the mapping. It is always right to insert no more pages then. With
    /// `MREMAP_DONTUNMAP` the old VMA stays, without pages, and is not closed.
    ///
    /// Both `open` and `close` are called with the mmap lock held. So a lock that they take must
    /// not be one that is held while waiting for the mmap lock.
    ///
    /// [`VmaMixedMap::vm_insert_page`]: super::virt::VmaMixedMap::vm_insert_page
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     mm::{
    ///         desc::{
    ///             Ready,
    ///             VmaDesc, //
    ///         },
    ///         vm_operations::VmOperations,
    ///         vma::Vma,
    ///         Mm,
    ///         MmWithUser, //
    ///     },
    ///     page::Page,
    ///     sync::{
    ///         aref::ARef,
    ///         atomic::{
    ///             Atomic,
    ///             Relaxed, //
    ///         }, //
    ///     }, //
    /// };
    ///
    /// struct Notice {
    ///     page: Page,
    ///     /// Of the process that has opened the file.
    ///     mm: ARef<Mm>,
    ///     /// Where the file is mapped, or 0.
    ///     address: Atomic<usize>,
    /// }
    ///
    /// impl VmOperations for Notice {
    ///     fn open(&self, vma: &Vma) {
    ///         self.address.store(vma.start(), Relaxed);
    ///     }
    ///
    ///     fn close(&self, _vma: &Vma) {
    ///         self.address.store(0, Relaxed);
    ///     }
    /// }
    ///
    /// fn mmap_prepare<'a>(
    ///     notice: &'a Notice,
    ///     mut desc: VmaDesc<'a, Notice>,
    /// ) -> Result<VmaDesc<'a, Notice, Ready>> {
    ///     if !core::ptr::eq::<Mm>(&*notice.mm, desc.mm()) {
    ///         return Err(EINVAL);
    ///     }
    ///     desc.deny_write()?;
    ///     desc.deny_copy();
    ///     Ok(desc.set_mixedmap())
    /// }
    ///
    /// /// Shows the page to the process that has opened and mapped the file.
    /// fn show(notice: &Notice) -> Result {
    ///     let mm: ARef<MmWithUser> = notice.mm.mmget_not_zero().ok_or(ESRCH)?;
    ///     let mmap_lock = mm.mmap_read_lock();
    ///     let address = notice.address.load(Relaxed);
    ///     if address == 0 {
    ///         return Err(ESRCH);
    ///     }
    ///     let vma = mmap_lock.vma_lookup(address).and_then(|vma| vma.as_mixedmap_vma());
    ///     vma.ok_or(ESRCH)?.vm_insert_page(address, &notice.page)
    /// }
    /// # let _ = (mmap_prepare, show);
    /// # let new = |page, mm| Notice { page, mm, address: Atomic::new(0) };
    /// # let _ = new;
    /// ```
    pub fn set_mixedmap(mut self) -> VmaDesc<'a, T, Ready> {
        // As it is not decided yet what is mapped, VM_PFNMAP is not set, which excludes this flag.
        self.update_flags(flags::MIXEDMAP, 0);
        self.ready(&Inserted::<T>::TABLE, VmaState::new(false))
    }
}

/// Makes the table of operations for VMAs in which the driver inserts pages.
struct Inserted<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::set_mixedmap` put it there, or if the VMA is a copy of one that
// has it. The kernel holds a reference on each page that is inserted, for as long as the page is
// mapped. Where the mapping is private and may become writable, a write gives the process a copy of
// the page, as in any mapping of pages with references.
impl<T: VmOperations> Inserted<T> {
    const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        open: Some(vm_operations::open::<T>),
        close: Some(vm_operations::close::<T>),
        mapped: Some(vm_operations::mapped::<T>),
        ..pin_init::zeroed()
    };
}

// SPDX-License-Identifier: GPL-2.0

//! The module that this code is in.
//!
//! `kernel::module!` makes a static `THIS_MODULE` of the type `kernel::ThisModule`, but in a
//! driver's crate this name can stand for something else.
//!
//! C header: [`include/linux/init.h`](srctree/include/linux/init.h), `THIS_MODULE`.

use kernel::bindings;

/// `THIS_MODULE`. This is null if the driver is built in.
///
/// # Examples
///
/// The operations of files that each have a page of their own, for `__register_chrdev()` and
/// the like:
///
/// ```
/// use kernel::{
///     bindings,
///     types::ForeignOwnable, //
/// };
/// use simple_mmap::{
///     compat::this_module::this_module,
///     mm::vm_operations::file_data, //
/// };
///
/// struct Page(ARef<SharedPage>);
///
/// impl VmOperations for Page {}
///
/// impl Pages for Page {
///     fn fault(&self, _vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
///         Ok(self.0.clone())
///     }
/// }
///
/// const FOPS: bindings::file_operations = bindings::file_operations {
///     owner: this_module(),
///     open: Some(open),
///     release: Some(release),
///     mmap_prepare: Some(mmap_prepare),
///     fop_flags: bindings::FOP_UNSIGNED_OFFSET,
///     ..pin_init::zeroed()
/// };
///
/// unsafe extern "C" fn open(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
///     let page = SharedPage::alloc(GFP_KERNEL)
///         .map_err(Error::from)
///         .and_then(|page| Ok(Arc::new(Page(page), GFP_KERNEL)?));
///     match page {
///         Ok(page) => {
///             // SAFETY: A file that is being opened is ours.
///             unsafe { (*file).private_data = page.into_foreign() };
///             0
///         }
///         Err(error) => error.to_errno(),
///     }
/// }
///
/// unsafe extern "C" fn release(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
///     // SAFETY: The reference is the file's, which is released once.
///     drop(unsafe { Arc::<Page>::from_foreign((*file).private_data) });
///     0
/// }
///
/// unsafe extern "C" fn mmap_prepare(desc: *mut bindings::vm_area_desc) -> c_int {
///     // SAFETY: The file is open, and its private data is what `open` set it to.
///     let page = unsafe { file_data::<Page>((*desc).file) };
///     // SAFETY: This is the `mmap_prepare` operation, and nothing else uses the description.
///     // Until the file is released it has the data that `open` gave it, and the address space of
///     // its inode. The module is the owner of its operations.
///     let desc = unsafe { VmaDesc::<'_, Page>::from_raw(desc) };
///     match desc.map(VmaDesc::serve_pages) {
///         Ok(_ready) => {
///             pr_info!("mapped {:p}\n", page);
///             0
///         }
///         Err(error) => error.to_errno(),
///     }
/// }
/// # let _ = FOPS;
/// ```
pub const fn this_module() -> *mut bindings::module {
    #[cfg(MODULE)]
    {
        extern "C" {
            // Every module has this symbol. It is a `struct module`; only its address is used.
            static __this_module: u8;
        }
        (&raw const __this_module).cast_mut().cast()
    }
    #[cfg(not(MODULE))]
    core::ptr::null_mut()
}

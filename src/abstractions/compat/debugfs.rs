// SPDX-License-Identifier: GPL-2.0

//! Counters in debugfs.
//!
//! The files of `kernel::debugfs` have their operations in the module and do not hold it, so one
//! that is open while the module is unloaded crashes the kernel when it is closed. These have the
//! kernel's own operations: such a file outlives the module, and reading it fails then.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h).

use core::ptr;
use kernel::{
    alloc::AllocError,
    bindings,
    prelude::*,
    str::CStr,
    sync::{
        atomic::Atomic,
        Arc, //
    }, //
};

/// A directory, `debugfs_create_dir()`. It is removed on drop, with all that is in it.
///
/// If there is no debugfs, or it fails, there is no directory, and nobody is told: by convention a
/// driver works the same without.
///
/// # Invariants
///
/// The pointer is what `debugfs_create_dir()` returned.
pub struct Dir(*mut bindings::dentry);

// SAFETY: Directories of debugfs belong to no thread in particular.
unsafe impl Send for Dir {}

// SAFETY: All that can be done by shared reference locks for itself.
unsafe impl Sync for Dir {}

impl Dir {
    /// Makes a directory at the top of debugfs. It stays as long as anything in it.
    pub fn new(name: &CStr) -> Result<Arc<Self>, AllocError> {
        Arc::new(Self::create(name, ptr::null_mut()), GFP_KERNEL)
    }

    fn create(name: &CStr, parent: *mut bindings::dentry) -> Self {
        // INVARIANT: That is what it returns.
        // SAFETY: The name is a C string, and the parent null or a directory that is there, or the
        // error that it was not made with, which is passed on.
        Self(unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), parent) })
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it was made by debugfs, which ignores its own errors. Once
        // this returns nobody uses a file in it any more.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

/// Finds a counter in the data that it is a part of.
pub type Counter<T> = for<'d> fn(&'d T) -> &'d Atomic<i64>;

/// A directory of counters, each in a file, which are parts of `T`.
///
/// # Examples
///
/// ```
/// use kernel::sync::atomic::Atomic;
///
/// struct Events {
///     faults: Atomic<i64>,
/// }
///
/// let events = Events { faults: Atomic::new(0) };
/// let events = Arc::new(events, GFP_KERNEL)?;
/// let faults: (&CStr, Counter<Events>) = (c"faults", |events| &events.faults);
/// let counters = Counters::new(Dir::new(c"example")?, c"device", events, &[faults]);
/// # let _ = counters;
/// # Ok::<(), Error>(())
/// ```
pub struct Counters<T> {
    // Removed first; see the order of drops.
    _dir: Dir,
    // Read by the files as long as they are there.
    _data: Arc<T>,
    // Its removal would remove ours too, which must be removed once.
    _parent: Arc<Dir>,
}

impl<T: Send + Sync + 'static> Counters<T> {
    /// Makes a directory in `parent` with a file for each counter, `debugfs_create_u64()`, that
    /// anybody who gets into debugfs can read. `counter` finds it in the data; one that is
    /// elsewhere gets no file.
    pub fn new(
        parent: Arc<Dir>,
        name: &CStr,
        data: Arc<T>,
        counters: &[(&CStr, Counter<T>)],
    ) -> Self {
        let dir = Dir::create(name, parent.0);
        let start = (&raw const *data).addr();
        for (name, counter) in counters {
            let counter = counter(&data).as_ptr();
            // Not so would be a counter in a static, which goes with the module.
            if !(start..start + size_of::<T>()).contains(&counter.addr()) {
                continue;
            }
            // SAFETY: The name is a C string, and the directory is one of debugfs's. The counter is
            // a part of `_data`, which is dropped after the files are gone: if this value is never
            // dropped, neither is the data. The C side only reads the counter, as the file's mode
            // lets nobody write.
            unsafe {
                bindings::debugfs_create_u64(name.as_char_ptr(), 0o444, dir.0, counter.cast())
            };
        }
        Self {
            _dir: dir,
            _data: data,
            _parent: parent,
        }
    }
}

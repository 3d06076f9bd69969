// SPDX-License-Identifier: GPL-2.0

//! Counters in debugfs.
//!
//! The files of `kernel::debugfs` have operations that are in the module, and do not hold the
//! module: if one is still open when the module is unloaded, closing it crashes the kernel. The
//! files here have operations of the kernel itself: an open file may outlive the module, and
//! reading it then fails.
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
/// If there is no debugfs, or it fails, there is no directory, and no error is returned: by
/// convention a driver works without debugfs just the same.
///
/// # Invariants
///
/// The pointer is what `debugfs_create_dir()` returned.
pub struct Dir(*mut bindings::dentry);

// SAFETY: Directories of debugfs belong to no thread in particular.
unsafe impl Send for Dir {}

// SAFETY: What can be done by shared reference is done by functions of debugfs that lock.
unsafe impl Sync for Dir {}

impl Dir {
    /// Makes a directory at the top of debugfs. It stays as long as the returned value or any
    /// [`Counters`] in it.
    pub fn new(name: &CStr) -> Result<Arc<Self>, AllocError> {
        Arc::new(Self::create(name, ptr::null_mut()), GFP_KERNEL)
    }

    fn create(name: &CStr, parent: *mut bindings::dentry) -> Self {
        // INVARIANT: The pointer is what `debugfs_create_dir()` returned.
        // SAFETY: The name is a C string. The parent is null, a directory that exists, or the error
        // with which making the parent failed, which debugfs passes on.
        Self(unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), parent) })
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: By the type invariant debugfs made the directory, or returned an error, which the
        // called function ignores. When this returns, nobody uses a file in the directory any more.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

/// Returns a counter in the data that contain it.
pub type Counter<T> = for<'d> fn(&'d T) -> &'d Atomic<i64>;

/// A directory of counters that are parts of a `T`. Each counter has a file.
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
    // This is dropped first, which removes the files.
    _dir: Dir,
    // The files read these data as long as the files exist.
    _data: Arc<T>,
    // Dropping this can remove the directory above and all in it, so it must come after `_dir`.
    _parent: Arc<Dir>,
}

impl<T: Send + Sync + 'static> Counters<T> {
    /// Makes a directory in `parent` with a file for each counter, `debugfs_create_u64()`, which
    /// anybody can read who can access debugfs. The function in `counters` returns the counter in
    /// the data; a counter that is not in the data gets no file.
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
            // A counter elsewhere could be in a static, which goes when the module is unloaded.
            if !(start..start + size_of::<T>()).contains(&counter.addr()) {
                continue;
            }
            // SAFETY: The name is a C string, and the directory is one of debugfs. The counter is a
            // part of `_data`, which is dropped after the files are removed; if this value is never
            // dropped, neither is the data. The C side only reads the counter, because the file's
            // mode lets nobody write.
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

// SPDX-License-Identifier: GPL-2.0

//! A place for a reference that is put there once.
//!
//! It is a [`SetOnce`] of the size of a pointer, which gives its content back when nobody shares it
//! any more.
//!
//! [`SetOnce`]: kernel::sync::SetOnce

use core::ptr::{
    self,
    NonNull, //
};
use kernel::sync::{
    aref::{
        ARef,
        AlwaysRefCounted, //
    },
    atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// A place for a reference, which is empty at first, is filled once, and then stays so as long as
/// it is shared. It takes no lock.
///
/// # Invariants
///
/// The pointer is null or what `ARef::into_raw` returned, with its reference ours. Once it is not
/// null it does not change as long as `self` is shared.
///
/// # Examples
///
/// ```
/// let mut place = OnceRef::empty();
/// assert!(place.get().is_none());
/// assert!(place.set(SharedPage::alloc(GFP_KERNEL)?).is_ok());
/// assert!(place.set(SharedPage::alloc(GFP_KERNEL)?).is_err());
/// let page: Option<&SharedPage> = place.get();
/// assert!(page.is_some());
/// assert!(place.take().is_some_and(SharedPage::put));
/// # Ok::<(), Error>(())
/// ```
#[repr(transparent)]
pub struct OnceRef<T: AlwaysRefCounted>(Atomic<*mut T>);

// SAFETY: It is an `Option<ARef<T>>` that somebody else may fill.
unsafe impl<T: AlwaysRefCounted + Send + Sync> Send for OnceRef<T> {}

// SAFETY: A thread that shares it can take references out of it, put one in, and borrow what is
// there. The pointer is atomic.
unsafe impl<T: AlwaysRefCounted + Send + Sync> Sync for OnceRef<T> {}

impl<T: AlwaysRefCounted> OnceRef<T> {
    /// A place that is empty.
    pub const fn empty() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// What is there, if it is not empty any more.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // Acquire: what the pointer leads to was written before `set` put it there.
        let content = NonNull::new(self.0.load(Acquire))?;
        // SAFETY: By the type invariant we own a reference on this, and it stays here as long as
        // `self` is borrowed.
        Some(unsafe { content.as_ref() })
    }

    /// Puts a reference there, if it is empty.
    ///
    /// # Errors
    ///
    /// The reference, if it is not.
    pub fn set(&self, content: ARef<T>) -> Result<(), ARef<T>> {
        let raw = ARef::into_raw(content);
        // INVARIANT: Only null is replaced, and by a pointer whose reference was just given up.
        match self.0.cmpxchg(ptr::null_mut(), raw.as_ptr(), Full) {
            Ok(_) => Ok(()),
            // SAFETY: `into_raw` returned this, and its reference is still ours.
            Err(_) => Err(unsafe { ARef::from_raw(raw) }),
        }
    }

    /// Takes the reference out, if there is one. It is empty then.
    pub fn take(&mut self) -> Option<ARef<T>> {
        let content = NonNull::new(self.0.load(Relaxed))?;
        // INVARIANT: Nobody else has access, so that nobody sees the change.
        self.0.store(ptr::null_mut(), Relaxed);
        // SAFETY: By the type invariant the reference was ours.
        Some(unsafe { ARef::from_raw(content) })
    }
}

impl<T: AlwaysRefCounted> Drop for OnceRef<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

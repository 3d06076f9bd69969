// SPDX-License-Identifier: GPL-2.0

//! A place for a reference, which is filled once.
//!
//! It is a [`SetOnce`] of the size of a pointer. Its content can be taken out again when nobody
//! shares it any more.
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

/// A place for a reference. It is empty at first, can be filled once, and then keeps the reference
/// as long as the place is shared. It takes no lock.
///
/// # Invariants
///
/// The pointer is null or what `ARef::into_raw` returned, and then this owns the reference. Once it
/// is not null it does not change as long as `self` is shared.
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

// SAFETY: This is like an `Option<ARef<T>>`, except that other threads may fill it.
unsafe impl<T: AlwaysRefCounted + Send + Sync> Send for OnceRef<T> {}

// SAFETY: Threads that share this can take further references on the content, put a reference in,
// and borrow the content. The pointer is atomic.
unsafe impl<T: AlwaysRefCounted + Send + Sync> Sync for OnceRef<T> {}

impl<T: AlwaysRefCounted> OnceRef<T> {
    /// A place that is empty.
    pub const fn empty() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// The content, or `None` if the place is empty.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // Acquire: whoever gets the pointer sees what was written to the content before `set`.
        let content = NonNull::new(self.0.load(Acquire))?;
        // SAFETY: By the type invariant we own a reference on this, and it stays here as long as
        // `self` is borrowed.
        Some(unsafe { content.as_ref() })
    }

    /// Fills the place with a reference.
    ///
    /// # Errors
    ///
    /// The reference itself, if the place is not empty.
    pub fn set(&self, content: ARef<T>) -> Result<(), ARef<T>> {
        let raw = ARef::into_raw(content);
        // INVARIANT: Only a null pointer is replaced. The reference of the new pointer belongs to
        // `self` from then on, as `into_raw` has given it up.
        match self.0.cmpxchg(ptr::null_mut(), raw.as_ptr(), Full) {
            Ok(_) => Ok(()),
            // SAFETY: `into_raw` returned this pointer, and we still own its reference.
            Err(_) => Err(unsafe { ARef::from_raw(raw) }),
        }
    }

    /// Takes the reference out, if there is one, and leaves the place empty.
    pub fn take(&mut self) -> Option<ARef<T>> {
        let content = NonNull::new(self.0.load(Relaxed))?;
        // INVARIANT: `self` is not shared, so nobody sees the change.
        self.0.store(ptr::null_mut(), Relaxed);
        // SAFETY: By the type invariant we owned the reference.
        Some(unsafe { ARef::from_raw(content) })
    }
}

impl<T: AlwaysRefCounted> Drop for OnceRef<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

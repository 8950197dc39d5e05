//! The wish to stop.

use homelab_core::cancel::Cancel;

/// A wish that something stops: given to a long call, uttered from anywhere.
///
/// Cancelling a Kotlin coroutine stops what it awaits as well; a Swift task does not, and needs the token.
#[derive(Debug, uniffi::Object)]
pub struct CancelToken(pub(crate) Cancel);

#[uniffi::export]
impl CancelToken {
    /// Returns a wish that nobody has uttered.
    #[uniffi::constructor]
    #[expect(clippy::new_without_default, reason = "a default is nothing that crosses")]
    pub fn new() -> Self {
        CancelToken(Cancel::new())
    }

    /// Asks every call that was given this token to stop. Asking again changes nothing.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Returns whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

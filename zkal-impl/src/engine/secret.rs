//! Card memory that is erased before it is freed.

use super::device::Buffer;

/// A block of card memory with scalars or what was made of them: a witness, usually. Erased before it is freed, so that
/// the next owner of the memory does not see it.
pub(crate) struct Secret(pub Box<dyn Buffer>);

impl Drop for Secret {
    fn drop(&mut self) {
        // After a reset of the card the memory may belong to another block already.
        if self.0.is_valid() {
            if let Err(error) = self.0.erase() {
                tracing::warn!(address = self.0.address(), %error, "scalars stay in card memory");
            }
        }
    }
}

//! Card memory that is erased before it is freed.

use super::device::Buffer;

/// A block of card memory with scalars or what was made of them: a witness, usually. Erased before it is freed, so that
/// the next owner of the memory does not see it.
pub(crate) struct Secret(pub Box<dyn Buffer>);

impl Drop for Secret {
    fn drop(&mut self) {
        erase(&*self.0);
    }
}

/// Erases a block that is about to be freed.
pub(crate) fn erase(buffer: &dyn Buffer) {
    // After a reset of the card the memory may belong to another block already.
    if buffer.is_valid() {
        if let Err(error) = buffer.erase() {
            tracing::warn!(address = buffer.address(), %error, "secrets stay in card memory");
        }
    }
}

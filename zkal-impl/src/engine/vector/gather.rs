//! Index lists in card memory.

use std::sync::Arc;

use crate::engine::device::Buffer;
use crate::engine::job::{At, Job, Lane, Step};
use crate::engine::Engine;
use crate::error::Result;

/// Indices in card memory, 4 bytes each, for [`Operand::Gather`](super::Operand::Gather). Clones share the memory.
#[derive(Clone)]
pub struct DeviceIndices {
    pub(super) buffer: Arc<dyn Buffer>,
    pub(super) engine: u64,
    len: usize,
    /// One more than the largest; 0 for none.
    bound: u64,
}

impl Engine {
    /// `indices` in card memory. They are taken for public, e.g. places in a circuit.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`](crate::Error::OutOfCardMemory) when the card cannot hold them, and any card failure.
    pub fn upload_indices(&self, indices: &[u32]) -> Result<DeviceIndices> {
        let bytes: Vec<u8> = indices.iter().flat_map(|index| index.to_le_bytes()).collect();
        let buffer = self.alloc(bytes.len(), || format!("{} indices", indices.len()))?;
        let job = Job::Upload { to: At::start(&*buffer), bytes: &bytes };
        self.shared.device.run(vec![Step::new(Lane::Stream, "indices", job)])?;
        let bound = indices.iter().max().map_or(0, |largest| u64::from(*largest) + 1);
        Ok(DeviceIndices { buffer: buffer.into(), engine: self.shared.id, len: indices.len(), bound })
    }
}

impl DeviceIndices {
    /// Number of indices.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more than the largest index; 0 when there is none.
    pub fn bound(&self) -> u64 {
        self.bound
    }
}

impl std::fmt::Debug for DeviceIndices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceIndices").field("len", &self.len).field("bound", &self.bound).finish()
    }
}

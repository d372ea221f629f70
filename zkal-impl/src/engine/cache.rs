//! Uploads found again by their content, for callers that hand in plain slices on every call.
//!
//! The key is the number of points and a BLAKE3 hash of all their bytes. A slice's address is no part of it: an
//! address may be freed and reused for other points, and equal points at two addresses are one upload. Hashing
//! costs well under a tenth of a microsecond a point, an MSM takes some 25 additions a point.

use std::sync::Arc;

use super::device::Buffer;

/// Content of a slice of points. Number and bytes together tell the groups apart, too: their points differ in size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    len: usize,
    hash: blake3::Hash,
}

impl Key {
    /// Key of points given as bytes.
    pub(crate) fn of(len: usize, bytes: &[u8]) -> Self {
        Key { len, hash: blake3::hash(bytes) }
    }
}

/// Most uploads kept, whatever their size; card memory is the other limit.
const MOST_ENTRIES: usize = 256;

/// Uploads, least recently used first.
#[derive(Default)]
pub(crate) struct BaseCache {
    entries: Vec<(Key, Arc<dyn Buffer>)>,
}

impl BaseCache {
    /// The upload of this content, which becomes the most recently used. Uploads that a reset of the card lost are
    /// forgotten.
    pub(crate) fn get(&mut self, key: &Key) -> Option<Arc<dyn Buffer>> {
        self.entries.retain(|(_, buffer)| buffer.is_valid());
        let at = self.entries.iter().position(|(k, _)| k == key)?;
        let entry = self.entries.remove(at);
        let buffer = entry.1.clone();
        self.entries.push(entry);
        Some(buffer)
    }

    /// Adds an upload as the most recently used.
    pub(crate) fn insert(&mut self, key: Key, buffer: Arc<dyn Buffer>) {
        if self.entries.len() == MOST_ENTRIES {
            self.evict();
        }
        self.entries.push((key, buffer));
    }

    /// Forgets the least recently used upload; its memory is freed once nobody else uses it. False when empty.
    pub(crate) fn evict(&mut self) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        self.entries.remove(0);
        true
    }

    /// Forgets all uploads.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Number of uploads.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

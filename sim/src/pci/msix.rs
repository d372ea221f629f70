//! The BAR with the MSI-X table and the pending bits.

use permafrost_abi::pci::{BAR_BYTES, MSIX_BAR, MSIX_TABLE, MSIX_VECTORS};

/// Words of an entry: message address, its high half, message data, vector control.
const ENTRY_WORDS: usize = 4;
const ENTRIES: usize = MSIX_VECTORS as usize;
/// Which bits of these words can be written.
const WRITABLE: [u32; ENTRY_WORDS] = [!3, !0, !0, 1];
/// Vector control: masked, as every entry is after a reset.
const MASKED: u32 = 1;

/// The table as memory that software can write and read back. Who takes the card's interrupts decides where they go, as a
/// kernel does that keeps the table from user space: an event that nobody takes is dropped, so no bit is ever
/// pending.
#[derive(Clone, Debug)]
pub struct MsixTable([[u32; ENTRY_WORDS]; ENTRIES]);

impl Default for MsixTable {
    /// After a reset.
    fn default() -> Self {
        Self([[0, 0, 0, MASKED]; ENTRIES])
    }
}

impl MsixTable {
    /// Reads the word at a 4-byte aligned offset of the BAR; `None` outside it.
    pub fn read32(&self, offset: u64) -> Option<u32> {
        if offset >= u64::from(BAR_BYTES[MSIX_BAR as usize]) {
            return None;
        }
        let word = (offset - u64::from(MSIX_TABLE)) as usize / 4;
        Some(self.0.get(word / ENTRY_WORDS).map_or(0, |entry| entry[word % ENTRY_WORDS]))
    }

    /// Writes it.
    pub fn write32(&mut self, offset: u64, value: u32) -> Option<()> {
        self.read32(offset)?;
        let word = (offset - u64::from(MSIX_TABLE)) as usize / 4;
        if let Some(entry) = self.0.get_mut(word / ENTRY_WORDS) {
            entry[word % ENTRY_WORDS] = value & WRITABLE[word % ENTRY_WORDS];
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_abi::pci::MSIX_PBA;

    #[test]
    fn entries_hold_what_is_written_and_nothing_else_does() {
        let mut t = MsixTable::default();
        for entry in 0..u64::from(MSIX_VECTORS) {
            let at = 16 * entry;
            assert_eq!(
                [0, 4, 8, 12].map(|o| t.read32(at + o).unwrap()),
                [0, 0, 0, 1],
                "masked after a reset"
            );
            for o in [0, 4, 8, 12] {
                t.write32(at + o, 0xffff_ffff - entry as u32 * 16).unwrap();
            }
            let ones = 0xffff_ffff - entry as u32 * 16;
            assert_eq!([0, 4, 8, 12].map(|o| t.read32(at + o).unwrap()), [ones & !3, ones, ones, 1]);
        }
        for at in [16 * u64::from(MSIX_VECTORS), u64::from(MSIX_PBA), 0xffc] {
            t.write32(at, u32::MAX).unwrap();
            assert_eq!(t.read32(at), Some(0), "{at:#x}");
        }
        assert_eq!(t.read32(0x1000), None);
        assert_eq!(t.write32(u64::MAX - 3, 0), None);
    }
}

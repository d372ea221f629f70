//! What is behind an AXI slave: the memory interface and the card's DRAM.

use super::Response;

/// Bytes of a data beat: all memory ports of the card are 512 bits wide.
pub const BEAT_BYTES: usize = 64;

/// One data beat, byte 0 on the lowest lane.
pub type Beat = [u8; BEAT_BYTES];

/// Memory seen by an AXI slave. Addresses are multiples of 64.
pub trait Memory {
    /// Reads 64 bytes; on an error `beat` is left as it is.
    fn read(&mut self, address: u64, beat: &mut Beat) -> Response;

    /// Writes the bytes whose bit in `strobe` is set.
    fn write(&mut self, address: u64, beat: &Beat, strobe: u64) -> Response;
}

const PAGE_BYTES: usize = 64 << 10;

/// The card's DRAM: zero until written, stored in pages so that what is not touched costs nothing.
#[derive(Debug)]
pub struct Dram {
    pages: Vec<Option<Box<[u8]>>>,
    bytes: u64,
}

impl Dram {
    /// `bytes` of memory from address 0, a multiple of 64; accesses beyond are answered with a decode error.
    pub fn new(bytes: u64) -> Self {
        let pages = bytes.div_ceil(PAGE_BYTES as u64);
        Dram { pages: (0..pages).map(|_| None).collect(), bytes }
    }

    /// Makes every byte 0 again.
    pub fn clear(&mut self) {
        self.pages.fill_with(|| None);
    }

    fn place(&self, address: u64) -> Option<(usize, usize)> {
        (address <= self.bytes.saturating_sub(BEAT_BYTES as u64) && self.bytes >= BEAT_BYTES as u64)
            .then(|| ((address / PAGE_BYTES as u64) as usize, (address % PAGE_BYTES as u64) as usize))
    }
}

impl Memory for Dram {
    fn read(&mut self, address: u64, beat: &mut Beat) -> Response {
        let Some((page, at)) = self.place(address) else { return Response::DecodeError };
        match &self.pages[page] {
            Some(data) => beat.copy_from_slice(&data[at..at + BEAT_BYTES]),
            None => beat.fill(0),
        }
        Response::Okay
    }

    fn write(&mut self, address: u64, beat: &Beat, strobe: u64) -> Response {
        let Some((page, at)) = self.place(address) else { return Response::DecodeError };
        let data = self.pages[page].get_or_insert_with(|| vec![0; PAGE_BYTES].into());
        let target = &mut data[at..at + BEAT_BYTES];
        if strobe == u64::MAX {
            target.copy_from_slice(beat);
        } else {
            for (i, (to, from)) in target.iter_mut().zip(beat).enumerate() {
                if strobe >> i & 1 == 1 {
                    *to = *from;
                }
            }
        }
        Response::Okay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dram_is_sparse_and_bounded() {
        let mut dram = Dram::new(64 << 30);
        let mut beat = [0xff; 64];
        assert_eq!(dram.read((64 << 30) - 64, &mut beat), Response::Okay);
        assert_eq!(beat, [0; 64]);
        assert_eq!(dram.read(64 << 30, &mut beat), Response::DecodeError);
        assert_eq!(dram.write(u64::MAX - 63, &beat, u64::MAX), Response::DecodeError);
        assert_eq!(dram.write(PAGE_BYTES as u64 * 7 + 64, &[7; 64], 0xf0), Response::Okay);
        assert_eq!(dram.read(PAGE_BYTES as u64 * 7 + 64, &mut beat), Response::Okay);
        assert_eq!(beat.map(|b| b as usize).iter().sum::<usize>(), 4 * 7);
        assert_eq!(beat[4..8], [7; 4]);
        assert_eq!(dram.pages.iter().flatten().count(), 1);
        dram.clear();
        assert_eq!(dram.read(PAGE_BYTES as u64 * 7 + 64, &mut beat), Response::Okay);
        assert_eq!(beat, [0; 64]);
    }

    #[test]
    fn dram_smaller_than_a_beat_has_no_address() {
        assert_eq!(Dram::new(0).read(0, &mut [0; 64]), Response::DecodeError);
    }
}

//! The function: its regions, and the resets.

use super::{ConfigSpace, MsixTable};
use crate::card::locked;
use permafrost_abi::pci::{BAR_BYTES, MSIX_BAR, REGISTER_BAR};
use permafrost_abi::transport::TransportError;
use permafrost_abi::vfio_user::CONFIG_REGION;
use permafrost_abi::BAR0_BYTES;
use std::sync::{Mutex, MutexGuard};

/// What is behind the register BAR. Offsets are 4-byte aligned and inside it.
pub trait Registers: Send + Sync {
    /// Reads a register; all ones when the card is gone.
    fn read32(&self, offset: u32) -> u32;
    /// Writes a register; without effect when the card is gone.
    fn write32(&self, offset: u32, value: u32);
    /// Function level reset: no DMA of before happens after the return.
    fn reset(&self) -> Result<(), TransportError>;
}

/// The link towards the host.
pub trait Upstream: Send + Sync {
    /// Whether DMA and interrupts may pass. After `false` returns none does.
    fn set_bus_master(&self, on: bool);
}

/// Why an access to a region failed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is nothing.
    #[error("region {region} has no {len} bytes at {offset:#x}; ask for its size")]
    OutOfRange { region: u32, offset: u64, len: usize },
    /// BARs are accessed by 32-bit words.
    #[error("an access of {len} bytes at {offset:#x} of BAR {region}: expected whole aligned 32-bit words")]
    Unaligned { region: u32, offset: u64, len: usize },
    /// The reset that the access asked for failed.
    #[error("function level reset: {0}")]
    Reset(TransportError),
}

/// The function. Accesses of several threads are ordered by a lock.
#[derive(Debug)]
pub struct Function<R, U> {
    registers: R,
    upstream: U,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    config: ConfigSpace,
    msix: MsixTable,
}

impl<R: Registers, U: Upstream> Function<R, U> {
    /// A function after power-up in front of `registers`, which are just out of reset.
    pub fn new(registers: R, upstream: U) -> Self {
        upstream.set_bus_master(false);
        Self { registers, upstream, state: Mutex::default() }
    }

    /// What is behind the register BAR.
    pub fn registers(&self) -> &R {
        &self.registers
    }

    /// Bytes of region `index` as VFIO numbers them: BARs 0 to 5, ROM, config space, VGA; 0 when it is not there.
    pub fn region_bytes(index: u32) -> u64 {
        match index {
            CONFIG_REGION => permafrost_abi::pci::CONFIG_BYTES as u64,
            _ => BAR_BYTES.get(index as usize).map_or(0, |bytes| u64::from(*bytes)),
        }
    }

    /// Checks that an access is inside its region and, in a BAR, made of aligned words.
    fn check(region: u32, offset: u64, len: usize) -> Result<(), AccessError> {
        let size = Self::region_bytes(region);
        if offset > size || len as u64 > size - offset || size == 0 {
            return Err(AccessError::OutOfRange { region, offset, len });
        }
        if region != CONFIG_REGION && (offset % 4 != 0 || len % 4 != 0) {
            return Err(AccessError::Unaligned { region, offset, len });
        }
        Ok(())
    }

    /// Reads `data.len()` bytes of a region. A BAR that does not answer (memory disabled, D3hot) reads all ones.
    ///
    /// # Errors
    /// [`AccessError::OutOfRange`], [`AccessError::Unaligned`].
    pub fn read(&self, region: u32, offset: u64, data: &mut [u8]) -> Result<(), AccessError> {
        Self::check(region, offset, data.len())?;
        let state = locked(&self.state);
        if region == CONFIG_REGION {
            let len = data.len();
            return state.config.read(offset, data).ok_or(AccessError::OutOfRange { region, offset, len });
        }
        if !state.config.memory_enabled() {
            data.fill(0xff);
            return Ok(());
        }
        for (i, word) in data.chunks_exact_mut(4).enumerate() {
            let at = offset + 4 * i as u64;
            let value = match region {
                REGISTER_BAR => self.registers.read32(at as u32),
                MSIX_BAR => state.msix.read32(at).unwrap_or(u32::MAX),
                _ => u32::MAX,
            };
            word.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }

    /// Reads as [`read`](Self::read) does, while other accesses go on: the lock is not held until the card answers. For observers,
    /// whose reads are ordered with nobody's.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn observe(&self, region: u32, offset: u64, data: &mut [u8]) -> Result<(), AccessError> {
        Self::check(region, offset, data.len())?;
        if region != REGISTER_BAR || !locked(&self.state).config.memory_enabled() {
            return self.read(region, offset, data);
        }
        for (i, word) in data.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&self.registers.read32((offset + 4 * i as u64) as u32).to_le_bytes());
        }
        Ok(())
    }

    /// Writes to a region. A BAR that does not answer drops the write.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`AccessError::Reset`].
    pub fn write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), AccessError> {
        Self::check(region, offset, data.len())?;
        let mut state = locked(&self.state);
        if region == CONFIG_REGION {
            let len = data.len();
            let before = state.config.bus_master();
            let flr =
                state.config.write(offset, data).ok_or(AccessError::OutOfRange { region, offset, len })?;
            if flr {
                return self.reset_locked(state).map_err(AccessError::Reset);
            }
            let after = state.config.bus_master();
            if before != after {
                self.upstream.set_bus_master(after);
            }
            return Ok(());
        }
        if state.config.memory_enabled() {
            for (i, word) in data.chunks_exact(4).enumerate() {
                let at = offset + 4 * i as u64;
                let value = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                match region {
                    REGISTER_BAR => self.registers.write32(at as u32, value),
                    _ => state.msix.write32(at, value).unwrap_or_default(),
                }
            }
        }
        Ok(())
    }

    /// Function level reset: config space, MSI-X table and the card are as after power-up, and no DMA happens until bus
    /// mastering is enabled again.
    ///
    /// # Errors
    /// When the card cannot be reset; bus mastering is off all the same.
    pub fn reset(&self) -> Result<(), TransportError> {
        self.reset_locked(locked(&self.state))
    }

    fn reset_locked(&self, mut state: MutexGuard<'_, State>) -> Result<(), TransportError> {
        self.upstream.set_bus_master(false);
        *state = State::default();
        self.registers.reset()
    }
}

/// BAR 0 is the card's register block.
const _: () = assert!(BAR_BYTES[REGISTER_BAR as usize] == BAR0_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

    #[derive(Default)]
    struct Fake {
        word: AtomicU32,
        resets: AtomicU32,
        bus_master: AtomicBool,
    }

    impl Registers for &Fake {
        fn read32(&self, offset: u32) -> u32 {
            self.word.load(SeqCst) + offset
        }
        fn write32(&self, offset: u32, value: u32) {
            self.word.store(value - offset, SeqCst);
        }
        fn reset(&self) -> Result<(), TransportError> {
            assert!(!self.bus_master.load(SeqCst), "DMA stops before the card is reset");
            self.resets.fetch_add(1, SeqCst);
            Ok(())
        }
    }

    impl Upstream for &Fake {
        fn set_bus_master(&self, on: bool) {
            self.bus_master.store(on, SeqCst);
        }
    }

    fn read32<'a>(f: &Function<&'a Fake, &'a Fake>, region: u32, offset: u64) -> u32 {
        let mut data = [0; 4];
        f.read(region, offset, &mut data).unwrap();
        u32::from_le_bytes(data)
    }

    fn command<'a>(f: &Function<&'a Fake, &'a Fake>, value: u16) {
        f.write(CONFIG_REGION, 4, &value.to_le_bytes()).unwrap();
    }

    #[test]
    fn bars_answer_while_memory_is_enabled() {
        let fake = Fake::default();
        let f = Function::new(&fake, &fake);
        f.write(0, 0, &[1, 0, 0, 0]).unwrap();
        assert_eq!((read32(&f, 0, 0), read32(&f, 2, 12)), (u32::MAX, u32::MAX));
        command(&f, 2);
        assert_eq!((read32(&f, 0, 4), read32(&f, 2, 12)), (4, 1), "the write before was dropped");
        f.write(0, 8, &[9, 0, 0, 0]).unwrap();
        f.write(2, 12, &[0; 4]).unwrap();
        let mut two = [0; 8];
        f.read(0, 4, &mut two).unwrap();
        assert_eq!((two, read32(&f, 2, 12)), ([5, 0, 0, 0, 9, 0, 0, 0], 0));
        let mut seen = [0; 8];
        f.observe(0, 4, &mut seen).unwrap();
        assert_eq!(seen, two);
        f.write(CONFIG_REGION, 0x94, &[3]).unwrap(); // D3hot
        assert_eq!((read32(&f, 0, 0), read32(&f, CONFIG_REGION, 0)), (u32::MAX, permafrost_abi::ABI_MAGIC));
        f.observe(0, 4, &mut seen).unwrap();
        assert_eq!(seen, [0xff; 8]);
    }

    #[test]
    fn bus_master_follows_the_command_register_and_the_power_state() {
        let fake = Fake { bus_master: true.into(), ..Fake::default() };
        let f = Function::new(&fake, &fake);
        assert!(!fake.bus_master.load(SeqCst));
        for (at, value, on) in [(4, 4, true), (0x94, 3, false), (0x94, 0, true), (4, 2, false), (4, 6, true)]
        {
            f.write(CONFIG_REGION, at, &[value, 0]).unwrap();
            assert_eq!(fake.bus_master.load(SeqCst), on, "{at:#x} = {value}");
        }
    }

    #[test]
    fn resets_bring_everything_back() {
        let fake = Fake::default();
        let f = Function::new(&fake, &fake);
        let by_config = || f.write(CONFIG_REGION, 0x48, &[0, 0x80]).unwrap();
        for (i, reset) in [&by_config as &dyn Fn(), &|| f.reset().unwrap()].into_iter().enumerate() {
            command(&f, 6);
            f.write(CONFIG_REGION, 0x10, &[0xff; 4]).unwrap();
            f.write(2, 12, &[0; 4]).unwrap();
            reset();
            assert_eq!(fake.resets.load(SeqCst), i as u32 + 1);
            assert!(!fake.bus_master.load(SeqCst));
            assert_eq!(read32(&f, CONFIG_REGION, 4), 0x0010_0000);
            assert_eq!(read32(&f, CONFIG_REGION, 0x10), 0);
            command(&f, 2);
            assert_eq!(read32(&f, 2, 12), 1);
        }
    }

    #[test]
    fn accesses_outside_a_region_or_off_its_words_are_refused() {
        let fake = Fake::default();
        let f = Function::new(&fake, &fake);
        let mut data = [0; 8];
        for (region, offset) in
            [(0, 0xfffc), (0, u64::MAX - 3), (2, 0xffc), (7, 4092), (1, 0), (6, 0), (8, 0), (99, 0)]
        {
            assert!(
                matches!(f.read(region, offset, &mut data), Err(AccessError::OutOfRange { .. })),
                "{region}"
            );
            assert!(
                matches!(f.write(region, offset, &data), Err(AccessError::OutOfRange { .. })),
                "{region}"
            );
        }
        for (offset, len) in [(1, 4), (2, 4), (0, 1), (0, 2), (0, 6)] {
            assert!(matches!(f.read(0, offset, &mut data[..len]), Err(AccessError::Unaligned { .. })));
            assert!(matches!(f.write(2, offset, &data[..len]), Err(AccessError::Unaligned { .. })));
        }
        f.read(7, 1, &mut data[..3]).unwrap();
    }
}

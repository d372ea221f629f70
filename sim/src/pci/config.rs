//! Config space of the function: type 0 header, PCI Express, MSI-X and power management capabilities.
//!
//! Sources: PCI Express Base Specification 6.0, sections 7.5.1 (header), 7.5.2 (power management), 7.5.3 (PCI Express),
//! 7.7.2 (MSI-X).

use permafrost_abi::pci::*;

/// Offsets of registers in config space.
pub mod register {
    pub const STATUS: usize = 0x06;
    pub const CACHE_LINE: usize = 0x0c;
    pub const BARS: usize = 0x10;
    pub const SUBSYSTEM: usize = 0x2c;
    pub const CAPABILITIES: usize = 0x34;
    pub const INTERRUPT_LINE: usize = 0x3c;
    pub const EXPRESS: usize = 0x40;
    pub const DEVICE_CONTROL: usize = EXPRESS + 0x08;
    pub const LINK_CONTROL: usize = EXPRESS + 0x10;
    pub const MSIX: usize = 0x80;
    pub const MSIX_CONTROL: usize = MSIX + 2;
    pub const POWER: usize = 0x90;
    pub const POWER_CONTROL: usize = POWER + 4;
}
use register::*;

/// Capability ids.
const ID_POWER: u8 = 0x01;
const ID_EXPRESS: u8 = 0x10;
const ID_MSIX: u8 = 0x11;
/// Command bits that can be set: memory, bus master, parity, SERR, no INTx.
const COMMAND_BITS: u16 = 0x0546;
/// Device control: initiate a function level reset; reads 0.
const INITIATE_FLR: u16 = 1 << 15;
/// Power states D0 and D3hot; D1 and D2 are not there.
const D0: u8 = 0;
const D3_HOT: u8 = 3;

/// Config space: what reads give, and which bits writes change.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    bytes: Vec<u8>,
    writable: Vec<u8>,
}

impl Default for ConfigSpace {
    /// After power-up or a reset.
    fn default() -> Self {
        let mut c = Self { bytes: vec![0; CONFIG_BYTES], writable: vec![0; CONFIG_BYTES] };
        c.set(0x00, &VENDOR_ID.to_le_bytes());
        c.set(0x02, &DEVICE_ID.to_le_bytes());
        c.allow(COMMAND, &COMMAND_BITS.to_le_bytes());
        c.set(STATUS, &0x0010u16.to_le_bytes()); // there are capabilities
        c.set(0x08, &(CLASS << 8 | 0x01).to_le_bytes()); // revision 1
        c.allow(CACHE_LINE, &[0xff]);
        for (i, bytes) in BAR_BYTES.iter().enumerate().filter(|(_, bytes)| **bytes != 0) {
            // 32 bits, not prefetchable; the bits below the size are 0, which is how software finds the size.
            c.allow(BARS + 4 * i, &(!(bytes - 1)).to_le_bytes());
        }
        c.set(SUBSYSTEM, &VENDOR_ID.to_le_bytes());
        c.set(SUBSYSTEM + 2, &DEVICE_ID.to_le_bytes());
        c.set(CAPABILITIES, &[EXPRESS as u8]);
        c.allow(INTERRUPT_LINE, &[0xff]);

        // Version 2, endpoint.
        c.set(EXPRESS, &[ID_EXPRESS, MSIX as u8, 0x02, 0x00]);
        // Function level reset, role-based error reporting, payloads of 256 bytes.
        c.set(EXPRESS + 0x04, &(1u32 << 28 | 1 << 15 | 1).to_le_bytes());
        // Relaxed ordering, no snoop, read requests of 512 bytes.
        c.set(DEVICE_CONTROL, &0x2810u16.to_le_bytes());
        c.allow(DEVICE_CONTROL, &0x7fffu16.to_le_bytes());
        // Four lanes of 8 GT/s, with L0s.
        c.set(EXPRESS + 0x0c, &0x0443u32.to_le_bytes());
        c.allow(LINK_CONTROL, &0xffffu16.to_le_bytes());
        c.set(EXPRESS + 0x12, &0x0043u16.to_le_bytes());

        c.set(MSIX, &[ID_MSIX, POWER as u8]);
        c.set(MSIX_CONTROL, &(MSIX_VECTORS - 1).to_le_bytes());
        c.allow(MSIX_CONTROL, &0xc000u16.to_le_bytes()); // enable, mask all
        c.set(MSIX + 4, &(MSIX_TABLE | MSIX_BAR).to_le_bytes());
        c.set(MSIX + 8, &(MSIX_PBA | MSIX_BAR).to_le_bytes());

        c.set(POWER, &[ID_POWER, 0, 0x03, 0x00]); // version 3, no power management events
        c.set(POWER_CONTROL, &0x0008u16.to_le_bytes()); // D0; the way back from D3hot resets nothing
        c.allow(POWER_CONTROL, &[0x03]);
        c
    }
}

impl ConfigSpace {
    fn set(&mut self, offset: usize, value: &[u8]) {
        self.bytes[offset..offset + value.len()].copy_from_slice(value);
    }

    fn allow(&mut self, offset: usize, mask: &[u8]) {
        self.writable[offset..offset + mask.len()].copy_from_slice(mask);
    }

    fn word(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.bytes[offset], self.bytes[offset + 1]])
    }

    /// Reads; `None` when the range leaves config space.
    pub fn read(&self, offset: u64, data: &mut [u8]) -> Option<()> {
        let at = usize::try_from(offset).ok()?;
        data.copy_from_slice(self.bytes.get(at..at.checked_add(data.len())?)?);
        Some(())
    }

    /// Writes what can be written; `Some(true)` when this asks for a function level reset, which is the caller's to do;
    /// `None`, and nothing is written, when the range leaves config space.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Option<bool> {
        let at = usize::try_from(offset).ok()?;
        let end = at.checked_add(data.len())?;
        let power = self.bytes[POWER_CONTROL];
        let flr = DEVICE_CONTROL + 1;
        for ((byte, mask), new) in
            self.bytes.get_mut(at..end)?.iter_mut().zip(&self.writable[at..end]).zip(data)
        {
            *byte = *byte & !mask | new & mask;
        }
        if !matches!(self.bytes[POWER_CONTROL] & 3, D0 | D3_HOT) {
            // A state that is not there: the write is completed, the state stays.
            self.bytes[POWER_CONTROL] = power;
        }
        Some((at..end).contains(&flr) && data[flr - at] & (INITIATE_FLR >> 8) as u8 != 0)
    }

    fn powered(&self) -> bool {
        self.bytes[POWER_CONTROL] & 3 == D0
    }

    /// Whether the function answers accesses to its BARs.
    pub fn memory_enabled(&self) -> bool {
        self.powered() && self.word(COMMAND) & COMMAND_MEMORY != 0
    }

    /// Whether the function may do DMA and raise interrupts.
    pub fn bus_master(&self) -> bool {
        self.powered() && self.word(COMMAND) & COMMAND_BUS_MASTER != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read16(c: &ConfigSpace, at: usize) -> u16 {
        c.word(at)
    }

    fn read32(c: &ConfigSpace, at: usize) -> u32 {
        let mut data = [0; 4];
        c.read(at as u64, &mut data).unwrap();
        u32::from_le_bytes(data)
    }

    fn write16(c: &mut ConfigSpace, at: usize, value: u16) -> bool {
        c.write(at as u64, &value.to_le_bytes()).unwrap()
    }

    #[test]
    fn header() {
        let mut c = ConfigSpace::default();
        assert_eq!(read32(&c, 0), permafrost_abi::ABI_MAGIC);
        assert_eq!(read32(&c, 4), 0x0010_0000);
        assert_eq!(read32(&c, 8), 0x1200_0001);
        assert_eq!(read32(&c, 0x0c), 0, "type 0, one function");
        assert_eq!(c.bytes[0x3d], 0, "no INTx pin");
        // Ids, status and class are read only; of the command only what a memory-only function has can be set.
        assert_eq!(c.write(0, &[0xff; 0x10]), Some(false));
        assert_eq!((read32(&c, 0), read32(&c, 8)), (permafrost_abi::ABI_MAGIC, 0x1200_0001));
        assert_eq!(read32(&c, 4), 0x0010_0546);
        assert_eq!(read32(&c, 0x0c), 0xff, "cache line size");
    }

    /// Section 7.5.1.2.1: all ones written, the size is the two's complement of what is read with the type bits cleared.
    #[test]
    fn bars_are_sized() {
        let mut c = ConfigSpace::default();
        for (i, bytes) in BAR_BYTES.into_iter().enumerate() {
            let at = 0x10 + 4 * i;
            assert_eq!(read32(&c, at), 0);
            c.write(at as u64, &[0xff; 4]).unwrap();
            let seen = read32(&c, at);
            assert_eq!(seen & 0xf, 0, "32 bits, memory, not prefetchable");
            assert_eq!(if seen == 0 { 0 } else { !seen + 1 }, bytes, "BAR {i}");
            c.write(at as u64, &0xfe12_3456u32.to_le_bytes()).unwrap();
            assert_eq!(read32(&c, at), if bytes == 0 { 0 } else { 0xfe12_3456 & !(bytes - 1) });
        }
        c.write(0x30, &[0xff; 4]).unwrap();
        assert_eq!(read32(&c, 0x30), 0, "no ROM");
    }

    #[test]
    fn capabilities_are_chained() {
        let c = ConfigSpace::default();
        let mut at = c.bytes[0x34] as usize;
        let mut found = vec![];
        while at != 0 {
            found.push((at, c.bytes[at]));
            at = c.bytes[at + 1] as usize;
        }
        assert_eq!(found, [(0x40, 0x10), (0x80, 0x11), (0x90, 0x01)]);
        assert_eq!(read32(&c, 0x100), 0, "no extended capability");
    }

    #[test]
    fn express_and_flr() {
        let mut c = ConfigSpace::default();
        assert_eq!(read16(&c, 0x42), 0x0002);
        assert_eq!(read32(&c, 0x44), 0x1000_8001);
        assert_eq!(read16(&c, 0x48), 0x2810);
        assert_eq!(read16(&c, 0x52), 0x0043);
        assert!(!write16(&mut c, 0x48, 0x7fff));
        assert_eq!(read16(&c, 0x48), 0x7fff);
        assert!(write16(&mut c, 0x48, 0x8000));
        assert_eq!(read16(&c, 0x48), 0, "the bit reads 0");
        // By a byte, and by a dword; not by its neighbours.
        assert_eq!(c.write(0x49, &[0x80]), Some(true));
        assert_eq!(c.write(0x48, &[0x80, 0, 0xff, 0xff]), Some(false));
        assert_eq!(c.write(0x48, &[0, 0x80, 0, 0]), Some(true));
        assert_eq!(c.write(0x48, &[0x80]), Some(false));
    }

    #[test]
    fn msix() {
        let mut c = ConfigSpace::default();
        assert_eq!(read16(&c, 0x82), 14, "fifteen vectors");
        assert_eq!((read32(&c, 0x84), read32(&c, 0x88)), (2, 0x802));
        write16(&mut c, 0x82, 0xffff);
        assert_eq!(read16(&c, 0x82), 0xc00e);
        c.write(0x84, &[0xff; 8]).unwrap();
        assert_eq!((read32(&c, 0x84), read32(&c, 0x88)), (2, 0x802));
    }

    #[test]
    fn power_states_and_bus_master() {
        let mut c = ConfigSpace::default();
        assert!(!c.memory_enabled() && !c.bus_master());
        write16(&mut c, 4, COMMAND_MEMORY);
        assert!(c.memory_enabled() && !c.bus_master());
        write16(&mut c, 4, COMMAND_MEMORY | COMMAND_BUS_MASTER);
        assert!(c.memory_enabled() && c.bus_master());
        assert_eq!((read16(&c, 0x92), read16(&c, 0x94)), (3, 8));
        write16(&mut c, 0x94, 3);
        assert_eq!(read16(&c, 0x94), 0xb);
        assert!(!c.memory_enabled() && !c.bus_master());
        for absent in [1, 2] {
            write16(&mut c, 0x94, absent);
            assert_eq!(read16(&c, 0x94), 0xb, "D{absent} is not there");
        }
        write16(&mut c, 0x94, 0);
        assert!(c.memory_enabled() && c.bus_master(), "nothing is lost on the way back");
    }

    #[test]
    fn ranges() {
        let mut c = ConfigSpace::default();
        let mut data = [0; 8];
        assert_eq!(c.read(4088, &mut data), Some(()));
        for offset in [4089, 4096, u64::MAX - 3, u64::MAX] {
            assert_eq!(c.read(offset, &mut data), None);
            assert_eq!(c.write(offset, &data), None);
        }
    }
}

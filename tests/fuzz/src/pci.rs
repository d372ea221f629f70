//! The PCI function: any access to any region.

use super::input::Input;
use permafrost_abi::pci::{BAR_BYTES, CONFIG_BYTES, MSIX_VECTORS};
use permafrost_abi::vfio_user::CONFIG_REGION;
use permafrost_abi::{TransportError, ABI_MAGIC, BAR0_BYTES};
use permafrost_sim::pci::{AccessError, Function, Registers, Upstream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

#[derive(Default)]
struct Behind {
    bus_master: AtomicBool,
    resets: AtomicU32,
}

impl Registers for &Behind {
    fn read32(&self, offset: u32) -> u32 {
        assert!(offset % 4 == 0 && offset < BAR0_BYTES);
        offset
    }
    fn write32(&self, offset: u32, _: u32) {
        assert!(offset % 4 == 0 && offset < BAR0_BYTES);
    }
    fn reset(&self) -> Result<(), TransportError> {
        assert!(!self.bus_master.load(SeqCst), "DMA is off in a reset");
        self.resets.fetch_add(1, SeqCst);
        Ok(())
    }
}

impl Upstream for &Behind {
    fn set_bus_master(&self, on: bool) {
        self.bus_master.store(on, SeqCst);
    }
}

/// Accesses of every size at every offset.
pub fn pci_config(data: &[u8]) {
    let behind = Behind::default();
    let function = Function::new(&behind, &behind);
    let mut input = Input(data);
    let mut bytes = [0; 64];
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        let kind = input.u8();
        let region = match kind >> 4 {
            0..=9 => CONFIG_REGION,
            10 => u32::from(input.u8()),
            11 => input.u32(),
            bar => u32::from(bar - 12),
        };
        let offset = match kind & 3 {
            0 => u64::from(input.u8()),
            1 => u64::from(input.u16()),
            2 => input.address().wrapping_sub(u64::from(input.u8())),
            _ => 0x40 + u64::from(input.u8() % 0x60),
        };
        let len = usize::from(input.u8()) % (bytes.len() + 1);
        let size = match region {
            CONFIG_REGION => CONFIG_BYTES as u64,
            bar => BAR_BYTES.get(bar as usize).copied().unwrap_or(0).into(),
        };
        let inside = size > 0 && offset.checked_add(len as u64).is_some_and(|end| end <= size);
        let words = region == CONFIG_REGION || offset % 4 == 0 && len % 4 == 0;
        let resets = behind.resets.load(SeqCst);
        let result = match kind & 4 {
            0 => function.read(region, offset, &mut bytes[..len]),
            _ => function.write(region, offset, input.bytes(len)).inspect_err(|_| ()),
        };
        match (inside, words) {
            // A write may have fewer bytes than asked for, at the end of the input.
            _ if kind & 4 != 0 => {}
            (false, _) => assert!(matches!(result, Err(AccessError::OutOfRange { .. })), "{result:?}"),
            (true, false) => assert!(matches!(result, Err(AccessError::Unaligned { .. })), "{result:?}"),
            (true, true) => assert!(result.is_ok(), "{result:?}"),
        }
        let word = |at| {
            let mut word = [0; 4];
            function.read(CONFIG_REGION, at, &mut word).expect("config space answers");
            u32::from_le_bytes(word)
        };
        // What software can not change, and what follows from what it has changed.
        assert_eq!((word(0), word(8)), (ABI_MAGIC, 0x1200_0001));
        assert_eq!(word(0x80) >> 16 & 0x7ff, u32::from(MSIX_VECTORS) - 1);
        assert!(matches!(word(0x94) & 3, 0 | 3));
        let on = word(4) & 4 != 0 && word(0x94) & 3 == 0;
        assert_eq!(behind.bus_master.load(SeqCst), on);
        if behind.resets.load(SeqCst) != resets {
            assert_eq!(word(4) & 0xffff, 0);
        }
    }
}

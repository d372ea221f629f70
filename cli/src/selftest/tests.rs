//! That a card with a fault does not pass, and that the fault is named.

use super::*;
use permafrost_abi::{reg, DmaRegion, TransportError};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::{SimCard, SimOptions};

/// A sound card behind a faulty way to it.
struct Faulty {
    card: SimCard,
    /// A vector that is never raised.
    lost: Option<u16>,
    /// A register with a bit that reads 1.
    stuck: Option<(u64, u32)>,
    /// Writes there go through to the register although it is read only.
    soft: Option<(u64, std::sync::atomic::AtomicU32)>,
}

impl Faulty {
    fn open() -> Self {
        let options = SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) };
        let card = SimCard::open(options).expect("the simulated card is built already or can be");
        Self { card, lost: None, stuck: None, soft: None }
    }

    fn fails(self, test: fn(&mut Bare) -> Checked) -> String {
        let mut bare = Bare::new(Arc::new(self)).expect("a card");
        test(&mut bare).expect_err("the fault is noticed")
    }
}

impl Transport for Faulty {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        use std::sync::atomic::Ordering::SeqCst;
        match (&self.stuck, &self.soft) {
            (Some((at, bits)), _) if *at == offset => Ok(self.card.read32(offset)? | bits),
            (_, Some((at, value))) if *at == offset && value.load(SeqCst) != 0 => Ok(value.load(SeqCst)),
            _ => self.card.read32(offset),
        }
    }
    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        if let Some((_, held)) = self.soft.as_ref().filter(|(at, _)| *at == offset) {
            held.store(value, std::sync::atomic::Ordering::SeqCst);
        }
        self.card.write32(offset, value)
    }
    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        self.card.dma_alloc(len)
    }
    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        self.card.enable_irqs(vectors)
    }
    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        match self.lost {
            // Time need not pass for that.
            Some(lost) if lost == vector => Ok(false),
            _ => self.card.wait_irq(vector, timeout),
        }
    }
    fn reset(&self) -> Result<(), TransportError> {
        self.card.reset()
    }
    fn name(&self) -> &str {
        "faulty"
    }
    fn deadline_scale(&self) -> u32 {
        self.card.deadline_scale()
    }
}

#[test]
fn faults_are_named() {
    let mut bare = Bare::new(Arc::new(Faulty::open())).expect("a card");
    assert!(matches!(registers::check(&mut bare), Ok(Verdict::Passed(_))), "without a fault");
    assert!(matches!(controller::interrupts(&mut bare), Ok(Verdict::Passed(_))), "without a fault");
    drop(bare);

    let lost = Faulty { lost: Some(2), ..Faulty::open() }.fails(controller::interrupts);
    assert!(lost.contains("vector 2 was not raised"), "{lost}");
    let stuck = Faulty { stuck: Some((reg::ADMIN_CQ, 1 << 13)), ..Faulty::open() }.fails(registers::check);
    assert!(stuck.contains("0x58 was given"), "{stuck}");
    let extra = Faulty { stuck: Some((0x7f8, 4)), ..Faulty::open() }.fails(registers::check);
    assert!(extra.contains("no register at 0x7f8"), "{extra}");
    let soft = Faulty { soft: Some((reg::BUILD_ID, 0.into())), ..Faulty::open() }.fails(registers::check);
    assert!(soft.contains("BUILD_ID is read only"), "{soft}");
}

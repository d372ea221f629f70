//! The conformance suite on the simulated card, the same RTL that goes into silicon, and what only a simulated card
//! can be made to do: memories that stall or fail, and a card that is pulled out.

mod suite;

use permafrost_abi::{CopyKind, NopCommand, Status, Transport};
use permafrost_driver::{Card, CardOptions, DmaPiece, Error, Request};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::axi::{Access, Fault, Response, Timing};
use permafrost_sim::{Side, SimCard, SimOptions};
use std::sync::Arc;

fn options() -> SimOptions {
    SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) }
}

fn simulated(options: SimOptions) -> Arc<SimCard> {
    Arc::new(SimCard::open(options).expect("the simulated card opens"))
}

#[test]
fn simulated_card_conforms() {
    let transport: Arc<dyn Transport> = simulated(options());
    suite::conforms(&transport);
}

/// Memories that answer at once, or late, out of step, and few accesses at a time.
#[test]
fn simulated_card_conforms_with_unkind_memories() {
    let eager = Timing { read_latency: 1, write_latency: 1, jitter: 0, stall: 0, outstanding: 64 };
    let slow = Timing { read_latency: 3, write_latency: 200, jitter: 90, stall: 150, outstanding: 2 };
    for (host, dram) in [(eager, eager), (slow, eager), (eager, slow), (slow, slow)] {
        let seed = rand::random();
        println!("seed {seed}, host {host:?}, DRAM {dram:?}");
        let transport: Arc<dyn Transport> = simulated(SimOptions { host, dram, seed, ..options() });
        suite::conforms(&transport);
    }
}

/// Every failing memory access ends its command with the status of that side, and the card works on.
#[test]
fn memory_errors_reach_the_caller() {
    let sim = simulated(options());
    let card = Card::open(sim.clone(), CardOptions::default()).unwrap();
    let buffer = card.dram().alloc(16 << 10).unwrap();
    let memory = card.dma_alloc(16 << 10).unwrap();
    let piece = |offset, len| DmaPiece { buffer: memory.clone(), offset, len };
    let pieces = [piece(0, 4160), piece(8192, 8192)];
    let host = memory.iova()..memory.iova() + memory.len() as u64;
    let dram = buffer.address()..buffer.address() + buffer.len();
    let (up, down) = (CopyKind::HostToCard, CopyKind::CardToHost);
    let copy = |kind| card.submit_pieces(1, kind, &buffer, 0, &pieces).and_then(|t| t.wait());
    for (kind, side, access, status) in [
        (up, Side::Host, Access::Read, Status::HostReadError),
        (up, Side::Dram, Access::Write, Status::DramWriteError),
        (down, Side::Dram, Access::Read, Status::DramReadError),
        (down, Side::Host, Access::Write, Status::HostWriteError),
    ] {
        let whole = if side == Side::Host { &host } else { &dram };
        // The first beat, one in the middle, the last.
        for beat in [0, 64 * 64, 12_352 - 64] {
            let at = whole.start + if side == Side::Host && beat > 4096 { beat + 4032 } else { beat };
            for response in [Response::SlaveError, Response::DecodeError] {
                sim.inject(side, Fault { access, range: at..at + 64, response, times: 1 });
                match copy(kind) {
                    Err(Error::CommandFailed { queue: 1, status: seen, .. }) if seen == status => {}
                    other => panic!("{kind:?} with a failing {access:?} at {beat}: {other:?}"),
                }
                copy(kind).expect("the next copy is good");
            }
        }
    }
    let nop = || Request::new(&NopCommand::default());
    // Ring memory: the command ring fails to be read, the card stops with FATAL, the driver resets it.
    sim.inject(
        Side::Host,
        Fault { access: Access::Read, range: 0..u64::MAX, response: Response::DecodeError, times: 1 },
    );
    assert!(matches!(card.run(2, nop()), Err(Error::Fatal { .. })));
    card.run(2, nop()).expect("after the reset");
    assert!(!buffer.is_valid());
    sim.inject(
        Side::Host,
        Fault { access: Access::Write, range: 0..u64::MAX, response: Response::DecodeError, times: 1 },
    );
    assert!(matches!(card.run(1, nop()), Err(Error::Fatal { .. })));
    card.run(1, nop()).expect("after the reset");
}

/// A card pulled out while commands run: all of them end, and nothing works afterwards.
#[test]
fn a_removed_card_is_lost() {
    let sim = simulated(options());
    let card = Card::open(sim.clone(), CardOptions::default()).unwrap();
    let buffer = card.dram().alloc(64).unwrap();
    let nop = || Request::new(&NopCommand::default());
    let waiting = card.submit(1, nop().wait(0, 1).using(&buffer)).unwrap();
    sim.remove();
    assert!(matches!(waiting.wait(), Err(Error::CardLost { .. })));
    assert!(matches!(card.run(2, nop()), Err(Error::CardLost { .. })));
    assert!(matches!(card.counters(), Err(Error::CardLost { .. })));
    assert!(matches!(card.write(&buffer, 0, &[0; 64]), Err(Error::CardLost { .. })));
    assert!(matches!(card.reset(), Err(Error::CardLost { .. })));
}

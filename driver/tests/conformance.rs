//! The conformance suite on the simulated card, the same RTL that goes into silicon, in process and behind a vfio-user
//! socket, and what only a simulated card can be made to do: memories that stall or fail, and a card that is pulled out.

#![cfg(not(miri))]

mod suite;

use permafrost_abi::{counter, CopyKind, NopCommand, Status, Transport};
use permafrost_driver::{Card, CardOptions, DmaPiece, Error, Request, VfioUser};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::axi::{Access, Fault, Response, Timing};
use permafrost_sim::vfio_user::Server;
use permafrost_sim::{Side, SimCard, SimOptions};
use std::sync::Arc;

fn options() -> SimOptions {
    SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) }
}

/// How the driver reaches the simulated card.
#[derive(Clone, Copy, Debug)]
enum Way {
    InProcess,
    Socket,
}

const WAYS: [Way; 2] = [Way::InProcess, Way::Socket];

/// A simulated card, to be made to fail, and the way to it.
struct Simulated {
    /// First, so that the connection ends before its server.
    transport: Arc<dyn Transport>,
    card: SimulatedCard,
    _folder: Option<tempfile::TempDir>,
}

enum SimulatedCard {
    InProcess(Arc<SimCard>),
    Served(Server),
}

impl Simulated {
    fn inject(&self, side: Side, fault: Fault) {
        match &self.card {
            SimulatedCard::InProcess(sim) => sim.inject(side, fault),
            SimulatedCard::Served(server) => server.inject(side, fault),
        }
    }

    fn correct_dram(&self, errors: u32) {
        match &self.card {
            SimulatedCard::InProcess(sim) => sim.correct_dram(errors),
            SimulatedCard::Served(server) => server.correct_dram(errors),
        }
    }

    fn remove(&self) {
        match &self.card {
            SimulatedCard::InProcess(sim) => sim.remove(),
            SimulatedCard::Served(server) => server.remove(),
        }
    }
}

fn simulated(way: Way, options: SimOptions) -> Simulated {
    match way {
        Way::InProcess => {
            let sim = Arc::new(SimCard::open(options).expect("the simulated card opens"));
            Simulated { transport: sim.clone(), card: SimulatedCard::InProcess(sim), _folder: None }
        }
        Way::Socket => {
            let folder = tempfile::tempdir().expect("a folder for the socket");
            let server = Server::open(&folder.path().join("card"), options).expect("the card is served");
            let transport = Arc::new(VfioUser::connect(server.path()).expect("the server answers"));
            Simulated { transport, card: SimulatedCard::Served(server), _folder: Some(folder) }
        }
    }
}

#[test]
fn simulated_card_conforms() {
    suite::conforms(&simulated(Way::InProcess, options()).transport);
}

#[test]
fn served_card_conforms() {
    let card = simulated(Way::Socket, options());
    suite::conforms(&card.transport);
    assert_eq!(card.transport.name(), "vfio-user");
}

/// Memories that answer at once, or late, out of step, and few accesses at a time.
#[test]
fn simulated_card_conforms_with_unkind_memories() {
    let eager = Timing { read_latency: 1, write_latency: 1, jitter: 0, stall: 0, outstanding: 64 };
    let slow = Timing { read_latency: 3, write_latency: 200, jitter: 90, stall: 150, outstanding: 2 };
    let both = [(Way::InProcess, eager, eager), (Way::InProcess, slow, eager), (Way::InProcess, eager, slow)];
    for (way, host, dram) in both.into_iter().chain(WAYS.map(|way| (way, slow, slow))) {
        let seed = rand::random();
        println!("{way:?}, seed {seed}, host {host:?}, DRAM {dram:?}");
        suite::conforms(&simulated(way, SimOptions { host, dram, seed, ..options() }).transport);
    }
}

/// Every failing memory access ends its command with the status of that side, and the card works on.
#[test]
fn memory_errors_reach_the_caller() {
    WAYS.into_iter().for_each(memory_errors);
}

fn memory_errors(way: Way) {
    let sim = simulated(way, options());
    let card = Card::open(sim.transport.clone(), CardOptions::default()).unwrap();
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
    // Errors that the memory's controller has corrected fail nothing, and are counted.
    sim.correct_dram(5);
    copy(up).expect("no error for the copy");
    let start = std::time::Instant::now();
    while sim.transport.read32(counter::DRAM_CORRECTED).unwrap() != 5 {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "corrected errors are not counted");
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
    WAYS.into_iter().for_each(removed);
}

fn removed(way: Way) {
    let sim = simulated(way, options());
    let card = Card::open(sim.transport.clone(), CardOptions::default()).unwrap();
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

//! Resets while data is on its way: afterwards nothing is written, whatever the moment.

use crate::raw::{csts, disable, enable_io, read64};
use crate::{options, sim_options, works, LIMIT};
use permafrost_abi::{counter, Command, CopyCommand, CopyKind};
use permafrost_driver::{Card, Error, Transport, VfioUser};
use permafrost_sim::axi::Timing;
use permafrost_sim::vfio_user::Server;
use permafrost_sim::{SimCard, SimOptions};
use permafrost_tests::inputs::rng;
use rand::{Rng, RngCore};
use std::sync::Arc;

/// Bytes of a copy.
const BYTES: usize = 1 << 20;
/// Random moments, each transport and kind of reset.
const MOMENTS: usize = 25;
/// Clocks in which the reset may come; the copies take longer.
const CLOCKS: u64 = 5000;

/// Host memory that is slow and does not answer evenly: much is outstanding.
fn slow(seed: u64) -> SimOptions {
    let host = Timing { read_latency: 500, write_latency: 400, jitter: 90, stall: 60, outstanding: 32 };
    SimOptions { host, seed, ..sim_options() }
}

/// Lets clocks pass: a card with nothing to do is not simulated but for accesses.
fn pass(t: &dyn Transport) {
    for _ in 0..60 {
        csts(t);
    }
}

fn resets_in_flight(t: &dyn Transport, reset: fn(&dyn Transport)) {
    let (mut rng, _) = rng();
    let mut busy = 0;
    for moment in 0..MOMENTS {
        let (_admin, mut io) = enable_io(t, 8, 8);
        let memory = t.dma_alloc(BYTES).expect("DMA memory");
        memory.write(0, &vec![moment as u8; BYTES]);
        let kinds = [CopyKind::CardToHost, CopyKind::HostToCard];
        for i in 0..2 {
            let kind = kinds[(i + moment) % 2];
            io.push(Command::new(&CopyCommand::contiguous(kind, 0, memory.iova(), BYTES as u64)));
        }
        let start = read64(t, counter::CYCLES);
        io.ring();
        let until = start + rng.gen_range(0..CLOCKS);
        while read64(t, counter::CYCLES) < until {}
        busy += usize::from(!csts(t).idle());
        reset(t);
        // The memory is the host's again.
        let mut canary = vec![0; BYTES];
        rng.fill_bytes(&mut canary);
        memory.write(0, &canary);
        io.cq.write(0, &[0x5a; 128]);
        pass(t);
        let mut seen = vec![0; BYTES];
        memory.read(0, &mut seen);
        assert!(seen == canary, "DMA after the reset, moment {moment}");
        let mut seen = [0; 128];
        io.cq.read(0, &mut seen);
        assert_eq!(seen, [0x5a; 128], "a completion after the reset, moment {moment}");
        drop((io, memory));

        // Freed and taken again, by a card that is up again.
        let (_admin, mut io) = enable_io(t, 8, 8);
        let memory = t.dma_alloc(1 << 15).expect("DMA memory");
        let (up, down) = canary[..1 << 15].split_at(1 << 14);
        memory.write(0, up);
        memory.write(1 << 14, down);
        let copy =
            |kind, at: u64| Command::new(&CopyCommand::contiguous(kind, 4096, memory.iova() + at, 1 << 14));
        io.must(copy(CopyKind::HostToCard, 0));
        io.must(copy(CopyKind::CardToHost, 1 << 14));
        let mut seen = vec![0; 1 << 14];
        memory.read(1 << 14, &mut seen);
        assert!(seen == up, "the copy after moment {moment}");
        disable(t);
    }
    println!("{busy} of {MOMENTS} resets met a busy card");
    assert!(busy * 2 > MOMENTS, "{busy} of {MOMENTS}");
}

fn function_reset(t: &dyn Transport) {
    t.reset().expect("function level reset");
}

fn in_process(reset: fn(&dyn Transport)) {
    let sim = SimCard::open(slow(rand::random())).expect("the card opens");
    resets_in_flight(&sim, reset);
}

fn over_the_socket(reset: fn(&dyn Transport)) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::open(&folder.path().join("card"), slow(rand::random())).expect("the card is served");
    let transport = VfioUser::connect(server.path()).expect("the server answers");
    resets_in_flight(&transport, reset);
}

#[test]
fn a_controller_reset_stops_dma_in_process() {
    in_process(disable);
}

#[test]
fn a_function_reset_stops_dma_in_process() {
    in_process(function_reset);
}

#[test]
fn a_controller_reset_stops_dma_over_the_socket() {
    over_the_socket(disable);
}

#[test]
fn a_function_reset_stops_dma_over_the_socket() {
    over_the_socket(function_reset);
}

/// The driver's own reset, at random moments of other threads' transfers: these end with an error or with the right data, and
/// the next ones are right.
#[test]
fn a_reset_under_transfers_of_other_threads() {
    let (mut rng, _) = rng();
    let sim = Arc::new(SimCard::open(slow(rng.gen())).expect("the card opens"));
    let card = Card::open(sim, options(LIMIT)).expect("the card comes up");
    let mut stopped = 0;
    for _ in 0..8 {
        let results: Vec<Result<(), Error>> = std::thread::scope(|scope| {
            let transfers: Vec<_> = (0..3).map(|_| scope.spawn(|| crate::copy(&card, 100_000))).collect();
            std::thread::sleep(std::time::Duration::from_micros(rng.gen_range(0..60_000)));
            card.reset().expect("a reset");
            transfers.into_iter().map(|t| t.join().expect("no panic")).collect()
        });
        for result in results {
            match result {
                Ok(()) => {}
                Err(Error::Aborted { .. } | Error::DataLost { .. }) => stopped += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    println!("{stopped} of 24 transfers were stopped");
    assert!(stopped > 0);
    works(&card);
}

//! The DRAM model against closed forms, and what must hold whatever it is asked for. Every command that it issues is
//! checked against the least distances by the model itself, in builds with debug assertions.

use permafrost_sim::dram::{DramModel, Full, Preset, Request, Stats, BURST_BYTES};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn read(address: u64) -> Request {
    Request { address, write: false }
}

/// Hands all requests over as soon as they are taken, waits for the reads; clocks and counters.
fn run(preset: Preset, requests: impl IntoIterator<Item = Request>) -> (u64, Stats) {
    let mut memory = DramModel::new(preset);
    let mut reads = 0;
    for request in requests {
        while memory.submit(memory.now(), request) == Err(Full) {
            memory.tick();
        }
        reads += usize::from(!request.write);
        reads -= std::iter::from_fn(|| memory.completion()).count();
    }
    while reads > 0 {
        memory.tick();
        reads -= std::iter::from_fn(|| memory.completion()).count();
    }
    (memory.now(), memory.stats())
}

fn near(seen: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (seen / expected - 1.0).abs() < tolerance,
        "{what}: {seen:.3} clocks a burst, expected {expected:.3}"
    );
}

/// Clocks a burst when `clocks` are lost to every refresh: tRFC and the closing and opening of rows around it.
fn with_refresh(preset: Preset, clocks: f64) -> f64 {
    let t = preset.timing;
    clocks * f64::from(t.refi) / f64::from(t.refi - t.rfc - t.rp - t.rcd_rd - t.cl)
}

#[test]
fn sequential_reads_are_bound_by_the_bus_and_refresh() {
    for preset in Preset::ALL {
        let n = 50_000;
        let (clocks, stats) = run(preset, (0..n).map(|i| read(i * BURST_BYTES)));
        let each = with_refresh(preset, preset.timing.burst.into());
        near(clocks as f64 / n as f64, each, 0.02, preset.name);
        assert_eq!((stats.reads, stats.bytes()), (n, n * BURST_BYTES));
        assert_eq!(stats.data_clocks, n * u64::from(preset.timing.burst));
        assert!(stats.row_hits > n * 9 / 10, "{stats:?}");
    }
}

#[test]
fn one_bank_group_is_bound_by_the_long_distance() {
    let preset = Preset::DDR4_2400;
    let n = 20_000;
    let (clocks, _) = run(preset, (0..n).map(|i| read(i * 256)));
    near(clocks as f64 / n as f64, with_refresh(preset, 6.0), 0.02, "tCCD_L");
}

#[test]
fn rows_of_one_bank_are_bound_by_the_row_cycle() {
    for preset in Preset::ALL {
        let t = preset.timing;
        let row_stride = BURST_BYTES
            * u64::from(preset.bank_groups)
            * u64::from(preset.row_bursts)
            * u64::from(preset.banks);
        let n = 3_000;
        let (clocks, stats) = run(preset, (0..n).map(|i| read(i * row_stride)));
        near(clocks as f64 / n as f64, with_refresh(preset, (t.ras + t.rp).into()), 0.02, "tRC");
        assert_eq!(stats.row_hits, 0);
        // After a refresh the bank is closed.
        assert!(stats.row_misses <= stats.refreshes + 1 && stats.row_misses > 0, "{stats:?}");
    }
}

#[test]
fn random_reads_are_bound_by_the_activates() {
    for preset in Preset::ALL {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let n = 20_000;
        let (clocks, stats) = run(preset, (0..n).map(|_| read(rng.gen_range(0..1u64 << 28))));
        let activates = f64::from(preset.timing.faw) / 4.0;
        near(clocks as f64 / n as f64, with_refresh(preset, activates), 0.05, "tFAW");
        assert_eq!(stats.row_hits + stats.row_misses + stats.row_conflicts, n);
    }
}

#[test]
fn channels_add_up() {
    let alone = run(Preset::HBM2, (0..20_000).map(|i| read(i * BURST_BYTES))).0 as f64;
    let four = run(Preset::HBM2.with_channels(4), (0..80_000).map(|i| read(i * BURST_BYTES))).0 as f64;
    near(four, alone, 0.02, "four channels with four times the work");
}

#[test]
fn a_turn_of_the_bus_costs_its_distance() {
    let mut memory = DramModel::new(Preset::DDR4_2400);
    memory.submit(100, Request { address: 0, write: true }).unwrap();
    // The write is issued at 117 once its row is open; then tWTR_L after its data for a read of the group.
    memory.advance(118);
    memory.submit(118, read(256)).unwrap();
    memory.advance(300);
    let done = memory.completion().unwrap();
    assert_eq!(done.at, 117 + 12 + 4 + 9 + 17 + 4);
    let stats = memory.stats();
    assert_eq!((stats.writes, stats.reads, stats.row_misses, stats.row_hits), (1, 1, 1, 1));
}

#[test]
fn clocks_that_are_skipped_are_as_clocks_that_pass() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for preset in Preset::ALL {
        let (mut jumps, mut steps) = (DramModel::new(preset), DramModel::new(preset));
        for _ in 0..400 {
            let pause = *[0, 1, 30, 700, 20_000].get(rng.gen_range(0..5)).unwrap();
            let to = jumps.now() + rng.gen_range(0..=pause);
            let request = Request { address: rng.gen_range(0..1u64 << 20), write: rng.gen() };
            while steps.now() < to {
                steps.tick();
            }
            assert_eq!(jumps.submit(to, request), steps.submit(to, request));
            assert_eq!(jumps.completion(), steps.completion(), "at {to}");
            assert_eq!(jumps.stats(), steps.stats(), "at {to}");
        }
        assert!(steps.stats().refreshes > 50);
        // A day at 1 GHz would be 10^14 clocks; one second is enough to see that nothing is counted one by one.
        let (before, at) = (jumps.stats().refreshes, jumps.now());
        jumps.advance(at + 1_000_000_000);
        let passed = jumps.stats().refreshes - before;
        assert!(passed.abs_diff(1_000_000_000 / u64::from(preset.timing.refi)) <= 1, "{passed}");
    }
}

#[test]
fn nothing_is_lost_where_reads_and_writes_meet() {
    // Few places, many in the same banks: reads behind writes, writes behind reads, full queues both ways.
    for (preset, places) in Preset::ALL.into_iter().flat_map(|p| [(p, 1), (p, 3), (p, 200)]) {
        let mut rng = ChaCha8Rng::seed_from_u64(places);
        let places: Vec<u64> = (0..places).map(|_| rng.gen_range(0..1u64 << 24)).collect();
        let requests = (0..20_000)
            .map(|_| Request { address: places[rng.gen_range(0..places.len())], write: rng.gen() });
        let requests: Vec<Request> = requests.collect();
        let reads = requests.iter().filter(|r| !r.write).count() as u64;
        let (_, stats) = run(preset, requests);
        assert_eq!(stats.reads + stats.forwarded, reads);
    }
}

#[test]
fn a_cleared_memory_answers_nothing_old() {
    let mut memory = DramModel::new(Preset::HBM2);
    for i in 0..40 {
        memory.submit(10, read(i << 16)).unwrap();
    }
    memory.advance(60);
    memory.clear();
    assert!(memory.is_idle());
    let ticket = memory.submit(60, read(0)).unwrap();
    memory.advance(500);
    assert_eq!(memory.completion().map(|done| done.ticket), Some(ticket));
    assert_eq!(memory.completion(), None);
}

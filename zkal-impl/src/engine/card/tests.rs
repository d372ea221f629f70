//! Lists on the simulated card: order across the lanes, rings and DMA memory that are too small for a list, failures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use permafrost_driver::{CardOptions, Error as Driver, Status};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::{SimCard, SimOptions};
use rand::RngCore;

use super::*;
use crate::engine::job::{At, Job, Lane, Mark};
use crate::engine::testing::rng;

fn device(options: CardOptions) -> CardDevice {
    let sim = SimCard::open(SimOptions::new(CardConfig::sim())).expect("the simulator builds");
    CardDevice::new(Card::open(Arc::new(sim), options).expect("the card comes up")).expect("an MSM engine")
}

/// There and back through a chain of copies on the card, each in the other lane than the one before and waiting for it.
fn chain(options: CardOptions, len: usize) {
    let (mut rng, seed) = rng();
    let device = device(options);
    let mut data = vec![0; len];
    rng.fill_bytes(&mut data);
    let blocks: Vec<_> = (0..6).map(|_| device.alloc(len as u64, "a block").expect("fits")).collect();
    for round in 1..4 {
        data.iter_mut().for_each(|byte| *byte ^= round);
        let mut back = vec![0; len];
        let mark = |value| Mark { semaphore: (value % 3) as u8, value };
        let job = Job::Upload { to: At::start(&*blocks[0]), bytes: &data };
        let mut list = vec![Step::new(Lane::Stream, "up", job).signals(mark(1))];
        for (i, pair) in blocks.windows(2).enumerate() {
            let lane = if i % 2 == 0 { Lane::Compute } else { Lane::Stream };
            let len = (len as u64).next_multiple_of(64);
            let job = Job::Copy { to: At::start(&*pair[1]), from: At::start(&*pair[0]), len };
            let value = i as u32 + 1;
            list.push(Step::new(lane, "copy", job).after(mark(value)).signals(mark(value + 1)));
        }
        let job = Job::Download { from: At::start(&*blocks[5]), bytes: &mut back };
        list.push(Step::new(Lane::Stream, "down", job).after(mark(6)));
        let run = device.run(list).expect("runs");
        assert!(back == data, "round {round}, {len} bytes, seed {seed}");
        assert_eq!((run.bytes_up, run.bytes_down), (len as u64, len as u64));
        assert_eq!(run.cycles.len(), 7);
        assert!(len == 0 || run.cycles.iter().all(|cycles| *cycles > 0), "{run:?}");
    }
}

#[test]
fn lanes_wait_for_each_other() {
    chain(CardOptions::default(), 5000);
    chain(CardOptions::default(), 0);
}

#[test]
fn one_queue_does() {
    chain(CardOptions { io_queues: 1, ..CardOptions::default() }, 300);
}

#[test]
fn rings_and_dma_memory_may_be_smaller_than_a_list() {
    let small = CardOptions {
        queue_entries: 2,
        staging_bytes: 4096,
        // Two rings a queue, and two pages.
        dma_limit: (2 * 3 + 2) * 4096,
        io_queues: 2,
        ..CardOptions::default()
    };
    chain(small, 40_000);
}

#[test]
fn a_failed_step_neither_stops_the_others_nor_the_next_list() {
    let device = device(CardOptions::default());
    let [a, b] = [0, 1].map(|_| device.alloc(128, "a block").expect("fits"));
    let (a, b) = (At::start(&*a), At::start(&*b));
    let mark = |value| Mark { semaphore: 0, value };
    let start = Instant::now();
    for _ in 0..2 {
        let list = vec![
            Step::new(Lane::Compute, "good", Job::Fill { to: a, len: 128, pattern: 7 }).signals(mark(1)),
            // The ranges overlap.
            Step::new(Lane::Compute, "bad", Job::Copy { to: b, from: b, len: 64 }).signals(mark(2)),
            Step::new(Lane::Stream, "waits", Job::Fill { to: b, len: 128, pattern: 9 }).after(mark(2)),
            Step::new(Lane::Stream, "behind", Job::Copy { to: a, from: b, len: 128 }),
        ];
        let error = device.run(list).unwrap_err();
        assert!(matches!(&error, Error::Driver(Driver::CommandFailed { .. })), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "nothing waited for its deadline");
    assert!(a.buffer.is_valid(), "the card was not reset");

    // The semaphores are as new: the copy waits for the fill.
    let mut back = [0; 128];
    let list = vec![
        Step::new(Lane::Compute, "fill", Job::Fill { to: a, len: 128, pattern: 3 }),
        Step::new(Lane::Compute, "copy", Job::Copy { to: b, from: a, len: 128 }).signals(mark(1)),
        Step::new(Lane::Stream, "down", Job::Download { from: b, bytes: &mut back }).after(mark(1)),
    ];
    device.run(list).expect("runs");
    assert_eq!(back, [3u64.to_le_bytes(); 16].concat()[..]);
}

#[test]
fn a_failed_step_is_seen_though_a_ring_is_full() {
    let device = device(CardOptions { queue_entries: 2, ..CardOptions::default() });
    let block = device.alloc(128, "a block").expect("fits");
    let at = At::start(&*block);
    let mark = Mark { semaphore: 3, value: 1 };
    let start = Instant::now();
    let mut list =
        vec![Step::new(Lane::Stream, "bad", Job::Copy { to: at, from: at, len: 64 }).signals(mark)];
    for _ in 0..4 {
        list.push(Step::new(Lane::Compute, "waits", Job::Fill { to: at, len: 128, pattern: 1 }).after(mark));
    }
    assert!(device.run(list).is_err());
    assert!(start.elapsed() < Duration::from_secs(10) && at.buffer.is_valid(), "no deadline passed");
}

#[test]
fn a_step_with_a_bad_address_names_its_status() {
    let device = device(CardOptions::default());
    let block = device.alloc(64, "a block").expect("fits");
    let far = At { buffer: &*block, offset: 1 << 50 };
    let list = vec![Step::new(Lane::Compute, "far", Job::Fill { to: far, len: 64, pattern: 0 })];
    let error = device.run(list).unwrap_err();
    let Error::Driver(Driver::CommandFailed { status, .. }) = &error else { panic!("{error}") };
    assert_eq!(*status, Status::BadAddress);
}

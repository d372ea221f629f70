//! The same card through the driver.

use super::LIMIT;
use permafrost_abi::msm::{entries, windows};
use permafrost_abi::{
    CopyKind, Group, MsmCommand, NopCommand, Transport, ABI_VERSION, MSM_FORMAT_MONTGOMERY,
};
use permafrost_driver::{Card, CardOptions, DmaPiece, Error, Outstanding, QueueOptions, Recovery, Request};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub fn open(t: &Arc<dyn Transport>) -> Card {
    let options = CardOptions { queue_entries: 8, staging_bytes: 16 << 10, ..CardOptions::default() };
    Card::open(t.clone(), options).expect("the card comes up")
}

pub fn rng() -> ChaCha8Rng {
    let seed = rand::random();
    println!("seed {seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn random(rng: &mut ChaCha8Rng, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    rng.fill_bytes(&mut data);
    data
}

pub fn nop() -> Request {
    Request::new(&NopCommand::default())
}

pub fn identify(t: &Arc<dyn Transport>) {
    let card = open(t);
    let info = card.info();
    assert_eq!(info.version.0, ABI_VERSION);
    assert!(info.engines.copy() && info.engines.fill() && info.engines.msm_g1());
    assert!(info.msm.is_some() && info.clock_khz > 0 && info.dram_bytes >= 1 << 20);
    assert_eq!((info.ntt.is_some(), info.vector.is_some()), (info.engines.ntt(), info.engines.vector()));
    assert!(card.io_queues().eq(1..=info.io_queues));
    let before = card.counters().unwrap();
    card.run(1, nop()).unwrap();
    assert_eq!(card.counters().unwrap().since(&before).commands, 1);
    assert!(matches!(
        card.dram().alloc(info.dram_bytes + 1),
        Err(Error::OutOfCardMemory { total, .. }) if total == info.dram_bytes
    ));
}

/// Sizes around beats, pages and staging chunks, at odd places; neighbours stay as they are.
pub fn copies(t: &Arc<dyn Transport>) {
    let card = open(t);
    let mut rng = rng();
    let buffer = card.dram().alloc(128 << 10).unwrap();
    card.fill(&buffer, 0, buffer.len(), 0x5a5a_5a5a_5a5a_5a5a).unwrap();
    let mut mirror = vec![0x5a; buffer.len() as usize];
    for len in [1, 63, 64, 65, 4032, 4095, 4096, 4097, 8191, 16_383, 16_385, 40_001] {
        let offset = rng.gen_range(0..(mirror.len() - len) / 64) * 64;
        let data = random(&mut rng, len);
        card.write(&buffer, offset as u64, &data).unwrap();
        mirror[offset..offset + len].copy_from_slice(&data);
        mirror[offset + len..(offset + len).next_multiple_of(64)].fill(0);
        let mut back = vec![0; len];
        card.read(&buffer, offset as u64, &mut back).unwrap();
        assert!(back == data, "{len} bytes at {offset}");
    }
    let mut all = vec![0; mirror.len()];
    card.read(&buffer, 0, &mut all).unwrap();
    assert!(all == mirror, "something else has changed");
    card.write(&buffer, 0, &[]).unwrap();
}

/// Lists of pieces of random lengths, in host memory in another order than on the card.
pub fn scattered(t: &Arc<dyn Transport>) {
    let card = open(t);
    let mut rng = rng();
    let buffer = card.dram().alloc(96 << 10).unwrap();
    let memory = card.dma_alloc(64 << 10).unwrap();
    for round in 0..6 {
        // Distinct 64-byte units of host memory, cut into pieces.
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < memory.len() {
            let most = ((memory.len() - at) / 64).min(if round % 2 == 0 { 4 } else { 200 });
            let len = rng.gen_range(1..=most) * 64;
            pieces.push(DmaPiece { buffer: memory.clone(), offset: at, len });
            at += len;
        }
        for i in (1..pieces.len()).rev() {
            pieces.swap(i, rng.gen_range(0..=i));
        }
        pieces.truncate(rng.gen_range(1..=pieces.len().min(300)));
        let total: usize = pieces.iter().map(|p| p.len).sum();
        let offset = rng.gen_range(0..=(buffer.len() as usize - total) / 64) * 64;
        let data = random(&mut rng, memory.len());
        memory.write(0, &data);
        let expected: Vec<u8> =
            pieces.iter().flat_map(|p| data[p.offset..p.offset + p.len].to_vec()).collect();

        let copy = |kind| {
            card.submit_pieces(1, kind, &buffer, offset as u64, &pieces).and_then(|t| t.wait()).unwrap()
        };
        copy(CopyKind::HostToCard);
        let mut flat = vec![0; total];
        card.read(&buffer, offset as u64, &mut flat).unwrap();
        assert!(flat == expected, "gathered upwards, {} pieces", pieces.len());

        memory.zero(0, memory.len());
        copy(CopyKind::CardToHost);
        let mut back = vec![0; memory.len()];
        memory.read(0, &mut back);
        let mut scattered = vec![0; memory.len()];
        for p in &pieces {
            scattered[p.offset..p.offset + p.len].copy_from_slice(&data[p.offset..p.offset + p.len]);
        }
        assert!(back == scattered, "scattered downwards, {} pieces", pieces.len());
    }
}

pub fn on_card(t: &Arc<dyn Transport>) {
    let card = open(t);
    let mut rng = rng();
    let (a, b) = (card.dram().alloc(32 << 10).unwrap(), card.dram().alloc(32 << 10).unwrap());
    let data = random(&mut rng, 32 << 10);
    card.write(&a, 0, &data).unwrap();
    card.fill(&b, 0, b.len(), 0x0123_4567_89ab_cdef).unwrap();
    let mut expected: Vec<u8> =
        0x0123_4567_89ab_cdefu64.to_le_bytes().into_iter().cycle().take(32 << 10).collect();
    for len in [0usize, 64, 128, 4096, 4160, 12_352] {
        let from = rng.gen_range(0..=(data.len() - len) / 64) * 64;
        let to = rng.gen_range(0..=(data.len() - len) / 64) * 64;
        card.copy(&b, to as u64, &a, from as u64, len as u64).unwrap();
        expected[to..to + len].copy_from_slice(&data[from..from + len]);
    }
    let (at, len) = (rng.gen_range(0..100) * 64, rng.gen_range(1..200) * 64);
    card.fill(&b, at as u64, len as u64, 0).unwrap();
    expected[at..at + len].fill(0);
    card.fill(&b, 64, 0, u64::MAX).unwrap();
    let mut back = vec![0; 32 << 10];
    card.read(&b, 0, &mut back).unwrap();
    assert!(back == expected);
    assert!(matches!(card.copy(&a, 64, &a, 0, 128), Err(Error::CommandFailed { .. })), "overlap");
    let mut back = vec![0; 32 << 10];
    card.read(&a, 0, &mut back).unwrap();
    assert!(back == data, "the source is as it was");
}

/// A relay between two queues: each step waits for the other's.
pub fn across_queues(t: &Arc<dyn Transport>) {
    let card = open(t);
    let [a, b] = [(); 2].map(|()| card.dram().alloc(4096).unwrap());
    card.fill(&a, 0, 4096, 1).unwrap();
    card.fill(&b, 0, 4096, 2).unwrap();
    let copy = |to: &permafrost_driver::DramBuf, from: &permafrost_driver::DramBuf| {
        let body = permafrost_abi::CopyCommand::on_card(to.address(), from.address(), 4096);
        Request::new(&body).using(to).using(from)
    };
    let fill = |to: &permafrost_driver::DramBuf, pattern| {
        let card_addr = to.address();
        let body = permafrost_abi::FillCommand { card_addr, length: 4096, pattern, ..Default::default() };
        Request::new(&body).using(to)
    };
    // Queue 2 is given its work first and must wait for queue 1, and the other way round.
    let second = vec![copy(&b, &a).wait(5, 1).signal(6, 1), fill(&b, 7).wait(5, 2).signal(6, 2)];
    let first =
        vec![fill(&a, 3).signal(5, 1), copy(&a, &b).wait(6, 1), nop().signal(5, 2), copy(&a, &b).wait(6, 2)];
    let mut tickets = card.submit_all(2, second).unwrap();
    assert!(tickets[0].poll().is_none());
    tickets.extend(card.submit_all(1, first).unwrap());
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    let mut back = vec![0; 4096];
    card.read(&a, 0, &mut back).unwrap();
    assert!(back.chunks(8).all(|c| c == 7u64.to_le_bytes()), "the last copy came after the last fill");
    card.set_semaphore(5, 0).unwrap();
    let waiting = card.submit(1, nop().wait(5, 1)).unwrap();
    card.run(2, nop().signal(5, 1)).unwrap();
    waiting.wait().unwrap();
}

/// MSMs of no points have identities as window sums, in both groups, also in a batch.
pub fn empty_msm(t: &Arc<dyn Transport>) {
    let card = open(t);
    let limits = card.info().msm.unwrap();
    let groups: &[(Group, u64)] = match card.info().engines.msm_g2() {
        true => &[(Group::G1, 64), (Group::G2, 128)],
        false => &[(Group::G1, 64)],
    };
    for &(group, point) in groups {
        // Half as many slots in G2: the widest window may need more than there are.
        for window_bits in [limits.min_window, limits.max_window - 1] {
            for more in [0u16, 2] {
                let count = windows(254, window_bits);
                let sums = limits.adders * entries(count, limits.adders) * (u32::from(more) + 1);
                let result = card.dram().alloc(u64::from(sums) * point).unwrap();
                card.fill(&result, 0, result.len(), u64::MAX).unwrap();
                let body = MsmCommand {
                    result: result.address(),
                    window_bits: window_bits as u8,
                    windows: count as u8,
                    group: group as u8,
                    format: MSM_FORMAT_MONTGOMERY,
                    more,
                    scalar_stride: if more > 0 { 64 } else { 0 },
                    ..Default::default()
                };
                card.run(1, Request::new(&body).using(&result)).unwrap();
                let mut bytes = vec![1; result.len() as usize];
                card.read(&result, 0, &mut bytes).unwrap();
                assert!(bytes.iter().all(|b| *b == 0), "{group:?}, c = {window_bits}, {more} more");
            }
        }
    }
}

pub fn threads(t: &Arc<dyn Transport>) {
    let card = open(t);
    let seed: u64 = rand::random();
    println!("seed {seed}");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let card = card.clone();
            scope.spawn(move || {
                let mut rng = ChaCha8Rng::seed_from_u64(seed ^ thread);
                for _ in 0..5 {
                    let len = rng.gen_range(1..30_000);
                    let data = random(&mut rng, len);
                    let buffer = card.dram().alloc(len as u64).unwrap();
                    card.write(&buffer, 0, &data).unwrap();
                    let mut back = vec![0; len];
                    card.read(&buffer, 0, &mut back).unwrap();
                    assert!(back == data, "thread {thread}, {len} bytes");
                }
            });
        }
    });
    assert_eq!(card.dram().usage().used, 0);
}

/// A command that never becomes runnable is aborted at its deadline, or at its owner's wish, and nothing else is lost; a
/// reset loses everything.
pub fn recovery(t: &Arc<dyn Transport>) {
    let card = open(t);
    let buffer = card.dram().alloc(4096).unwrap();
    card.write(&buffer, 0, &[1; 4096]).unwrap();
    // Short enough that the transport's scale leaves a part of a second.
    let limit = Duration::from_millis(300) / t.deadline_scale();
    let hung = card.submit(1, nop().wait(1, 1).signal(2, 1).using(&buffer).deadline(limit)).unwrap();
    let behind = card.submit(1, nop()).unwrap();
    let result = hung.wait();
    assert!(matches!(result, Err(Error::Deadline { queue: 1, recovery: Recovery::Abort, .. })), "{result:?}");
    behind.wait().expect("the queue goes on");
    let waiting = card.submit(1, nop().wait(2, 1)).unwrap();
    card.run(2, nop()).expect("the other queue, too");
    assert!(waiting.poll().is_none(), "an aborted command does not signal");
    waiting.abort();
    let result = waiting.wait();
    let asked = |result: &Result<_, Error>| {
        matches!(result, Err(Error::Aborted { queue: 1, recovery: Recovery::Abort, .. }))
    };
    assert!(asked(&result), "{result:?}");
    // One that is under way ends either way, and so does the one behind it.
    let [up, down] = [256usize, 4096].map(|len| card.dma_alloc(len << 6).unwrap());
    let big = card.dram().alloc(down.len() as u64).unwrap();
    for i in 0..6 {
        let piece = DmaPiece { buffer: down.clone(), offset: 0, len: down.len() };
        let copy = card.submit_pieces(1, CopyKind::CardToHost, &big, 0, &[piece]).unwrap();
        let piece = DmaPiece { buffer: up.clone(), offset: 0, len: up.len() };
        let next = card.submit_pieces(1, CopyKind::HostToCard, &big, 0, &[piece]).unwrap();
        for _ in 0..i {
            card.counters().unwrap();
        }
        copy.abort();
        let result = copy.wait();
        assert!(result.is_ok() || asked(&result), "{result:?}");
        next.wait().expect("the copy behind it");
    }
    let mut back = vec![0; 4096];
    card.read(&buffer, 0, &mut back).unwrap();
    assert!(back == [1; 4096], "data is as it was");

    let waiting = card.submit(2, nop().wait(1, 1)).unwrap();
    card.reset().unwrap();
    let result = waiting.wait();
    assert!(
        matches!(result, Err(Error::Aborted { queue: 2, recovery: Recovery::Controller, .. })),
        "{result:?}"
    );
    assert!(!buffer.is_valid());
    assert!(matches!(card.read(&buffer, 0, &mut [0; 64]), Err(Error::DataLost { .. })));
    card.run(1, nop()).unwrap();
    card.run(2, nop()).unwrap();
}

/// Queues are deleted with work outstanding, made anew, and created while the others go on.
pub fn queues(t: &Arc<dyn Transport>) {
    let card = open(t);
    let buffer = card.dram().alloc(4096).unwrap();
    card.write(&buffer, 0, &[1; 4096]).unwrap();
    assert!(matches!(card.create_queue(QueueOptions::default()), Err(Error::NoFreeQueue { .. })));
    let all: Vec<u16> = card.io_queues().collect();
    for entries in [2, 5, 16] {
        // What is outstanding runs to its end, here with a hand from the other queue.
        let ticket = card.submit(2, nop().wait(3, 1)).unwrap();
        std::thread::scope(|scope| {
            let deletion = scope.spawn(|| card.delete_queue(2, Outstanding::Wait));
            while card.io_queues().any(|id| id == 2) {
                std::thread::yield_now();
            }
            assert!(matches!(card.submit(2, nop()), Err(Error::NoSuchQueue { queue: 2, .. })));
            assert!(ticket.poll().is_none());
            card.run(1, nop().signal(3, 1)).unwrap();
            deletion.join().unwrap().unwrap();
        });
        ticket.wait().expect("not aborted");
        assert!(matches!(card.run(2, nop()), Err(Error::NoSuchQueue { queue: 2, .. })));
        assert!(matches!(card.delete_queue(2, Outstanding::Wait), Err(Error::NoSuchQueue { .. })));
        assert!(card.io_queues().eq(all.iter().copied().filter(|id| *id != 2)));
        assert_eq!(card.create_queue(QueueOptions { entries, ..QueueOptions::default() }).unwrap(), 2);
        for ticket in card.submit_all(2, vec![nop(); 9]).unwrap() {
            ticket.wait().unwrap();
        }
        card.set_semaphore(3, 0).unwrap();
    }
    type Act = fn(&Card) -> Result<(), Error>;
    let acts: [Act; 2] = [|card| card.restart_queue(2), |card| card.delete_queue(2, Outstanding::Abort)];
    for act in acts {
        let waiting = card.submit_all(2, vec![nop().wait(3, 1), nop(), nop().wait(3, 2), nop()]).unwrap();
        act(&card).unwrap();
        for ticket in waiting {
            let result = ticket.wait();
            assert!(
                matches!(result, Err(Error::Aborted { queue: 2, recovery: Recovery::Queue, .. })),
                "{result:?}"
            );
        }
        if !card.io_queues().any(|id| id == 2) {
            card.create_queue(QueueOptions::default()).unwrap();
        }
        card.run(2, nop()).unwrap();
    }
    let mut back = vec![0; 4096];
    card.read(&buffer, 0, &mut back).unwrap();
    assert!(back == [1; 4096], "data is as it was");
}

/// Interrupts are gathered, and one that is alone comes all the same.
pub fn coalescing(t: &Arc<dyn Transport>) {
    let card = open(t);
    card.delete_queue(2, Outstanding::Wait).unwrap();
    let bad = QueueOptions { irq_count: 4, irq_clocks: 0, ..QueueOptions::default() };
    assert!(matches!(card.create_queue(bad), Err(Error::BadOption { option: "irq_clocks", .. })));
    let options = QueueOptions { entries: 16, irq_count: 4, irq_clocks: 20_000 };
    assert_eq!(card.create_queue(options).unwrap(), 2);
    let count = || card.counters().unwrap().interrupts;
    let before = count();
    for ticket in card.submit_all(2, vec![nop(); 12]).unwrap() {
        ticket.wait().unwrap();
    }
    let seen = count() - before;
    assert!((2..12).contains(&seen), "{seen} interrupts for 12 commands, gathered by 4");
    let start = Instant::now();
    while count() - before < 3 {
        assert!(start.elapsed() < LIMIT, "the last interrupt never came");
    }
    let before = count();
    card.run(2, nop()).unwrap();
    while count() == before {
        assert!(start.elapsed() < LIMIT, "the interrupt of a command that is alone never came");
    }
}

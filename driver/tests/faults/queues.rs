//! I/O queues that come and go, many threads, and gathered interrupts.

use crate::fake::{FakeCard, Fault};
use crate::{nop, open, options, DRAM};
use permafrost_driver::{Card, CardOptions, Error, Outstanding, QueueOptions, Recovery};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes and reads back through one queue, and runs lists of commands on it.
fn work(card: &Card, queue: u16, mut rng: ChaCha8Rng) {
    for _ in 0..20 {
        let buffer = card.dram().alloc(4096).unwrap();
        let memory = card.dma_alloc(4096).unwrap();
        let data: Vec<u8> = (0..4096).map(|_| rng.gen()).collect();
        memory.write(0, &data);
        let copy = |kind| {
            let piece = permafrost_driver::DmaPiece { buffer: memory.clone(), offset: 0, len: 4096 };
            card.submit_pieces(queue, kind, &buffer, 0, &[piece]).unwrap().wait().unwrap()
        };
        copy(permafrost_abi::CopyKind::HostToCard);
        for ticket in card.submit_all(queue, vec![nop(); rng.gen_range(1..30)]).unwrap() {
            ticket.wait().unwrap();
        }
        memory.zero(0, 4096);
        copy(permafrost_abi::CopyKind::CardToHost);
        let mut back = vec![0; 4096];
        memory.read(0, &mut back);
        assert!(back == data, "queue {queue}");
    }
}

#[test]
fn a_thread_a_queue_and_many_threads_on_one() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let fake = FakeCard::with_queues(DRAM, 14);
    let card = Card::open(fake.clone(), options()).unwrap();
    assert!(card.io_queues().eq(1..=14));
    for of_thread in [|thread: u16| thread, |_| 5] {
        std::thread::scope(|scope| {
            for thread in 1..=14 {
                let card = &card;
                let rng = ChaCha8Rng::seed_from_u64(seed ^ thread as u64);
                scope.spawn(move || work(card, of_thread(thread), rng));
            }
        });
    }
    assert_eq!(card.dram().usage().used, 0);
}

/// Threads that each have a queue of their own for a while.
#[test]
fn queues_come_and_go_under_load() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let fake = FakeCard::with_queues(DRAM, 8);
    let card = Card::open(fake.clone(), CardOptions { io_queues: 2, ..options() }).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6u64 {
            let card = &card;
            scope.spawn(move || {
                let mut rng = ChaCha8Rng::seed_from_u64(seed ^ thread);
                for round in 0..4 {
                    let entries = rng.gen_range(2..40);
                    let options = QueueOptions { entries, ..QueueOptions::default() };
                    let queue = card.create_queue(options).unwrap();
                    assert!(queue > 2);
                    work(card, queue, rng.clone());
                    // Whoever waits for room or for a command learns of the end.
                    let behind = card.submit(queue, nop().wait(9, 1)).unwrap();
                    let how = if round % 2 == 0 { Outstanding::Abort } else { Outstanding::Wait };
                    if how == Outstanding::Wait {
                        behind.abort();
                    }
                    card.delete_queue(queue, how).unwrap();
                    assert!(matches!(behind.wait(), Err(Error::Aborted { .. })));
                }
            });
        }
        for queue in [1, 2] {
            let card = &card;
            let rng = ChaCha8Rng::seed_from_u64(seed ^ 99 ^ queue as u64);
            scope.spawn(move || work(card, queue, rng));
        }
    });
    assert!(card.io_queues().eq(1..=2));
    assert_eq!(card.dram().generation(), 0, "nothing hung");
    drop(card);
    assert_eq!(fake.mapped_regions(), 0);
}

#[test]
fn a_queue_in_trouble_can_be_deleted() {
    let (fake, card) = open();
    let brief = || nop().deadline(Duration::from_millis(100));
    for faults in [[Fault::Hang, Fault::None], [Fault::None, Fault::WrongCid], [Fault::NoCompletion; 2]] {
        fake.script_of(2, &faults);
        let tickets = card.submit_all(2, vec![brief(), brief()]).unwrap();
        card.delete_queue(2, Outstanding::Wait).unwrap_or_else(|e| panic!("{faults:?}: {e}"));
        let failed = tickets.into_iter().filter(|ticket| ticket.poll().expect("ended").is_err()).count();
        assert!((1..=2).contains(&failed), "{faults:?}: {failed}");
        assert!(matches!(card.run(2, nop()), Err(Error::NoSuchQueue { queue: 2, .. })));
        assert_eq!(card.create_queue(QueueOptions::default()).unwrap(), 2);
        card.run(2, nop()).unwrap();
    }
    assert_eq!(card.dram().generation(), 0);
}

/// CREATE_QUEUE that is not answered: nobody knows whether the card uses the rings, so it is reset.
#[test]
fn a_queue_that_cannot_be_created_is_forgotten() {
    let (fake, card) = open();
    card.delete_queue(1, Outstanding::Wait).unwrap();
    let buffer = card.dram().alloc(64).unwrap();
    fake.script_of(0, &[Fault::Hang]);
    let result = card.create_queue(QueueOptions::default());
    assert!(matches!(result, Err(Error::AdminDeadline { opcode: "CREATE_QUEUE", .. })), "{result:?}");
    assert!(!buffer.is_valid());
    assert!(card.io_queues().eq([2]));
    card.run(2, nop()).unwrap();
    assert_eq!(card.create_queue(QueueOptions::default()).unwrap(), 1);
    card.run(1, nop()).unwrap();
}

/// Everything at once: whatever is reset, restarted or deleted under whom, each command ends, and the card works.
#[test]
fn resets_and_restarts_and_deletions_at_once() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let fake = FakeCard::with_queues(DRAM, 4);
    let card = Card::open(fake.clone(), options()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..6u64 {
            let (card, stop) = (&card, &stop);
            scope.spawn(move || {
                let mut rng = ChaCha8Rng::seed_from_u64(seed ^ thread);
                while !stop.load(Ordering::Relaxed) {
                    let queue = rng.gen_range(1..=4);
                    let buffer = card.dram().alloc(64).unwrap();
                    let request = nop().using(&buffer).deadline(Duration::from_millis(200));
                    let Ok(tickets) = card.submit_all(queue, vec![request; rng.gen_range(1..12)]) else {
                        continue;
                    };
                    for ticket in tickets {
                        if rng.gen_ratio(1, 8) {
                            ticket.abort();
                        }
                        match ticket.wait() {
                            Ok(_) | Err(Error::Aborted { .. } | Error::Deadline { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 77);
        let end = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < end {
            let queue = rng.gen_range(1..=4);
            let done = match rng.gen_range(0..5) {
                0 => card.reset(),
                1 => card.restart_queue(queue),
                2 => card.delete_queue(queue, Outstanding::Wait),
                3 => card.delete_queue(queue, Outstanding::Abort),
                _ => {
                    fake.script(&[Fault::Hang]);
                    Ok(())
                }
            };
            assert!(matches!(done, Ok(()) | Err(Error::NoSuchQueue { .. })), "{done:?}");
            if rng.gen() {
                while card.create_queue(QueueOptions { entries: 8, ..QueueOptions::default() }).is_ok() {}
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    while card.create_queue(QueueOptions::default()).is_ok() {}
    fake.unscript();
    for queue in 1..=4 {
        card.run(queue, nop()).unwrap();
    }
    assert_eq!(card.dram().usage().used, 0);
    drop(card);
    assert_eq!(fake.mapped_regions(), 0);
}

/// A command that is alone waits for `irq_clocks`, not for a slice of the waiting thread's sleep.
#[test]
fn gathered_interrupts_do_not_make_one_command_late() {
    let fake = FakeCard::new(DRAM);
    // A millisecond at the fake card's clock.
    let options = CardOptions { irq_count: 4, irq_clocks: 100_000, spin: Duration::ZERO, ..options() };
    let card = Card::open(fake.clone(), options).unwrap();
    let times = (0..20).map(|_| {
        let start = Instant::now();
        card.run(1, nop()).unwrap();
        start.elapsed()
    });
    let least = times.min().unwrap();
    assert!(least < Duration::from_millis(15), "{least:?}");
    let interrupts = || card.counters().unwrap().interrupts;
    let before = interrupts();
    for ticket in card.submit_all(1, vec![nop(); 70]).unwrap() {
        ticket.wait().unwrap();
    }
    let seen = interrupts() - before;
    assert!(seen < 70, "{seen} interrupts for 70 commands");
    let none = CardOptions { irq_count: 2, irq_clocks: 0, ..CardOptions::default() };
    let result = Card::open(FakeCard::new(DRAM), none);
    assert!(matches!(result, Err(Error::BadOption { option: "irq_clocks", .. })), "{result:?}");
}

/// Times that no clock holds are as good as for ever.
#[test]
fn options_may_be_at_their_limits() {
    let most = Duration::MAX;
    let options = CardOptions { least_deadline: most, command_deadline: most, spin: most, ..options() };
    let card = Card::open(FakeCard::new(DRAM), options).unwrap();
    card.run(1, nop().deadline(most)).unwrap();
    let stuck = card.submit(1, nop().wait(3, 1)).unwrap();
    stuck.abort();
    assert!(matches!(stuck.wait(), Err(Error::Aborted { recovery: Recovery::Abort, .. })));
    card.restart_queue(1).unwrap();
    card.delete_queue(1, Outstanding::Abort).unwrap();
    card.reset().unwrap();
    card.run(2, nop()).unwrap();
}

/// One who waits for room in the ring is told when the queue is deleted under it.
#[test]
fn who_waits_for_room_learns_of_the_deletion() {
    let (_fake, card) = open();
    let card = Arc::new(card);
    let first = card.submit(1, nop().wait(3, 1)).unwrap();
    std::thread::scope(|scope| {
        let submitter = scope.spawn(|| card.submit_all(1, vec![nop(); 20]).map(|_| ()));
        std::thread::sleep(Duration::from_millis(50));
        card.delete_queue(1, Outstanding::Abort).unwrap();
        let result = submitter.join().unwrap();
        assert!(matches!(result, Err(Error::NoSuchQueue { queue: 1, .. })), "{result:?}");
    });
    assert!(matches!(first.wait(), Err(Error::Aborted { recovery: Recovery::Queue, .. })));
    card.run(2, nop()).unwrap();
}

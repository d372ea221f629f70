//! The admin queue's commands.

use super::raw::*;
use super::LIMIT;
use permafrost_abi::registers::CapQueues;
use permafrost_abi::*;

/// CREATE_QUEUE and DELETE_QUEUE: refused when wrong, and queues that come back start from the beginning.
pub fn queues(t: &dyn Transport) {
    let caps = CapQueues(t.read32(reg::CAP_QUEUES).expect("CAP_QUEUES"));
    let most = caps.io_queues() as u16;
    let too_many = (1u16 << caps.log2_entries()) + 1;
    let mut admin = enable(t);
    let io = Queue::new(t, 1, 4, 4);
    let good = io.creation();
    let cases = [
        ("queue 0", CreateQueueCommand { queue: 0, ..good }, Status::BadQueue, 0),
        ("queue beyond the last", CreateQueueCommand { queue: most + 1, ..good }, Status::BadQueue, 0),
        ("no SQ entries", CreateQueueCommand { sq_entries: 0, ..good }, Status::BadField, 34),
        ("one SQ entry", CreateQueueCommand { sq_entries: 1, ..good }, Status::BadField, 34),
        ("too many SQ entries", CreateQueueCommand { sq_entries: too_many, ..good }, Status::BadField, 34),
        ("one CQ entry", CreateQueueCommand { cq_entries: 1, ..good }, Status::BadField, 36),
        ("too many CQ entries", CreateQueueCommand { cq_entries: too_many, ..good }, Status::BadField, 36),
        ("unaligned SQ", CreateQueueCommand { sq_iova: good.sq_iova + 64, ..good }, Status::BadAddress, 16),
        ("unaligned CQ", CreateQueueCommand { cq_iova: good.cq_iova + 16, ..good }, Status::BadAddress, 24),
        ("interrupt vector", CreateQueueCommand { irq_vector: most + 1, ..good }, Status::BadField, 38),
        (
            "no time to gather",
            CreateQueueCommand { irq_count: 2, irq_clocks: 0, ..good },
            Status::BadField,
            44,
        ),
    ];
    for (what, body, status, info) in cases {
        let done = admin.run(Command::new(&body));
        assert_eq!((done.status(), done.info), (Ok(status), info), "{what}");
    }
    let delete = |queue| Command::new(&DeleteQueueCommand { queue, ..Default::default() });
    for queue in [0, 1, most + 1] {
        assert_eq!(admin.run(delete(queue)).status(), Ok(Status::BadQueue), "delete queue {queue}");
    }

    for round in 0..2 {
        let mut io = Queue::new(t, 1, 4, 3);
        admin.must(Command::new(&io.creation()));
        let again = admin.run(Command::new(&io.creation()));
        assert_eq!(again.status(), Ok(Status::BadQueue), "created twice");
        for _ in 0..5 {
            io.must(nop());
        }
        // While a command waits for a semaphore, the queue cannot be deleted.
        let value = round + 1;
        io.push(nop().wait(7, value));
        io.ring();
        admin.must(nop());
        assert_eq!(admin.run(delete(1)).status(), Ok(Status::Busy));
        admin.must(Command::new(&SemaphoreSetCommand { sem: 7, value, ..Default::default() }));
        assert_eq!(io.take().status(), Ok(Status::Success));
        // The completion is written before the queue is at rest.
        let mut done = admin.run(delete(1));
        for _ in 0..100 {
            if done.status() != Ok(Status::Busy) {
                break;
            }
            done = admin.run(delete(1));
        }
        assert_eq!(done.status(), Ok(Status::Success));
    }
}

/// ABORT stops the command that a queue has in hand, and nothing else; the queue goes on.
pub fn aborts(t: &dyn Transport) {
    let (mut admin, mut io) = enable_io(t, 8, 8);
    let most = CapQueues(t.read32(reg::CAP_QUEUES).expect("CAP_QUEUES")).io_queues() as u16;
    let abort = |queue, cid| Command::new(&AbortCommand { queue, cid, ..Default::default() });
    for queue in [0, 2, most + 1] {
        assert_eq!(admin.run(abort(queue, 1)).status(), Ok(Status::BadQueue), "abort in queue {queue}");
    }
    let mut reserved = [0; 44];
    reserved[43] = 1;
    let body = AbortCommand { queue: 1, reserved, ..Default::default() };
    assert_eq!(admin.run(Command::new(&body)).status(), Ok(Status::BadFlags));
    assert_eq!(io.run(abort(1, 1)).status(), Ok(Status::BadOpcode));
    let mut try_abort = |cid| {
        let done = admin.run(abort(1, cid));
        assert_eq!(done.status(), Ok(Status::Success));
        assert!(done.info <= 1, "info {}", done.info);
        done.info == 1
    };
    assert!(!try_abort(0x7777), "the queue has nothing in hand");

    // A command that waits, with one behind it. It may not have been fetched yet.
    let stuck = io.push(nop().wait(9, 1).signal(10, 1));
    let next = io.push(nop());
    io.ring();
    assert!(!try_abort(stuck ^ 0x4000) && !try_abort(next), "another command is in hand");
    let start = std::time::Instant::now();
    while !try_abort(stuck) {
        assert!(start.elapsed() < LIMIT, "the command in hand is not stopped");
    }
    let done = io.take();
    assert_eq!((done.cid, done.status(), done.info), (stuck, Ok(Status::Aborted), 0));
    let done = io.take();
    assert_eq!((done.cid, done.status()), (next, Ok(Status::Success)));
    assert!(!try_abort(stuck), "it has ended");
    // It has not signalled.
    let waits = io.push(nop().wait(10, 1));
    io.ring();
    let start = std::time::Instant::now();
    while !try_abort(waits) {
        assert!(start.elapsed() < LIMIT, "the command in hand is not stopped");
    }
    assert_eq!(io.take().status(), Ok(Status::Aborted));

    // Copies, stopped or not as it happens; the next one is right.
    let size = 1 << 18;
    let memory = t.dma_alloc(size).expect("DMA memory");
    for round in 0..8u8 {
        let up = CopyCommand::contiguous(CopyKind::HostToCard, 0, memory.iova(), size as u64);
        let cid = io.push(Command::new(&up));
        io.ring();
        for _ in 0..round {
            csts(t);
        }
        let status = if try_abort(cid) { Status::Aborted } else { Status::Success };
        let done = io.take();
        assert_eq!((done.cid, done.status(), done.info), (cid, Ok(status), 0));
        memory.write(0, &[round + 1; 4096]);
        let short = CopyCommand { length: 4096, ..up };
        io.must(Command::new(&short));
        memory.zero(0, 4096);
        io.must(Command::new(&CopyCommand { kind: CopyKind::CardToHost as u8, ..short }));
        let mut seen = [0; 4096];
        memory.read(0, &mut seen);
        assert!(seen == [round + 1; 4096], "data after an ABORT, round {round}");
    }
    disable(t);
}

/// SEMAPHORE_SET sets up and down; each semaphore is its own.
pub fn semaphores(t: &dyn Transport) {
    let (mut admin, mut io) = enable_io(t, 8, 8);
    let set = |sem, value| Command::new(&SemaphoreSetCommand { sem, value, ..Default::default() });
    assert_eq!(admin.run(set(SEMAPHORES as u8, 1)).status(), Ok(Status::BadFlags));
    for sem in [0, 1, 31, 32, SEMAPHORES as u8 - 1] {
        admin.must(set(sem, 10));
        io.must(nop().wait(sem, 10));
        // SIGNAL never lowers.
        io.must(nop().signal(sem, 3));
        io.must(nop().wait(sem, 10));
        io.must(nop().signal(sem, u32::MAX));
        io.must(nop().wait(sem, u32::MAX));
        // SEMAPHORE_SET may lower; the next wait is then real.
        admin.must(set(sem, 2));
        io.push(nop().wait(sem, 3));
        io.ring();
        admin.must(nop());
        assert!(io.peek().is_none(), "semaphore {sem} is 2, 3 is waited for");
        admin.must(set(sem, 3));
        assert_eq!(io.take().status(), Ok(Status::Success));
    }
    // All of them are 0 after a reset.
    let (_admin, mut io) = enable_io(t, 8, 8);
    io.push(nop().wait(63, 1));
    io.ring();
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(io.peek().is_none(), "semaphores are 0 after a reset");
    disable(t);
}

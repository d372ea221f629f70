//! The admin queue's commands.

use super::raw::*;
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

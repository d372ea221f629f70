//! Rings: wrapping, back pressure, counters, interrupts, and what a reset leaves.

use super::raw::*;
use super::LIMIT;
use permafrost_abi::*;
use std::time::Duration;

/// Both rings wrap many times, at sizes that wrap at different places, alone and in batches.
pub fn wrap(t: &dyn Transport) {
    for (sq_entries, cq_entries) in [(2, 2), (3, 5), (8, 3)] {
        let (_admin, mut io) = enable_io(t, sq_entries, cq_entries);
        for _ in 0..12 {
            io.must(nop());
        }
        let batch = sq_entries - 1;
        for _ in 0..6 {
            let ids: Vec<u16> = (0..batch).map(|_| io.push(nop())).collect();
            io.ring();
            for id in ids {
                let done = io.take();
                assert_eq!((done.cid, done.status()), (id, Ok(Status::Success)));
            }
        }
    }
    disable(t);
}

/// A full completion ring is not overwritten; the card goes on when there is room.
pub fn backpressure(t: &dyn Transport) {
    let (mut admin, mut io) = enable_io(t, 16, 4);
    let ids: Vec<u16> = (0..10).map(|_| io.push(nop())).collect();
    io.ring();
    let mut taken = Vec::new();
    let start = std::time::Instant::now();
    while taken.len() < 3 {
        taken.extend(io.peek().map(|c| c.cid));
        assert!(start.elapsed() < LIMIT, "no completions");
    }
    for _ in 0..20 {
        admin.must(nop());
    }
    assert!(io.peek().is_none(), "a ring of 4 holds 3 completions");
    io.acknowledge();
    while taken.len() < ids.len() {
        taken.push(io.take().cid);
    }
    assert_eq!(taken, ids);
    disable(t);
}

/// Counters count what was done; interrupts come.
pub fn counters(t: &dyn Transport) {
    let (mut admin, mut io) = enable_io(t, 8, 8);
    let memory = t.dma_alloc(8192).expect("DMA memory");
    let read = |offset| read64(t, offset);
    while t.wait_irq(0, Duration::ZERO).expect("interrupt") {}
    admin.must(nop());
    assert!(t.wait_irq(0, LIMIT).expect("interrupt"), "no interrupt on vector 0");
    while t.wait_irq(1, Duration::ZERO).expect("interrupt") {}

    let all = [
        counter::COMMANDS,
        counter::HOST_READ_BYTES,
        counter::HOST_WRITE_BYTES,
        counter::DRAM_READ_BYTES,
        counter::DRAM_WRITE_BYTES,
        counter::COPY_BUSY,
        counter::CYCLES,
    ];
    let before = all.map(read);
    let up = io.must(Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, 0, memory.iova(), 8192)));
    assert!(t.wait_irq(1, LIMIT).expect("interrupt"), "no interrupt on vector 1");
    let done: Vec<u64> = all.iter().zip(before).map(|(c, b)| read(*c) - b).collect();
    // The copy, and the fetch of its command and the write of its completion.
    assert_eq!(done[0], 1, "COMMANDS");
    assert_eq!(done[1], 8192 + 64, "HOST_READ_BYTES");
    assert_eq!(done[2], 16, "HOST_WRITE_BYTES");
    assert_eq!((done[3], done[4]), (0, 8192), "DRAM bytes");
    assert!(up.cycles > 0 && done[5] > 0 && done[6] >= up.cycles as u64, "{done:?} {up:?}");
    let before = all.map(read);
    io.must(Command::new(&CopyCommand::on_card(16384, 0, 4096)));
    let done: Vec<u64> = all.iter().zip(before).map(|(c, b)| read(*c) - b).collect();
    assert_eq!((done[1], done[2]), (64, 16), "host bytes of a copy on the card");
    assert_eq!((done[3], done[4]), (4096, 4096), "DRAM bytes of a copy on the card");
    disable(t);
    assert_eq!(read(counter::COMMANDS), 0, "a reset clears the counters");
    assert_eq!(read(counter::DRAM_WRITE_BYTES), 0);
}

/// Interrupts of completions that are gathered: by number, and by time when there are fewer.
pub fn gathered(t: &dyn Transport) {
    let mut admin = enable(t);
    let interrupts = || read64(t, counter::INTERRUPTS);
    for (irq_count, irq_clocks) in [(3, u32::MAX), (100, 2000)] {
        let mut io = Queue::new(t, 1, 8, 8);
        admin.must(Command::new(&CreateQueueCommand { irq_count, irq_clocks, ..io.creation() }));
        // Those of the admin queue follow their completions.
        let mut before = u64::MAX;
        while before != interrupts() {
            before = interrupts();
            std::thread::sleep(Duration::from_millis(10));
        }
        while t.wait_irq(1, Duration::ZERO).expect("interrupt") {}
        io.must(nop());
        if irq_clocks == u32::MAX {
            io.must(nop());
            assert!(!t.wait_irq(1, Duration::from_millis(20)).expect("interrupt"), "two of three");
            assert_eq!(interrupts(), before, "two of three");
            io.must(nop());
        }
        assert!(t.wait_irq(1, LIMIT).expect("interrupt"), "no interrupt on vector 1");
        assert_eq!(interrupts(), before + 1);
        admin.must(Command::new(&DeleteQueueCommand { queue: 1, ..Default::default() }));
    }
    disable(t);
}

/// DOORBELL_DEPTH counts the commands that have not completed; it is 0 where there is no queue.
pub fn depth(t: &dyn Transport) {
    let read = |queue| t.read32(queue_depth(queue)).expect("depth");
    let (mut admin, mut io) = enable_io(t, 8, 8);
    assert_eq!([read(0), read(1), read(2), read(14)], [0; 4]);
    for round in 1..=4 {
        for _ in 0..5 {
            io.push(nop().wait(3, round));
        }
        io.ring();
        assert_eq!(read(1), 5, "round {round}");
        t.write32(queue_depth(1), 0).expect("depth");
        assert_eq!(read(1), 5, "it is read-only");
        admin.must(Command::new(&SemaphoreSetCommand { sem: 3, value: round, ..Default::default() }));
        for _ in 0..5 {
            assert_eq!(io.take().status(), Ok(Status::Success));
        }
        assert_eq!(read(1), 0);
    }
    io.push(nop().wait(3, u32::MAX));
    io.ring();
    assert_eq!(read(1), 1);
    disable(t);
    assert_eq!([read(0), read(1)], [0; 2], "no queues after a reset");
}

/// A reset ends commands that run or wait; afterwards nothing writes to host memory.
pub fn reset_under_work(t: &dyn Transport) {
    let size = 1 << 19;
    let memory = t.dma_alloc(size).expect("DMA memory");
    for round in 0..10 {
        let mut admin = enable(t);
        let (mut busy, mut waiting) = (Queue::new(t, 1, 8, 8), Queue::new(t, 2, 8, 8));
        admin.must(Command::new(&busy.creation()));
        admin.must(Command::new(&waiting.creation()));
        for _ in 0..3 {
            let down = CopyCommand::contiguous(CopyKind::CardToHost, 0, memory.iova(), size as u64);
            busy.push(Command::new(&down));
        }
        waiting.push(nop().wait(0, 1));
        waiting.push(nop());
        waiting.ring();
        busy.ring();
        // Various moments: at once, while commands are fetched, while data moves.
        for _ in 0..round * 2 {
            csts(t);
        }
        disable(t);
        memory.zero(0, size);
        busy.cq.zero(0, 128);
        waiting.cq.zero(0, 128);
        std::thread::sleep(Duration::from_millis(10));
        let mut bytes = vec![0xff; size];
        memory.read(0, &mut bytes);
        assert!(bytes.iter().all(|b| *b == 0), "DMA after READY = 0 (round {round})");
        for queue in [&busy, &waiting] {
            let mut ring = [0xff; 128];
            queue.cq.read(0, &mut ring);
            assert_eq!(ring, [0; 128], "completion after READY = 0 (round {round})");
        }
    }
    let (_admin, mut io) = enable_io(t, 8, 8);
    io.must(nop());
    disable(t);
}

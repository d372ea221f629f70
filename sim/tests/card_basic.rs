//! The card's first breath: identity, queues, each command once, interrupts, counters.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{
        Command, CopyCommand, CopyKind, DeleteQueueCommand, FillCommand, MsmCommand, NopCommand,
        SemaphoreSetCommand,
    },
    counter, reg,
    registers::{CapMsm, CapNtt, CapQueues, CapVector},
    Status, Transport, ABI_MAGIC, ABI_VERSION, MAX_IO_QUEUES,
};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::SimOptions;
use std::time::Duration;

#[test]
fn identity_and_enable() {
    let card = Card::open(options(), 8);
    assert_eq!(card.read32(reg::MAGIC), ABI_MAGIC);
    assert_eq!(card.read32(reg::VERSION), ABI_VERSION);
    assert_eq!(card.read32(reg::CAP_ENGINES), 0b11_1111);
    let queues = CapQueues(card.read32(reg::CAP_QUEUES));
    assert_eq!((queues.io_queues(), queues.log2_entries(), queues.semaphores()), (2, 10, 64));
    let msm = CapMsm(card.read32(reg::CAP_MSM));
    assert_eq!((msm.adders(), msm.min_window(), msm.max_window(), msm.log2_slots()), (1, 2, 13, 17));
    let ntt = CapNtt(card.read32(reg::CAP_NTT));
    assert_eq!((ntt.lanes(), ntt.log2_block()), (1, 12));
    assert_eq!(CapVector(card.read32(reg::CAP_VECTOR)).lanes(), 1);
    assert_eq!(card.read64(reg::DRAM_SIZE), 16 << 20);
    assert_eq!(card.read32(reg::CLOCK_KHZ), 250_000);
    assert_eq!(card.read32(reg::BUILD_ID), options().config.build_id());
    assert!(card.read32(reg::CAP_DEADLINE) > 0);
    assert_eq!(card.read32(0xff0), 0);
    assert!(card.status().ready() && !card.status().fatal());
}

#[test]
fn nop_and_interrupts() {
    let mut card = Card::open(options(), 8);
    for q in 0..=2 {
        // A completion is seen before its interrupt: only an idle card has raised them all.
        card.until(|card| card.status().idle());
        for vector in 0..=2 {
            while card.sim.wait_irq(vector, Duration::ZERO).unwrap() {}
        }
        card.io.iter_mut().for_each(|rings| assert!(rings.poll(&card.sim).is_none()));
        let completion = card.ok(q, Command::new(&NopCommand::default()));
        assert!(completion.cycles > 0 && completion.cycles < 100, "{completion:?}");
        card.until(|card| card.status().idle());
        for other in (0..=2).filter(|o| *o != q) {
            assert!(!card.sim.wait_irq(other as u16, Duration::ZERO).unwrap(), "vector {other}");
        }
    }
    assert_eq!(card.read64(counter::COMMANDS), 5);
}

#[test]
fn copy_there_and_back() {
    let mut card = Card::open(options(), 8);
    let mut rng = Random::new(1);
    let len = 3 * 4096 + 64;
    let (from, to) = (card.sim.dma_alloc(len).unwrap(), card.sim.dma_alloc(len).unwrap());
    let data = rng.bytes(len);
    from.write(0, &data);
    let there = CopyCommand::contiguous(CopyKind::HostToCard, 0x1040, from.iova(), len as u64);
    card.ok(1, Command::new(&there));
    card.ok(2, Command::new(&CopyCommand::on_card(0x81_0000, 0x1040, len as u64)));
    card.ok(
        1,
        Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0x81_0000, to.iova(), len as u64)),
    );
    assert_eq!(bytes_of(&to, 0, len), data);
    assert_eq!(card.read64(counter::DRAM_WRITE_BYTES), 2 * len as u64);
    assert_eq!(card.read64(counter::DRAM_READ_BYTES), 2 * len as u64);
    assert!(card.read64(counter::COPY_BUSY) > 3 * len as u64 / 64);
}

#[test]
fn fill_and_msm_dispatch() {
    let mut card = Card::open(options(), 8);
    let pattern = |value| FillCommand { card_addr: 0, length: 4096, pattern: value, ..Default::default() };
    card.ok(1, Command::new(&pattern(0x0102_0304_0506_0708)));
    card.ok(
        1,
        Command::new(&FillCommand { card_addr: 0x2000, length: 64, pattern: 1 << 63, ..Default::default() }),
    );
    let msm = MsmCommand {
        bases: 0,
        scalars: 0x2000,
        result: 0x4000,
        n: 2,
        window_bits: 4,
        windows: 3,
        ..Default::default()
    };
    card.ok(2, Command::new(&msm));
    let to = card.sim.dma_alloc(4096).unwrap();
    card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0x4000, to.iova(), 256)));
    let want = (0x0102_0304_0506_0708u64 ^ 1 << 63).to_le_bytes().repeat(3 * 64 / 8);
    assert_eq!(bytes_of(&to, 0, 192), want);
    assert_eq!(bytes_of(&to, 192, 64), [0; 64]);
    assert_eq!(card.read64(counter::MSM_POINTS), 2);
    assert_eq!(card.read64(counter::MSM_ADDITIONS), 6);
    assert_eq!(card.read64(counter::MSM_QUEUED), 10);
    assert!(card.read64(counter::MSM_TAIL) >= 3);

    // The words of a batch in G2; the stand-in writes them beside the data.
    let batch = MsmCommand { group: 1, more: 2, scalar_stride: 0x40, n: 0, ..msm };
    card.ok(2, Command::new(&batch));
    card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0x4000, to.iova(), 64)));
    assert_eq!(bytes_of(&to, 0, 16), (1u128 | 2 << 1 | 0x40 << 17).to_le_bytes());
}

#[test]
fn semaphores_and_queue_deletion() {
    let mut card = Card::open(options(), 8);
    let nop = Command::new(&NopCommand::default());
    card.io[0].put(nop.wait(5, 3).signal(63, 9));
    card.io[0].ring(&card.sim);
    card.admin_ok(SemaphoreSetCommand { sem: 5, value: 2, ..Default::default() });
    assert_eq!(
        card.refused(0, Command::new(&DeleteQueueCommand { queue: 1, ..Default::default() }), Status::Busy),
        (0, 0)
    );
    assert!(card.io[0].poll(&card.sim).is_none());
    card.ok(2, nop.signal(5, 4));
    let completion = card.io[0].wait(&card.sim);
    assert_eq!(completion.status(), Ok(Status::Success));
    card.ok(2, nop.wait(63, 9));
    card.admin_ok(DeleteQueueCommand { queue: 1, ..Default::default() });
    let again = create(&card.io[0]);
    (card.io[0].tail, card.io[0].head) = (0, 0);
    card.admin_ok(again);
    let gone = Command::new(&DeleteQueueCommand { queue: 3, ..Default::default() });
    assert_eq!(card.refused(0, gone, Status::BadQueue), (0, 0));
    assert_eq!(card.refused(0, Command::new(&again), Status::BadQueue), (0, 0));
}

/// The fewest and the most queues a card can have, with the longest rings.
#[test]
fn other_numbers_of_queues() {
    for io_queues in [1, MAX_IO_QUEUES as usize] {
        let config = CardConfig { io_queues, log2_queue_entries: 15, ..options().config };
        let mut card = Card::open(SimOptions { config, ..options() }, 1 << 15);
        assert_eq!(CapQueues(card.read32(reg::CAP_QUEUES)).io_queues(), io_queues as u32);
        let fill = |q: usize| FillCommand {
            card_addr: q as u64 * 4096,
            length: 4096,
            pattern: q as u64,
            ..Default::default()
        };
        for q in 1..=io_queues {
            card.io[q - 1].put(Command::new(&fill(q)));
            card.io[q - 1].put(Command::new(&NopCommand::default()));
            card.io[q - 1].ring(&card.sim);
        }
        for q in 1..=io_queues {
            for _ in 0..2 {
                assert_eq!(card.io[q - 1].wait(&card.sim).status(), Ok(Status::Success));
            }
        }
        let back = card.sim.dma_alloc(16 * 4096).unwrap();
        let read = CopyCommand::contiguous(CopyKind::CardToHost, 0, back.iova(), 16 * 4096);
        card.ok(io_queues, Command::new(&read));
        for q in 1..=io_queues {
            assert_eq!(bytes_of(&back, q * 4096 + 4088, 8), (q as u64).to_le_bytes());
        }
        assert_eq!(card.read64(counter::COMMANDS), 3 * io_queues as u64 + 1);
    }
}

//! What the card's own machinery costs, in clocks: throughput of copies, time of short commands. Prints the figures
//! (`--nocapture`) and holds them to bounds.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, NopCommand, SgEntry},
    DmaRegion, Transport,
};
use permafrost_sim::{axi::Timing, SimOptions};

const LEN: u64 = 1 << 20;

fn realistic() -> SimOptions {
    SimOptions { host: Timing::HOST, dram: Timing::DRAM, ..options() }
}

fn copy(kind: CopyKind, host: &DmaRegion, len: u64) -> Command {
    Command::new(&CopyCommand::contiguous(kind, 0, host.iova(), len))
}

fn list(card: &Card, host: &DmaRegion, piece: u64) -> (DmaRegion, u32) {
    let n = LEN / piece;
    let list = card.sim.dma_alloc(n as usize * 16).unwrap();
    for i in 0..n {
        let entry = SgEntry { iova: host.iova() + i * piece, length: piece as u32, ..Default::default() };
        list.write(i as usize * 16, bytemuck::bytes_of(&entry));
    }
    (list, n as u32)
}

#[test]
fn long_copies_move_a_beat_a_clock() {
    for (memory, options) in [("fast memory", options()), ("realistic memory", realistic())] {
        let mut card = Card::open(options, 8);
        let host = card.sim.dma_alloc(LEN as usize).unwrap();
        let mut commands = vec![
            ("host to card", copy(CopyKind::HostToCard, &host, LEN), 0.95),
            ("card to host", copy(CopyKind::CardToHost, &host, LEN), 0.95),
            ("card to card", Command::new(&CopyCommand::on_card(LEN, 0, LEN)), 0.95),
            ("fill", Command::new(&FillCommand { length: LEN, ..Default::default() }), 0.95),
        ];
        let mut lists = vec![];
        for (name, piece, bound) in
            [("list of 4 KiB", 4096, 0.94), ("list of 256 B", 256, 0.8), ("list of 64 B", 64, 0.2)]
        {
            let (region, n) = list(&card, &host, piece);
            let command = CopyCommand::scattered(CopyKind::HostToCard, 0, region.iova(), n, LEN);
            commands.push((name, Command::new(&command), bound));
            lists.push(region);
        }
        for (name, command, bound) in commands {
            let cycles = card.ok(1, command).cycles;
            let rate = (LEN / 64) as f64 / f64::from(cycles);
            println!("{memory}: {name}: {cycles} clocks for 1 MiB, {rate:.3} beats a clock");
            assert!(rate > bound, "{memory}: {name}: {rate:.3} beats a clock");
        }
    }
}

#[test]
fn short_commands() {
    for (memory, options) in [("fast memory", options()), ("realistic memory", realistic())] {
        let mut card = Card::open(options, 64);
        let host = card.sim.dma_alloc(1 << 20).unwrap();
        for (name, command, bound) in [
            ("NOP", Command::new(&NopCommand::default()), 14),
            ("COPY 64 B host to card", copy(CopyKind::HostToCard, &host, 64), 50),
            ("COPY 4 KiB host to card", copy(CopyKind::HostToCard, &host, 4096), 180),
            ("COPY 4 KiB card to host", copy(CopyKind::CardToHost, &host, 4096), 180),
        ] {
            let alone = card.ok(1, command).cycles;
            for _ in 0..60 {
                card.io[0].put(command);
            }
            card.io[0].ring(&card.sim);
            let each: Vec<u32> = (0..60).map(|_| card.io[0].wait(&card.sim).cycles).collect();
            let later: u32 = each[10..].iter().sum::<u32>() / 50;
            println!("{memory}: {name}: alone {alone} clocks, {later} in a row of 60");
            if memory == "fast memory" {
                assert!(later <= bound, "{name}: {later} clocks in a row");
            }
        }
    }
}

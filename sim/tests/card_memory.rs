//! The card with a DRAM model behind its memory port: contents, throughput, stalls, resets in the middle of traffic.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand},
    Transport,
};
use permafrost_sim::{axi::Timing, dram::Preset, SimOptions};

const LEN: u64 = 256 << 10;

fn with(preset: Preset) -> SimOptions {
    options().with_memory(preset)
}

/// Host to card, card to card, back to the host.
fn round_trip(card: &mut Card, rng: &mut Random) {
    let host = card.sim.dma_alloc(2 * LEN as usize).unwrap();
    let data = rng.bytes(LEN as usize);
    host.write(0, &data);
    card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, 0x1000, host.iova(), LEN)));
    card.ok(2, Command::new(&CopyCommand::on_card(0x80_0000, 0x1000, LEN)));
    let back = host.iova() + LEN;
    card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0x80_0000, back, LEN)));
    assert!(bytes_of(&host, LEN as usize, LEN as usize) == data, "the data is not what was copied");
}

#[test]
fn contents_survive_stalls_and_few_bursts_under_way() {
    let mut rng = Random::new(90);
    for preset in Preset::ALL {
        let dram = Timing { stall: 100, jitter: 9, outstanding: 3, ..Timing::CONTROLLER };
        let mut card = Card::open(SimOptions { dram, seed: rng.next(), ..with(preset) }, 8);
        round_trip(&mut card, &mut rng);
        let stats = card.sim.stats();
        let memory = stats.memory.unwrap();
        assert_eq!(memory.reads + memory.forwarded, stats.dram.read_beats);
        assert!(memory.refreshes > 0);
    }
}

#[test]
fn throughput_is_that_of_the_memory() {
    for (preset, one_way, copy) in [(Preset::DDR4_2400, 0.95, 0.42), (Preset::HBM2, 0.95, 0.65)] {
        let mut card = Card::open(with(preset), 8);
        let host = card.sim.dma_alloc(LEN as usize).unwrap();
        for (name, command, least) in [
            ("fill", Command::new(&FillCommand { length: LEN, ..Default::default() }), one_way),
            (
                "card to host",
                Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0, host.iova(), LEN)),
                0.9,
            ),
            ("card to card", Command::new(&CopyCommand::on_card(LEN, 0, LEN)), copy),
        ] {
            let rate = (LEN / 64) as f64 / f64::from(card.ok(1, command).cycles);
            println!("{}: {name}: {rate:.3} beats a clock", preset.name);
            let most = preset.peak() * f64::from(preset.khz) / 250_000.0 / 64.0;
            assert!(rate > least && rate <= most, "{}: {name}: {rate:.3} beats a clock", preset.name);
        }
    }
}

#[test]
fn resets_leave_nothing_behind() {
    let mut rng = Random::new(91);
    let mut card = Card::open(with(Preset::DDR4_2400), 8);
    for _ in 0..6 {
        card.io[0].put(Command::new(&CopyCommand::on_card(0x80_0000, 0, LEN)));
        card.io[0].ring(&card.sim);
        let (start, moment) = (card.cycles(), rng.within(0..=6_000));
        card.until(|card| card.cycles() - start > moment);
        card.sim.reset().unwrap();
        card.start(8);
        round_trip(&mut card, &mut rng);
    }
}

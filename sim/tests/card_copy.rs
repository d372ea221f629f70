//! COPY and FILL against a model in host memory, with memories that stall and with errors injected.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, SgEntry},
    DmaRegion, Status, Transport,
};
use permafrost_sim::{
    axi::{Access, Fault, Response, Timing},
    Side, SimOptions,
};

const HOST: usize = 1 << 20;

/// A card, host memory, and what both should hold.
struct Bench {
    card: Card,
    host: DmaRegion,
    list: DmaRegion,
    host_model: Vec<u8>,
    /// The first mebibyte of card memory.
    dram_model: Vec<u8>,
}

impl Bench {
    fn new(rng: &mut Random) -> Bench {
        let card = Card::open(rough(rng), 8);
        let (host, list) = (card.sim.dma_alloc(HOST).unwrap(), card.sim.dma_alloc(1 << 16).unwrap());
        let host_model = rng.bytes(HOST);
        host.write(0, &host_model);
        Bench { card, host, list, host_model, dram_model: vec![0; HOST] }
    }

    /// Cuts `len` bytes of host memory into pieces, writes the list, returns the pieces as (offset, bytes).
    fn scatter(&self, rng: &mut Random, len: usize, most: usize) -> Vec<(usize, usize)> {
        let (mut left, mut pieces) = (len / 64, vec![]);
        // Disjoint pieces: each comes from a strip of its own.
        let strips = 64;
        while left > 0 && pieces.len() < strips - 1 {
            let beats = rng.within(0..=most as u64).min(left as u64) as usize;
            pieces.push(((pieces.len() * HOST / strips) + 64 * rng.within(0..=3) as usize, beats * 64));
            left -= beats;
        }
        assert!(left * 64 < HOST / strips - 256, "{left}");
        pieces.push((pieces.len() * HOST / strips, left * 64));
        pieces
    }

    fn write_list(&self, pieces: &[(usize, usize)]) {
        for (i, &(at, len)) in pieces.iter().enumerate() {
            let entry =
                SgEntry { iova: self.host.iova() + at as u64, length: len as u32, ..Default::default() };
            self.list.write(i * 16, bytemuck::bytes_of(&entry));
        }
    }

    fn check(&mut self) {
        let back = self.card.sim.dma_alloc(HOST).unwrap();
        let read = CopyCommand::contiguous(CopyKind::CardToHost, 0, back.iova(), HOST as u64);
        self.card.ok(1, Command::new(&read));
        assert!(bytes_of(&back, 0, HOST) == self.dram_model, "card memory differs from the model");
        assert!(bytes_of(&self.host, 0, HOST) == self.host_model, "host memory differs from the model");
    }
}

#[test]
fn random_copies_and_fills() {
    for seed in 0..6 {
        let mut rng = Random::new(seed);
        let mut b = Bench::new(&mut rng);
        for _ in 0..40 {
            let most = [1, 8, 70, 300][rng.within(0..=3) as usize];
            let len = 64 * rng.within(0..=most) as usize;
            let card = 64 * rng.within(0..=(HOST - len) as u64 / 64) as usize;
            let host = 64 * rng.within(0..=(HOST - len) as u64 / 64) as usize;
            let q = rng.within(1..=2) as usize;
            let iova = b.host.iova() + host as u64;
            let contiguous = |kind| CopyCommand::contiguous(kind, card as u64, iova, len as u64);
            match rng.within(0..=5) {
                0 => {
                    b.card.ok(q, Command::new(&contiguous(CopyKind::HostToCard)));
                    b.dram_model[card..card + len].copy_from_slice(&b.host_model[host..host + len]);
                }
                1 => {
                    b.card.ok(q, Command::new(&contiguous(CopyKind::CardToHost)));
                    b.host_model[host..host + len].copy_from_slice(&b.dram_model[card..card + len]);
                }
                2 if card.abs_diff(host) >= len => {
                    let command = CopyCommand::on_card(card as u64, host as u64, len as u64);
                    b.card.ok(q, Command::new(&command));
                    b.dram_model.copy_within(host..host + len, card);
                }
                3 => {
                    let pattern = rng.next();
                    let fill = FillCommand {
                        card_addr: card as u64,
                        length: len as u64,
                        pattern,
                        ..Default::default()
                    };
                    b.card.ok(q, Command::new(&fill));
                    for word in b.dram_model[card..card + len].chunks_exact_mut(8) {
                        word.copy_from_slice(&pattern.to_le_bytes());
                    }
                }
                way => {
                    let most = [1, 3, 40][rng.within(0..=2) as usize];
                    let pieces = b.scatter(&mut rng, len.min(60 * 64), most);
                    let len: usize = pieces.iter().map(|p| p.1).sum();
                    let card = card.min(HOST - len);
                    b.write_list(&pieces);
                    let kind = if way == 4 { CopyKind::HostToCard } else { CopyKind::CardToHost };
                    let (list, entries) = (b.list.iova(), pieces.len() as u32);
                    let command = CopyCommand::scattered(kind, card as u64, list, entries, len as u64);
                    b.card.ok(q, Command::new(&command));
                    let mut at = card;
                    for (host, len) in pieces {
                        let (h, d) = (host..host + len, at..at + len);
                        match kind {
                            CopyKind::HostToCard => b.dram_model[d].copy_from_slice(&b.host_model[h]),
                            _ => b.host_model[h].copy_from_slice(&b.dram_model[d]),
                        }
                        at += len;
                    }
                }
            }
        }
        b.check();
    }
}

#[test]
fn many_small_entries() {
    let mut rng = Random::new(11);
    let mut card = Card::open(rough(&mut rng), 8);
    // 2000 entries of one beat, in random order.
    let n = 2000;
    let (host, list) = (card.sim.dma_alloc(n * 64).unwrap(), card.sim.dma_alloc(n * 16).unwrap());
    let data = rng.bytes(n * 64);
    host.write(0, &data);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, rng.within(0..=i as u64) as usize);
    }
    for (i, &at) in order.iter().enumerate() {
        let entry = SgEntry { iova: host.iova() + at as u64 * 64, length: 64, ..Default::default() };
        list.write(i * 16, bytemuck::bytes_of(&entry));
    }
    let scattered = |kind| CopyCommand::scattered(kind, 0, list.iova(), n as u32, n as u64 * 64);
    card.ok(1, Command::new(&scattered(CopyKind::HostToCard)));
    host.zero(0, n * 64);
    card.ok(2, Command::new(&scattered(CopyKind::CardToHost)));
    assert!(bytes_of(&host, 0, n * 64) == data);
}

/// Memory that lets more bursts wait for their answers than the card keeps account of.
#[test]
fn answers_that_take_long() {
    let mut rng = Random::new(13);
    let slow = Timing { read_latency: 700, write_latency: 700, jitter: 9, stall: 0, outstanding: 1000 };
    let mut card = Card::open(SimOptions { host: slow, dram: slow, ..options() }, 64);
    let n = 600;
    let (host, list) = (card.sim.dma_alloc(n * 64).unwrap(), card.sim.dma_alloc(n * 16).unwrap());
    let data = rng.bytes(n * 64);
    host.write(0, &data);
    let iova = host.iova();
    for i in 0..n {
        let entry = SgEntry { iova: iova + 64 * i as u64, length: 64, ..Default::default() };
        list.write(i * 16, bytemuck::bytes_of(&entry));
    }
    let there = CopyCommand::contiguous(CopyKind::HostToCard, 0, iova, n as u64 * 64);
    card.ok(1, Command::new(&there));
    host.zero(0, n * 64);
    let back = CopyCommand::scattered(CopyKind::CardToHost, 0, list.iova(), n as u32, n as u64 * 64);
    card.io[0].put(Command::new(&back));
    card.io[0].ring(&card.sim);
    // Completions of the other queue write to host memory at the same time.
    for _ in 0..63 {
        card.io[1].put(Command::default());
    }
    card.io[1].ring(&card.sim);
    for _ in 0..63 {
        assert_eq!(card.io[1].wait(&card.sim).status(), Ok(Status::BadOpcode));
    }
    assert_eq!(card.io[0].wait(&card.sim).status(), Ok(Status::Success));
    assert!(bytes_of(&host, 0, n * 64) == data);
}

#[test]
fn bad_lists() {
    let mut rng = Random::new(12);
    let mut b = Bench::new(&mut rng);
    let (iova, list) = (b.host.iova(), b.list.iova());
    let field = 24;
    let entry = |i: u64, length: u32| SgEntry { iova: iova + i * 4096, length, ..Default::default() };
    type Spoil = fn(&mut [SgEntry]);
    let cases: [(Spoil, u64, Status, u32, u64); 9] = [
        (|_| (), 8 * 128 - 64, Status::ListMismatch, 7, 7),
        (|_| (), 8 * 128 + 64, Status::ListMismatch, 7, 7),
        (|_| (), 64, Status::ListMismatch, 0, 0),
        (|l| l[3].length = 1 << 31, 8 * 128, Status::ListMismatch, 3, 3),
        (|l| l[7].length = 0, 8 * 128, Status::ListMismatch, 7, 7),
        (|l| l[5].length = 127, 8 * 128, Status::BadAddress, field, 5),
        (|l| l[0].iova += 8, 8 * 128, Status::BadAddress, field, 0),
        (|l| l[6].iova += 32, 8 * 128, Status::BadAddress, field, 6),
        (|l| bytemuck::bytes_of_mut(&mut l[2])[15] = 1, 8 * 128, Status::BadField, field, 2),
    ];
    for (i, (spoil, length, status, info, index)) in cases.into_iter().enumerate() {
        for kind in [CopyKind::HostToCard, CopyKind::CardToHost] {
            let mut entries: Vec<SgEntry> = (0..8).map(|i| entry(i, 128)).collect();
            spoil(&mut entries);
            b.list.write(0, bytemuck::cast_slice(&entries));
            let command = CopyCommand::scattered(kind, 0x8000, list, 8, length);
            let seen = b.card.refused(1 + i % 2, Command::new(&command), status);
            assert_eq!(seen, (info, list + 16 * index), "case {i} {kind:?}");
        }
    }
    // Entries of length 0 are allowed, and the engine is as good as before.
    let mut entries: Vec<SgEntry> = (0..8).map(|i| entry(i, 128)).collect();
    entries[0].length = 0;
    entries[7].length = 0;
    b.list.write(0, bytemuck::cast_slice(&entries));
    let command = CopyCommand::scattered(CopyKind::HostToCard, 0, list, 8, 6 * 128);
    b.card.ok(1, Command::new(&command));
}

#[test]
fn memory_errors_are_told_apart_and_located() {
    for seed in 20..24 {
        let mut rng = Random::new(seed);
        let mut b = Bench::new(&mut rng);
        let (iova, list) = (b.host.iova(), b.list.iova());
        let len = 64 * 200;
        let (to, from, apart) = (0x2_0040u64, iova + 0x1040, 0x8_0000u64);
        let h2c = Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, to, from, len));
        let c2h = Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, to, from, len));
        let c2c = Command::new(&CopyCommand::on_card(apart, to, len));
        let fill =
            Command::new(&FillCommand { card_addr: apart, length: len, pattern: 3, ..Default::default() });
        b.write_list(&[(0x1040, len as usize)]);
        let sg = Command::new(&CopyCommand::scattered(CopyKind::HostToCard, to, list, 1, len));
        use Access::*;
        use Status::*;
        let page = |at: u64| at & !4095;
        let cases = [
            (h2c, Side::Host, Read, from, HostReadError),
            (h2c, Side::Dram, Write, to, DramWriteError),
            (c2h, Side::Dram, Read, to, DramReadError),
            (c2h, Side::Host, Write, from, HostWriteError),
            (c2c, Side::Dram, Read, to, DramReadError),
            (c2c, Side::Dram, Write, apart, DramWriteError),
            (fill, Side::Dram, Write, apart, DramWriteError),
            (sg, Side::Host, Read, from, HostReadError),
        ];
        for (i, (command, side, access, base, status)) in cases.into_iter().enumerate() {
            let at = base + 64 * rng.within(0..=199);
            let response = if i % 2 == 0 { Response::SlaveError } else { Response::DecodeError };
            b.card.sim.inject(side, Fault { access, range: at..at + 64, response, times: 1 });
            let (info, address) = b.card.refused(1 + i % 2, command, status);
            // A failed write is known by its burst, a failed read by its beat.
            let want = if access == Read { at } else { page(at).max(base) };
            assert_eq!((info, address), (0, want), "case {i}, error injected at {at:#x}");
            b.card.ok(1 + i % 2, command);
        }
        b.card.sim.inject(
            Side::Host,
            Fault { access: Read, range: list..list + 64, response: Response::SlaveError, times: 1 },
        );
        assert_eq!(b.card.refused(2, sg, HostReadError), (0, list));
        b.card.ok(2, sg);
    }
}

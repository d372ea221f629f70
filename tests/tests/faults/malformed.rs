//! Random commands by the thousand, by hand-made rings on the card with all its engines: damaged ones, random bodies, and noise.
//! Each is refused or carried out and completes in order with a status of the contract; card memory changes only where
//! a command that was carried out may write; nothing hangs, and the card then computes as before.

use crate::raw::{csts, enable_io, Queue};
use crate::{works, LIMIT};
use permafrost_abi::vector::kinds;
use permafrost_abi::*;
use permafrost_driver::{Card, CardOptions};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::axi::Timing;
use permafrost_sim::{SimCard, SimOptions};
use permafrost_tests::inputs::rng;
use rand::seq::SliceRandom;
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Card memory: small, so that it can be read back often.
const DRAM: u64 = 128 << 10;
/// Host memory that commands may name.
const HOST: usize = 128 << 10;
const ENTRIES: u16 = 128;
const BATCH: usize = 120;
/// Parameters of valid commands in card memory.
const PARAMS: u64 = 0x2000;

/// A command that is carried out, cheap, and at random addresses.
fn valid(rng: &mut ChaCha8Rng, host: u64) -> Command {
    let mut at = |align: u64| rng_at(rng, DRAM - (16 << 10), align);
    let (one, two, three) = (at(64), at(64), at(64));
    let iova = host + rng_at(rng, HOST as u64 - (8 << 10), 64);
    let length = 64 * rng.gen_range(0..32);
    match rng.gen_range(0..32) {
        0..3 => Command::new(&NopCommand::default()),
        3..13 => {
            let kind = *[CopyKind::HostToCard, CopyKind::CardToHost].choose(rng).expect("two");
            match rng.gen_ratio(1, 3) {
                // What is in a list is as random as memory is.
                true => Command::new(&CopyCommand::scattered(kind, one, iova, rng.gen_range(1..5), length)),
                false => Command::new(&CopyCommand::contiguous(kind, one, iova, length)),
            }
        }
        13..17 => Command::new(&CopyCommand::on_card(one, two, length)),
        17..21 => {
            let pattern = rng.gen();
            Command::new(&FillCommand { card_addr: one, length, pattern, ..Default::default() })
        }
        21..23 => Command::new(&MsmCommand {
            bases: one,
            scalars: two,
            result: three,
            n: rng.gen_range(0..4),
            window_bits: 4,
            windows: 1,
            group: rng.gen_range(0..2),
            ..Default::default()
        }),
        23..27 => Command::new(&NttCommand {
            source: one,
            destination: two,
            params: PARAMS,
            batch: rng.gen_range(0..2),
            log_len: rng.gen_range(0..6),
            ..Default::default()
        }),
        _ => Command::new(&VectorCommand {
            a: one,
            b: two,
            c: three,
            d: rng_at(rng, DRAM - (16 << 10), 32),
            params: PARAMS + 192,
            n: rng.gen_range(0..20),
            operation: rng.gen_range(0..4),
            flags: rng.gen_range(0..2),
            kinds: kinds(VectorKind::Stream, VectorKind::Stream, VectorKind::Stream),
            ..Default::default()
        }),
    }
}

fn rng_at(rng: &mut ChaCha8Rng, below: u64, align: u64) -> u64 {
    rng.gen_range(0..below / align) * align
}

/// One to three edits of a command, mostly of fields that mean something.
fn damaged(mut command: Command, rng: &mut ChaCha8Rng) -> Command {
    let body = command::BODIES.iter().find(|(opcode, _)| *opcode as u8 == command.opcode);
    let fields: Vec<_> = body.into_iter().flat_map(|(_, fields)| *fields).filter(|f| !f.reserved).collect();
    let bytes: &mut [u8] = bytemuck::bytes_of_mut(&mut command);
    for _ in 0..rng.gen_range(1..=3) {
        let at = match fields.choose(rng) {
            Some(field) if rng.gen_ratio(7, 8) => field.offset + rng.gen_range(0..field.bytes),
            _ => rng.gen_range(0..64),
        };
        match rng.gen_range(0..6) {
            0 => bytes[at] = rng.gen(),
            1..4 => bytes[at] ^= 1 << rng.gen_range(0..8),
            4 => bytes[at / 8 * 8..at / 8 * 8 + 8].fill(*[0, 0xff].choose(rng).expect("two")),
            _ => {
                let word = 1u64 << rng.gen_range(0..64);
                let word = if rng.gen() { word } else { word.wrapping_sub(64) };
                bytes[at / 8 * 8..at / 8 * 8 + 8].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    command
}

fn random(rng: &mut ChaCha8Rng, host: u64) -> Command {
    let command = match rng.gen_range(0..20) {
        0 => valid(rng, host),
        1..15 => damaged(valid(rng, host), rng),
        15..19 => {
            let opcode = Opcode::TABLE.choose(rng).expect("opcodes").value as u8;
            let mut command = Command { opcode, ..Command::default() };
            rng.fill_bytes(&mut command.body);
            command
        }
        _ => {
            let mut bytes = [0; 64];
            rng.fill_bytes(&mut bytes);
            bytemuck::cast(bytes)
        }
    };
    tamed(command)
}

/// Commands that would be carried out and take a simulation hours are made smaller; what is refused stays as it is.
fn tamed(mut command: Command) -> Command {
    if let Some(mut body) = command.body_as::<MsmCommand>() {
        if u64::from(body.n) * (u64::from(body.more) + 1) > 1024 {
            body.more &= 3;
            if u64::from(body.n) * 64 <= DRAM {
                body.n &= 255;
            }
        }
        if (9..=16).contains(&body.window_bits) {
            body.window_bits = 8;
        }
        command.body = bytemuck::cast(body);
    }
    if let Some(mut body) = command.body_as::<VectorCommand>() {
        // A sum of scalars alone needs no memory, however long it is.
        if body.operation == VectorOperation::Reduce as u8 || u64::from(body.n) * 32 <= DRAM {
            body.n &= 0xff;
        }
        command.body = bytemuck::cast(body);
    }
    command
}

/// Whether a command writes to host memory that is none of its business: the rings, whose addresses differ from those of the
/// memory it may name by a few bits.
fn strays(command: &Command, rings: &[Range<u64>]) -> bool {
    command.body_as::<CopyCommand>().is_some_and(|body| {
        let end = body.list.saturating_add(body.length);
        rings.iter().any(|ring| body.list < ring.end && ring.start < end)
    })
}

/// Where a command that ended like this may have written card memory.
fn target(command: &Command, status: Status, info: u32) -> Option<Range<u64>> {
    use Status::*;
    let at = |start: u64, bytes: u64| Some(start..start.saturating_add(bytes));
    if matches!(status, BadOpcode | BadFlags | BadQueue | Busy) {
        return None;
    }
    let refused = matches!(status, BadField | BadAddress);
    if let Some(body) = command.body_as::<CopyCommand>() {
        // A list is read as the data move: its entries may be refused in the middle.
        let in_list = body.entries > 0 && info == 24;
        let writes = body.kind != CopyKind::CardToHost as u8;
        return if writes && (!refused || in_list) { at(body.card_addr, body.length) } else { None };
    }
    if refused {
        return None;
    }
    if let Some(body) = command.body_as::<FillCommand>() {
        return at(body.card_addr, body.length);
    }
    if let Some(body) = command.body_as::<MsmCommand>() {
        let sums = msm::entries(body.windows.into(), 1) as u64 * (u64::from(body.more) + 1);
        return at(body.result, sums * if body.group == 0 { 64 } else { 128 });
    }
    if let Some(body) = command.body_as::<NttCommand>() {
        if status == BadParameter || body.batch == 0 {
            return None;
        }
        let log = u32::from(body.log_before) + u32::from(body.log_len) + u32::from(body.log_after);
        return at(body.destination, body.stride * u64::from(body.batch - 1) + (32 << log));
    }
    if let Some(body) = command.body_as::<VectorCommand>() {
        // Its stride is in parameters that others may have overwritten since.
        return if status == BadParameter && info != 120 { None } else { at(body.d, DRAM) };
    }
    None
}

struct Campaign<'t> {
    sim: &'t SimCard,
    io: Queue<'t>,
    host: DmaRegion,
    back: DmaRegion,
    memory: Vec<u8>,
    seen: BTreeMap<String, u32>,
}

impl Campaign<'_> {
    /// All of card memory.
    fn read_back(&mut self) -> Vec<u8> {
        self.io.must(Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0, self.back.iova(), DRAM)));
        let mut bytes = vec![0; DRAM as usize];
        self.back.read(0, &mut bytes);
        bytes
    }

    /// Runs commands and checks how they end; returns what they may have written.
    fn batch(&mut self, commands: &[Command]) {
        let ids: Vec<u16> = commands.iter().map(|command| self.io.push(*command)).collect();
        self.io.ring();
        let mut targets = Vec::new();
        for (command, cid) in commands.iter().zip(ids) {
            let done = self.io.take();
            assert_eq!(done.cid, cid, "{command:?}");
            let status = done.status().unwrap_or_else(|code| panic!("status {code} of {command:?}"));
            if status == Status::Success {
                assert_eq!(done.info, 0, "{command:?}");
            }
            targets.extend(target(command, status, done.info));
            *self.seen.entry(status.to_string()).or_default() += 1;
        }
        let state = csts(self.sim);
        assert!(state.ready() && !state.fatal(), "CSTS = {:#x}", state.0);
        let now = self.read_back();
        let changed =
            now.iter().zip(&self.memory).enumerate().filter(|(_, (a, b))| a != b).map(|(i, _)| i as u64);
        for at in changed {
            assert!(targets.iter().any(|t| t.contains(&at)), "{at:#x} was written by none of {commands:#?}");
        }
        self.memory = now;
    }
}

fn campaign(commands: usize) {
    let (mut rng, _) = rng();
    let calm = Timing { read_latency: 20, write_latency: 10, jitter: 0, stall: 0, outstanding: 64 };
    let options =
        SimOptions { dram_bytes: Some(DRAM), host: calm, dram: calm, ..SimOptions::new(CardConfig::sim()) };
    let sim = Arc::new(SimCard::open(options).expect("the card opens"));
    let t: &SimCard = &sim;
    let (mut admin, io) = enable_io(t, ENTRIES, ENTRIES);
    // Whoever waits for a semaphore need not.
    for sem in 0..SEMAPHORES as u8 {
        admin.must(Command::new(&SemaphoreSetCommand { sem, value: u32::MAX, ..Default::default() }));
    }
    let rings: Vec<Range<u64>> = [&admin.sq, &admin.cq, &io.sq, &io.cq]
        .map(|region| region.iova()..region.iova() + region.len() as u64)
        .into();
    let host = t.dma_alloc(HOST).expect("DMA memory");
    let mut contents = vec![0; HOST];
    rng.fill_bytes(&mut contents);
    // Here and there a list that is in order.
    for at in (0..HOST - 64).step_by(1024) {
        let entry = SgEntry { iova: host.iova() + rng_at(&mut rng, 64 << 10, 64), length: 64, reserved: 0 };
        contents[at..at + 64].copy_from_slice(bytemuck::cast_slice(&[entry; 4]));
    }
    host.write(0, &contents);
    let back = t.dma_alloc(DRAM as usize).expect("DMA memory");
    let mut campaign = Campaign { sim: t, io, host, back, memory: vec![], seen: BTreeMap::new() };
    campaign.memory = campaign.read_back();

    let mut left = commands;
    while left > 0 {
        let count = left.min(BATCH);
        let commands: Vec<Command> = std::iter::repeat_with(|| random(&mut rng, campaign.host.iova()))
            .filter(|command| !strays(command, &rings))
            .take(count)
            .collect();
        campaign.batch(&commands);
        left -= count;
    }
    println!("{commands} commands: {:?}, {} clocks", campaign.seen, sim.stats().clocks);
    for status in ["SUCCESS", "BAD_OPCODE", "BAD_FIELD", "BAD_ADDRESS", "BAD_FLAGS", "HOST_READ_ERROR"] {
        let seen = campaign.seen.get(status).copied().unwrap_or(0);
        assert!(seen as usize * 200 >= commands, "{status}: {seen}; the generator has left its way");
    }
    // Without a reset the queue works on; then the driver takes the card over.
    campaign.io.must(Command::new(&NopCommand::default()));
    drop((campaign, admin));
    let options = CardOptions { command_deadline: LIMIT, ..CardOptions::default() };
    works(&Card::open(sim, options).expect("the card comes up"));
}

/// As many as are cheap.
#[test]
fn random_commands_are_refused_or_carried_out() {
    campaign(1_000);
}

#[test]
#[ignore = "20 seconds of a core: make test-faults"]
fn ten_thousand_random_commands() {
    campaign(10_000);
}

/// The same for the admin queue: what it refuses, changes nothing for the queues that are there.
#[test]
fn random_admin_commands_are_refused_or_carried_out() {
    let (mut rng, _) = rng();
    let sim = crate::sim();
    let t: &SimCard = &sim;
    let (mut admin, mut io) = enable_io(t, 8, 8);
    let mut statuses = BTreeMap::new();
    for _ in 0..400 {
        let queue = rng.gen_range(0..4u16);
        let command = match rng.gen_range(0..5) {
            0 => Command::new(&CreateQueueCommand { queue: 2, ..io.creation() }),
            1 => Command::new(&DeleteQueueCommand { queue, ..Default::default() }),
            2 => Command::new(&AbortCommand { queue, cid: rng.gen(), ..Default::default() }),
            3 => {
                Command::new(&SemaphoreSetCommand { sem: rng.gen(), value: rng.gen(), ..Default::default() })
            }
            _ => random(&mut rng, 0x1_0000_0000),
        };
        let command = if rng.gen_ratio(1, 8) { command } else { damaged(command, &mut rng) };
        // Queue 1 is the one that must go on; a WAIT would be for a semaphore that nobody raises.
        let deletes = command.body_as::<DeleteQueueCommand>().is_some_and(|body| body.queue == 1);
        if deletes || command.flags & FLAG_WAIT != 0 {
            continue;
        }
        let done = admin.run(command);
        let status = done.status().unwrap_or_else(|code| panic!("status {code} of {command:?}"));
        *statuses.entry(status.to_string()).or_insert(0) += 1;
        io.must(Command::new(&NopCommand::default()));
        assert!(!csts(t).fatal());
    }
    println!("{statuses:?}");
    assert!(statuses.len() >= 4, "{statuses:?}");
    drop((admin, io));
    works(&Card::open(sim, crate::options(LIMIT)).expect("the card comes up"));
}

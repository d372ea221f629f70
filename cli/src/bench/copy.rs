//! `permafrost bench copy`: host memory to card memory and back, beside an MSM, and how long one small command takes.

use ark_bn254::G1Affine;
use ark_ff::PrimeField;
use permafrost_abi::CopyKind;
use permafrost_driver::{Card, Counters, DmaPiece, DramBuf, HostVec, Pinned};
use permafrost_zkal::engine::{MsmPoint, Scalars};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::inputs;
use crate::args::{self, BenchCopy, CopyDirection};
use crate::card::{self, Changes, OpenCard};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::{speed, thousands, Table};

/// Bytes that the host side of the card's seam moves in a clock, in each direction.
const SEAM_BYTES: u64 = 64;
/// Bytes of the command whose latency is measured, and how often.
const SMALL: usize = 4096;
const REPEATS: usize = 9;

/// One run, as `--json` prints it; `docs/cli.md` explains the fields.
#[derive(Serialize)]
struct Figures {
    bench: &'static str,
    bytes: u64,
    pinned: bool,
    seed: u64,
    card: String,
    memory: &'static str,
    r#where: &'static str,
    checked: bool,
    transfers: Vec<Transfer>,
    latency: Vec<Latency>,
    overlap: Option<Overlap>,
    simulated_clocks_per_second: Option<f64>,
}

/// All bytes in one direction.
#[derive(Serialize)]
struct Transfer {
    direction: &'static str,
    cycles: u64,
    bound_cycles: u64,
    ratio: f64,
    bytes_per_cycle: f64,
    copy_busy: u64,
    gap_cycles: u64,
    commands: u64,
    host_bytes_ratio: f64,
}

/// One command of 4 KiB on a card that does nothing else.
#[derive(Serialize)]
struct Latency {
    direction: &'static str,
    bytes: usize,
    cycles: u64,
    command_cycles: u64,
}

/// A transfer beside an MSM.
#[derive(Serialize)]
struct Overlap {
    direction: &'static str,
    msm_points: usize,
    msm_cycles: u64,
    copy_cycles: u64,
    both_cycles: u64,
    ratio: f64,
    copy_overlap: u64,
}

/// `permafrost bench copy`
pub fn copy(args: &BenchCopy) -> Result<(), Error> {
    let open = card::open_with(&args.card.card, Changes::default())?;
    let before = open.simulation();
    let bench = Bench::new(&open, args)?;
    let directions = match args.direction {
        CopyDirection::Up => &[CopyKind::HostToCard][..],
        CopyDirection::Down => &[CopyKind::CardToHost],
        CopyDirection::Both => &[CopyKind::HostToCard, CopyKind::CardToHost],
    };
    let progress = Progress::start(format!("{} bytes to the card and back", bench.data.len()));
    let mut transfers = Vec::new();
    for &kind in directions {
        transfers.push(bench.transfer(kind)?);
    }
    progress.stage("single commands");
    let latency = directions.iter().map(|kind| bench.latency(*kind)).collect::<Result<_, _>>()?;
    let overlap = match args.msm_log_n {
        0 => None,
        log_n => {
            progress.stage(format!("copies beside an MSM of 2^{log_n} points"));
            Some(bench.overlap(directions[0], 1 << log_n, &transfers)?)
        }
    };
    let figures = Figures {
        bench: "copy",
        bytes: bench.data.len() as u64,
        pinned: args.pinned,
        seed: args.seed,
        card: open.card.info().transport.clone(),
        memory: open.memory_name(),
        r#where: "card",
        checked: true,
        transfers,
        latency,
        overlap,
        simulated_clocks_per_second: open.speed_since(before),
    };
    match args.json {
        true => out::json(&figures),
        false => out::text(&figures.table().render()),
    }
}

fn name(kind: CopyKind) -> &'static str {
    match kind {
        CopyKind::HostToCard => "up",
        CopyKind::CardToHost => "down",
        CopyKind::CardToCard => "on card",
    }
}

/// The data and where it goes.
struct Bench<'a> {
    open: &'a OpenCard,
    card: &'a Card,
    data: Vec<u8>,
    buffer: DramBuf,
    pinned: bool,
    seed: u64,
}

impl<'a> Bench<'a> {
    fn new(open: &'a OpenCard, args: &BenchCopy) -> Result<Self, Error> {
        let buffer = open.card.dram().alloc(args.bytes)?;
        let mut data = vec![0; args.bytes as usize];
        ChaCha8Rng::seed_from_u64(args.seed).fill_bytes(&mut data);
        Ok(Self { open, card: &open.card, data, buffer, pinned: args.pinned, seed: args.seed })
    }

    fn check(&self, what: &str, same: bool) -> Result<(), Error> {
        let (bytes, seed) = (self.data.len(), self.seed);
        match same {
            true => Ok(()),
            false => Err(Error::WrongBytes { what: what.to_owned(), bytes, seed }),
        }
    }

    /// The caller's memory when the card is to reach it itself: what goes up, or room for what comes down.
    fn pinned(&self, kind: CopyKind) -> Result<Option<Pinned<u8>>, Error> {
        if !self.pinned {
            return Ok(None);
        }
        let memory = match kind {
            CopyKind::HostToCard => HostVec::from_slice(&self.data)?,
            _ => HostVec::zeroed(self.data.len())?,
        };
        Ok(Some(self.card.pin(memory).map_err(|e| e.error)?))
    }

    /// Prepares a transfer: zeros where data are to go up, data where they are to come down from.
    fn prepare(&self, kind: CopyKind) -> Result<(), Error> {
        match kind {
            CopyKind::HostToCard => drop(self.card.fill(&self.buffer, 0, self.buffer.capacity(), 0)?),
            _ => drop(self.card.write(&self.buffer, 0, &self.data)?),
        }
        Ok(())
    }

    /// Moves all of the data in one direction, as the caller would; pinned, by one command in `queue`.
    fn go(
        &self,
        kind: CopyKind,
        queue: u16,
        pinned: Option<&Pinned<u8>>,
        back: &mut [u8],
    ) -> Result<(), permafrost_driver::Error> {
        match (kind, pinned) {
            (CopyKind::HostToCard, None) => self.card.write(&self.buffer, 0, &self.data).map(drop),
            (CopyKind::HostToCard, Some(source)) => {
                self.card.write_pinned(queue, &self.buffer, 0, source)?.wait().map(drop)
            }
            (_, None) => self.card.read(&self.buffer, 0, back).map(drop),
            (_, Some(target)) => self.card.read_pinned(queue, &self.buffer, 0, target)?.wait().map(drop),
        }
    }

    /// That all of the data have arrived: in card memory, in the pinned memory, or in `back`.
    fn arrived(
        &self,
        what: &str,
        kind: CopyKind,
        pinned: Option<Pinned<u8>>,
        mut back: Vec<u8>,
    ) -> Result<(), Error> {
        match (kind, pinned) {
            (CopyKind::HostToCard, _) => drop(self.card.read(&self.buffer, 0, &mut back)?),
            (_, Some(target)) => back.copy_from_slice(&target.into_inner().map_err(|e| e.error)?),
            (_, None) => {}
        }
        self.check(what, back == self.data)
    }

    /// A transfer on a card that does nothing else.
    fn transfer(&self, kind: CopyKind) -> Result<Transfer, Error> {
        let mut back = vec![0; self.data.len()];
        let pinned = self.pinned(kind)?;
        self.prepare(kind)?;
        let (cycles, counted) = self.measure(|| self.go(kind, 1, pinned.as_ref(), &mut back))?;
        self.arrived(&format!("a copy {}", name(kind)), kind, pinned, back)?;
        let (bytes, up) = (self.data.len() as u64, kind == CopyKind::HostToCard);
        let moved = bytes.next_multiple_of(SEAM_BYTES);
        let memory = if up { self.open.memory_bound(0, moved) } else { self.open.memory_bound(moved, 0) };
        let bound = (moved / SEAM_BYTES).max(memory);
        Ok(Transfer {
            direction: name(kind),
            cycles,
            bound_cycles: bound,
            ratio: bound as f64 / cycles.max(1) as f64,
            bytes_per_cycle: bytes as f64 / cycles.max(1) as f64,
            copy_busy: counted.copy_busy,
            gap_cycles: cycles.saturating_sub(counted.copy_busy),
            commands: counted.commands,
            host_bytes_ratio: (counted.host_read_bytes + counted.host_write_bytes) as f64 / bytes as f64,
        })
    }

    /// Clocks of `work`, and what was counted meanwhile.
    fn measure<T>(
        &self,
        work: impl FnOnce() -> Result<T, permafrost_driver::Error>,
    ) -> Result<(u64, Counters), Error> {
        let before = self.card.counters()?;
        let start = self.card.cycles()?;
        work()?;
        let end = self.card.cycles()?;
        Ok((end - start, self.card.counters()?.since(&before)))
    }

    /// The median of single commands.
    fn latency(&self, kind: CopyKind) -> Result<Latency, Error> {
        let buffer = self.card.dram().alloc(SMALL as u64)?;
        let memory = self.card.dma_alloc(SMALL)?;
        let data: Vec<u8> = self.data.iter().copied().cycle().take(SMALL).collect();
        let mut runs = Vec::new();
        for _ in 0..REPEATS {
            match kind {
                CopyKind::HostToCard => memory.write(0, &data),
                _ => {
                    self.card.write(&buffer, 0, &data)?;
                    memory.zero(0, SMALL);
                }
            }
            // What two reads of the counter take by themselves.
            let first = self.card.cycles()?;
            let start = self.card.cycles()?;
            let piece = DmaPiece { buffer: memory.clone(), offset: 0, len: SMALL };
            let done = self.card.submit_pieces(1, kind, &buffer, 0, &[piece])?.wait()?;
            let end = self.card.cycles()?;
            runs.push(((end - start).saturating_sub(start - first), u64::from(done.cycles)));
            let mut back = vec![0; SMALL];
            match kind {
                CopyKind::HostToCard => drop(self.card.read(&buffer, 0, &mut back)?),
                _ => memory.read(0, &mut back),
            }
            self.check(&format!("a command {}", name(kind)), back == data)?;
        }
        runs.sort_unstable();
        let (cycles, command_cycles) = runs[REPEATS / 2];
        Ok(Latency { direction: name(kind), bytes: SMALL, cycles, command_cycles })
    }

    /// The transfer while an MSM command runs, against each alone.
    fn overlap(&self, kind: CopyKind, n: usize, alone: &[Transfer]) -> Result<Overlap, Error> {
        let engine = super::engine(self.open)?;
        let points = inputs::points::<G1Affine>(n, self.seed);
        let scalars = inputs::scalars(n, 1, args::Scalars::Uniform, None, self.seed).concat();
        let integers: Vec<_> = scalars.iter().map(|s| s.into_bigint()).collect();
        let bases = engine.upload_bases(&points)?;
        let expected = G1Affine::msm_montgomery(&points, &scalars);
        let msm = || -> Result<u64, Error> {
            let outcome = engine.msm(&bases, 0..n, Scalars::canonical(&integers))?;
            let (scalars, seed) = ("uniform".to_owned(), self.seed);
            match outcome.operation.card.filter(|_| outcome.point == expected) {
                Some(run) => Ok(run.cycles),
                None => Err(Error::WrongResult { n, scalars, seed }),
            }
        };
        let msm_cycles = msm()?;

        let mut back = vec![0; self.data.len()];
        let pinned = self.pinned(kind)?;
        self.prepare(kind)?;
        // Not behind the MSM.
        let queue = self.card.info().io_queues.min(2);
        let before = self.card.counters()?;
        let start = std::thread::scope(|scope| {
            let beside = scope.spawn(msm);
            // The transfer begins when the MSM has: what the host does before is not the card's.
            let start = loop {
                let now = self.card.counters()?;
                let busy = now.since(&before).msm_busy;
                if busy > 0 || beside.is_finished() {
                    break now.cycles - busy;
                }
            };
            let moved = self.go(kind, queue, pinned.as_ref(), &mut back);
            // A panic there is one here.
            beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            moved?;
            Ok::<_, Error>(start)
        })?;
        let both_cycles = self.card.cycles()? - start;
        let counted = self.card.counters()?.since(&before);
        self.arrived("a copy beside an MSM", kind, pinned, back)?;
        let copy_cycles = alone.first().map_or(0, |t| t.cycles);
        Ok(Overlap {
            direction: name(kind),
            msm_points: n,
            msm_cycles,
            copy_cycles,
            both_cycles,
            ratio: both_cycles as f64 / msm_cycles.max(copy_cycles).max(1) as f64,
            copy_overlap: counted.copy_overlap,
        })
    }
}

impl Figures {
    fn table(&self) -> Table {
        let how = if self.pinned { "pinned" } else { "staged" };
        let mut table = Table::new(&[&format!("copy {} bytes, {how}", thousands(self.bytes)), ">"]);
        let mut row = |name: String, value: String| table.row(vec![name, value]);
        for t in &self.transfers {
            let d = t.direction;
            row(format!("{d}: clock cycles"), thousands(t.cycles));
            row(format!("{d}: bound"), thousands(t.bound_cycles));
            row(format!("{d}: ratio to the bound"), format!("{:.3}", t.ratio));
            row(format!("{d}: bytes a clock"), format!("{:.2}", t.bytes_per_cycle));
            row(format!("{d}: copy engine idle, clocks"), thousands(t.gap_cycles));
            row(format!("{d}: commands"), thousands(t.commands));
            row(format!("{d}: bytes at the seam to the least"), format!("{:.4}", t.host_bytes_ratio));
        }
        for l in &self.latency {
            row(format!("{}: one command of 4 KiB, clocks", l.direction), thousands(l.cycles));
            row(format!("{}: of these in the card", l.direction), thousands(l.command_cycles));
        }
        if let Some(o) = &self.overlap {
            row(format!("MSM of {} points alone", o.msm_points), thousands(o.msm_cycles));
            row(format!("MSM and copy {}", o.direction), thousands(o.both_cycles));
            row("ratio to the longer alone".into(), format!("{:.3}", o.ratio));
            row("both at work, clocks".into(), thousands(o.copy_overlap));
        }
        row("result".into(), "what was sent".into());
        row("simulated clocks per second".into(), speed(self.simulated_clocks_per_second));
        table
    }
}

//! Data between caller memory, DMA memory and card memory.
//!
//! Caller memory is staged: cut into chunks, each copied through a DMA buffer, several in flight so that the host copies one
//! while the card copies others, and the card finds the next when one is done. DMA memory of the caller goes without
//! staging, by scatter–gather list.
//!
//! Chunks are independent of each other, so each goes to the queue that has least of other work when its turn comes: behind a
//! long command of somebody else in the same queue it would wait for that one's end, while the copy engine has nothing to do.

use crate::request::{Request, Ticket};
use crate::{Card, DmaBuf, DmaPiece, DramBuf, Error};
use permafrost_abi::{CopyCommand, CopyKind, FillCommand, SgEntry, ALIGN, SG_ENTRY_BYTES};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

const UNIT: u64 = ALIGN as u64;
/// Chunks of one transfer in flight.
const IN_FLIGHT: usize = 3;
/// Longest chunk: as long as this takes, 8192 clocks, a copy in another queue waits for the engine. A command costs some 350
/// clocks beside its beats.
const CHUNK: usize = 512 << 10;
/// Between two looks for DMA memory that other threads' commands have given back.
const POLL: Duration = Duration::from_millis(5);

/// Caller memory on one side of a staged transfer.
enum Side<'a> {
    Up(&'a [u8]),
    Down(&'a mut [u8]),
}

impl Side<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Up(data) => data.len(),
            Self::Down(data) => data.len(),
        }
    }
}

/// A chunk on its way.
struct Flight {
    queue: u16,
    ticket: Ticket,
    staging: Arc<DmaBuf>,
    range: Range<usize>,
}

impl Card {
    /// Writes `data` into `target` from `offset` (a multiple of 64) on; returns the clocks of the copies. Data of any
    /// length: the last 64-byte unit is filled up with zeros.
    ///
    /// # Errors
    /// `OutOfRange`, `Unaligned`, `OutOfDmaMemory`, and as [`run`](Self::run).
    pub fn write(&self, target: &DramBuf, offset: u64, data: &[u8]) -> Result<u64, Error> {
        self.staged(target, offset, Side::Up(data))
    }

    /// Reads `data.len()` bytes from `source` from `offset` (a multiple of 64) on; returns the clocks of the copies.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn read(&self, source: &DramBuf, offset: u64, data: &mut [u8]) -> Result<u64, Error> {
        self.staged(source, offset, Side::Down(data))
    }

    /// Fills `len` bytes of `target` from `offset` on with `pattern`, little endian, repeated every 8 bytes. Offset
    /// and length are multiples of 64. Returns the clocks.
    ///
    /// # Errors
    /// `OutOfRange`, `Unaligned`, and as [`run`](Self::run).
    pub fn fill(&self, target: &DramBuf, offset: u64, len: u64, pattern: u64) -> Result<u64, Error> {
        let card_addr = target.range("fill", offset, len)?;
        aligned("fill length", len)?;
        let body = FillCommand { card_addr, length: len, pattern, ..Default::default() };
        let done = self.run(self.least_loaded_queue(), Request::new(&body).using(target))?;
        Ok(done.cycles as u64)
    }

    /// Copies `len` bytes within card memory. Offsets and length are multiples of 64; the card refuses ranges that
    /// overlap. Returns the clocks.
    ///
    /// # Errors
    /// `OutOfRange`, `Unaligned`, and as [`run`](Self::run).
    pub fn copy(
        &self,
        target: &DramBuf,
        target_offset: u64,
        source: &DramBuf,
        source_offset: u64,
        len: u64,
    ) -> Result<u64, Error> {
        let to = target.range("copy target", target_offset, len)?;
        let from = source.range("copy source", source_offset, len)?;
        aligned("copy length", len)?;
        let request = Request::new(&CopyCommand::on_card(to, from, len)).using(target).using(source);
        Ok(self.run(self.least_loaded_queue(), request)?.cycles as u64)
    }

    /// Submits a copy between `buffer` (from `offset`, a multiple of 64) and DMA memory of the caller, without
    /// staging. Several pieces make a scatter–gather list. Offsets and lengths of the pieces are multiples of 64.
    ///
    /// # Errors
    /// `OutOfRange`, `Unaligned`, `OutOfDmaMemory` for the list, and as [`submit_all`](Self::submit_all). Of `kind`
    /// CARD_TO_CARD, which has no host side: `CommandFailed` by the card.
    pub fn submit_pieces(
        &self,
        queue: u16,
        kind: CopyKind,
        buffer: &DramBuf,
        offset: u64,
        pieces: &[DmaPiece],
    ) -> Result<Ticket, Error> {
        let mut entries = Vec::with_capacity(pieces.len());
        let mut length = 0u64;
        for piece in pieces {
            let (at, len, size) = (piece.offset as u64, piece.len as u64, piece.buffer.len() as u64);
            let capacity = size.next_multiple_of(UNIT);
            // An entry of a list has 32 bits for its length; a single piece needs no list.
            let fits = pieces.len() == 1 || len <= u32::MAX as u64;
            if at > capacity || len > capacity - at || !fits {
                return Err(Error::OutOfRange { what: "DMA piece", offset: at, len, size });
            }
            aligned("DMA piece offset", at)?;
            aligned("DMA piece length", len)?;
            length += len;
            entries.push(SgEntry { iova: piece.buffer.iova() + at, length: len as u32, reserved: 0 });
        }
        let card_addr = buffer.range("copy", offset, length)?;
        let request = match entries[..] {
            [] => Request::new(&CopyCommand::contiguous(kind, card_addr, 0, 0)),
            [one] => Request::new(&CopyCommand::contiguous(kind, card_addr, one.iova, length)),
            _ => {
                let list = self.inner.arena.alloc(entries.len() * SG_ENTRY_BYTES as usize)?;
                list.write(0, bytemuck::cast_slice(&entries));
                let count = entries.len() as u32;
                let body = CopyCommand::scattered(kind, card_addr, list.iova(), count, length);
                Request::new(&body).holding(Arc::new(list))
            }
        };
        let held = pieces.iter().fold(request.using(buffer), |r, p| r.holding(p.buffer.clone()));
        self.submit(queue, held)
    }

    /// Bytes of one staging copy, as [`CardOptions::staging_bytes`](crate::CardOptions::staging_bytes) and the DMA memory
    /// allow: a multiple of 4 KiB.
    pub fn staging_bytes(&self) -> usize {
        // Half of all DMA memory at most for those in flight, so that they fit beside the rings.
        let most = self.inner.options.dma_limit / (2 * IN_FLIGHT);
        self.inner.options.staging_bytes.min(most).max(1).next_multiple_of(4096)
    }

    fn staged(&self, buffer: &DramBuf, offset: u64, mut side: Side<'_>) -> Result<u64, Error> {
        let len = side.len();
        buffer.range("transfer", offset, len as u64)?;
        let chunk = self.staging_bytes().min(CHUNK);
        let mut flights = VecDeque::new();
        let mut cycles = 0;
        for start in (0..len).step_by(chunk) {
            let range = start..len.min(start + chunk);
            while flights.len() >= IN_FLIGHT {
                cycles += land(&mut flights, &mut side)?;
            }
            let padded = range.len().next_multiple_of(UNIT as usize);
            let staging = Arc::new(self.staging(padded, &mut flights, &mut side, &mut cycles)?);
            let kind = match &side {
                Side::Up(data) => {
                    staging.write(0, &data[range.clone()]);
                    staging.zero(range.len(), padded - range.len());
                    CopyKind::HostToCard
                }
                Side::Down(_) => CopyKind::CardToHost,
            };
            let card_addr = buffer.range("transfer", offset + start as u64, padded as u64)?;
            let body = CopyCommand::contiguous(kind, card_addr, staging.iova(), padded as u64);
            let request = Request::new(&body).using(buffer).holding(staging.clone());
            let queue = self.queue_for(&flights);
            let ticket = self.submit(queue, request)?;
            flights.push_back(Flight { queue, ticket, staging, range });
        }
        while !flights.is_empty() {
            cycles += land(&mut flights, &mut side)?;
        }
        Ok(cycles)
    }

    /// The queue with the fewest commands that are not of this transfer; the last one's, rather than another as good.
    fn queue_for(&self, flights: &VecDeque<Flight>) -> u16 {
        let last = flights.back().map(|flight| flight.queue);
        let others = |queue: &u16| {
            let own = flights.iter().filter(|flight| flight.queue == *queue).count();
            let all = self.inner.queue(*queue).map_or(usize::MAX, |queue| queue.lock().outstanding());
            (all.saturating_sub(own), Some(*queue) != last)
        };
        // Of equals the last, because whoever uses a single queue uses the first.
        self.io_queues().rev().min_by_key(others).unwrap_or(1)
    }

    /// A staging buffer. When DMA memory is short, first lands what this transfer has in flight, then waits for other
    /// threads' commands: a transfer that holds nothing cannot make them wait in turn.
    fn staging(
        &self,
        bytes: usize,
        flights: &mut VecDeque<Flight>,
        side: &mut Side<'_>,
        cycles: &mut u64,
    ) -> Result<DmaBuf, Error> {
        loop {
            match self.inner.arena.alloc(bytes) {
                Err(Error::OutOfDmaMemory { .. }) if !flights.is_empty() => *cycles += land(flights, side)?,
                Err(Error::OutOfDmaMemory { .. }) => return self.await_dma(bytes),
                result => return result,
            }
        }
    }

    /// DMA memory, contents undefined; when it is short, waits for commands of other threads to give theirs back, at
    /// most for [`CardOptions::command_deadline`](crate::CardOptions::command_deadline). Hold none yourself meanwhile:
    /// two that wait for each other get none.
    ///
    /// # Errors
    /// `OutOfDmaMemory`, `CardLost` or the error that made the card unusable, and transport errors.
    pub fn dma_wait(&self, bytes: usize) -> Result<Arc<DmaBuf>, Error> {
        self.inner.alive()?;
        self.await_dma(bytes).map(Arc::new)
    }

    fn await_dma(&self, bytes: usize) -> Result<DmaBuf, Error> {
        let inner = &self.inner;
        let start = Instant::now();
        loop {
            match inner.arena.alloc(bytes) {
                Err(Error::OutOfDmaMemory { .. })
                    if bytes <= inner.options.dma_limit
                        && start.elapsed() < inner.options.command_deadline =>
                {
                    self.io_queues().for_each(|queue| inner.poll(queue));
                    inner.alive()?;
                    inner.arena.wait_freed(POLL);
                }
                result => return result,
            }
        }
    }
}

/// Waits for the oldest chunk; returns its clocks.
fn land(flights: &mut VecDeque<Flight>, side: &mut Side<'_>) -> Result<u64, Error> {
    let Some(flight) = flights.pop_front() else { return Ok(0) };
    let done = flight.ticket.wait()?;
    if let Side::Down(data) = side {
        flight.staging.read(0, &mut data[flight.range]);
    }
    Ok(done.cycles as u64)
}

fn aligned(what: &'static str, value: u64) -> Result<(), Error> {
    match value % UNIT {
        0 => Ok(()),
        _ => Err(Error::Unaligned { what, value, align: UNIT }),
    }
}

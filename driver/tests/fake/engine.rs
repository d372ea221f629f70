//! What the fake card does with commands.

use super::{Fault, Maps, Resets};
use permafrost_abi::command::BODIES;
use permafrost_abi::registers::Csts;
use permafrost_abi::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most entries of a ring.
pub const LOG2_RING: u32 = 10;
const MAX_RING: u16 = 1 << LOG2_RING;
pub const IO_QUEUES: u16 = 2;
/// Narrowest and widest window.
pub const MSM_WINDOWS: (u32, u32) = (2, 13);
pub const MSM_LOG2_SLOTS: u32 = 17;

#[derive(Clone, Copy, Debug, Default)]
pub struct Ring {
    pub sq: u64,
    pub cq: u64,
    pub sq_entries: u16,
    pub cq_entries: u16,
    vector: u16,
    sq_head: u16,
    pub sq_tail: u16,
    cq_tail: u16,
    pub cq_head: u16,
    /// Inverted phase, so that the default is phase 1.
    flipped: bool,
    hung: bool,
}

/// Status, info, address.
type Failure = (Status, u32, u64);

pub struct State {
    maps: Arc<Maps>,
    pub stop: bool,
    pub enabled: bool,
    fatal: bool,
    pub admin: Ring,
    pub rings: BTreeMap<u16, Ring>,
    semaphores: [u32; SEMAPHORES as usize],
    pub dram: Vec<u8>,
    pub syndrome: Option<(Status, u16, u16, u64)>,
    pub errors: u32,
    /// By register offset.
    pub counters: BTreeMap<u64, u64>,
    pub irqs: Vec<bool>,
    pub faults: VecDeque<Fault>,
    pub resets: Resets,
    pub overrides: BTreeMap<u64, u32>,
    pub every_register: Option<u32>,
    pub doorbells: Vec<(u64, u32)>,
    pub function_resets: u32,
}

impl State {
    pub fn new(dram_bytes: usize, maps: Arc<Maps>) -> Self {
        Self {
            maps,
            stop: false,
            enabled: false,
            fatal: false,
            admin: Ring::default(),
            rings: BTreeMap::new(),
            semaphores: [0; SEMAPHORES as usize],
            dram: vec![0; dram_bytes],
            syndrome: None,
            errors: 0,
            counters: BTreeMap::new(),
            irqs: Vec::new(),
            faults: VecDeque::new(),
            resets: Resets::default(),
            overrides: BTreeMap::new(),
            every_register: None,
            doorbells: Vec::new(),
            function_resets: 0,
        }
    }

    pub fn csts(&self) -> u32 {
        Csts::from_fields(self.enabled || self.resets.controller_stuck, self.fatal, false).0
    }

    pub fn enable(&mut self, on: bool) {
        if on && !self.enabled {
            let a = &self.admin;
            let aligned = (a.sq | a.cq) % RING_ALIGN as u64 == 0;
            let sized = [a.sq_entries, a.cq_entries].iter().all(|n| (2..=MAX_RING).contains(n));
            if !aligned || !sized {
                self.fatal = true;
                let status = if sized { Status::BadAddress } else { Status::BadField };
                self.record(status, 0, 0, 0);
                return;
            }
            let ring = Ring { sq_head: 0, sq_tail: 0, cq_tail: 0, cq_head: 0, ..self.admin };
            self.rings = BTreeMap::from([(0, ring)]);
        } else if !on {
            self.rings.clear();
            self.semaphores = [0; SEMAPHORES as usize];
            (self.fatal, self.errors, self.counters) = (false, 0, BTreeMap::new());
        }
        self.enabled = on;
    }

    /// Records an error.
    pub fn record(&mut self, status: Status, queue: u16, cid: u16, address: u64) {
        self.errors += 1;
        self.syndrome.get_or_insert((status, queue, cid, address));
    }

    /// Adds to a counter.
    fn count(&mut self, counter: u64, by: usize) {
        *self.counters.entry(counter).or_default() += by as u64;
    }

    /// Takes a doorbell.
    pub fn doorbell(&mut self, queue: u16, head: bool, value: u32) {
        match self.rings.get_mut(&queue) {
            Some(ring) if head && value < ring.cq_entries as u32 => ring.cq_head = value as u16,
            Some(ring) if !head && value < ring.sq_entries as u32 => ring.sq_tail = value as u16,
            _ => self.record(Status::BadQueue, queue, 0xffff, 0),
        }
    }

    /// Copies between host memory and `bytes`; false when the IOVA range is not mapped.
    fn host(&self, iova: u64, bytes: &mut [u8], write: bool) -> bool {
        let maps = self.maps.lock().unwrap();
        let Some((start, (address, size))) = maps.range(..=iova).next_back() else { return false };
        let offset = (iova - start) as usize;
        if offset > *size || bytes.len() > size - offset {
            return false;
        }
        let host = (address + offset) as *mut u8;
        // SAFETY: in a mapped region by the check, and the map is locked, so that it stays mapped.
        unsafe {
            match write {
                true => std::ptr::copy_nonoverlapping(bytes.as_ptr(), host, bytes.len()),
                false => std::ptr::copy_nonoverlapping(host, bytes.as_mut_ptr(), bytes.len()),
            }
        }
        true
    }

    /// Runs the next command that can run; false when there is none.
    pub fn step(&mut self) -> bool {
        let ids: Vec<u16> = self.rings.keys().copied().collect();
        ids.into_iter().any(|id| self.step_queue(id))
    }

    fn step_queue(&mut self, id: u16) -> bool {
        let Some(mut ring) = self.rings.get(&id).copied() else { return false };
        let full = (ring.cq_tail + 1) % ring.cq_entries == ring.cq_head;
        if ring.hung || full || ring.sq_head == ring.sq_tail {
            return false;
        }
        let mut bytes = [0; 64];
        if !self.host(ring.sq + ring.sq_head as u64 * 64, &mut bytes, false) {
            (ring.hung, self.fatal) = (true, true);
            self.record(Status::HostReadError, id, 0xffff, ring.sq);
            self.rings.insert(id, ring);
            return true;
        }
        let command: Command = bytemuck::pod_read_unaligned(&bytes);
        if command.flags & FLAG_WAIT != 0
            && self.semaphores.get(command.wait_sem as usize).is_some_and(|s| *s < command.wait_value)
        {
            return false;
        }
        let fault = if id == 0 { Fault::None } else { self.faults.pop_front().unwrap_or(Fault::None) };
        ring.sq_head = (ring.sq_head + 1) % ring.sq_entries;
        match fault {
            Fault::Hang => ring.hung = true,
            Fault::Vanish => (ring.hung, self.every_register) = (true, Some(u32::MAX)),
            Fault::ReadZero => (ring.hung, self.every_register) = (true, Some(0)),
            Fault::Fatal => (ring.hung, self.fatal) = (true, true),
            _ => {}
        }
        if !ring.hung {
            let result = self.execute(id, &command);
            if let Err((status, _, address)) = result {
                self.record(status, id, command.cid, address);
            } else if command.flags & FLAG_SIGNAL != 0 {
                let sem = &mut self.semaphores[command.signal_sem as usize];
                *sem = (*sem).max(command.signal_value);
            }
            for (name, by) in [
                (counter::COMMANDS, 1),
                (counter::HOST_READ_BYTES, 64),
                (counter::HOST_WRITE_BYTES, 16),
                (counter::COPY_BUSY, 100),
                (counter::CYCLES, 200),
            ] {
                self.count(name, by);
            }
            self.post(id, &mut ring, &command, result, fault);
            if fault == Fault::Duplicate {
                self.post(id, &mut ring, &command, result, fault);
            }
        }
        self.rings.insert(id, ring);
        true
    }

    fn post(
        &mut self,
        id: u16,
        ring: &mut Ring,
        command: &Command,
        result: Result<(), Failure>,
        fault: Fault,
    ) {
        let (status, info) =
            result.map_or_else(|(status, info, _)| (status, info), |()| (Status::Success, 0));
        let mut completion = Completion {
            cycles: 100,
            info,
            sq_head: ring.sq_head,
            sq_id: id,
            cid: command.cid,
            status_phase: Completion::pack_status(status, !ring.flipped),
        };
        match fault {
            Fault::WrongCid => completion.cid ^= 1,
            Fault::WrongQueue => completion.sq_id ^= 3,
            Fault::HeadOutside => completion.sq_head = ring.sq_entries,
            Fault::HeadBehind => completion.sq_head = (ring.sq_head + ring.sq_entries - 1) % ring.sq_entries,
            Fault::UnknownStatus => completion.status_phase = 99 << 1 | completion.status_phase & 1,
            Fault::WrongPhase => completion.status_phase ^= 1,
            _ => {}
        }
        let mut bytes: [u8; 16] = bytemuck::cast(completion);
        let at = ring.cq + ring.cq_tail as u64 * 16;
        self.host(at, &mut bytes[..12], true);
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        self.host(at + 12, &mut bytes[12..], true);
        ring.cq_tail = (ring.cq_tail + 1) % ring.cq_entries;
        ring.flipped ^= ring.cq_tail == 0;
        if let (Some(raised), true) = (self.irqs.get_mut(ring.vector as usize), fault != Fault::NoInterrupt) {
            *raised = true;
        }
    }

    fn execute(&mut self, id: u16, command: &Command) -> Result<(), Failure> {
        let opcode = Opcode::try_from(command.opcode).map_err(|_| (Status::BadOpcode, 0, 0))?;
        let for_admin = matches!(opcode, Opcode::CreateQueue | Opcode::DeleteQueue | Opcode::SemaphoreSet);
        if opcode != Opcode::Nop && for_admin != (id == 0) {
            return Err((Status::BadOpcode, 0, 0));
        }
        let semaphore = |flag, sem| {
            if command.flags & flag != 0 {
                (sem as u32) < SEMAPHORES
            } else {
                sem == 0
            }
        };
        let bytes = bytemuck::bytes_of(command);
        let fields = BODIES.iter().find(|(op, _)| *op == opcode).map_or(&[][..], |(_, fields)| fields);
        let mut reserved = Command::FIELDS.iter().chain(fields).filter(|f| f.reserved);
        if command.flags & !(FLAG_WAIT | FLAG_SIGNAL) != 0
            || !semaphore(FLAG_WAIT, command.wait_sem)
            || !semaphore(FLAG_SIGNAL, command.signal_sem)
            || reserved.any(|f| bytes[f.offset..f.offset + f.bytes].iter().any(|b| *b != 0))
        {
            return Err((Status::BadFlags, 0, 0));
        }
        match opcode {
            Opcode::Nop => Ok(()),
            Opcode::CreateQueue => self.create(bytemuck::cast(command.body)),
            Opcode::DeleteQueue => {
                let body: DeleteQueueCommand = bytemuck::cast(command.body);
                match self.rings.get(&body.queue) {
                    Some(ring) if body.queue != 0 && ring.sq_head != ring.sq_tail => {
                        Err((Status::Busy, 0, 0))
                    }
                    Some(_) if body.queue != 0 => {
                        self.rings.remove(&body.queue);
                        Ok(())
                    }
                    _ => Err((Status::BadQueue, 0, 0)),
                }
            }
            Opcode::SemaphoreSet => {
                let body: SemaphoreSetCommand = bytemuck::cast(command.body);
                let sem = self.semaphores.get_mut(body.sem as usize);
                *sem.ok_or((Status::BadFlags, 0, 0))? = body.value;
                Ok(())
            }
            Opcode::Copy => self.copy(bytemuck::cast(command.body)),
            Opcode::Msm => self.msm(bytemuck::cast(command.body)),
            Opcode::Fill => {
                let body: FillCommand = bytemuck::cast(command.body);
                let range = self.range(body.card_addr, body.length, 16, 24)?;
                let pattern = body.pattern.to_le_bytes();
                self.dram[range].chunks_mut(8).for_each(|c| c.copy_from_slice(&pattern));
                Ok(())
            }
        }
    }

    /// Checks an MSM as the card does; computes only the one without points.
    fn msm(&mut self, body: MsmCommand) -> Result<(), Failure> {
        let (c, w) = (body.window_bits as u32, body.windows as u32);
        if !(MSM_WINDOWS.0..=MSM_WINDOWS.1).contains(&c) {
            return Err((Status::BadField, 44, 0));
        }
        if w == 0 || w * c > msm::MSM_MAX_SPAN || msm::bucket_slots(w, c) > 1 << MSM_LOG2_SLOTS {
            return Err((Status::BadField, 45, 0));
        }
        if body.group != Group::G1 as u8 {
            return Err((Status::BadField, 46, 0));
        }
        if body.format & !MSM_FORMAT_MONTGOMERY != 0 {
            return Err((Status::BadField, 47, 0));
        }
        self.range(body.bases, body.n as u64 * 64, 16, 16)?;
        self.range(body.scalars, (body.n as u64 * 32).next_multiple_of(64), 24, 24)?;
        let result = self.range(body.result, w as u64 * 128, 32, 32)?;
        assert_eq!(body.n, 0, "the fake card cannot add points");
        self.dram[result].fill(0);
        Ok(())
    }

    fn create(&mut self, body: CreateQueueCommand) -> Result<(), Failure> {
        for (offset, iova) in [(16, body.sq_iova), (24, body.cq_iova)] {
            if iova % RING_ALIGN as u64 != 0 {
                return Err((Status::BadAddress, offset, iova));
            }
        }
        for (offset, entries) in [(34, body.sq_entries), (36, body.cq_entries)] {
            if !(2..=MAX_RING).contains(&entries) {
                return Err((Status::BadField, offset, 0));
            }
        }
        if body.irq_vector > IO_QUEUES {
            return Err((Status::BadField, 38, 0));
        }
        if body.queue == 0 || body.queue > IO_QUEUES || self.rings.contains_key(&body.queue) {
            return Err((Status::BadQueue, 0, 0));
        }
        let ring = Ring {
            sq: body.sq_iova,
            cq: body.cq_iova,
            sq_entries: body.sq_entries,
            cq_entries: body.cq_entries,
            vector: body.irq_vector,
            ..Ring::default()
        };
        self.rings.insert(body.queue, ring);
        Ok(())
    }

    /// A range of card memory as indices, or the failure with the byte offsets of the address and length fields.
    fn range(
        &self,
        address: u64,
        length: u64,
        at: u32,
        len_at: u32,
    ) -> Result<std::ops::Range<usize>, Failure> {
        if length % ALIGN as u64 != 0 {
            return Err((Status::BadAddress, len_at, length));
        }
        let end = address.checked_add(length).filter(|end| *end <= self.dram.len() as u64);
        match end {
            Some(end) if address % ALIGN as u64 == 0 => Ok(address as usize..end as usize),
            _ => Err((Status::BadAddress, at, address)),
        }
    }

    fn copy(&mut self, body: CopyCommand) -> Result<(), Failure> {
        let kind = CopyKind::try_from(body.kind).map_err(|_| (Status::BadField, 44, 0))?;
        if kind == CopyKind::CardToCard && body.entries != 0 {
            return Err((Status::BadField, 40, 0));
        }
        let card = self.range(body.card_addr, body.length, 16, 32)?;
        if kind == CopyKind::CardToCard {
            let from = self.range(body.list, body.length, 24, 32)?;
            if from.start < card.end && card.start < from.end {
                return Err((Status::BadField, 24, body.list));
            }
            self.count(counter::DRAM_READ_BYTES, from.len());
            self.count(counter::DRAM_WRITE_BYTES, from.len());
            self.dram.copy_within(from, card.start);
            return Ok(());
        }
        if body.list % ALIGN as u64 != 0 {
            return Err((Status::BadAddress, 24, body.list));
        }
        if body.length == 0 {
            return Ok(());
        }
        let mut pieces = vec![SgEntry { iova: body.list, length: body.length as u32, reserved: 0 }];
        if body.entries > 0 {
            let mut list = vec![0; body.entries as usize * 16];
            if !self.host(body.list, &mut list, false) {
                return Err((Status::HostReadError, 0, body.list));
            }
            pieces = list.chunks(16).map(bytemuck::pod_read_unaligned).collect();
            let mut left = body.length;
            for (i, piece) in pieces.iter().enumerate() {
                let entry = body.list + i as u64 * 16;
                if piece.iova % ALIGN as u64 != 0 || piece.length % ALIGN != 0 {
                    return Err((Status::BadAddress, 24, entry));
                }
                if piece.reserved != 0 {
                    return Err((Status::BadField, 24, entry));
                }
                let last = i + 1 == pieces.len();
                if piece.length as u64 > left || (last && piece.length as u64 != left) {
                    return Err((Status::ListMismatch, i as u32, entry));
                }
                left -= piece.length as u64;
            }
        }
        let mut at = card.start;
        for piece in pieces {
            let range = at..at + piece.length as usize;
            let mut bytes = self.dram[range.clone()].to_vec();
            let write = kind == CopyKind::CardToHost;
            if !self.host(piece.iova, &mut bytes, write) {
                let status = if write { Status::HostWriteError } else { Status::HostReadError };
                return Err((status, 0, piece.iova));
            }
            at = range.end;
            let (host, dram) = match write {
                true => (counter::HOST_WRITE_BYTES, counter::DRAM_READ_BYTES),
                false => (counter::HOST_READ_BYTES, counter::DRAM_WRITE_BYTES),
            };
            self.count(host, range.len());
            self.count(dram, range.len());
            self.dram[range].copy_from_slice(&bytes);
        }
        Ok(())
    }
}

//! What the commands of the fake card do.

use super::engine::{Failure, Ring, State, MAX_RING, MSM_LOG2_SLOTS, MSM_WINDOWS};
use permafrost_abi::command::BODIES;
use permafrost_abi::*;

impl State {
    pub fn execute(&mut self, id: u16, command: &Command) -> Result<u32, Failure> {
        let opcode = Opcode::try_from(command.opcode).map_err(|_| (Status::BadOpcode, 0, 0))?;
        let for_admin = matches!(
            opcode,
            Opcode::CreateQueue | Opcode::DeleteQueue | Opcode::SemaphoreSet | Opcode::Abort
        );
        let absent = matches!(opcode, Opcode::Ntt | Opcode::Vector);
        if absent || opcode != Opcode::Nop && for_admin != (id == 0) {
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
                    Some(ring) if body.queue != 0 && ring.depth() > 0 => Err((Status::Busy, 0, 0)),
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
            Opcode::Abort => {
                let body: AbortCommand = bytemuck::cast(command.body);
                return self.abort(body.queue, body.cid);
            }
            Opcode::Copy => self.copy(bytemuck::cast(command.body)),
            Opcode::Msm => self.msm(bytemuck::cast(command.body)),
            Opcode::Fill => {
                let body: FillCommand = bytemuck::cast(command.body);
                let range = self.range(body.card_addr, body.length, 16, 24)?;
                let pattern = body.pattern.to_le_bytes();
                self.memory.write(range).chunks_mut(8).for_each(|c| c.copy_from_slice(&pattern));
                Ok(())
            }
            Opcode::Ntt | Opcode::Vector => unreachable!("refused above"),
        }
        .map(|()| 0)
    }

    /// Checks an MSM as the card does; computes only the one without points.
    fn msm(&mut self, body: MsmCommand) -> Result<(), Failure> {
        let (c, w) = (body.window_bits as u32, body.windows as u32);
        if !(MSM_WINDOWS.0..=MSM_WINDOWS.1).contains(&c) {
            return Err((Status::BadField, 44, 0));
        }
        let slots = 1u64 << (MSM_LOG2_SLOTS - u32::from(body.group == Group::G2 as u8));
        if w == 0 || w * c > msm::MSM_MAX_SPAN || msm::bucket_slots(w, c) > slots {
            return Err((Status::BadField, 45, 0));
        }
        let point = match body.group {
            g if g == Group::G1 as u8 => 64,
            g if g == Group::G2 as u8 => 128,
            _ => return Err((Status::BadField, 46, 0)),
        };
        if body.format & !MSM_FORMAT_MONTGOMERY != 0 {
            return Err((Status::BadField, 47, 0));
        }
        let (more, stride) = (body.more as u64, body.scalar_stride);
        if more == 0 && stride != 0 {
            return Err((Status::BadField, 56, 0));
        }
        if stride % ALIGN as u64 != 0 {
            return Err((Status::BadAddress, 56, stride));
        }
        self.range(body.bases, body.n as u64 * point, 16, 16)?;
        let vectors = more.saturating_mul(stride).saturating_add((body.n as u64 * 32).next_multiple_of(64));
        self.range(body.scalars, vectors.min(u64::MAX / 64 * 64), 24, 24)?;
        let result = self.range(body.result, (more + 1) * w as u64 * point, 32, 32)?;
        assert_eq!(body.n, 0, "the fake card cannot add points");
        self.memory.write(result).fill(0);
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
        if body.irq_vector > self.io_queues {
            return Err((Status::BadField, 38, 0));
        }
        if body.irq_count > 1 && body.irq_clocks == 0 {
            return Err((Status::BadField, 44, 0));
        }
        if body.queue == 0 || body.queue > self.io_queues || self.rings.contains_key(&body.queue) {
            return Err((Status::BadQueue, 0, 0));
        }
        let ring = Ring {
            sq: body.sq_iova,
            cq: body.cq_iova,
            sq_entries: body.sq_entries,
            cq_entries: body.cq_entries,
            vector: body.irq_vector,
            irq_count: body.irq_count,
            irq_clocks: body.irq_clocks,
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
        let end = address.checked_add(length).filter(|end| *end <= self.memory.bytes.len() as u64);
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
            let bytes = self.memory.bytes[from].to_vec();
            self.memory.write(card).copy_from_slice(&bytes);
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
            let mut bytes = self.memory.bytes[range.clone()].to_vec();
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
            if !write {
                self.memory.write(range).copy_from_slice(&bytes);
            }
        }
        Ok(())
    }
}

//! The driver's core: a card whose registers, completions and interrupts are anything.

use super::input::Input;
use permafrost_abi::registers::{CapEngines, CapQueues, Csts};
use permafrost_abi::*;
use permafrost_driver::{Card, CardOptions, Outstanding, QueueOptions, Request};
use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

const QUEUES: u32 = 2;
/// A CSTS that does not follow is read this often before the link is lost: time is dear here, and the deadline is the card's.
const MOST_CSTS: u32 = 200;
/// More calls than any run makes that ends.
const MOST_CALLS: u32 = 200_000;
/// A card that asks for long deadlines loses its link after so many.
const MOST_SLOW_CALLS: u32 = 2_000;

/// A ring pair as the card knows it.
#[derive(Clone, Copy, Default)]
struct Rings {
    sq: u64,
    cq: u64,
    sq_entries: u16,
    cq_entries: u16,
    /// Next command to fetch, and next completion to write.
    head: u16,
    tail: u16,
    phase: bool,
}

/// A register that reads something else, from the `after`th read of any register on.
struct Override {
    offset: u64,
    value: u32,
    after: u32,
    /// What is added for each read of a register.
    step: u32,
}

struct State {
    script: Vec<u8>,
    at: usize,
    overrides: Vec<Override>,
    admin: Rings,
    queues: [Rings; QUEUES as usize + 1],
    enabled: bool,
    reads: u32,
    csts_reads: u32,
    calls: u32,
    /// CAP_DEADLINE or CLOCK_KHZ are the input's: the driver may rightly wait for a minute.
    slow: bool,
    /// Completions that are late.
    late: Vec<(u64, Completion)>,
    next_iova: u64,
    /// IOVA, address and length of what is mapped.
    maps: Vec<(u64, usize, usize)>,
}

impl State {
    fn script(&mut self) -> u8 {
        self.at += 1;
        self.script.get(self.at - 1).copied().unwrap_or(0)
    }

    fn scripts<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.script())
    }

    /// The host's memory at an IOVA, where there are `len` bytes.
    fn host(&self, iova: u64, len: usize) -> Option<*mut u8> {
        let (start, ptr, size) = self.maps.iter().find(|(start, _, size)| {
            iova.checked_sub(*start).is_some_and(|at| at <= (*size - len.min(*size)) as u64 && len <= *size)
        })?;
        let _ = size;
        Some((*ptr + (iova - start) as usize) as *mut u8)
    }

    fn write(&self, iova: u64, bytes: &[u8]) {
        if let Some(to) = self.host(iova, bytes.len()) {
            // SAFETY: inside memory that is mapped; the driver holds no reference into it.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
        }
    }

    fn command(&self, iova: u64) -> Option<Command> {
        let from = self.host(iova, size_of::<Command>())?;
        // SAFETY: as above.
        Some(unsafe { from.cast::<Command>().read_unaligned() })
    }

    /// Commands up to `tail` are there.
    fn doorbell(&mut self, id: usize, tail: u16) {
        if !self.enabled {
            return;
        }
        for _ in 0..64 {
            let rings = if id == 0 { self.admin } else { self.queues[id] };
            if rings.head == tail || rings.sq_entries == 0 {
                return;
            }
            let Some(command) = self.command(rings.sq + 64 * u64::from(rings.head)) else { return };
            let head = (rings.head + 1) % rings.sq_entries;
            if id == 0 && command.opcode == Opcode::CreateQueue as u8 {
                let body: CreateQueueCommand = bytemuck::pod_read_unaligned(&command.body);
                if let Some(place) = self.queues.get_mut(usize::from(body.queue)) {
                    *place = Rings {
                        sq: body.sq_iova,
                        cq: body.cq_iova,
                        sq_entries: body.sq_entries,
                        cq_entries: body.cq_entries,
                        phase: true,
                        ..Rings::default()
                    };
                }
            }
            let rings = if id == 0 { &mut self.admin } else { &mut self.queues[id] };
            rings.head = head;
            let right = Completion {
                cycles: 9,
                sq_head: head,
                sq_id: id as u16,
                cid: command.cid,
                status_phase: Completion::pack_status(Status::Success, rings.phase),
                // Of ABORT: whether it stopped the command.
                info: u32::from(id == 0 && command.opcode == Opcode::Abort as u8 && self.abort(&command)),
            };
            self.complete(id, right);
        }
    }

    /// Carries ABORT out, unless the script has the card find nothing.
    fn abort(&mut self, command: &Command) -> bool {
        let body: AbortCommand = bytemuck::pod_read_unaligned(&command.body);
        let id = usize::from(body.queue);
        if id == 0 || id >= self.queues.len() || self.script() == 1 {
            return false;
        }
        let rings = self.queues[id];
        let aborted = Completion {
            sq_head: rings.head,
            sq_id: body.queue,
            cid: body.cid,
            status_phase: Completion::pack_status(Status::Aborted, rings.phase),
            ..Completion::default()
        };
        self.complete(id, aborted);
        true
    }

    /// Writes a completion, or what the script has instead.
    fn complete(&mut self, id: usize, mut completion: Completion) {
        let mut times = 1;
        match self.script() {
            1 => return, // it hangs
            2 => {
                let [at, with] = self.scripts();
                bytemuck::bytes_of_mut(&mut completion)[usize::from(at % 16)] ^= with;
            }
            3 => completion.status_phase ^= u16::from_le_bytes(self.scripts()) << 1,
            4 => times = 2,
            5 => {
                let at = self.slot(id);
                self.late.push((at, completion));
            }
            6 => completion = bytemuck::cast(self.scripts::<16>()),
            7 => {
                // Anywhere in any ring.
                let [queue, slot] = self.scripts();
                let rings = self.queues[usize::from(queue) % self.queues.len()];
                let bytes: [u8; 16] = self.scripts();
                self.write(rings.cq + 16 * u64::from(slot), &bytes);
            }
            8 => {
                let [register, a, b] = self.scripts();
                let value = u32::from_le_bytes([a, b, a, b]);
                self.overrides.push(Override {
                    offset: u64::from(register) * 4,
                    value,
                    after: 0,
                    step: (register & 1).into(),
                });
            }
            _ => {}
        }
        for _ in 0..times {
            let at = self.slot(id);
            self.write(at, bytemuck::bytes_of(&completion));
            let rings = if id == 0 { &mut self.admin } else { &mut self.queues[id] };
            rings.tail = (rings.tail + 1) % rings.cq_entries.max(1);
            rings.phase ^= rings.tail == 0;
        }
    }

    /// Where the next completion goes.
    fn slot(&self, id: usize) -> u64 {
        let rings = if id == 0 { self.admin } else { self.queues[id] };
        rings.cq + 16 * u64::from(rings.tail)
    }

    fn register(&mut self, offset: u64) -> u32 {
        self.reads += 1;
        let reads = self.reads;
        if let Some(o) = self.overrides.iter().rev().find(|o| o.offset == offset && reads > o.after) {
            return o.value.wrapping_add(o.step.wrapping_mul(reads));
        }
        match offset {
            reg::MAGIC => ABI_MAGIC,
            reg::VERSION => ABI_VERSION,
            reg::CAP_ENGINES => CapEngines::from_fields(true, true, false, false, false, false, false).0,
            reg::CAP_QUEUES => CapQueues::from_fields(QUEUES, 5, SEMAPHORES).0,
            reg::CAP_DEADLINE => 1,
            reg::DRAM_SIZE => 1 << 20,
            reg::CLOCK_KHZ => 250_000,
            reg::CSTS => Csts::from_fields(self.enabled, false, true, false).0,
            _ => 0,
        }
    }
}

struct Scripted(Arc<Mutex<State>>);

fn lost(detail: &str) -> TransportError {
    TransportError::Lost { transport: "fuzz".into(), detail: detail.into() }
}

impl Scripted {
    fn state(&self) -> Result<MutexGuard<'_, State>, TransportError> {
        let mut state = self.0.lock().expect("no panic");
        state.calls += 1;
        assert!(state.calls < MOST_CALLS, "the driver does not come to an end");
        match state.slow && state.calls > MOST_SLOW_CALLS {
            true => Err(lost("time is up")),
            false => Ok(state),
        }
    }
}

/// DMA memory of its own, so that an access outside it, or after its end, is found.
struct Memory {
    state: Arc<Mutex<State>>,
    ptr: *mut u8,
    layout: Layout,
}

// SAFETY: owned memory, freed once.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        let ptr = self.ptr as usize;
        self.state.lock().expect("no panic").maps.retain(|map| map.1 != ptr);
        // SAFETY: allocated with this layout, and mapped no more.
        unsafe { dealloc(self.ptr, self.layout) }
    }
}

impl Transport for Scripted {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        let mut state = self.state()?;
        let value = state.register(offset);
        if offset == reg::CSTS && Csts(value).ready() != state.enabled {
            state.csts_reads += 1;
            if state.csts_reads > MOST_CSTS {
                return Err(lost("CSTS does not follow"));
            }
        }
        Ok(value)
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        let mut state = self.state()?;
        match offset {
            reg::CC => {
                state.enabled = value & 1 != 0;
                (state.admin.head, state.admin.tail, state.admin.phase) = (0, 0, true);
                state.queues = Default::default();
            }
            reg::ADMIN_SQ => state.admin.sq = state.admin.sq >> 32 << 32 | u64::from(value),
            0x054 => state.admin.sq = state.admin.sq & 0xffff_ffff | u64::from(value) << 32,
            reg::ADMIN_CQ => state.admin.cq = state.admin.cq >> 32 << 32 | u64::from(value),
            0x05C => state.admin.cq = state.admin.cq & 0xffff_ffff | u64::from(value) << 32,
            reg::ADMIN_SIZE => {
                (state.admin.sq_entries, state.admin.cq_entries) = (value as u16, (value >> 16) as u16)
            }
            _ => {
                for id in 0..=QUEUES as u16 {
                    if offset == sq_doorbell(id) {
                        state.doorbell(id.into(), value as u16);
                    }
                }
            }
        }
        Ok(())
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        drop(self.state()?);
        let layout = Layout::from_size_align(len.next_multiple_of(4096), 4096)
            .map_err(|e| TransportError::OutOfMemory { requested: len, detail: e.to_string() })?;
        // SAFETY: the driver asks for at least one byte.
        let ptr = unsafe { alloc_zeroed(layout) };
        if ptr.is_null() {
            handle_alloc_error(layout);
        }
        let iova = {
            let mut state = self.0.lock().expect("no panic");
            let iova = state.next_iova;
            state.next_iova += layout.size() as u64 + 4096;
            state.maps.push((iova, ptr as usize, layout.size()));
            iova
        };
        let memory = Memory { state: self.0.clone(), ptr, layout };
        // SAFETY: the memory is this region's until `memory` is dropped, which unmaps it first.
        Ok(unsafe { DmaRegion::new(iova, ptr, layout.size(), Box::new(memory)) })
    }

    fn enable_irqs(&self, _: u16) -> Result<(), TransportError> {
        drop(self.state()?);
        Ok(())
    }

    fn wait_irq(&self, _: u16, _: Duration) -> Result<bool, TransportError> {
        let mut state = self.state()?;
        match state.script() {
            1 => Ok(true),
            2 => Err(lost("the wait for an interrupt fails")),
            3 => {
                for (at, completion) in std::mem::take(&mut state.late) {
                    state.write(at, bytemuck::bytes_of(&completion));
                }
                Ok(true)
            }
            4 => {
                let [queue, slot] = state.scripts();
                let cq = state.queues[usize::from(queue) % 3].cq;
                let bytes: [u8; 16] = state.scripts();
                state.write(cq + 16 * u64::from(slot), &bytes);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    fn reset(&self) -> Result<(), TransportError> {
        let mut state = self.state()?;
        if state.script() == 1 {
            return Err(TransportError::Io("no reset".into()));
        }
        state.enabled = false;
        state.overrides.clear();
        state.csts_reads = 0;
        Ok(())
    }

    fn name(&self) -> &str {
        "fuzz"
    }
}

/// Opens the card and uses it; every call ends, and an outcome is a success only if the card has said so.
pub fn completion(data: &[u8]) {
    let mut input = Input(data);
    let overrides: Vec<Override> = (0..input.u8() % 4)
        .map(|_| {
            let (offset, value, after) = (u64::from(input.u8()) * 4, input.u32(), u32::from(input.u8()));
            Override { offset, value, after: after & 63, step: after >> 6 }
        })
        .collect();
    let slow = overrides.iter().any(|o| [reg::CAP_DEADLINE, reg::CLOCK_KHZ].contains(&o.offset));
    let operations = usize::from(input.u8() % 8);
    let operations = input.bytes(operations);
    let state = State {
        script: input.0.to_vec(),
        at: 0,
        overrides,
        admin: Rings { phase: true, ..Rings::default() },
        queues: Default::default(),
        enabled: false,
        reads: 0,
        csts_reads: 0,
        calls: 0,
        slow,
        late: Vec::new(),
        next_iova: 0x1_0000_0000,
        maps: Vec::new(),
    };
    let options = CardOptions {
        io_queues: QUEUES as u16,
        queue_entries: 4,
        command_deadline: Duration::from_micros(2),
        least_deadline: Duration::ZERO,
        spin: Duration::ZERO,
        staging_bytes: 4096,
        dma_limit: 128 << 10,
        ..CardOptions::default()
    };
    let transport = Scripted(Arc::new(Mutex::new(state)));
    let Ok(card) = Card::open(Arc::new(transport), options) else { return };
    let mut tickets = Vec::new();
    let nop = || Request::new(&NopCommand::default());
    for operation in operations {
        let queue = u16::from(operation >> 4 & 1) + 1;
        match operation & 15 {
            0 | 1 => tickets.extend(card.submit(queue, nop())),
            2 => tickets.extend(
                card.submit_all(queue, (0..operation >> 5).map(|_| nop()).collect()).unwrap_or_default(),
            ),
            3 => tickets.drain(..).for_each(|ticket| {
                if let Ok(completion) = ticket.wait() {
                    assert_eq!((completion.status(), completion.sq_id > 0), (Ok(Status::Success), true));
                }
            }),
            4 => tickets.iter().for_each(|ticket| drop(ticket.poll())),
            5 => tickets.clear(),
            6 => drop(card.run(queue, nop().deadline(Duration::from_micros(1)))),
            7 => drop(card.set_semaphore(1, 5)),
            8 => drop(card.reset()),
            9 => drop(card.counters()),
            10 => drop(card.syndrome().and_then(|_| card.clear_syndrome())),
            11 => {
                if let Ok(buffer) = card.dram().alloc(u64::from(*operation)) {
                    let _ = card.write(&buffer, 0, &[7; 16]);
                    let mut back = [0; 16];
                    let _ = card.read(&buffer, 0, &mut back);
                    let _ = card.fill(&buffer, 0, 16, 3);
                }
            }
            12 => drop(card.dma_alloc(usize::from(*operation) << 4)),
            13 => drop(card.run(9, nop())),
            14 => match operation >> 5 {
                0 => drop(card.create_queue(QueueOptions { entries: 3, ..QueueOptions::default() })),
                1 => drop(card.delete_queue(queue, Outstanding::Wait)),
                2 => drop(card.delete_queue(queue, Outstanding::Abort)),
                3 | 4 => drop(card.restart_queue(queue)),
                _ => tickets.iter().for_each(|ticket| ticket.abort()),
            },
            _ => drop(card.run(queue, nop().wait(1, 1).signal(2, 2))),
        }
    }
}

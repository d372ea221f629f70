//! Our client: a server that answers anything, in front of all that the client's transport does.

use super::input::{descriptor, without_leak, Input};
use permafrost_abi::vfio_user::*;
use permafrost_abi::{pci, reg, Transport, ABI_MAGIC, BAR0_BYTES};
use permafrost_driver::VfioUser;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);
const MOST_OPERATIONS: u8 = 8;
const MOST_REPLIES: usize = 64;

/// What the client does after it has connected.
#[derive(Clone, Copy)]
enum Operation {
    Read(u64),
    Write(u64),
    Alloc(usize),
    Irqs(u16),
    Wait(u16),
    Reset,
}

impl Operation {
    fn take(input: &mut Input<'_>) -> Self {
        let (kind, value) = (input.u8(), input.u8());
        match kind % 8 {
            0 | 1 => Self::Read(u64::from(value) * 4),
            2 => Self::Write(u64::from(value) * 4),
            3 => Self::Alloc(usize::from(value) << 8),
            4 | 5 => Self::Irqs((value % 18).into()),
            6 => Self::Wait((value % 18).into()),
            _ => Self::Reset,
        }
    }
}

/// The replies that a right server gives, in order: id, command, payload.
#[derive(Default)]
struct Expected {
    next: u16,
    replies: Vec<(u16, u16, Vec<u8>)>,
}

impl Expected {
    fn reply(&mut self, command: u16, payload: &[u8]) {
        self.replies.push((self.next, command, payload.to_vec()));
        self.next = self.next.wrapping_add(1);
    }

    fn read(&mut self, offset: u64, value: u32) {
        let access = RegionAccess { offset, region: pci::REGISTER_BAR, count: 4 };
        self.reply(command::REGION_READ, &[bytemuck::bytes_of(&access), &value.to_le_bytes()].concat());
    }

    fn connect(&mut self) {
        self.reply(command::VERSION, bytemuck::bytes_of(&Version { major: 0, minor: 1 }));
        let info = DeviceInfo { argsz: 16, flags: DEVICE_PCI, regions: REGIONS, irqs: IRQS };
        self.reply(command::DEVICE_GET_INFO, bytemuck::bytes_of(&info));
        let region = RegionInfo { argsz: 32, size: BAR0_BYTES.into(), ..RegionInfo::default() };
        self.reply(command::DEVICE_GET_REGION_INFO, bytemuck::bytes_of(&region));
        let irqs = IrqInfo { argsz: 16, flags: IRQ_EVENTFD, index: IRQ_MSIX, count: 15 };
        self.reply(command::DEVICE_GET_IRQ_INFO, bytemuck::bytes_of(&irqs));
        self.reply(command::REGION_WRITE, &[0; 16]);
        self.read(reg::MAGIC, ABI_MAGIC);
        self.read(reg::CLOCK_KHZ, 250_000);
    }

    fn operation(&mut self, operation: Operation) {
        match operation {
            Operation::Read(offset) => self.read(offset, 7),
            // Posted: it has an id, and no reply.
            Operation::Write(_) => self.next = self.next.wrapping_add(1),
            Operation::Alloc(_) => self.reply(command::DMA_MAP, &[]),
            Operation::Irqs(vectors) if vectors > 15 => {}
            Operation::Irqs(vectors) => (0..=vectors).for_each(|_| self.reply(command::DEVICE_SET_IRQS, &[])),
            Operation::Wait(_) => {}
            Operation::Reset => {
                self.reply(command::DEVICE_RESET, &[]);
                self.reply(command::REGION_WRITE, &[0; 16]);
            }
        }
    }
}

/// What the server sends: the right replies, changed as the input says.
fn serve(stream: &UnixStream, expected: &Expected, input: &mut Input<'_>) {
    let channel =
        Channel::new(stream.try_clone().expect("a descriptor"), LIMIT, Some(LIMIT)).expect("limits");
    for (id, command, payload) in expected.replies.iter().take(MOST_REPLIES) {
        let mut payload = payload.clone();
        let mut header = Header { id: *id, command: *command, flags: flags::REPLY, ..Header::default() };
        let mut fds = Vec::new();
        match input.u8() {
            0 => {}
            kind => {
                if kind & 1 != 0 {
                    let (at, len) = (usize::from(input.u8() % 40), usize::from(input.u8() % 24));
                    let bytes = input.bytes(len);
                    payload.resize(payload.len().max(at + bytes.len()), 0);
                    payload[at..at + bytes.len()].copy_from_slice(bytes);
                }
                if kind & 2 != 0 {
                    payload.truncate(input.u8().into());
                }
                if kind & 4 != 0 {
                    header.flags = input.u8().into();
                    header.error = input.u32();
                }
                if kind & 8 != 0 {
                    let word = input.u16();
                    (header.id, header.command) = (id ^ (word & 0xff), command ^ (word >> 8));
                }
                if kind & 16 != 0 {
                    fds = input.bytes(usize::from(input.0.first().map_or(0, |n| n % 16))).to_vec();
                }
                if kind & 32 != 0 {
                    // A command in front of the reply.
                    let access = DmaAccess { address: 0, count: input.u8().into() };
                    let ask = Header { id: 9, command: input.u8().into(), ..Header::default() };
                    let _ = channel.send(ask, &[bytemuck::bytes_of(&access)], &[]);
                }
                if kind & 64 != 0 {
                    // Bytes that are no message, and nothing after them.
                    let _ = rustix::io::write(stream, input.bytes(64));
                    return;
                }
            }
        }
        let fds: Vec<_> = fds.iter().map(|kind| descriptor(*kind)).collect();
        let _ = channel.send(header, &[&payload], &fds);
    }
}

/// Connects, does a few things, and goes.
pub fn vfio_user_client(data: &[u8]) {
    without_leak(|| {
        let mut input = Input(data);
        let operations: Vec<_> =
            (0..input.u8() % (MOST_OPERATIONS + 1)).map(|_| Operation::take(&mut input)).collect();
        let mut expected = Expected::default();
        expected.connect();
        operations.iter().for_each(|operation| expected.operation(*operation));
        operations
            .iter()
            .filter(|o| matches!(o, Operation::Alloc(_)))
            .for_each(|_| expected.reply(command::DMA_UNMAP, &[0; 24]));
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        serve(&ours, &expected, &mut input);
        ours.shutdown(Shutdown::Write).expect("an open socket");
        let Ok(card) = VfioUser::on_stream(theirs) else { return };
        assert!(card.deadline_scale() >= 1);
        let mut regions = Vec::new();
        for operation in operations {
            // Errors are answers too.
            match operation {
                Operation::Read(offset) => drop(card.read32(offset)),
                Operation::Write(offset) => drop(card.write32(offset, 3)),
                Operation::Alloc(len) => {
                    if let Ok(region) = card.dma_alloc(len) {
                        assert!(region.len() >= len && region.iova() % 4096 == 0);
                        region.write(region.len() - 4, &[1; 4]);
                        regions.push(region);
                    }
                }
                Operation::Irqs(vectors) => drop(card.enable_irqs(vectors)),
                Operation::Wait(vector) => drop(card.wait_irq(vector, Duration::ZERO)),
                Operation::Reset => drop(card.reset()),
            }
        }
    });
}

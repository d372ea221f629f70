//! Our server: commands and sessions of any messages, with descriptors, and a card that does DMA and raises interrupts meanwhile.

use super::input::{descriptor, without_leak, Input};
use permafrost_abi::vfio_user::*;
use permafrost_abi::{TransportError, BAR0_BYTES};
use permafrost_sim::pci::Registers;
use permafrost_sim::vfio_user::fuzz::{Port, Served};
use rustix::io::Errno;
use rustix::net::{recv, RecvFlags};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::Duration;

/// Most messages; all of them, and small replies to all of them, fit into the socket's buffers.
const MOST_MESSAGES: usize = 24;
/// Most commands that come without a socket.
const MOST_COMMANDS: usize = 64;
const LIMIT: Duration = Duration::from_secs(5);
/// In front of inputs that are served by threads, as the real server does.
const THREADS: u8 = b'T';
/// In front of inputs whose bytes are the stream.
const STREAM: u8 = b'S';

/// What the card does by itself.
#[derive(Clone, Copy)]
enum Act {
    Read(u64),
    Write(u64, u64),
    Interrupt(u16),
    Failed,
}

impl Act {
    fn take(input: &mut Input<'_>) -> Self {
        let kind = input.u8();
        let mut beat = || input.address().wrapping_add(u64::from(input.u8()) * 64) & !63;
        match kind {
            0..=99 => Self::Read(beat()),
            100..=219 => Self::Write(beat(), 1 << (input.u8() % 64) | 3),
            220..=254 => Self::Interrupt(input.u8().into()),
            255 => Self::Failed,
        }
    }

    fn run(self, port: &Port) {
        let mut beat = [0x5a; 64];
        match self {
            Self::Read(address) => drop(port.read(address, &mut beat)),
            Self::Write(address, strobe) => {
                // What was written to memory that is shared is read back, if it can be read.
                if port.write(address, &beat, strobe) && strobe & 1 != 0 {
                    let mut back = [0; 64];
                    if port.read(address, &mut back) {
                        SHARED.with(|shared| shared.set(shared.get() && back[0] == 0x5a));
                    }
                }
            }
            Self::Interrupt(vector) => port.interrupt(vector),
            Self::Failed => port.failed(),
        }
    }
}

thread_local! {
    /// Whether everything that this thread has written could be read back.
    static SHARED: Cell<bool> = const { Cell::new(true) };
}

/// Registers: a write makes the card do something.
#[derive(Default)]
struct Behind {
    port: Port,
    acts: Mutex<VecDeque<Act>>,
}

impl Behind {
    fn act(&self) {
        let act = self.acts.lock().expect("no panic").pop_front();
        if let Some(act) = act {
            act.run(&self.port);
        }
    }
}

impl Registers for &Behind {
    fn read32(&self, offset: u32) -> u32 {
        assert!(offset % 4 == 0 && offset < BAR0_BYTES);
        offset
    }
    fn write32(&self, offset: u32, _: u32) {
        assert!(offset % 4 == 0 && offset < BAR0_BYTES);
        self.act();
    }
    fn reset(&self) -> Result<(), TransportError> {
        Ok(())
    }
}

/// A message of the client and its descriptors.
struct Sent {
    header: Header,
    payload: Vec<u8>,
    fds: Vec<u8>,
}

impl Sent {
    fn new(command: u16, payload: &[u8], fds: &[u8]) -> Self {
        let header = Header { command, ..Header::default() };
        Self { header, payload: payload.to_vec(), fds: fds.to_vec() }
    }

    /// A message from a few bytes: one that makes sense in most of its fields, or none.
    fn take(input: &mut Input<'_>) -> Self {
        let kind = input.u8();
        let argsz = 32;
        let mut sent = match kind % 12 {
            0 | 1 => {
                let (flags, address, offset, size) =
                    (input.u8().into(), input.address(), input.address(), input.address());
                let fd = [input.u8()];
                let fd: &[u8] = if fd[0] == 0xff { &[] } else { &fd };
                let map = DmaMap { argsz, flags, offset, address, size };
                Self::new(command::DMA_MAP, bytemuck::bytes_of(&map), fd)
            }
            2 => {
                let (flags, address, size) = (input.u8().into(), input.address(), input.address());
                let unmap = DmaUnmap { argsz, flags, address, size };
                Self::new(command::DMA_UNMAP, bytemuck::bytes_of(&unmap), &[])
            }
            3 | 4 => {
                let (flags, index) = (input.u8().into(), input.u8().into());
                let (start, count) = (input.u8().into(), input.u8().into());
                let set = SetIrqs { argsz, flags, index, start, count };
                let fds = usize::from(input.u8()) % (MAX_FDS + 1);
                let fds = input.bytes(fds);
                let bools = [bytemuck::bytes_of(&set), input.bytes(if fds.is_empty() { 16 } else { 0 })];
                Self::new(command::DEVICE_SET_IRQS, &bools.concat(), fds)
            }
            5 => {
                let access = RegionAccess {
                    region: input.u8().into(),
                    offset: input.u16().into(),
                    count: input.u8().into(),
                };
                Self::new(command::REGION_READ, bytemuck::bytes_of(&access), &[])
            }
            6 | 7 => {
                let (region, offset, len) = (input.u8().into(), input.u16().into(), input.u8() % 32);
                let data = input.bytes(len.into());
                let access = RegionAccess { region, offset, count: data.len() as u32 };
                Self::new(command::REGION_WRITE, &[bytemuck::bytes_of(&access), data].concat(), &[])
            }
            8 => {
                let (command, index) = (command::DEVICE_GET_INFO + u16::from(input.u8() % 4), input.u8());
                let mut words = [0u32; 8];
                (words[0], words[2]) = (argsz, index.into());
                Self::new(command, bytemuck::bytes_of(&words), &[])
            }
            9 => Self::new(command::DEVICE_RESET, &[], &[]),
            10 => {
                // Version 0.0 and JSON.
                let len = input.u8();
                Self::new(command::VERSION, &[&[0; 4], input.bytes(len.into())].concat(), &[])
            }
            _ => {
                let (command, fds, len) = (input.u8(), usize::from(input.u8()) % (MAX_FDS + 1), input.u8());
                let fds = input.bytes(fds);
                Self::new(command.into(), input.bytes(len.into()), fds)
            }
        };
        match kind / 12 {
            0..=15 => {}
            16 | 17 => sent.header.flags = flags::NO_REPLY,
            18 => sent.header.flags = flags::REPLY,
            19 => sent.header.flags = input.u8().into(),
            _ => {
                // One word of it is something else.
                let at = usize::from(input.u8()) * 4;
                let word = input.u32().to_le_bytes();
                if let Some(place) = sent.payload.get_mut(at..at + 4) {
                    place.copy_from_slice(&word);
                }
            }
        }
        sent
    }

    /// As it comes out of the socket.
    fn received(self) -> Message {
        let fd = |kind: &u8| descriptor(*kind).try_clone_to_owned().expect("a descriptor");
        let fds = self.fds.iter().take(MAX_FDS).map(fd).collect();
        Message { header: self.header, payload: self.payload, fds, fds_lost: self.fds.len() > MAX_FDS }
    }

    fn send(&self, channel: &Channel) -> Result<(), ChannelError> {
        let fds: Vec<_> = self.fds.iter().map(|kind| descriptor(*kind)).collect();
        channel.send(self.header, &[&self.payload], &fds)
    }
}

/// The device, its client's part empty, and what the card does.
fn served<'b>(input: &mut Input<'_>, port: &Port, behind: &'b mut Behind) -> Served<&'b Behind> {
    let acts = (0..input.u8() % 32).map(|_| Act::take(input)).collect();
    *behind = Behind { port: port.clone(), acts: Mutex::new(acts) };
    SHARED.with(|shared| shared.set(true));
    Served::new(behind, port)
}

/// Messages until the end of the input, after one that agrees on the version unless `mode` has bit 7.
fn messages(mode: u8, input: &mut Input<'_>, most: usize) -> Vec<Sent> {
    let mut messages = vec![];
    if mode & 0x80 == 0 {
        messages.push(Sent::new(command::VERSION, bytemuck::bytes_of(&Version::default()), &[]));
    }
    while !input.is_empty() && messages.len() < most {
        let mut message = Sent::take(input);
        message.header.id = messages.len() as u16;
        messages.push(message);
    }
    messages
}

/// Nothing of the client is left, and everything that the card has written could be read back.
fn check_end(port: &Port) {
    assert!(SHARED.with(Cell::get), "memory does not hold what the card has written");
    assert!(!port.read(0, &mut [0; 64]) && !port.write(0x10000, &[0; 64], 1));
}

/// Commands of a client as they come out of the socket, and what is replied.
pub fn vfio_user_server(data: &[u8]) {
    without_leak(|| {
        let mut input = Input(data);
        let mode = input.u8();
        let (port, mut behind) = (Port::default(), Behind::default());
        let served = served(&mut input, &port, &mut behind);
        for (i, sent) in messages(mode, &mut input, MOST_COMMANDS).into_iter().enumerate() {
            served.registers().act();
            let (command, argument) = (sent.header.command, sent.payload.clone());
            let reply = served.command(sent.received(), i == 0);
            match (i, &reply) {
                (0, Err(_)) => break,
                (_, Err(errno)) => assert!((1..4096).contains(&errno.raw_os_error())),
                (0, Ok(reply)) => assert!(reply.len() > 4 && reply.ends_with(&[0])),
                (_, Ok(reply)) => match command {
                    command::DMA_MAP | command::DEVICE_SET_IRQS | command::DEVICE_RESET => {
                        assert!(reply.is_empty())
                    }
                    command::DMA_UNMAP => assert_eq!(reply[..], argument[..24]),
                    command::DEVICE_GET_INFO | command::DEVICE_GET_IRQ_INFO => assert_eq!(reply.len(), 16),
                    command::DEVICE_GET_REGION_INFO => assert_eq!(reply.len(), 32),
                    command::REGION_READ => {
                        let (access, data) = split::<RegionAccess>(reply).expect("a reply to a read");
                        assert_eq!((access.count as usize, &reply[..16]), (data.len(), &argument[..16]));
                    }
                    command::REGION_WRITE => assert_eq!(reply[..], argument[..16]),
                    other => panic!("command {other} is carried out"),
                },
            }
        }
        served.end();
        check_end(&port);
    });
}

/// A session on a socket from the version message to the end of the input; with threads, as the server has them, when
/// the first byte says so.
pub fn vfio_user_session(data: &[u8]) {
    without_leak(|| {
        let mut input = Input(data);
        let mode = input.u8();
        let (port, mut behind) = (Port::default(), Behind::default());
        let served = served(&mut input, &port, &mut behind);
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        let channel =
            Channel::new(ours.try_clone().expect("a descriptor"), LIMIT, Some(LIMIT)).expect("limits");
        if mode == STREAM {
            let bytes = &input.0[..input.0.len().min(16 << 10)];
            rustix::io::write(&ours, bytes).expect("room in the socket");
        } else {
            // What follows the messages of a session with threads is for the client's answers.
            let most = if mode == THREADS { 8 } else { MOST_MESSAGES };
            let messages = messages(mode, &mut input, most);
            for message in &messages {
                message.send(&channel).expect("room in the socket");
            }
            if mode == THREADS {
                let expected = |m: &&Sent| m.header.flags & (flags::TYPE | flags::NO_REPLY) == 0;
                let expected = messages.iter().filter(expected).count();
                let script = input.0;
                std::thread::scope(|scope| {
                    scope.spawn(move || answer(&channel, Input(script), expected));
                    served.serve(theirs);
                });
                return;
            }
        }
        ours.shutdown(Shutdown::Write).expect("an open socket");
        let mut replies = [0; 4096];
        served.serve_inline(theirs, || {
            served.registers().act();
            // As long as there are replies, so that there is room for more.
            loop {
                match recv(&ours, &mut replies[..], RecvFlags::DONTWAIT) {
                    Ok((0, _)) | Err(Errno::AGAIN) => break,
                    Ok(_) => {}
                    Err(errno) => panic!("the client's socket: {errno}"),
                }
            }
        });
        check_end(&port);
    });
}

/// The client's side of a session with threads: takes `expected` replies and carries DMA out, or not, as the input says.
fn answer(channel: &Channel, mut input: Input<'_>, expected: usize) {
    let mut replies = 0;
    while replies < expected {
        let Ok(message) = channel.receive() else { break };
        if message.is_reply() {
            replies += 1;
            continue;
        }
        let kind = input.u8();
        let mut header = Header { flags: flags::REPLY, ..message.header };
        let mut payload = message.payload;
        match kind {
            // The client goes away.
            1 => break,
            2 => header.flags |= flags::ERROR,
            3 => header.command = input.u8().into(),
            4 => payload.truncate(input.u8().into()),
            5 => payload = input.bytes(64).to_vec(),
            _ if header.command == command::DMA_READ => payload.resize(16 + 64, kind),
            _ => payload.truncate(16),
        }
        if channel.send(header, &[&payload], &[]).is_err() {
            break;
        }
        if kind == 3 {
            // It may be a command now, which is answered, too.
            break;
        }
    }
    channel.shutdown();
}

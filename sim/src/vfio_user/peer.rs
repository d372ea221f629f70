//! The client at the other end of the socket: replies to it, and commands for it.

use crate::card::locked;
use permafrost_abi::vfio_user::*;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Longest time for the client to take a message, and to answer a command.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a newcomer waits for the last client to be gone; less than a second.
const GRACE: Duration = Duration::from_millis(300);

/// A connected client.
#[derive(Debug)]
pub(super) struct Peer {
    channel: Channel,
    /// Held while a message is sent.
    sending: Mutex<()>,
    /// Held while a command to the client is outstanding: the card does one access at a time.
    calling: Mutex<u16>,
    /// The id of that command, and who waits for the reply.
    waiting: Mutex<Option<(u16, SyncSender<Message>)>>,
}

impl Peer {
    pub fn new(stream: UnixStream) -> Result<Self, ChannelError> {
        Ok(Self {
            channel: Channel::new(stream, LIMIT, None)?,
            sending: Mutex::default(),
            calling: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// The next message of the client. For one thread, which hands replies to [`answered`](Self::answered).
    pub fn receive(&self) -> Result<Message, ChannelError> {
        self.channel.receive()
    }

    /// Sends the reply to the command with this header.
    pub fn reply(&self, to: &Header, result: Result<&[u8], Errno>) -> Result<(), ChannelError> {
        let reply = Header { id: to.id, command: to.command, flags: flags::REPLY, ..Header::default() };
        let _only = locked(&self.sending);
        match result {
            Ok(payload) => self.channel.send(reply, &[payload], &[]),
            Err(errno) => {
                let error = errno.raw_os_error() as u32;
                self.channel.send(Header { flags: flags::REPLY | flags::ERROR, error, ..reply }, &[], &[])
            }
        }
    }

    /// A reply has come; one that nobody waits for is dropped.
    pub fn answered(&self, message: Message) {
        let mut waiting = locked(&self.waiting);
        match waiting.take_if(|(id, _)| *id == message.header.id) {
            // An error means that the waiter has given up.
            Some((_, waiter)) => drop(waiter.send(message)),
            None => tracing::warn!(id = message.header.id, "the client answers what was not asked"),
        }
    }

    /// Ends the connection, and whatever waits for the client.
    pub fn close(&self) {
        self.channel.shutdown();
        locked(&self.waiting).take();
    }

    /// Whether the connection is closed, by either end, or will be in a moment: a process that has just been forked off the
    /// client keeps it open until it runs its own program.
    pub fn has_hung_up(&self) -> bool {
        let end = Instant::now() + GRACE;
        loop {
            let mut state = [PollFd::new(&self.channel, PollFlags::empty())];
            let left = end.saturating_duration_since(Instant::now());
            let limit = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
            match poll(&mut state, Some(&limit)) {
                Err(Errno::INTR) => {}
                seen => return matches!(seen, Ok(1)),
            }
        }
    }

    /// Reads `data.len()` bytes of the client's memory; `None` when it refuses or does not answer.
    pub fn dma_read(&self, address: u64, data: &mut [u8]) -> Option<()> {
        let access = DmaAccess { address, count: data.len() as u64 };
        let reply = self.call(command::DMA_READ, &[bytemuck::bytes_of(&access)])?;
        let (seen, bytes) = split::<DmaAccess>(&reply.payload)?;
        (seen == access && bytes.len() == data.len()).then(|| data.copy_from_slice(bytes))
    }

    /// Writes to the client's memory.
    pub fn dma_write(&self, address: u64, data: &[u8]) -> Option<()> {
        let access = DmaAccess { address, count: data.len() as u64 };
        self.call(command::DMA_WRITE, &[bytemuck::bytes_of(&access), data]).map(|_| ())
    }

    /// Sends a command and waits for its successful reply.
    fn call(&self, command: u16, parts: &[&[u8]]) -> Option<Message> {
        let mut next = locked(&self.calling);
        *next = next.wrapping_add(1);
        let id = *next;
        let (waiter, reply) = sync_channel(1);
        *locked(&self.waiting) = Some((id, waiter));
        let sent = {
            let _only = locked(&self.sending);
            self.channel.send(Header { id, command, ..Header::default() }, parts, &[])
        };
        let reply = match sent {
            Ok(()) => reply.recv_timeout(LIMIT).ok(),
            Err(_) => None,
        };
        if reply.is_none() {
            locked(&self.waiting).take();
            tracing::warn!(
                command,
                "the client did not answer a DMA access; a virtual machine must share its memory (QEMU: memory-backend-memfd,share=on)"
            );
        }
        reply.filter(|m| m.header.command == command && m.header.flags & flags::ERROR == 0)
    }
}

//! The client at the other end of the socket: replies to it, and commands for it.

use crate::card::locked;
use permafrost_abi::vfio_user::*;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, RecvTimeoutError, SyncSender};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Longest time for the client to say its version, to take a message, and to answer a command.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a newcomer waits for the last client to be gone; less than a second.
const GRACE: Duration = Duration::from_millis(300);

/// A connected client.
#[derive(Debug)]
pub(super) struct Peer {
    channel: Channel,
    limit: Duration,
    /// Whether its first message has come, for which it has only so much time.
    greeted: AtomicBool,
    /// Held while a command to the client is outstanding: the card does one access at a time. The command's id.
    calling: Mutex<u16>,
    waiting: Mutex<Waiting>,
}

/// Replies that are to come.
#[derive(Debug, Default)]
struct Waiting {
    /// The id of the outstanding command, and who waits for the reply.
    now: Option<(u16, SyncSender<Message>)>,
    /// A command that was not answered in time. Until it is, the client is asked nothing: an access of the card that nobody
    /// answers stops the card for the whole limit, and a copy has thousands.
    overdue: Option<u16>,
}

impl Peer {
    pub fn new(stream: UnixStream) -> Result<Self, ChannelError> {
        Self::with_limit(stream, LIMIT)
    }

    fn with_limit(stream: UnixStream, limit: Duration) -> Result<Self, ChannelError> {
        Ok(Self {
            channel: Channel::new(stream, limit, Some(limit))?,
            limit,
            greeted: AtomicBool::default(),
            calling: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// The next message of the client, without a limit of time after the first. For one thread, which hands replies to
    /// [`answered`](Self::answered).
    pub fn receive(&self) -> Result<Message, ChannelError> {
        let message = self.channel.receive()?;
        if !self.greeted.swap(true, Ordering::Relaxed) {
            self.channel.set_receive_limit(None)?;
        }
        Ok(message)
    }

    /// Sends the reply to the command with this header.
    pub fn reply(&self, to: &Header, result: Result<&[u8], Errno>) -> Result<(), ChannelError> {
        self.channel.reply(to, result)
    }

    /// Tells a newcomer that there is no room.
    pub fn turn_away(&self) {
        let header = Header { command: command::VERSION, ..Header::default() };
        let _ = self.reply(&header, Err(Errno::BUSY)); // it may have gone already
    }

    /// A reply has come; one that nobody waits for is dropped.
    pub fn answered(&self, message: Message) {
        let mut waiting = locked(&self.waiting);
        let id = message.header.id;
        if let Some((_, waiter)) = waiting.now.take_if(|(wanted, _)| *wanted == id) {
            // An error means that the waiter has given up.
            let _ = waiter.send(message);
        } else if waiting.overdue.take_if(|overdue| *overdue == id).is_some() {
            tracing::info!("the client answers DMA accesses again");
        } else {
            tracing::warn!(id, "the client answers what was not asked");
        }
    }

    /// Ends the connection, and whatever waits for the client.
    pub fn close(&self) {
        self.channel.shutdown();
        locked(&self.waiting).now.take();
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
        let (waiter, reply) = sync_channel(1);
        {
            let mut waiting = locked(&self.waiting);
            if waiting.overdue.is_some() {
                return None;
            }
            *next = next.wrapping_add(1);
            waiting.now = Some((*next, waiter));
        }
        let id = *next;
        if let Err(error) = self.channel.send(Header { id, command, ..Header::default() }, parts, &[]) {
            tracing::debug!(%error, "a DMA access could not be sent to the client");
            // Half of it may have been sent.
            self.close();
            return None;
        }
        let reply = match reply.recv_timeout(self.limit) {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Disconnected) => return None, // the connection is closed
            Err(RecvTimeoutError::Timeout) => {
                let mut waiting = locked(&self.waiting);
                if waiting.now.take().is_some() {
                    waiting.overdue = Some(id);
                    tracing::warn!(
                        command,
                        "the client did not answer a DMA access within {:?}; until it does, all of them fail. A virtual machine \
                         must share its memory (QEMU: memory-backend-memfd,share=on)",
                        self.limit
                    );
                    return None;
                }
                reply.try_recv().ok()? // in that very moment
            }
        };
        Some(reply).filter(|m| m.header.command == command && m.header.flags & flags::ERROR == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const SHORT: Duration = Duration::from_millis(50);

    fn pair() -> (Peer, Channel, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let raw = ours.try_clone().unwrap();
        let far = Channel::new(theirs, SHORT, Some(SHORT)).unwrap();
        (Peer::with_limit(ours, SHORT).unwrap(), far, raw)
    }

    #[test]
    fn a_silent_client_holds_the_card_up_once() {
        let (peer, client, _) = pair();
        let mut data = [0; 64];
        assert_eq!(peer.dma_read(0x1000, &mut data), None);
        let first = client.receive().unwrap();
        let start = Instant::now();
        (0..1000).for_each(|_| assert_eq!(peer.dma_read(0x1000, &mut data), None));
        assert!(start.elapsed() < 100 * SHORT, "each of them has waited");
        assert!(matches!(client.receive(), Err(ChannelError::TimedOut)), "nothing more is asked");
        // It answers another command, and then this one.
        let other = Header { id: first.header.id.wrapping_add(1), ..first.header };
        for (header, works) in [(other, false), (first.header, true)] {
            client.reply(&header, Ok(&[])).unwrap();
            peer.answered(peer.receive().unwrap());
            std::thread::scope(|scope| {
                let asked = scope.spawn(|| peer.dma_write(0x1000, &[7; 8]));
                if works {
                    let message = client.receive().unwrap();
                    client.reply(&message.header, Ok(&[])).unwrap();
                    peer.answered(peer.receive().unwrap());
                }
                assert_eq!(asked.join().unwrap().is_some(), works);
            });
        }
    }

    /// The rest of a message that was cut short would be read as the next.
    #[test]
    fn a_client_that_takes_nothing_is_disconnected() {
        let (peer, _client, mut raw) = pair();
        while raw.write(&[0; 4096]).is_ok() {} // the limit of time holds here, too
        assert!(!peer.has_hung_up());
        assert_eq!(peer.dma_write(0x1000, &[0; 64]), None);
        assert!(peer.has_hung_up());
    }

    #[test]
    fn only_the_first_message_has_a_limit_of_time() {
        let (peer, client, _) = pair();
        assert!(matches!(peer.receive(), Err(ChannelError::TimedOut)));
        client.send(Header::default(), &[], &[]).unwrap();
        peer.receive().unwrap();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| peer.receive());
            std::thread::sleep(3 * SHORT);
            client.send(Header { id: 5, ..Header::default() }, &[], &[]).unwrap();
            assert_eq!(next.join().unwrap().unwrap().header.id, 5);
        });
    }
}

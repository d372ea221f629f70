//! One client from its version message to its end.

use super::commands::{negotiate, Device};
use super::peer::Peer;
use crate::card::locked;
use crate::pci::Registers;
use permafrost_abi::vfio_user::{flags, ChannelError, Header, Message};
use rustix::io::Errno;
use std::sync::mpsc::{sync_channel, Receiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Commands that are read ahead of the one being carried out. When the queue is full nothing is read, replies
/// to the card's own accesses included; these then end by their time limit.
const READ_AHEAD: usize = 4096;
/// The same in bytes, for the largest messages: together they may not be gigabytes.
const READ_AHEAD_BYTES: usize = 16 << 20;
/// What a descriptor counts as: of these, too, a process has few.
const DESCRIPTOR_BYTES: usize = 16 << 10;

/// What is read ahead and not yet carried out, in bytes; `None` once nothing is carried out any more.
#[derive(Debug)]
struct Ahead {
    bytes: Mutex<Option<usize>>,
    less: Condvar,
}

impl Ahead {
    fn new() -> Self {
        Self { bytes: Mutex::new(Some(0)), less: Condvar::new() }
    }

    fn of(message: &Message) -> usize {
        message.payload.len() + message.fds.len() * DESCRIPTOR_BYTES
    }

    /// Waits until there is room for `more`, which is less than the limit.
    fn add(&self, more: usize) {
        let bytes = locked(&self.bytes);
        let full = |bytes: &mut Option<usize>| bytes.is_some_and(|bytes| bytes + more > READ_AHEAD_BYTES);
        let mut bytes = self.less.wait_while(bytes, full).unwrap_or_else(PoisonError::into_inner);
        *bytes = bytes.map(|bytes| bytes + more);
    }

    fn remove(&self, less: usize) {
        let mut bytes = locked(&self.bytes);
        *bytes = bytes.map(|bytes| bytes - less);
        self.less.notify_one();
    }
}

/// Dropped when commands are no longer carried out, for whatever reason, a panic included: nobody waits any more, neither
/// the reader nor the client.
struct End<'a>(&'a Ahead, &'a Peer);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *locked(&self.0.bytes) = None;
        self.0.less.notify_one();
        self.1.close();
    }
}

/// Serves the client until it goes. One thread reads, and hands replies to the card; another carries commands out, because
/// a register read waits for the card, and the card may wait for the client.
///
/// Afterwards nothing of the client is left: its memory and descriptors are let go, the card is reset and its memory zeroed.
pub(super) fn serve<R: Registers>(peer: &Arc<Peer>, device: &Device<R>, wipe: impl FnOnce()) {
    device.client.attach(peer.clone());
    let (requests, queue) = sync_channel(READ_AHEAD);
    let ahead = &Ahead::new();
    let used = std::thread::scope(|scope| {
        let executor = scope.spawn(move || {
            let _end = End(ahead, peer);
            execute_all(peer, device, &queue, ahead)
        });
        loop {
            match peer.receive() {
                Ok(message) if message.is_reply() => peer.answered(message),
                Ok(message) => {
                    ahead.add(Ahead::of(&message));
                    if requests.send(message).is_err() {
                        break;
                    }
                }
                Err(ChannelError::Closed) => break,
                Err(error) => {
                    tracing::warn!(%error, "the client is disconnected");
                    break;
                }
            }
        }
        drop(requests);
        peer.close();
        executor.join().unwrap_or(true)
    });
    device.client.detach();
    if used {
        if let Err(error) = device.function.reset() {
            tracing::warn!(%error, "the card cannot be reset after its client");
        }
        wipe();
    }
}

/// Carries commands out in order; whether there was a client, and not just somebody who looked in.
fn execute_all<R: Registers>(
    peer: &Peer,
    device: &Device<R>,
    queue: &Receiver<Message>,
    ahead: &Ahead,
) -> bool {
    let Ok(first) = queue.recv() else { return false };
    let Some(mut sent) = greet(peer, &first) else { return false };
    ahead.remove(Ahead::of(&first));
    while let (Ok(()), Ok(message)) = (&sent, queue.recv()) {
        let size = Ahead::of(&message);
        sent = execute(peer, device, message);
        ahead.remove(size);
    }
    true
}

/// Answers the first message; `None` when no version is agreed on.
pub(super) fn greet(peer: &Peer, first: &Message) -> Option<Result<(), ChannelError>> {
    let agreed = negotiate(first);
    let replied = peer.reply(&first.header, agreed.as_deref().map_err(|errno| *errno));
    match agreed {
        Ok(_) => Some(replied),
        Err(errno) => {
            tracing::warn!(%errno, "no version could be agreed on with the client");
            None
        }
    }
}

/// Carries one command out and replies.
pub(super) fn execute<R: Registers>(
    peer: &Peer,
    device: &Device<R>,
    message: Message,
) -> Result<(), ChannelError> {
    let header = message.header;
    conclude(peer, &header, device.execute(message))
}

/// Replies to a command, if a reply is wanted.
pub(super) fn conclude(
    peer: &Peer,
    header: &Header,
    result: Result<Vec<u8>, Errno>,
) -> Result<(), ChannelError> {
    if let Err(errno) = result {
        tracing::debug!(command = header.command, %errno, "a command is refused");
    }
    match header.flags & flags::NO_REPLY {
        0 => peer.reply(header, result.as_deref().map_err(|errno: &Errno| *errno)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_abi::vfio_user::MAX_MESSAGE;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn what_is_read_ahead_is_bounded() {
        let message =
            Message { header: Header::default(), payload: vec![0; 100], fds: vec![], fds_lost: false };
        assert_eq!(Ahead::of(&message), 100);
        let ahead = &Ahead::new();
        let fit = READ_AHEAD_BYTES / MAX_MESSAGE;
        (0..fit).for_each(|_| ahead.add(MAX_MESSAGE));
        std::thread::scope(|scope| {
            let (send, receive) = channel();
            scope.spawn(move || {
                for n in 0..2 {
                    ahead.add(MAX_MESSAGE);
                    send.send(n).unwrap();
                }
            });
            assert!(receive.recv_timeout(Duration::from_millis(50)).is_err(), "there is no room");
            ahead.remove(MAX_MESSAGE);
            assert_eq!(receive.recv(), Ok(0));
            assert!(receive.recv_timeout(Duration::from_millis(50)).is_err(), "there is no room again");
            let (ours, theirs) = UnixStream::pair().unwrap();
            let [peer, client] = [ours, theirs].map(|stream| Peer::new(stream).unwrap());
            drop(End(ahead, &peer));
            assert_eq!(receive.recv(), Ok(1));
            assert!(client.has_hung_up());
        });
    }
}

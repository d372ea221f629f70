//! One client from its version message to its end.

use super::commands::{negotiate, Device};
use super::peer::Peer;
use crate::pci::Registers;
use permafrost_abi::vfio_user::{flags, ChannelError, Message};
use rustix::io::Errno;
use std::sync::mpsc::{sync_channel, Receiver};
use std::sync::Arc;

/// Commands that are read ahead of the one being carried out. When the queue is full nothing is read, replies
/// to the card's own accesses included; these then end by their time limit.
const READ_AHEAD: usize = 4096;

/// Serves the client until it goes. One thread reads, and hands replies to the card; another carries commands out, because
/// a register read waits for the card, and the card may wait for the client.
///
/// Afterwards nothing of the client is left: its memory and descriptors are let go, the card is reset and its memory zeroed.
pub(super) fn serve<R: Registers>(peer: &Arc<Peer>, device: &Device<R>, wipe: impl FnOnce()) {
    device.client.attach(peer.clone());
    let (requests, queue) = sync_channel(READ_AHEAD);
    let used = std::thread::scope(|scope| {
        let executor = scope.spawn(move || {
            let used = execute_all(peer, device, &queue);
            // The reader ends, whoever ended first.
            peer.close();
            used
        });
        loop {
            match peer.receive() {
                Ok(message) if message.is_reply() => peer.answered(message),
                Ok(message) => {
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
fn execute_all<R: Registers>(peer: &Peer, device: &Device<R>, queue: &Receiver<Message>) -> bool {
    let Ok(first) = queue.recv() else { return false };
    let Some(mut sent) = greet(peer, &first) else { return false };
    while let (Ok(()), Ok(message)) = (&sent, queue.recv()) {
        sent = execute(peer, device, message);
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
    let result = device.execute(message);
    if let Err(errno) = result {
        tracing::debug!(command = header.command, %errno, "a command of the client is refused");
    }
    match header.flags & flags::NO_REPLY {
        0 => peer.reply(&header, result.as_deref().map_err(|errno: &Errno| *errno)),
        _ => Ok(()),
    }
}

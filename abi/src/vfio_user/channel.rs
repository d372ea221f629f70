//! Whole messages over a Unix socket, with their descriptors.

use super::wire::{flags, Header, MAX_FDS, MAX_MESSAGE};
use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Why no message could be sent or received. After any of these the stream is out of step: close it.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other end has closed, or was killed.
    #[error("the other end of the socket is gone")]
    Closed,
    /// The other end neither sends nor takes anything.
    #[error("the other end of the socket does not answer")]
    TimedOut,
    /// A header that no message can have.
    #[error("a message of {size} bytes with flags {flags:#x}: expected {} to {MAX_MESSAGE} bytes and a command or a reply", size_of::<Header>())]
    BadHeader {
        /// Bytes of the message, as the header says.
        size: u32,
        /// The header's flags.
        flags: u32,
    },
    /// The system refused.
    #[error("socket: {0}")]
    Io(std::io::Error),
}

impl From<Errno> for ChannelError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::PIPE | Errno::CONNRESET => Self::Closed,
            Errno::AGAIN | Errno::TIMEDOUT => Self::TimedOut,
            other => Self::Io(other.into()),
        }
    }
}

/// A received message.
#[derive(Debug)]
pub struct Message {
    pub header: Header,
    /// What follows the header.
    pub payload: Vec<u8>,
    /// At most [`MAX_FDS`].
    pub fds: Vec<OwnedFd>,
    /// More descriptors were sent than that; the surplus is closed.
    pub fds_lost: bool,
}

impl Message {
    /// Whether it answers a command.
    pub fn is_reply(&self) -> bool {
        self.header.flags & flags::TYPE == flags::REPLY
    }
}

/// One end of a connection. Any thread may send; one thread receives.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    /// Held while a message is sent, so that messages are not mixed.
    sending: Mutex<()>,
}

impl Channel {
    /// Takes a connected socket. Neither sending nor, with `receive_limit`, receiving blocks for longer than the limits.
    ///
    /// # Errors
    /// [`ChannelError::Io`] when the limits cannot be set.
    pub fn new(
        stream: UnixStream,
        send_limit: Duration,
        receive_limit: Option<Duration>,
    ) -> Result<Self, ChannelError> {
        stream.set_write_timeout(Some(send_limit)).map_err(ChannelError::Io)?;
        stream.set_read_timeout(receive_limit).map_err(ChannelError::Io)?;
        Ok(Self { stream, sending: Mutex::default() })
    }

    /// Another limit for receiving, from the next [`receive`](Self::receive) on.
    ///
    /// # Errors
    /// [`ChannelError::Io`] when it cannot be set.
    pub fn set_receive_limit(&self, limit: Option<Duration>) -> Result<(), ChannelError> {
        self.stream.set_read_timeout(limit).map_err(ChannelError::Io)
    }

    /// Replies to the command with this header: with a payload, or with an errno.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn reply(&self, to: &Header, result: Result<&[u8], Errno>) -> Result<(), ChannelError> {
        let reply = Header { id: to.id, command: to.command, flags: flags::REPLY, ..Header::default() };
        match result {
            Ok(payload) => self.send(reply, &[payload], &[]),
            Err(errno) => {
                let error = errno.raw_os_error() as u32;
                self.send(Header { flags: flags::REPLY | flags::ERROR, error, ..reply }, &[], &[])
            }
        }
    }

    /// Makes every send and receive of both ends fail from now on.
    pub fn shutdown(&self) {
        // An error means that it is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Sends a message made of `header`, whose size is filled in here, and `parts`.
    ///
    /// # Errors
    /// [`ChannelError`]; [`ChannelError::BadHeader`] when the message is larger than [`MAX_MESSAGE`].
    pub fn send(
        &self,
        mut header: Header,
        parts: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), ChannelError> {
        let size = size_of::<Header>() + parts.iter().map(|p| p.len()).sum::<usize>();
        header.size = u32::try_from(size).unwrap_or(u32::MAX);
        if size > MAX_MESSAGE {
            return Err(ChannelError::BadHeader { size: header.size, flags: header.flags });
        }
        if fds.len() > MAX_FDS {
            return Err(Errno::MFILE.into());
        }
        let _only = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let head = bytemuck::bytes_of(&header);
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_FDS))];
        let mut sent = 0;
        while sent < size {
            let mut skip = sent;
            let mut slices = Vec::with_capacity(1 + parts.len());
            for part in std::iter::once(&head).chain(parts) {
                let from = skip.min(part.len());
                skip -= from;
                slices.push(IoSlice::new(&part[from..]));
            }
            let mut control = SendAncillaryBuffer::new(&mut space);
            // Descriptors go with the first byte.
            if sent == 0 && !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                return Err(Errno::MFILE.into());
            }
            match sendmsg(&self.stream, &slices, &mut control, SendFlags::NOSIGNAL) {
                Ok(bytes) => sent += bytes,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// The next message; the payload is read even when nobody will understand it, so that the stream stays in step.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub fn receive(&self) -> Result<Message, ChannelError> {
        let mut header = Header::default();
        let mut message = Message { header, payload: Vec::new(), fds: Vec::new(), fds_lost: false };
        self.fill(bytemuck::bytes_of_mut(&mut header), &mut message)?;
        message.header = header;
        let size = header.size as usize;
        if !(size_of::<Header>()..=MAX_MESSAGE).contains(&size) || header.flags & flags::TYPE > flags::REPLY {
            return Err(ChannelError::BadHeader { size: header.size, flags: header.flags });
        }
        let mut payload = vec![0; size - size_of::<Header>()];
        self.fill(&mut payload, &mut message)?;
        message.payload = payload;
        Ok(message)
    }

    /// Fills `bytes` from the socket; descriptors that come along go to `message`.
    fn fill(&self, bytes: &mut [u8], message: &mut Message) -> Result<(), ChannelError> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_FDS))];
        let mut filled = 0;
        while filled < bytes.len() {
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut bytes[filled..])];
            let received = match recvmsg(&self.stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            message.fds_lost |= received.flags.contains(ReturnFlags::CTRUNC);
            for item in control.drain() {
                if let RecvAncillaryMessage::ScmRights(fds) = item {
                    for fd in fds {
                        match message.fds.len() < MAX_FDS {
                            true => message.fds.push(fd),
                            false => message.fds_lost = true,
                        }
                    }
                }
            }
            if received.bytes == 0 {
                return Err(ChannelError::Closed);
            }
            filled += received.bytes;
        }
        Ok(())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LIMIT: Duration = Duration::from_millis(100);

    fn pair() -> (Channel, Channel) {
        let (a, b) = UnixStream::pair().unwrap();
        let channel = |stream| Channel::new(stream, LIMIT, Some(LIMIT)).unwrap();
        (channel(a), channel(b))
    }

    #[test]
    fn messages_keep_their_bounds_and_descriptors() {
        let (a, b) = pair();
        let header = Header { id: 7, command: 3, ..Header::default() };
        let fds: Vec<OwnedFd> = (0..MAX_FDS).map(|_| a.as_fd().try_clone_to_owned().unwrap()).collect();
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        a.send(header, &[&[1, 2], &[], &[3]], &borrowed).unwrap();
        a.send(Header { flags: flags::REPLY, ..header }, &[], &[]).unwrap();
        let first = b.receive().unwrap();
        assert_eq!((first.header.id, first.header.command, first.header.size), (7, 3, 19));
        assert_eq!((&*first.payload, first.fds.len(), first.fds_lost), (&[1, 2, 3][..], MAX_FDS, false));
        assert!(!first.is_reply());
        let second = b.receive().unwrap();
        assert!(second.is_reply() && second.payload.is_empty() && second.fds.is_empty());
        // One descriptor more than fits.
        let many = [a.as_fd(); MAX_FDS + 1];
        assert!(matches!(a.send(header, &[], &many), Err(ChannelError::Io(_))));
    }

    #[test]
    fn replies_repeat_the_command() {
        let (a, b) = pair();
        let to = Header { id: 9, command: 4, size: 77, flags: 0, error: 0 };
        a.reply(&to, Ok(&[1, 2])).unwrap();
        a.reply(&to, Err(Errno::BUSY)).unwrap();
        let (good, bad) = (b.receive().unwrap(), b.receive().unwrap());
        assert_eq!((good.header.id, good.header.command, good.header.flags), (9, 4, flags::REPLY));
        assert_eq!((&*good.payload, good.header.error), (&[1, 2][..], 0));
        assert_eq!((bad.header.id, bad.header.flags), (9, flags::REPLY | flags::ERROR));
        assert_eq!((bad.payload.len(), bad.header.error), (0, Errno::BUSY.raw_os_error() as u32));
    }

    /// What one thread sends does not end up in the middle of what another does.
    #[test]
    fn messages_of_several_threads_stay_whole() {
        let (a, b) = pair();
        std::thread::scope(|scope| {
            for thread in 1..=2u8 {
                let data = vec![thread; 300_000];
                let a = &a;
                scope.spawn(move || (0..8).for_each(|_| a.send(Header::default(), &[&data], &[]).unwrap()));
            }
            for _ in 0..16 {
                let payload = b.receive().unwrap().payload;
                assert!(payload.len() == 300_000 && payload.iter().all(|byte| *byte == payload[0]));
            }
        });
    }

    #[test]
    fn large_messages_pass_in_pieces() {
        let (a, b) = pair();
        let data = vec![0x5a; MAX_MESSAGE - 16];
        std::thread::scope(|scope| {
            scope.spawn(|| a.send(Header::default(), &[&data], &[]).unwrap());
            assert!(b.receive().unwrap().payload == data);
        });
        let larger = vec![0; MAX_MESSAGE - 15];
        assert!(matches!(a.send(Header::default(), &[&larger], &[]), Err(ChannelError::BadHeader { .. })));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let header = |size, flags| Header { size, flags, ..Header::default() };
        for bad in [header(15, 0), header(MAX_MESSAGE as u32 + 1, 0), header(u32::MAX, 1), header(16, 2)] {
            let (mut a, b) = UnixStream::pair().unwrap();
            a.write_all(bytemuck::bytes_of(&bad)).unwrap();
            let b = Channel::new(b, LIMIT, None).unwrap();
            assert!(matches!(b.receive(), Err(ChannelError::BadHeader { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_silent_and_a_closed_peer_are_told_apart() {
        let (a, b) = pair();
        assert!(matches!(b.receive(), Err(ChannelError::TimedOut)));
        drop(a);
        assert!(matches!(b.receive(), Err(ChannelError::Closed)));
        assert!(matches!(b.send(Header::default(), &[], &[]), Err(ChannelError::Closed)));
    }

    #[test]
    fn a_message_cut_short_is_a_closed_peer() {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(bytemuck::bytes_of(&Header { size: 20, ..Header::default() })).unwrap();
        a.write_all(&[1, 2]).unwrap();
        drop(a);
        assert!(matches!(Channel::new(b, LIMIT, None).unwrap().receive(), Err(ChannelError::Closed)));
    }
}

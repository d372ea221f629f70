//! Framing: any bytes in any pieces, with descriptors, against a plain reading of the protocol.

use super::input::{descriptor, without_leak, Input};
use permafrost_abi::vfio_user::*;
use rustix::cmsg_space;
use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// Most descriptors of one piece; more than a message may have.
const MOST_FDS: usize = 24;
/// Most pieces: all of them fit into the socket's buffer.
const MOST_PIECES: usize = 48;

/// What the receiver makes of a byte stream: messages and their descriptors.
pub fn vfio_user_message(data: &[u8]) {
    without_leak(|| {
        let mut input = Input(data);
        match input.u8() {
            0xff => there_and_back(input),
            _ => pieces(input),
        }
    });
}

/// Sends bytes as they are in pieces of chosen sizes.
fn pieces(mut input: Input<'_>) {
    let (mut stream, mut starts) = (Vec::new(), Vec::new());
    let (ours, theirs) = UnixStream::pair().expect("a socket");
    while !input.is_empty() && starts.len() < MOST_PIECES {
        let fds = usize::from(input.u8()) % (MOST_FDS + 1);
        let len = usize::from(input.u8());
        let bytes = input.bytes(len.max(1));
        if bytes.is_empty() {
            break;
        }
        starts.push((stream.len(), fds));
        stream.extend_from_slice(bytes);
        let fds: Vec<_> = (0..fds).map(|i| descriptor(i as u8)).collect();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        }
        let sent = sendmsg(&ours, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL);
        assert_eq!(sent, Ok(bytes.len()));
    }
    ours.shutdown(Shutdown::Write).expect("an open socket");
    let channel = Channel::new(theirs, LIMIT, Some(LIMIT)).expect("a channel");
    let mut at = 0;
    loop {
        let left = &stream[at..];
        let received = channel.receive();
        let Some((header, _)) = split::<Header>(left) else {
            assert!(matches!(received, Err(ChannelError::Closed)), "{received:?}");
            return;
        };
        let size = header.size as usize;
        if !(16..=MAX_MESSAGE).contains(&size) || header.flags & flags::TYPE > flags::REPLY {
            assert!(matches!(received, Err(ChannelError::BadHeader { .. })), "{received:?}");
            return;
        }
        if size > left.len() {
            assert!(matches!(received, Err(ChannelError::Closed)), "{received:?}");
            return;
        }
        let message = received.expect("a whole message");
        assert_eq!((message.header, &message.payload[..]), (header, &left[16..size]));
        // Descriptors belong to the message that has the first byte of what they were sent with.
        let of = starts.iter().filter(|(start, _)| (at..at + size).contains(start));
        let fds = of.map(|(_, fds)| fds).sum::<usize>();
        assert_eq!((message.fds.len(), message.fds_lost), (fds.min(MAX_FDS), fds > MAX_FDS));
        layouts(&message.payload);
        at += size;
    }
}

/// Sends by the channel itself; what arrives is what was sent.
fn there_and_back(mut input: Input<'_>) {
    let (ours, theirs) = UnixStream::pair().expect("a socket");
    let ours = Channel::new(ours, LIMIT, Some(LIMIT)).expect("a channel");
    let theirs = Channel::new(theirs, LIMIT, Some(LIMIT)).expect("a channel");
    while !input.is_empty() {
        let header = Header {
            id: input.u16(),
            command: input.u8().into(),
            size: input.u8().into(),
            flags: input.u32() & !flags::TYPE | u32::from(input.u8() & 1),
            error: input.u8().into(),
        };
        let fds: Vec<_> = (0..usize::from(input.u8()) % (MAX_FDS + 2)).map(|i| descriptor(i as u8)).collect();
        let (first, second) = (usize::from(input.u8()), usize::from(input.u8()));
        let parts = [input.bytes(first), input.bytes(second)];
        let sent = ours.send(header, &parts, &fds);
        if fds.len() > MAX_FDS {
            assert!(matches!(sent, Err(ChannelError::Io(_))));
            continue;
        }
        sent.expect("room in the socket");
        let message = theirs.receive().expect("what was sent");
        let payload = parts.concat();
        assert_eq!(message.header, Header { size: 16 + payload.len() as u32, ..header });
        assert_eq!((message.payload, message.fds.len(), message.fds_lost), (payload, fds.len(), false));
    }
}

/// Every layout takes what is long enough, and nothing else.
fn layouts(payload: &[u8]) {
    fn one<T: bytemuck::Pod>(payload: &[u8]) {
        let rest = split::<T>(payload).map(|(_, rest)| rest.len());
        assert_eq!(rest, payload.len().checked_sub(size_of::<T>()));
    }
    one::<Version>(payload);
    one::<DmaMap>(payload);
    one::<DmaUnmap>(payload);
    one::<DeviceInfo>(payload);
    one::<RegionInfo>(payload);
    one::<SetIrqs>(payload);
    one::<RegionAccess>(payload);
}

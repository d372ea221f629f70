//! Commands to the server, one at a time, and their replies.

use crate::dma::lock;
use permafrost_abi::vfio_user::*;
use permafrost_abi::TransportError;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// Name of the transport.
pub(super) const NAME: &str = "vfio-user";
/// Longest time for the server to take a command, and to answer one: a simulated card on a loaded host is slow.
const LIMIT: Duration = Duration::from_secs(60);
/// What this end says of itself; the protocol's defaults hold for the rest.
const CAPABILITIES: &[u8] = b"{\"capabilities\":{}}\0";

/// A connection whose version is agreed on.
#[derive(Debug)]
pub(super) struct Connection {
    path: PathBuf,
    channel: Channel,
    /// Held from a command to its reply; the id of the last command.
    last: Mutex<u16>,
    /// Why the connection is lost.
    lost: OnceLock<String>,
    /// IOVA space handed out.
    pub(super) iovas: Mutex<u64>,
}

impl Connection {
    /// Connects and agrees on a version; `busy` says what it means when the server has no room.
    pub fn open(path: &Path, busy: &str) -> Result<Self, TransportError> {
        let refused = |what: String| TransportError::Io(format!("{}: {what}", path.display()));
        let stream = UnixStream::connect(path).map_err(|e| {
            refused(match e.kind() {
                io::ErrorKind::NotFound => {
                    "there is no such socket; start `permafrost card serve` with it first".into()
                }
                io::ErrorKind::ConnectionRefused => {
                    "no card is served on this socket; start `permafrost card serve` again".into()
                }
                _ => format!("{e}; a socket of `permafrost card serve` is expected"),
            })
        })?;
        Self::over(stream, path, busy)
    }

    /// Agrees on a version with the server behind a connected socket, which errors call `path`.
    pub fn over(stream: UnixStream, path: &Path, busy: &str) -> Result<Self, TransportError> {
        let refused = |what: String| TransportError::Io(format!("{}: {what}", path.display()));
        let channel = Channel::new(stream, LIMIT, Some(LIMIT)).map_err(|e| refused(e.to_string()))?;
        let (last, iovas) = (Mutex::new(u16::MAX), Mutex::default());
        let connection = Self { path: path.to_owned(), channel, last, lost: OnceLock::new(), iovas };
        let version = Version { major: VERSION.0, minor: VERSION.1 };
        let reply = match connection.exchange(
            command::VERSION,
            &[bytemuck::bytes_of(&version), CAPABILITIES],
            &[],
        )? {
            Ok(reply) => reply,
            Err(Errno::BUSY) => return Err(refused(busy.into())),
            Err(errno) => {
                return Err(refused(format!(
                    "the server refuses protocol version {}.{}: {errno}",
                    version.major, version.minor
                )))
            }
        };
        match split::<Version>(&reply) {
            Some((seen, _)) if seen.major == version.major && seen.minor <= version.minor => Ok(connection),
            seen => Err(refused(format!(
                "the server speaks {:?}, expected at most {version:?}",
                seen.map(|s| s.0)
            ))),
        }
    }

    /// The error of a connection that is lost, which it is from now on.
    pub fn lost(&self, detail: impl Into<String>) -> TransportError {
        let detail = self.lost.get_or_init(|| {
            self.channel.shutdown();
            detail.into()
        });
        TransportError::Lost { transport: NAME.into(), detail: format!("{}: {detail}", self.path.display()) }
    }

    /// Fails when the connection is lost.
    fn alive(&self) -> Result<(), TransportError> {
        self.lost.get().map_or(Ok(()), |detail| Err(self.lost(detail)))
    }

    fn send(&self, header: Header, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> Result<(), TransportError> {
        self.channel.send(header, parts, fds).map_err(|e| self.lost(e.to_string()))
    }

    /// Sends a command and waits for its reply: the payload, or the server's errno.
    fn exchange(
        &self,
        command: u16,
        parts: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Result<Vec<u8>, Errno>, TransportError> {
        let mut last = lock(&self.last);
        self.alive()?;
        *last = last.wrapping_add(1);
        self.send(Header { id: *last, command, ..Header::default() }, parts, fds)?;
        loop {
            let message = self.channel.receive().map_err(|e| self.lost(e.to_string()))?;
            let header = message.header;
            if !message.is_reply() {
                // All memory is shared, so there is nothing that the server could ask for.
                let (error, flags) = (Errno::OPNOTSUPP.raw_os_error() as u32, flags::REPLY | flags::ERROR);
                self.send(Header { flags, error, ..header }, &[], &[])?;
                continue;
            }
            if (header.id, header.command) != (*last, command) {
                return Err(self.lost(format!(
                    "a reply to command {} with id {}, expected {command} with id {last}",
                    header.command, header.id
                )));
            }
            return Ok(match header.flags & flags::ERROR {
                0 => Ok(message.payload),
                // An error without a number is one all the same.
                _ => Err(Errno::from_raw_os_error(header.error.clamp(1, 4095) as i32)),
            });
        }
    }

    /// Sends a command that must succeed; the payload of its reply.
    pub fn call(
        &self,
        command: u16,
        parts: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, TransportError> {
        self.exchange(command, parts, fds)?.map_err(|errno| {
            TransportError::Io(format!(
                "{}: the server refuses command {command}: {errno}",
                self.path.display()
            ))
        })
    }

    /// Sends a command whose reply is such a structure as well.
    pub fn query<T: bytemuck::Pod>(&self, command: u16, request: &T) -> Result<T, TransportError> {
        let reply = self.call(command, &[bytemuck::bytes_of(request)], &[])?;
        let reply = split(&reply)
            .ok_or_else(|| self.lost(format!("a reply of {} bytes to command {command}", reply.len())))?;
        Ok(reply.0)
    }

    /// Reads from a region.
    pub fn read_region(&self, region: u32, offset: u64, data: &mut [u8]) -> Result<(), TransportError> {
        let access = RegionAccess { offset, region, count: data.len() as u32 };
        let reply = self.call(command::REGION_READ, &[bytemuck::bytes_of(&access)], &[])?;
        match split::<RegionAccess>(&reply) {
            Some((seen, bytes)) if seen == access && bytes.len() == data.len() => data.copy_from_slice(bytes),
            seen => {
                return Err(
                    self.lost(format!("a read of {access:?} is answered with {:?}", seen.map(|s| s.0)))
                )
            }
        }
        Ok(())
    }

    /// Writes to a region; without `wait` the write is posted.
    pub fn write_region(
        &self,
        region: u32,
        offset: u64,
        data: &[u8],
        wait: bool,
    ) -> Result<(), TransportError> {
        let access = RegionAccess { offset, region, count: data.len() as u32 };
        let parts = [bytemuck::bytes_of(&access), data];
        if wait {
            return self.call(command::REGION_WRITE, &parts, &[]).map(|_| ());
        }
        let mut last = lock(&self.last);
        self.alive()?;
        *last = last.wrapping_add(1);
        let header =
            Header { id: *last, command: command::REGION_WRITE, flags: flags::NO_REPLY, ..Header::default() };
        self.send(header, &parts, &[])
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

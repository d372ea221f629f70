//! Commands to the server, one at a time, and their replies; the server's own commands, which reach for memory.

use super::foreign::Foreign;
use crate::dma::lock;
use permafrost_abi::vfio_user::*;
use permafrost_abi::TransportError;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{sync_channel, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Name of the transport.
pub(super) const NAME: &str = "vfio-user";
/// Longest time for the server to take a command, and to answer one: a simulated card on a loaded host is slow.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// What this end says of itself; the protocol's defaults hold for the rest.
const CAPABILITIES: &[u8] = b"{\"capabilities\":{}}\0";

/// A connection whose version is agreed on. A thread of its own reads: it hands replies to who waits for them and answers the
/// server, which may reach for memory at any time.
#[derive(Debug)]
pub(super) struct Connection {
    link: Arc<Link>,
    /// Longest time for the server to answer a command.
    limit: Duration,
    /// Held from a command to its reply; the id of the last command.
    last: Mutex<u16>,
    /// IOVA space handed out.
    pub(super) iovas: Mutex<u64>,
    reader: Option<JoinHandle<()>>,
}

/// What the reading thread shares with the others.
#[derive(Debug)]
struct Link {
    path: PathBuf,
    channel: Channel,
    /// Who waits for a reply.
    waiting: Mutex<Option<Waiting>>,
    /// Why the connection is lost.
    lost: OnceLock<String>,
    foreign: Foreign,
}

/// A command whose reply is awaited.
#[derive(Debug)]
struct Waiting {
    id: u16,
    command: u16,
    reply: SyncSender<Message>,
}

impl Link {
    /// The error of a connection that is lost, which it is from now on.
    fn lost(&self, detail: impl Into<String>) -> TransportError {
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

    /// Reads until the connection ends; then nobody waits any longer.
    fn read(&self) {
        let reason = loop {
            let step = match self.channel.receive() {
                Ok(message) if message.is_reply() => self.replied(message),
                Ok(message) => self.asked(&message),
                Err(error) => Err(error.to_string()),
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        // First the reason: whoever begins to wait now sees it.
        let _ = self.lost(reason);
        lock(&self.waiting).take();
    }

    fn replied(&self, message: Message) -> Result<(), String> {
        let (id, command) = (message.header.id, message.header.command);
        match lock(&self.waiting).take() {
            Some(waiting) if (waiting.id, waiting.command) == (id, command) => {
                // An error means that the waiter has given up.
                let _ = waiting.reply.send(message);
                Ok(())
            }
            Some(Waiting { id: wanted, command: what, .. }) => {
                Err(format!("a reply to command {command} with id {id}, expected {what} with id {wanted}"))
            }
            None => Err(format!("a reply to command {command} with id {id}, which was not asked")),
        }
    }

    /// Carries out a command of the server.
    fn asked(&self, message: &Message) -> Result<(), String> {
        let Header { command, flags: asked, .. } = message.header;
        let result = self.foreign.access(command, &message.payload);
        if let Err(errno) = &result {
            tracing::debug!(command, %errno, "an access of the card is refused");
        }
        if asked & flags::NO_REPLY != 0 {
            return Ok(());
        }
        let result = result.as_deref().map_err(|errno| *errno);
        self.channel.reply(&message.header, result).map_err(|e| e.to_string())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.channel.shutdown();
        if let Some(reader) = self.reader.take() {
            // It ends, because it can receive no more. A window that it holds last would otherwise outlive the connection.
            if reader.join().is_err() {
                tracing::error!("the thread that reads from the server panicked");
            }
        }
    }
}

impl Connection {
    /// Connects and agrees on a version; `busy` says what it means when the server has no room. The server has
    /// `limit` to take a command, and to answer it.
    pub fn open(path: &Path, busy: &str, limit: Duration) -> Result<Self, TransportError> {
        let refused = |what: String| TransportError::Io(format!("{}: {what}", path.display()));
        let stream = UnixStream::connect(path).map_err(|e| {
            refused(match e.kind() {
                io::ErrorKind::NotFound => {
                    "there is no such socket; start `permafrost card serve` with it first".into()
                }
                io::ErrorKind::ConnectionRefused => {
                    "no card is served on this socket; start `permafrost card serve` again".into()
                }
                io::ErrorKind::InvalidInput => {
                    "the path of a socket has at most 107 bytes, and no zero byte".into()
                }
                _ => format!("{e}; a socket of `permafrost card serve` is expected"),
            })
        })?;
        Self::over(stream, path, busy, limit)
    }

    /// Agrees on a version with the server behind a connected socket, which errors call `path`.
    pub fn over(
        stream: UnixStream,
        path: &Path,
        busy: &str,
        limit: Duration,
    ) -> Result<Self, TransportError> {
        let refused = |what: String| TransportError::Io(format!("{}: {what}", path.display()));
        let link = Arc::new(Link {
            path: path.to_owned(),
            channel: Channel::new(stream, limit, None).map_err(|e| refused(e.to_string()))?,
            waiting: Mutex::default(),
            lost: OnceLock::new(),
            foreign: Foreign::default(),
        });
        let reading = link.clone();
        let reader = std::thread::Builder::new()
            .name("vfio-user".into())
            .spawn(move || reading.read())
            .map_err(|e| refused(format!("no thread can be started: {e}")))?;
        let (last, iovas) = (Mutex::new(u16::MAX), Mutex::default());
        let connection = Self { link, limit, last, iovas, reader: Some(reader) };
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
        self.link.lost(detail)
    }

    /// Memory that the server reaches by asking for it.
    pub fn foreign(&self) -> &Foreign {
        &self.link.foreign
    }

    /// Sends a command and waits for its reply: the payload, or the server's errno.
    fn exchange(
        &self,
        command: u16,
        parts: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Result<Vec<u8>, Errno>, TransportError> {
        let mut last = lock(&self.last);
        *last = last.wrapping_add(1);
        let (sender, reply) = sync_channel(1);
        *lock(&self.link.waiting) = Some(Waiting { id: *last, command, reply: sender });
        // Afterwards: the reader says why it ends before it sends the waiters home.
        self.link.alive()?;
        self.link.send(Header { id: *last, command, ..Header::default() }, parts, fds)?;
        let message = reply.recv_timeout(self.limit).map_err(|error| {
            self.lost(match error {
                RecvTimeoutError::Timeout => ChannelError::TimedOut.to_string(),
                RecvTimeoutError::Disconnected => ChannelError::Closed.to_string(),
            })
        })?;
        Ok(match message.header.flags & flags::ERROR {
            0 => Ok(message.payload),
            // An error without a number is one all the same.
            _ => Err(Errno::from_raw_os_error(message.header.error.clamp(1, 4095) as i32)),
        })
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
                self.link.path.display()
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
        self.link.alive()?;
        *last = last.wrapping_add(1);
        let header =
            Header { id: *last, command: command::REGION_WRITE, flags: flags::NO_REPLY, ..Header::default() };
        self.link.send(header, &parts, &[])
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.channel.as_fd()
    }
}

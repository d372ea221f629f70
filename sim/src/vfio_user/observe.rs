//! Observers: connections that see the card and cannot change it, while its client works with it.
//!
//! Reads of BAR 0 have no side effects in the card, so nothing that an observer does is seen by the client. What it costs is
//! clocks of a simulation that would otherwise stand still; therefore all observers together read at a limited pace.

use super::commands::{errno, Device};
use super::peer::Peer;
use super::{bind, claim, next_peer, session, ServerError};
use crate::card::{locked, SimDevice};
use crate::pci::Registers;
use permafrost_abi::pci::REGISTER_BAR;
use permafrost_abi::vfio_user::*;
use rustix::event::{eventfd, EventfdFlags};
use rustix::io::Errno;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most observers of a card at a time.
const MAX_OBSERVERS: usize = 16;
/// Most bytes of one read: all counters at once are fewer.
const MAX_READ: u32 = 1024;
/// Words that may be read at once after a pause, and then in each second, all observers together. A look at everything takes
/// about 130.
const BURST: u32 = MAX_READ / 4;
const WORDS_PER_SECOND: u32 = 2000;
/// How long a newcomer waits for a place of somebody who is just going.
const GRACE: Duration = Duration::from_millis(100);

/// The second socket of a served card. Dropping it disconnects every observer and removes the socket.
#[derive(Debug)]
pub(super) struct Observers {
    path: PathBuf,
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Observers {
    pub fn open(path: &Path, device: Arc<Device<SimDevice>>) -> Result<Self, ServerError> {
        claim(path)?;
        let listener = bind(path)?;
        let refused = |source| ServerError::Listen { path: path.to_owned(), source };
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|e| refused(e.into()))?;
        let stopped = stop.try_clone().map_err(refused)?;
        let thread = std::thread::Builder::new()
            .name("vfio-user-observe".into())
            .spawn(move || accept(&listener, &stopped, &device))
            .map_err(refused)?;
        Ok(Self { path: path.to_owned(), stop, thread: Some(thread) })
    }
}

impl Drop for Observers {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic has been shown by then.
            let _ = thread.join();
        }
    }
}

/// Takes observers until told to stop.
fn accept(listener: &UnixListener, stop: &OwnedFd, device: &Arc<Device<SimDevice>>) {
    let pace = Arc::new(Pace::new());
    let mut observers: Vec<(Arc<Peer>, JoinHandle<()>)> = Vec::new();
    while let Some(peer) = next_peer(listener, stop) {
        let peer = Arc::new(peer);
        observers.retain(|(_, thread)| !thread.is_finished());
        if observers.len() >= MAX_OBSERVERS {
            std::thread::sleep(GRACE);
            observers.retain(|(_, thread)| !thread.is_finished());
        }
        if observers.len() >= MAX_OBSERVERS {
            tracing::warn!("an observer is refused: there are {MAX_OBSERVERS} already");
            peer.turn_away();
            continue;
        }
        let thread = {
            let (peer, device, pace) = (peer.clone(), device.clone(), pace.clone());
            std::thread::Builder::new().name("vfio-user-observer".into()).spawn(move || {
                serve(&peer, &device, &pace);
                // The list has the connection until the next newcomer looks through it.
                peer.close();
            })
        };
        match thread {
            Ok(thread) => observers.push((peer, thread)),
            Err(error) => tracing::warn!(%error, "an observer could not be served"),
        }
    }
    for (peer, thread) in observers {
        peer.close();
        let _ = thread.join();
    }
}

/// Serves one observer until it goes.
fn serve<R: Registers>(peer: &Peer, device: &Device<R>, pace: &Pace) {
    let Ok(first) = peer.receive() else { return };
    let Some(mut sent) = session::greet(peer, &first) else { return };
    while let (Ok(()), Ok(message)) = (&sent, peer.receive()) {
        if message.is_reply() {
            continue; // to nothing: an observer is never asked
        }
        let header = message.header;
        sent = session::conclude(peer, &header, execute(device, pace, message));
    }
}

/// What an observer may see.
fn open_to_observers(region: u32) -> bool {
    region == REGISTER_BAR || region == CONFIG_REGION
}

/// Carries out a command that changes nothing; EPERM for every other.
fn execute<R: Registers>(device: &Device<R>, pace: &Pace, message: Message) -> Result<Vec<u8>, Errno> {
    match message.header.command {
        command::DEVICE_GET_INFO => {
            let reply = device.execute(message)?;
            let (mut info, _) = split::<DeviceInfo>(&reply).ok_or(Errno::IO)?;
            info.flags &= !DEVICE_RESETTABLE;
            Ok(bytemuck::bytes_of(&info).to_vec())
        }
        command::DEVICE_GET_REGION_INFO => {
            let reply = device.execute(message)?;
            let (mut info, _) = split::<RegionInfo>(&reply).ok_or(Errno::IO)?;
            info.flags = if open_to_observers(info.index) { REGION_READABLE } else { 0 };
            Ok(bytemuck::bytes_of(&info).to_vec())
        }
        command::DEVICE_GET_IRQ_INFO => device.execute(message),
        command::REGION_READ => {
            let (access, _) = split::<RegionAccess>(&message.payload).ok_or(Errno::INVAL)?;
            if !open_to_observers(access.region) {
                return Err(Errno::PERM);
            }
            if access.count > MAX_READ {
                return Err(Errno::TOOBIG);
            }
            if access.region == REGISTER_BAR {
                pace.wait(access.count.div_ceil(4));
            }
            let mut reply = bytemuck::bytes_of(&access).to_vec();
            let at = reply.len();
            reply.resize(at + access.count as usize, 0);
            device.function.observe(access.region, access.offset, &mut reply[at..]).map_err(errno)?;
            Ok(reply)
        }
        _ => Err(Errno::PERM),
    }
}

/// Words that may be read now, which become more with time.
#[derive(Debug)]
struct Pace(Mutex<(f64, Instant)>);

impl Pace {
    fn new() -> Self {
        Self(Mutex::new((f64::from(BURST), Instant::now())))
    }

    /// Returns once `words`, at most [`BURST`], may be read.
    fn wait(&self, words: u32) {
        while let Err(time) = self.take(words, Instant::now()) {
            std::thread::sleep(time);
        }
    }

    /// Takes `words` at this time, or says how long it takes until there are as many.
    fn take(&self, words: u32, now: Instant) -> Result<(), Duration> {
        let mut state = locked(&self.0);
        let more = now.saturating_duration_since(state.1).as_secs_f64() * f64::from(WORDS_PER_SECOND);
        *state = ((state.0 + more).min(f64::from(BURST)), now.max(state.1));
        let missing = f64::from(words) - state.0;
        if missing <= 0.0 {
            state.0 -= f64::from(words);
            return Ok(());
        }
        Err(Duration::from_secs_f64(missing / f64::from(WORDS_PER_SECOND)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_lets_a_burst_pass_and_then_holds_back() {
        let pace = Pace::new();
        let start = Instant::now();
        assert_eq!(pace.take(BURST, start), Ok(()));
        let wait = pace.take(200, start).expect_err("nothing is left");
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        assert!(pace.take(200, start + wait + Duration::from_micros(1)).is_ok());
        // A long pause makes for one burst, not more.
        let late = start + Duration::from_secs(60);
        assert_eq!(pace.take(BURST, late), Ok(()));
        assert!(pace.take(1, late).is_err());
    }
}

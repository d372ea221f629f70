//! The AXI4 rules that a master must keep (ARM IHI 0022, section A3), as far as the card's ports use AXI4.

use super::BEAT_BYTES;

const PAGE: u64 = 4096;
const SIZE_64_BYTES: u64 = 6;
const BURST_INCR: u64 = 1;

/// An address phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub address: u64,
    pub beats: u32,
    pub size: u64,
    pub burst: u64,
    pub id: u64,
}

impl Address {
    /// The first rule that this burst breaks.
    pub fn check(&self) -> Result<(), String> {
        if self.size != SIZE_64_BYTES {
            return Err(format!("size is {}, only 6 (64 bytes) is used on this port", self.size));
        }
        if self.burst != BURST_INCR {
            return Err(format!("burst type is {}, only 1 (INCR) is used on this port", self.burst));
        }
        let first = self.address & !(BEAT_BYTES as u64 - 1);
        let bytes = u64::from(self.beats) * BEAT_BYTES as u64;
        if first % PAGE + bytes > PAGE {
            return Err(format!("the burst of {} beats at {:#x} crosses 4 KiB", self.beats, self.address));
        }
        Ok(())
    }
}

/// Once `valid`, a channel keeps `valid` and its payload until `ready`.
#[derive(Debug)]
pub(super) struct Stable<T> {
    channel: &'static str,
    waiting: Option<T>,
}

impl<T: PartialEq> Stable<T> {
    pub fn new(channel: &'static str) -> Self {
        Stable { channel, waiting: None }
    }

    /// To be called in each clock with the settled signals; `payload` is read only where it is needed.
    /// Returns the payload when the handshake happens.
    pub fn sample(
        &mut self,
        valid: bool,
        ready: bool,
        payload: impl FnOnce() -> T,
    ) -> Result<Option<T>, String> {
        if !valid {
            return match self.waiting.take() {
                Some(_) => Err(format!("{}VALID fell before {}READY", self.channel, self.channel)),
                None => Ok(None),
            };
        }
        let payload = payload();
        if self.waiting.as_ref().is_some_and(|before| *before != payload) {
            return Err(format!(
                "the {} payload changed while it waited for {}READY",
                self.channel, self.channel
            ));
        }
        if ready {
            self.waiting = None;
            Ok(Some(payload))
        } else {
            self.waiting = Some(payload);
            Ok(None)
        }
    }
}

//! The server without a card and without a listener, for the fuzzers in `tests/fuzz`.

use super::client::Client;
use super::commands::{negotiate, Device};
use super::peer::Peer;
use super::session;
use crate::axi::Response;
use crate::card::Slot;
use crate::pci::{Function, Registers};
use permafrost_abi::vfio_user::Message;
use rustix::io::Errno;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// What a card does by itself: DMA and interrupts.
#[derive(Clone, Debug, Default)]
pub struct Port(Arc<Client>);

impl Port {
    /// Reads 64 bytes at a multiple of 64; whether there are any.
    pub fn read(&self, address: u64, beat: &mut [u8; 64]) -> bool {
        self.0.read(address, beat) == Response::Okay
    }

    /// Writes the bytes whose bit is set in `strobe`; whether there are any.
    pub fn write(&self, address: u64, beat: &[u8; 64], strobe: u64) -> bool {
        self.0.write(address, beat, strobe) == Response::Okay
    }

    /// Raises an interrupt.
    pub fn interrupt(&self, vector: u16) {
        self.0.interrupt(vector);
    }

    /// Reports that the card has failed.
    pub fn failed(&self) {
        self.0.failed();
    }
}

/// A function in front of any registers, served to a connected client.
#[derive(Debug)]
pub struct Served<R>(Device<R>);

impl<R: Registers> Served<R> {
    /// The function after power-up.
    pub fn new(registers: R, port: &Port) -> Self {
        let client = port.0.clone();
        Self(Device { function: Function::new(registers, client.clone()), client })
    }

    /// What is behind the register BAR.
    pub fn registers(&self) -> &R {
        self.0.function.registers()
    }

    /// Carries one command out, or with `first` agrees on a version: the payload of the reply.
    ///
    /// # Errors
    /// What the client is told.
    pub fn command(&self, message: Message, first: bool) -> Result<Vec<u8>, Errno> {
        match first {
            true => negotiate(&message),
            false => self.0.execute(message),
        }
    }

    /// The client has gone.
    pub fn end(&self) {
        self.0.client.detach();
        let _ = self.0.function.reset();
    }

    /// Serves the client until it goes, as the server does.
    pub fn serve(&self, stream: UnixStream) {
        if let Ok(peer) = Peer::new(stream) {
            session::serve(&Arc::new(peer), &self.0, || ());
        }
    }

    /// The same without threads, which costs the card's accesses to memory that the client carries out: they are refused.
    /// `between` runs before each message is received.
    pub fn serve_inline(&self, stream: UnixStream, mut between: impl FnMut()) {
        let Ok(peer) = Peer::new(stream) else { return };
        let mut greeted = false;
        loop {
            between();
            let sent = match peer.receive() {
                Err(_) => break,
                Ok(message) if message.is_reply() => {
                    peer.answered(message);
                    Ok(())
                }
                Ok(message) if greeted => session::execute(&peer, &self.0, message),
                Ok(first) => match session::greet(&peer, &first) {
                    Some(sent) => sent,
                    None => break,
                },
            };
            greeted = true;
            if sent.is_err() {
                break;
            }
        }
        peer.close();
        self.end();
    }
}

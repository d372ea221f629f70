//! A served card, for looking only.

use super::connection::{Connection, LIMIT};
use crate::transport::looking::looking_only;
use crate::transport::mapping::Register;
use permafrost_abi::pci::REGISTER_BAR;
use permafrost_abi::TransportError;
use std::path::{Path, PathBuf};

/// A connection to the observers' socket of `permafrost card serve`. Only [`Transport::read32`](permafrost_abi::Transport::read32) works; a card that nobody has
/// switched on reads all ones.
#[derive(Debug)]
pub struct VfioUserObserver {
    connection: Connection,
    path: PathBuf,
}

impl VfioUserObserver {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// `Io` when nothing listens there, or there are too many observers already.
    pub fn connect(path: &Path) -> Result<Self, TransportError> {
        Ok(Self {
            connection: Connection::open(path, "there are too many observers; end one of them", LIMIT)?,
            path: path.to_owned(),
        })
    }

    fn place(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    fn read(&self, register: Register) -> Result<u32, TransportError> {
        let mut bytes = [0; 4];
        self.connection.read_region(REGISTER_BAR, register.offset(), &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

looking_only!(VfioUserObserver, "vfio-user");

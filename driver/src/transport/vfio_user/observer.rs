//! A served card, for looking only.

use super::connection::{Connection, LIMIT};
use crate::transport::mapping::Register;
use permafrost_abi::pci::REGISTER_BAR;
use permafrost_abi::{DmaRegion, Transport, TransportError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A connection to the observers' socket of `permafrost card serve`. Only [`Transport::read32`] works; a card that nobody has
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

    fn refused<T>(&self) -> Result<T, TransportError> {
        Err(TransportError::Io(format!("{} is a socket for looking only", self.path.display())))
    }
}

impl Transport for VfioUserObserver {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        let offset = Register::at(offset)?.offset();
        let mut bytes = [0; 4];
        self.connection.read_region(REGISTER_BAR, offset, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write32(&self, _: u64, _: u32) -> Result<(), TransportError> {
        self.refused()
    }

    fn dma_alloc(&self, _: usize) -> Result<DmaRegion, TransportError> {
        self.refused()
    }

    fn enable_irqs(&self, _: u16) -> Result<(), TransportError> {
        self.refused()
    }

    fn wait_irq(&self, _: u16, _: Duration) -> Result<bool, TransportError> {
        self.refused()
    }

    fn reset(&self) -> Result<(), TransportError> {
        self.refused()
    }

    fn name(&self) -> &str {
        "vfio-user"
    }
}

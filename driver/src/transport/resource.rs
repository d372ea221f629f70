//! The registers of a card on PCI, for looking only: `resource0` of its function, mapped read-only. It works while another
//! process has the card, because Linux lets root map a BAR whatever driver the function has.

use super::looking::looking_only;
use super::mapping::{Mapping, Register};
use crate::sysfs::Sysfs;
use crate::Bdf;
use permafrost_abi::{TransportError, BAR0_BYTES};
use rustix::fs::{open, Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::ProtFlags;
use std::path::PathBuf;

/// The mapped registers of a card. Only [`Transport::read32`](permafrost_abi::Transport::read32) works; a card that nobody has switched on reads all ones.
#[derive(Debug)]
pub struct Resource {
    registers: Mapping,
    path: PathBuf,
}

/// Name of the transport.
const NAME: &str = "pci";
const BYTES: usize = BAR0_BYTES as usize;

impl Resource {
    /// Maps the registers of the function at `bdf`.
    ///
    /// # Errors
    /// `Io` when they cannot be mapped, with what helps.
    pub fn open(sysfs: &Sysfs, bdf: Bdf) -> Result<Self, TransportError> {
        let path = sysfs.function_path(bdf).join("resource0");
        let refused = |errno: Errno| {
            let help = match errno {
                Errno::NOENT => "there is no such function, or it has no BAR 0; see `permafrost card list`",
                Errno::ACCESS => "run it as root",
                Errno::PERM => "the kernel is locked down (Secure Boot), which forbids maps of BARs",
                Errno::INVAL => {
                    "the BAR is smaller than a card's, or the kernel keeps BARs of claimed devices to itself: boot with iomem=relaxed"
                }
                _ => "see docs/operations.md",
            };
            TransportError::Io(format!("cannot map {}: {errno}; {help}", path.display()))
        };
        let file = open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(refused)?;
        // A map of more than the BAR would succeed on some files, and its end would not be there.
        let size = rustix::fs::fstat(&file).map_err(refused)?.st_size;
        if size < BYTES as i64 {
            return Err(refused(Errno::INVAL));
        }
        let registers = Mapping::new(&file, 0, ProtFlags::READ).map_err(refused)?;
        Ok(Self { registers, path })
    }

    fn place(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    fn read(&self, register: Register) -> Result<u32, TransportError> {
        // The kernel ends a process that touches the map of a function that was taken out, by SIGBUS.
        if rustix::fs::access(&self.path, Access::EXISTS).is_err() {
            let detail = format!("{} is there no more: the function was removed", self.place());
            return Err(TransportError::Lost { transport: NAME.into(), detail });
        }
        Ok(self.registers.read32(register))
    }
}

looking_only!(Resource, NAME);

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_abi::{reg, Transport, ABI_MAGIC};

    #[test]
    fn registers_are_read_and_nothing_else_is_possible() {
        let folder = tempfile::tempdir().unwrap();
        let function = folder.path().join("sys/bus/pci/devices/0000:41:00.0");
        std::fs::create_dir_all(&function).unwrap();
        let sysfs = Sysfs::at(folder.path().join("sys"));
        let bdf = "0000:41:00.0".parse().unwrap();
        let message = |opened: Result<Resource, TransportError>| opened.unwrap_err().to_string();
        assert!(message(Resource::open(&sysfs, bdf)).contains("card list"));
        let mut bytes = vec![0; BYTES - 1];
        bytes[..4].copy_from_slice(&ABI_MAGIC.to_le_bytes());
        std::fs::write(function.join("resource0"), &bytes).unwrap();
        assert!(message(Resource::open(&sysfs, bdf)).contains("smaller"));
        bytes.push(0);
        bytes[0x1010] = 7;
        std::fs::write(function.join("resource0"), &bytes).unwrap();
        let resource = Resource::open(&sysfs, bdf).unwrap();
        assert_eq!((resource.read32(reg::MAGIC).unwrap(), resource.read32(0x1010).unwrap()), (ABI_MAGIC, 7));
        for offset in [2, BYTES as u64, u64::MAX - 3] {
            assert!(matches!(resource.read32(offset), Err(TransportError::BadOffset { .. })), "{offset:#x}");
        }
        assert!(resource.write32(reg::CC, 0).unwrap_err().to_string().contains("looking only"));
        assert!(resource.reset().is_err() && resource.dma_alloc(4096).is_err());
        std::fs::remove_file(function.join("resource0")).unwrap();
        let removed = resource.read32(reg::MAGIC);
        assert!(matches!(removed, Err(TransportError::Lost { .. })), "{removed:?}");
    }
}

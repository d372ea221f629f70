//! What each command of the client does, and what is replied.

use super::client::Client;
use super::irqs;
use crate::pci::{AccessError, Function, Registers};
use permafrost_abi::vfio_user::*;
use rustix::io::Errno;
use serde::Deserialize;
use std::sync::Arc;

/// What the client tells of itself, of which only the smallest transfer matters: the card accesses memory by 64 bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VersionData {
    capabilities: Capabilities,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Capabilities {
    max_data_xfer_size: u64,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { max_data_xfer_size: MAX_DATA.into() }
    }
}

/// Agrees on a version: the reply to the first message.
///
/// # Errors
/// EINVAL: it is not a version message, its text is not JSON of the expected shape, the major version is another, or the
/// client takes too little data in one message.
pub(super) fn negotiate(message: &Message) -> Result<Vec<u8>, Errno> {
    let (version, text) = split::<Version>(&message.payload).ok_or(Errno::INVAL)?;
    if message.header.command != command::VERSION || version.major != VERSION.0 {
        return Err(Errno::INVAL);
    }
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    let data = match text {
        [] => VersionData::default(),
        text => serde_json::from_slice(text).map_err(|_| Errno::INVAL)?,
    };
    if data.capabilities.max_data_xfer_size < crate::axi::BEAT_BYTES as u64 {
        return Err(Errno::INVAL);
    }
    let version = Version { major: VERSION.0, minor: version.minor.min(VERSION.1) };
    let text = format!(r#"{{"capabilities":{{"max_msg_fds":{MAX_FDS},"max_data_xfer_size":{MAX_DATA}}}}}"#);
    Ok([bytemuck::bytes_of(&version), text.as_bytes(), &[0]].concat())
}

/// The device that commands are for.
#[derive(Debug)]
pub(super) struct Device<R> {
    pub function: Function<R, Arc<Client>>,
    pub client: Arc<Client>,
}

/// Bytes of a structure, as `argsz` fields have them.
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

/// The structure that a request is; `argsz` leaves room for a reply of the same size.
fn request<T: bytemuck::Pod>(payload: &[u8], argsz: impl FnOnce(&T) -> u32) -> Result<T, Errno> {
    let (request, _) = split::<T>(payload).ok_or(Errno::INVAL)?;
    match argsz(&request) >= size::<T>() {
        true => Ok(request),
        false => Err(Errno::INVAL),
    }
}

/// What the client is told of a failed access.
pub(super) fn errno(error: AccessError) -> Errno {
    match error {
        AccessError::OutOfRange { .. } | AccessError::Unaligned { .. } => Errno::INVAL,
        AccessError::Reset(_) => Errno::IO,
    }
}

impl<R: Registers> Device<R> {
    /// Carries a command out; the payload of the reply.
    ///
    /// # Errors
    /// What the client is told: EINVAL for a malformed command, EMFILE for too many descriptors, E2BIG for too much data,
    /// EOPNOTSUPP for what the protocol makes optional, ENOSYS for what it does not have, and those of
    /// the command.
    pub fn execute(&self, message: Message) -> Result<Vec<u8>, Errno> {
        if message.fds_lost {
            return Err(Errno::MFILE);
        }
        let payload = &message.payload[..];
        match message.header.command {
            command::DMA_MAP => {
                let (map, _) = split::<DmaMap>(payload).ok_or(Errno::INVAL)?;
                let mut fds = message.fds;
                let fd = fds.pop();
                if !fds.is_empty() {
                    return Err(Errno::INVAL);
                }
                self.client.map(&map, fd).map(|()| Vec::new())
            }
            command::DMA_UNMAP => {
                let (unmap, _) = split::<DmaUnmap>(payload).ok_or(Errno::INVAL)?;
                self.client.unmap(&unmap)?;
                Ok(bytemuck::bytes_of(&unmap).to_vec())
            }
            command::DEVICE_GET_INFO => {
                request::<DeviceInfo>(payload, |r| r.argsz)?;
                let flags = DEVICE_RESETTABLE | DEVICE_PCI;
                let info = DeviceInfo { argsz: size::<DeviceInfo>(), flags, regions: REGIONS, irqs: IRQS };
                Ok(bytemuck::bytes_of(&info).to_vec())
            }
            command::DEVICE_GET_REGION_INFO => {
                let index = request::<RegionInfo>(payload, |r| r.argsz)?.index;
                if index >= REGIONS {
                    return Err(Errno::INVAL);
                }
                let size_of_region = Function::<R, Arc<Client>>::region_bytes(index);
                let flags = if size_of_region == 0 { 0 } else { REGION_READABLE | REGION_WRITABLE };
                let argsz = size::<RegionInfo>();
                let info = RegionInfo { argsz, flags, index, cap_offset: 0, size: size_of_region, offset: 0 };
                Ok(bytemuck::bytes_of(&info).to_vec())
            }
            command::DEVICE_GET_IRQ_INFO => {
                let index = request::<IrqInfo>(payload, |r| r.argsz)?.index;
                if index >= IRQS {
                    return Err(Errno::INVAL);
                }
                let count = irqs::count(index);
                let flags = if count == 0 { 0 } else { IRQ_EVENTFD };
                let info = IrqInfo { argsz: size::<IrqInfo>(), flags, index, count };
                Ok(bytemuck::bytes_of(&info).to_vec())
            }
            command::DEVICE_SET_IRQS => {
                let (set, bools) = split::<SetIrqs>(payload).ok_or(Errno::INVAL)?;
                self.client.set_irqs(&set, bools, message.fds).map(|()| Vec::new())
            }
            command::REGION_READ => {
                let (access, _) = split::<RegionAccess>(payload).ok_or(Errno::INVAL)?;
                if access.count > MAX_DATA {
                    return Err(Errno::TOOBIG);
                }
                let mut reply = bytemuck::bytes_of(&access).to_vec();
                let at = reply.len();
                reply.resize(at + access.count as usize, 0);
                self.function.read(access.region, access.offset, &mut reply[at..]).map_err(errno)?;
                Ok(reply)
            }
            command::REGION_WRITE => {
                let (access, data) = split::<RegionAccess>(payload).ok_or(Errno::INVAL)?;
                if data.len() != access.count as usize {
                    return Err(Errno::INVAL);
                }
                self.function.write(access.region, access.offset, data).map_err(errno)?;
                Ok(bytemuck::bytes_of(&access).to_vec())
            }
            command::DEVICE_RESET => match self.function.reset() {
                Ok(()) => Ok(Vec::new()),
                Err(error) => {
                    tracing::warn!(%error, "the card cannot be reset");
                    Err(Errno::IO)
                }
            },
            // A second version, or what only a server sends.
            command::VERSION | command::DMA_READ | command::DMA_WRITE => Err(Errno::INVAL),
            other if other != 0 && other <= command::LAST => Err(Errno::OPNOTSUPP),
            _ => Err(Errno::NOSYS),
        }
    }
}

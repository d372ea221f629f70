//! Layouts and numbers of the messages.

use bytemuck::{Pod, Zeroable};

/// Version of the protocol: major, minor.
pub const VERSION: (u16, u16) = (0, 1);
/// Most data bytes of one read or write: the protocol's default for `max_data_xfer_size`.
pub const MAX_DATA: u32 = 1 << 20;
/// Most descriptors of one message that this implementation takes; QEMU takes no peer with more.
pub const MAX_FDS: usize = 16;
/// Most bytes of one message, header included: the largest write.
pub const MAX_MESSAGE: usize = size_of::<Header>() + size_of::<RegionAccess>() + MAX_DATA as usize;
/// Most DMA windows at a time: the protocol's default for `max_dma_maps`.
pub const MAX_DMA_MAPS: usize = 65535;

/// What a message is about.
pub mod command {
    pub const VERSION: u16 = 1;
    pub const DMA_MAP: u16 = 2;
    pub const DMA_UNMAP: u16 = 3;
    pub const DEVICE_GET_INFO: u16 = 4;
    pub const DEVICE_GET_REGION_INFO: u16 = 5;
    pub const DEVICE_GET_REGION_IO_FDS: u16 = 6;
    pub const DEVICE_GET_IRQ_INFO: u16 = 7;
    pub const DEVICE_SET_IRQS: u16 = 8;
    pub const REGION_READ: u16 = 9;
    pub const REGION_WRITE: u16 = 10;
    /// From the server to the client, as [`DMA_WRITE`].
    pub const DMA_READ: u16 = 11;
    pub const DMA_WRITE: u16 = 12;
    pub const DEVICE_RESET: u16 = 13;
    /// The largest number that the protocol has given out.
    pub const LAST: u16 = 18;
}

/// Bits of [`Header::flags`].
pub mod flags {
    /// The type of the message is in these bits: 0 is a command.
    pub const TYPE: u32 = 0xf;
    pub const REPLY: u32 = 1;
    /// In a command: no reply is wanted.
    pub const NO_REPLY: u32 = 1 << 4;
    /// In a reply: the command failed, with [`Header::error`](super::Header::error).
    pub const ERROR: u32 = 1 << 5;
}

/// In front of every message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// Chosen by the sender of a command, repeated in the reply.
    pub id: u16,
    pub command: u16,
    /// Bytes of the message, this header included.
    pub size: u32,
    pub flags: u32,
    /// In a reply with [`flags::ERROR`]: errno.
    pub error: u32,
}

/// Version; JSON text with the capabilities, ended by a NUL, may follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
}

/// Bits of [`DmaMap::flags`].
pub const DMA_READABLE: u32 = 1;
pub const DMA_WRITABLE: u32 = 2;
/// Bit of [`DmaUnmap::flags`]: everything, whatever address and size say.
pub const DMA_UNMAP_ALL: u32 = 2;

/// A window of the client's memory; at most one descriptor comes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DmaMap {
    pub argsz: u32,
    pub flags: u32,
    /// Of the window in the file.
    pub offset: u64,
    /// IOVA.
    pub address: u64,
    pub size: u64,
}

/// The end of such windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DmaUnmap {
    pub argsz: u32,
    pub flags: u32,
    pub address: u64,
    pub size: u64,
}

/// Bits of [`DeviceInfo::flags`].
pub const DEVICE_RESETTABLE: u32 = 1;
pub const DEVICE_PCI: u32 = 2;

/// What the device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DeviceInfo {
    pub argsz: u32,
    pub flags: u32,
    pub regions: u32,
    pub irqs: u32,
}

/// Regions of a PCI function; those below [`CONFIG_REGION`] are BARs 0 to 5 and the ROM, the one above it VGA.
pub const REGIONS: u32 = 9;
pub const CONFIG_REGION: u32 = 7;
/// Bits of [`RegionInfo::flags`].
pub const REGION_READABLE: u32 = 1;
pub const REGION_WRITABLE: u32 = 2;

/// One region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RegionInfo {
    pub argsz: u32,
    pub flags: u32,
    pub index: u32,
    pub cap_offset: u32,
    pub size: u64,
    pub offset: u64,
}

/// Kinds of interrupts of a PCI function.
pub const IRQS: u32 = 5;
pub const IRQ_MSIX: u32 = 2;
/// The device has failed.
pub const IRQ_ERROR: u32 = 3;
/// Bits of [`IrqInfo::flags`].
pub const IRQ_EVENTFD: u32 = 1;
pub const IRQ_NORESIZE: u32 = 8;

/// One kind of interrupts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct IrqInfo {
    pub argsz: u32,
    pub flags: u32,
    pub index: u32,
    pub count: u32,
}

/// Bits of [`SetIrqs::flags`]: one for the data, one for the action.
pub const IRQ_DATA_NONE: u32 = 1;
pub const IRQ_DATA_BOOL: u32 = 2;
pub const IRQ_DATA_EVENTFD: u32 = 4;
pub const IRQ_DATA: u32 = 7;
pub const IRQ_ACTION_MASK: u32 = 8;
pub const IRQ_ACTION_UNMASK: u32 = 16;
pub const IRQ_ACTION_TRIGGER: u32 = 32;
pub const IRQ_ACTION: u32 = 56;

/// What happens on interrupts `start..start + count`; one byte for each follows with [`IRQ_DATA_BOOL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SetIrqs {
    pub argsz: u32,
    pub flags: u32,
    pub index: u32,
    pub start: u32,
    pub count: u32,
}

/// An access to a region; the data of a write follows, and those of a read in its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RegionAccess {
    pub offset: u64,
    pub region: u32,
    pub count: u32,
}

/// An access of the server to the client's memory; data as above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DmaAccess {
    pub address: u64,
    pub count: u64,
}

/// The structure at the start of a payload and what follows it; `None` when it is too short.
pub fn split<T: Pod>(payload: &[u8]) -> Option<(T, &[u8])> {
    let (head, rest) = payload.split_at_checked(size_of::<T>())?;
    Some((bytemuck::pod_read_unaligned(head), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that the specification states.
    #[test]
    fn layouts() {
        assert_eq!(size_of::<Header>(), 16);
        assert_eq!(size_of::<Version>(), 4);
        assert_eq!((size_of::<DmaMap>(), size_of::<DmaUnmap>()), (32, 24));
        assert_eq!((size_of::<DeviceInfo>(), size_of::<RegionInfo>(), size_of::<IrqInfo>()), (16, 32, 16));
        assert_eq!((size_of::<SetIrqs>(), size_of::<RegionAccess>(), size_of::<DmaAccess>()), (20, 16, 16));
    }

    #[test]
    fn split_wants_the_whole_structure() {
        assert_eq!(split::<Version>(&[1, 0, 2]), None);
        let version = Version { major: u16::from_ne_bytes([1, 0]), minor: u16::from_ne_bytes([2, 0]) };
        assert_eq!(split(&[1, 0, 2, 0, 9]), Some((version, &[9][..])));
    }
}

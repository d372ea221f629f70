//! A third party's client, that of the crate `vfio_user` (cloud-hypervisor's), runs a command on a served card: it negotiates,
//! reads regions, shares memory, takes an interrupt and resets.

use permafrost_abi::command::{Command, NopCommand};
use permafrost_abi::pci::{COMMAND_BUS_MASTER, COMMAND_MEMORY, MSIX_VECTORS};
use permafrost_abi::registers::AdminSize;
use permafrost_abi::{reg, sq_doorbell, Completion, Status, ABI_MAGIC};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::vfio_user::Server;
use permafrost_sim::SimOptions;
use rustix::event::{eventfd, EventfdFlags};
use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use vfio_user::Client;

const IOVA: u64 = 0x1234_5000;
const CONFIG: u32 = 7;
const MSIX: u32 = 2;
/// VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER.
const ASSIGN: u32 = 4 | 32;

fn read32(client: &mut Client, region: u32, offset: u64) -> u32 {
    let mut data = [0; 4];
    client.region_read(region, offset, &mut data).unwrap();
    u32::from_le_bytes(data)
}

fn write32(client: &mut Client, region: u32, offset: u64, value: u32) {
    client.region_write(region, offset, &value.to_le_bytes()).unwrap();
}

#[test]
fn the_crates_client_runs_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let options = SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) };
    let server = Server::open(&folder.path().join("card"), options).unwrap();
    let mut client = Client::new(server.path()).unwrap();
    let c = &mut client;
    let sizes: Vec<_> = (0..9).map(|i| c.region(i).unwrap().size).collect();
    assert_eq!(sizes, [0x1_0000, 0, 0x1000, 0, 0, 0, 0, 0x1000, 0]);
    assert!(!c.resettable(), "which this version of the crate inverts");
    let msix = c.get_irq_info(MSIX).unwrap();
    assert_eq!((msix.count, msix.flags), (MSIX_VECTORS.into(), 1));
    assert_eq!(read32(c, CONFIG, 0), ABI_MAGIC);

    let memory = memfd_create("rings", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&memory, 0x4000).unwrap();
    c.dma_map(0x1000, IOVA, 0x3000, memory.as_raw_fd()).unwrap();
    let events: Vec<_> = (0..MSIX_VECTORS).map(|_| eventfd(0, EventfdFlags::NONBLOCK).unwrap()).collect();
    let raw: Vec<_> = events.iter().map(AsRawFd::as_raw_fd).collect();
    c.set_irqs(MSIX, ASSIGN, 0, MSIX_VECTORS.into(), &raw).unwrap();
    let memory = File::from(memory);
    for round in 0..2 {
        write32(c, CONFIG, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
        for (offset, value) in [(reg::ADMIN_SQ, IOVA), (reg::ADMIN_CQ, IOVA + 0x1000)] {
            write32(c, 0, offset, value as u32);
            write32(c, 0, offset + 4, (value >> 32) as u32);
        }
        write32(c, 0, reg::ADMIN_SIZE, AdminSize::from_fields(8, 8).0);
        write32(c, 0, reg::CC, 1);
        while read32(c, 0, reg::CSTS) & 1 == 0 {}
        let mut nop = Command::new(&NopCommand::default());
        nop.cid = 5 + round;
        memory.write_all_at(bytemuck::bytes_of(&nop), 0x1000).unwrap();
        memory.write_all_at(&[0; 16], 0x2000).unwrap();
        write32(c, 0, sq_doorbell(0), 1);
        let start = Instant::now();
        while rustix::io::read(&events[0], &mut [0; 8]).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "no interrupt");
        }
        let mut bytes = [0; 16];
        memory.read_exact_at(&mut bytes, 0x2000).unwrap();
        let done: Completion = bytemuck::pod_read_unaligned(&bytes);
        assert_eq!((done.cid, done.status(), done.status_phase & 1), (5 + round, Ok(Status::Success), 1));
        c.reset().unwrap();
        assert_eq!(read32(c, CONFIG, 4), 0x0010_0000);
    }
    c.dma_unmap(IOVA, 0x3000).unwrap();
}

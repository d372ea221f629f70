//! The vfio-user server, by a client that sends whatever it likes: agreement, refusals, DMA by messages, resets, and what is
//! left when a client goes.

use permafrost_abi::command::{Command, NopCommand};
use permafrost_abi::pci::*;
use permafrost_abi::registers::AdminSize;
use permafrost_abi::vfio_user::*;
use permafrost_abi::{counter, reg, sq_doorbell, Completion, Status, ABI_MAGIC};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::vfio_user::{Server, ServerError};
use permafrost_sim::SimOptions;
use rustix::event::{eventfd, EventfdFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// Where the client's memory is.
const IOVA: u64 = 0x5_0000_0000;
const EINVAL: u32 = 22;

fn options() -> SimOptions {
    SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) }
}

fn serve() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::open(&folder.path().join("card"), options()).unwrap();
    (folder, server)
}

/// A client that has no memory to share, but answers for [`IOVA`].
struct Client {
    channel: Channel,
    memory: Vec<u8>,
    /// DMA accesses answered: reads, writes.
    accesses: [u32; 2],
    id: u16,
}

impl Client {
    fn connect(path: &Path) -> Self {
        let channel = Channel::new(UnixStream::connect(path).unwrap(), LIMIT, Some(LIMIT)).unwrap();
        Client { channel, memory: vec![0; 0x4000], accesses: [0; 2], id: 0 }
    }

    fn open(path: &Path) -> Self {
        let mut client = Self::connect(path);
        let reply = client.call(command::VERSION, &[0, 0, 1, 0], &[]).unwrap();
        assert_eq!(reply[..4], [0, 0, 1, 0]);
        let text = reply[4..].strip_suffix(&[0]).expect("ended by a NUL");
        let text: serde_json::Value = serde_json::from_slice(text).unwrap();
        assert_eq!(text["capabilities"]["max_data_xfer_size"], 1 << 20);
        client
    }

    fn call(&mut self, command: u16, payload: &[u8], fds: &[BorrowedFd<'_>]) -> Result<Vec<u8>, u32> {
        self.id += 1;
        self.channel.send(Header { id: self.id, command, ..Header::default() }, &[payload], fds).unwrap();
        loop {
            let message = self.channel.receive().unwrap();
            if !message.is_reply() {
                self.serve(&message);
                continue;
            }
            assert_eq!((message.header.id, message.header.command), (self.id, command));
            return match message.header.flags & flags::ERROR {
                0 => Ok(message.payload),
                _ => {
                    assert!(message.payload.is_empty());
                    Err(message.header.error)
                }
            };
        }
    }

    /// Answers an access of the card.
    fn serve(&mut self, message: &Message) {
        let (access, data) = split::<DmaAccess>(&message.payload).unwrap();
        let reply = Header { flags: flags::REPLY, ..message.header };
        let at = access.address.checked_sub(IOVA).map(|at| at as usize);
        let place = at.and_then(|at| self.memory.get_mut(at..at + access.count as usize));
        match (message.header.command, place) {
            (command::DMA_READ, Some(place)) => {
                self.accesses[0] += 1;
                self.channel.send(reply, &[bytemuck::bytes_of(&access), place], &[]).unwrap();
            }
            (command::DMA_WRITE, Some(place)) => {
                self.accesses[1] += 1;
                place.copy_from_slice(data);
                self.channel.send(reply, &[bytemuck::bytes_of(&access)], &[]).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        let access = RegionAccess { offset, region, count };
        let reply = self.call(command::REGION_READ, bytemuck::bytes_of(&access), &[])?;
        let (seen, data) = split::<RegionAccess>(&reply).unwrap();
        assert_eq!((seen, data.len()), (access, count as usize));
        Ok(data.to_vec())
    }

    fn read32(&mut self, region: u32, offset: u64) -> u32 {
        u32::from_le_bytes(self.read(region, offset, 4).unwrap().try_into().unwrap())
    }

    fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), u32> {
        let access = RegionAccess { offset, region, count: data.len() as u32 };
        let payload = [bytemuck::bytes_of(&access), data].concat();
        let reply = self.call(command::REGION_WRITE, &payload, &[])?;
        assert_eq!(reply, bytemuck::bytes_of(&access));
        Ok(())
    }

    fn write32(&mut self, region: u32, offset: u64, value: u32) {
        self.write(region, offset, &value.to_le_bytes()).unwrap();
    }

    /// The next thing is that the server hangs up.
    fn closed(&self) {
        assert!(matches!(self.channel.receive(), Err(ChannelError::Closed)));
    }

    /// Enables the card with admin rings in this client's memory; `false`: it reports a fatal error.
    fn enable(&mut self) -> bool {
        for (offset, value) in [(reg::ADMIN_SQ, IOVA), (reg::ADMIN_CQ, IOVA + 0x1000)] {
            self.write32(0, offset, value as u32);
            self.write32(0, offset + 4, (value >> 32) as u32);
        }
        self.write32(0, reg::ADMIN_SIZE, AdminSize::from_fields(8, 8).0);
        self.write32(0, reg::CC, 1);
        while self.read32(0, reg::CSTS) & 1 == 0 {}
        let mut nop = Command::new(&NopCommand::default());
        nop.cid = 0x77;
        self.memory[..64].copy_from_slice(bytemuck::bytes_of(&nop));
        self.write32(0, sq_doorbell(0), 1);
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < LIMIT, "neither a completion nor a fatal error");
            if self.read32(0, reg::CSTS) & 2 != 0 {
                return false;
            }
            let done: Completion = bytemuck::pod_read_unaligned(&self.memory[0x1000..0x1010]);
            if done.status_phase & 1 != 0 {
                assert_eq!((done.cid, done.status()), (0x77, Ok(Status::Success)));
                return true;
            }
        }
    }
}

fn window(size: u64) -> DmaMap {
    DmaMap { argsz: 32, flags: DMA_READABLE | DMA_WRITABLE, offset: 0, address: IOVA, size }
}

#[test]
fn a_client_without_shared_memory_runs_a_command() {
    let (_folder, server) = serve();
    let mut client = Client::open(server.path());
    assert_eq!(client.read32(CONFIG_REGION, 0), ABI_MAGIC);
    assert_eq!(client.read32(REGISTER_BAR, reg::MAGIC), u32::MAX, "memory is not enabled");
    client.call(command::DMA_MAP, bytemuck::bytes_of(&window(0x4000)), &[]).unwrap();
    let event = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let set = SetIrqs {
        argsz: 20,
        flags: IRQ_DATA_EVENTFD | IRQ_ACTION_TRIGGER,
        index: IRQ_MSIX,
        start: 0,
        count: 1,
    };
    client.call(command::DEVICE_SET_IRQS, bytemuck::bytes_of(&set), &[event.as_fd()]).unwrap();
    client.write32(CONFIG_REGION, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
    assert!(client.enable());
    assert!(client.accesses[0] >= 1 && client.accesses[1] >= 1, "{:?}", client.accesses);
    let start = Instant::now();
    while rustix::io::read(&event, &mut [0; 8]).is_err() {
        assert!(start.elapsed() < LIMIT, "no interrupt");
    }
    // Function level reset by config space: the bus master bit is off, the card as after power-up.
    client.write(CONFIG_REGION, 0x48, &[0x10, 0xa8]).unwrap();
    assert_eq!(client.read32(CONFIG_REGION, 4), 0x0010_0000);
    client.memory.fill(0);
    client.accesses = [0; 2];
    client.write32(CONFIG_REGION, 4, COMMAND_MEMORY.into());
    assert_eq!(client.read32(REGISTER_BAR, reg::CC), 0);
    assert!(!client.enable(), "no DMA without bus mastering");
    assert_eq!(client.accesses, [0; 2]);
    // The same by the message.
    client.call(command::DEVICE_RESET, &[], &[]).unwrap();
    client.write32(CONFIG_REGION, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
    assert!(client.enable());
    // Nor without the window.
    let unmap = DmaUnmap { argsz: 24, flags: 0, address: IOVA, size: 0x4000 };
    let reply = client.call(command::DMA_UNMAP, bytemuck::bytes_of(&unmap), &[]).unwrap();
    assert_eq!(reply, bytemuck::bytes_of(&unmap));
    client.call(command::DEVICE_RESET, &[], &[]).unwrap();
    client.memory.fill(0);
    client.write32(CONFIG_REGION, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
    assert!(!client.enable());
}

#[test]
fn the_device_describes_itself() {
    let (_folder, server) = serve();
    let mut client = Client::open(server.path());
    let ask = DeviceInfo { argsz: 16, ..Default::default() };
    let reply = client.call(command::DEVICE_GET_INFO, bytemuck::bytes_of(&ask), &[]).unwrap();
    assert_eq!(split(&reply), Some((DeviceInfo { argsz: 16, flags: 3, regions: 9, irqs: 5 }, &[][..])));
    for (index, size) in [0x1_0000, 0, 0x1000, 0, 0, 0, 0, 0x1000, 0].into_iter().enumerate() {
        let ask = RegionInfo { argsz: 32, index: index as u32, ..Default::default() };
        let reply = client.call(command::DEVICE_GET_REGION_INFO, bytemuck::bytes_of(&ask), &[]).unwrap();
        let flags = if size > 0 { 3 } else { 0 };
        assert_eq!(split(&reply), Some((RegionInfo { flags, size, ..ask }, &[][..])));
    }
    for (index, count) in [0, 0, 15, 1, 0].into_iter().enumerate() {
        let ask = IrqInfo { argsz: 16, index: index as u32, ..Default::default() };
        let reply = client.call(command::DEVICE_GET_IRQ_INFO, bytemuck::bytes_of(&ask), &[]).unwrap();
        let flags = if count > 0 { IRQ_EVENTFD } else { 0 };
        assert_eq!(split(&reply), Some((IrqInfo { flags, count, ..ask }, &[][..])));
    }
}

/// Each is answered with its errno, and the stream stays in step.
#[test]
fn malformed_commands_are_refused() {
    let (_folder, server) = serve();
    let mut client = Client::open(server.path());
    let fd = eventfd(0, EventfdFlags::empty()).unwrap();
    let fds: Vec<OwnedFd> = (0..MAX_FDS).map(|_| fd.try_clone().unwrap()).collect();
    let bytes = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let map = bytemuck::bytes_of(&window(0x1000)).to_vec();
    for (command, payload, descriptors, errno) in [
        (command::VERSION, vec![0, 0, 1, 0], 0, EINVAL),
        (command::DMA_MAP, map[..31].to_vec(), 0, EINVAL),
        (command::DMA_MAP, map.clone(), 2, EINVAL),
        (command::DMA_MAP, map, 1, EINVAL), // an eventfd has no pages
        (command::DMA_UNMAP, vec![0; 23], 0, EINVAL),
        (command::DMA_UNMAP, vec![0; 24], 0, EINVAL),
        (command::DEVICE_GET_INFO, bytes(&[16, 0, 0]), 0, EINVAL),
        (command::DEVICE_GET_INFO, bytes(&[15, 0, 0, 0]), 0, EINVAL),
        (command::DEVICE_GET_REGION_INFO, bytes(&[32, 0, 9, 0, 0, 0, 0, 0]), 0, EINVAL),
        (command::DEVICE_GET_REGION_INFO, bytes(&[32, 0, u32::MAX, 0, 0, 0, 0, 0]), 0, EINVAL),
        (command::DEVICE_GET_IRQ_INFO, bytes(&[16, 0, 5, 0]), 0, EINVAL),
        (command::DEVICE_SET_IRQS, bytes(&[20, 0x24, 2, 0]), 1, EINVAL),
        (command::DEVICE_SET_IRQS, bytes(&[20, 0x24, 2, 0, 2]), MAX_FDS, EINVAL),
        (command::DEVICE_SET_IRQS, bytes(&[20, 0x24, 2, 0, u32::MAX]), 1, EINVAL),
        (command::REGION_READ, bytes(&[0, 0, 0]), 0, EINVAL),
        (command::REGION_READ, bytes(&[0, 0, 0, u32::MAX]), 0, 7),
        (command::REGION_READ, bytes(&[0, 0, 0, MAX_DATA]), 0, EINVAL),
        (command::REGION_READ, bytes(&[0xfffe, 0, 0, 4]), 0, EINVAL),
        (command::REGION_READ, bytes(&[u32::MAX, u32::MAX, 7, 4]), 0, EINVAL),
        (command::REGION_READ, bytes(&[0, 0, 1, 4]), 0, EINVAL),
        (command::REGION_WRITE, bytes(&[0, 0, 0, 4]), 0, EINVAL),
        (command::REGION_WRITE, bytes(&[0, 0, 7, 4, 0, 0]), 0, EINVAL),
        (command::REGION_WRITE, bytes(&[0, 0, 0, u32::MAX, 0]), 0, EINVAL),
        (command::DMA_READ, vec![0; 16], 0, EINVAL),
        (command::DEVICE_GET_REGION_IO_FDS, vec![0; 16], 0, 95),
        (14, vec![], 0, 95),
        (18, vec![0; 100], 0, 95),
        (0, vec![], 0, 38),
        (19, vec![1; 1000], 3, 38),
        (u16::MAX, vec![], 0, 38),
    ] {
        let borrowed: Vec<_> = fds[..descriptors].iter().map(AsFd::as_fd).collect();
        assert_eq!(client.call(command, &payload, &borrowed), Err(errno), "command {command}, {payload:x?}");
    }
    // Without a reply, and in order with what follows.
    let access = RegionAccess { offset: 0x0c, region: CONFIG_REGION, count: 1 };
    let header = Header { command: command::REGION_WRITE, flags: flags::NO_REPLY, ..Header::default() };
    client.channel.send(header, &[bytemuck::bytes_of(&access), &[0x40]], &[]).unwrap();
    client.channel.send(Header { command: 99, ..header }, &[], &[]).unwrap();
    assert_eq!(client.read(CONFIG_REGION, 0x0c, 1).unwrap(), [0x40]);
    // An answer that nobody asked for.
    client
        .channel
        .send(Header { command: command::DMA_READ, flags: flags::REPLY, ..header }, &[], &[])
        .unwrap();
    assert_eq!(client.read(CONFIG_REGION, 0x0c, 1).unwrap(), [0x40]);
}

#[test]
fn versions() {
    let (_folder, server) = serve();
    let with = |text: &[u8]| [&[0, 0, 9, 0][..], text].concat();
    for good in [
        with(b""),
        with(b"{}\0"),
        with(br#"{"capabilities":{"max_msg_fds":8,"twin_socket":{"supported":true}}}"#),
    ] {
        let mut client = Client::connect(server.path());
        let reply = client.call(command::VERSION, &good, &[]).unwrap();
        assert_eq!(reply[..4], [0, 0, 1, 0], "the older of the two");
    }
    for bad in [
        vec![1, 0, 0, 0],
        vec![0, 0, 1],
        vec![],
        with(b"{"),
        with(b"[3]\0"),
        with(b"{}\0{}\0"),
        with(&[0xff; 1000]),
        with(br#"{"capabilities":{"max_data_xfer_size":63}}"#),
        with(br#"{"capabilities":{"max_data_xfer_size":-1}}"#),
    ] {
        let mut client = Client::connect(server.path());
        assert_eq!(client.call(command::VERSION, &bad, &[]), Err(EINVAL), "{bad:x?}");
        client.closed();
    }
    let mut client = Client::connect(server.path());
    assert_eq!(client.call(command::DEVICE_RESET, &[], &[]), Err(EINVAL), "a version comes first");
    client.closed();
}

/// Streams that are out of step, and messages of random bytes: the server goes on with the next client.
#[test]
fn nonsense_harms_nobody() {
    let (_folder, server) = serve();
    let client = Client::open(server.path());
    let cut = Header { command: command::REGION_READ, flags: 7, ..Header::default() };
    client.channel.send(cut, &[], &[]).unwrap();
    client.closed();
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng: rand_chacha::ChaCha8Rng = rand::SeedableRng::seed_from_u64(seed);
    use rand::Rng;
    let fd = eventfd(0, EventfdFlags::empty()).unwrap();
    for _ in 0..4 {
        let mut client = Client::open(server.path());
        for _ in 0..2000 {
            let command = rng.gen_range(0..20);
            let mut payload: Vec<u8> = (0..rng.gen_range(0..64)).map(|_| rng.gen()).collect();
            // Small numbers get further.
            for word in payload.chunks_mut(4) {
                if rng.gen_bool(0.7) {
                    word.fill(0);
                    word[0] = rng.gen_range(0..48);
                }
            }
            let fds = vec![fd.as_fd(); if rng.gen_bool(0.2) { rng.gen_range(1..4) } else { 0 }];
            let _ = client.call(command, &payload, &fds);
        }
    }
    let mut client = Client::open(server.path());
    assert_eq!(client.read32(CONFIG_REGION, 4), 0x0010_0000);
    client.write32(CONFIG_REGION, 4, COMMAND_MEMORY.into());
    assert_eq!(client.read32(REGISTER_BAR, reg::MAGIC), ABI_MAGIC);
}

#[test]
fn one_client_at_a_time_and_nothing_left_of_it() {
    let (_folder, server) = serve();
    let mut first = Client::open(server.path());
    first.write32(CONFIG_REGION, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
    let map = window(0x4000);
    first.call(command::DMA_MAP, bytemuck::bytes_of(&map), &[]).unwrap();
    assert!(first.enable());
    for _ in 0..3 {
        let second = Client::connect(server.path());
        let refusal = second.channel.receive().unwrap();
        assert_eq!((refusal.header.command, refusal.header.error), (command::VERSION, 16));
        second.closed();
    }
    assert_eq!(first.read32(REGISTER_BAR, reg::CC), 1, "the first is not disturbed");
    drop(first);
    // At once: the server finishes with the first before it serves the second.
    let mut second = Client::open(server.path());
    assert_eq!(second.read32(CONFIG_REGION, 4), 0x0010_0000);
    second.call(command::DMA_MAP, bytemuck::bytes_of(&map), &[]).unwrap();
    second.write32(CONFIG_REGION, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
    assert_eq!(second.read32(REGISTER_BAR, reg::CC), 0);
    // The server goes while a client is there.
    drop(server);
    second.closed();
}

#[test]
fn sockets_are_claimed() {
    let (folder, server) = serve();
    let path = server.path().to_owned();
    assert!(matches!(Server::open(&path, options()), Err(ServerError::InUse(_))));
    drop(server);
    assert!(!path.exists(), "removed with the server");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left over, as after a kill");
    let server = Server::open(&path, options()).unwrap();
    Client::open(server.path());
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(matches!(Server::open(&file, options()), Err(ServerError::NotASocket(_))));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let far = folder.path().join("x".repeat(120));
    assert!(matches!(Server::open(&far, options()), Err(ServerError::Listen { .. })));
    assert!(matches!(
        Server::open(&folder.path().join("no/such"), options()),
        Err(ServerError::Listen { .. })
    ));
}

/// Observers read while a client works, can do nothing else, are at most sixteen, and are disconnected with the server.
#[test]
fn observers_see_and_change_nothing() {
    let (folder, mut server) = serve();
    let path = folder.path().join("card.observe");
    server.observe(&path).unwrap();
    let mut first = Client::open(&path);
    assert_eq!(first.read32(CONFIG_REGION, 0), ABI_MAGIC);
    assert_eq!(first.read32(REGISTER_BAR, reg::MAGIC), u32::MAX, "nobody has switched the card on");

    let mut client = Client::open(server.path());
    client.call(command::DMA_MAP, bytemuck::bytes_of(&window(0x4000)), &[]).unwrap();
    client.write32(CONFIG_REGION, 4, (COMMAND_MEMORY | COMMAND_BUS_MASTER).into());
    assert!(client.enable());
    let commands = counter::COMMANDS;
    assert_eq!((first.read32(0, reg::MAGIC), first.read32(0, commands)), (ABI_MAGIC, 1));
    let before = client.read(0, 0, 256).unwrap();

    let bytes = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    const EPERM: u32 = 1;
    for (command, payload, errno) in [
        (command::VERSION, vec![0, 0, 1, 0], EPERM),
        (command::DMA_MAP, bytemuck::bytes_of(&window(0x1000)).to_vec(), EPERM),
        (command::DMA_UNMAP, vec![0; 24], EPERM),
        (command::DEVICE_SET_IRQS, bytes(&[20, 0x21, 2, 0, 0]), EPERM),
        (command::REGION_WRITE, bytes(&[reg::CC as u32, 0, 0, 4, 0]), EPERM),
        (command::REGION_WRITE, bytes(&[4, 0, 7, 4, 0]), EPERM),
        (command::REGION_WRITE, bytes(&[0x48, 0, 7, 2, 0x8000]), EPERM),
        (command::DEVICE_RESET, vec![], EPERM),
        (command::DMA_READ, vec![0; 16], EPERM),
        (99, vec![7; 100], EPERM),
        (command::REGION_READ, bytes(&[0, 0, 2, 4]), EPERM),
        (command::REGION_READ, bytes(&[0, 0, 9, 4]), EPERM),
        (command::REGION_READ, bytes(&[0, 0, 0]), EINVAL),
        (command::REGION_READ, bytes(&[2, 0, 0, 4]), EINVAL),
        (command::REGION_READ, bytes(&[0xfffc, 0, 0, 8]), EINVAL),
        (command::REGION_READ, bytes(&[0, 0, 0, 1028]), 7),
    ] {
        assert_eq!(first.call(command, &payload, &[]), Err(errno), "command {command}, {payload:x?}");
    }
    let ask = RegionInfo { argsz: 32, index: 0, ..Default::default() };
    let reply = first.call(command::DEVICE_GET_REGION_INFO, bytemuck::bytes_of(&ask), &[]).unwrap();
    assert_eq!(split::<RegionInfo>(&reply).unwrap().0.flags, REGION_READABLE);
    assert_eq!(client.read(0, 0, 256).unwrap(), before, "the client's card is as it was");
    client.memory.fill(0);
    client.write32(0, reg::CC, 0);
    while client.read32(0, reg::CSTS) & 1 != 0 {}
    assert!(client.enable(), "and works");

    let mut others: Vec<Client> = (1..16).map(|_| Client::open(&path)).collect();
    for other in &mut others {
        assert_eq!(other.read32(0, reg::MAGIC), ABI_MAGIC);
    }
    let surplus = Client::connect(&path);
    let message = surplus.channel.receive().unwrap();
    assert_eq!((message.header.command, message.header.error), (command::VERSION, 16));
    surplus.closed();
    // A place becomes free when somebody goes.
    drop(others.pop());
    drop(surplus);
    let mut late = Client::open(&path);
    assert_eq!(late.read32(0, reg::MAGIC), ABI_MAGIC);

    drop(client);
    let start = Instant::now();
    while late.read32(0, reg::MAGIC) != u32::MAX {
        assert!(start.elapsed() < LIMIT, "the card is off after its client");
    }
    drop(server);
    late.closed();
    assert!(!path.exists());
}

//! The vfio-user transport: servers that are not there, go away or talk nonsense, and what is left behind when a client goes.
//! That a served card is a card is for `conformance.rs`.

#![cfg(not(miri))]

use permafrost_abi::vfio_user::*;
use permafrost_abi::{reg, NopCommand, Transport, TransportError, ABI_MAGIC};
use permafrost_driver::{Card, CardOptions, Error, Request, VfioUser};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::vfio_user::Server;
use permafrost_sim::SimOptions;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

fn options() -> SimOptions {
    SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) }
}

fn serve(folder: &Path, name: &str) -> Server {
    Server::open(&folder.join(name), options()).expect("the card is served")
}

fn open(server: &Server) -> Card {
    let transport = Arc::new(VfioUser::connect(server.path()).expect("the server answers"));
    Card::open(transport, CardOptions::default()).expect("the card comes up")
}

fn nop() -> Request {
    Request::new(&NopCommand::default())
}

fn refusal(path: &Path) -> String {
    match VfioUser::connect(path) {
        Err(error @ TransportError::Io(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_cannot_be_reached_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let message = refusal(&path);
    assert!(message.contains("no such socket") && message.contains("card serve"), "{message}");
    drop(UnixListener::bind(&path).unwrap());
    assert!(refusal(&path).contains("no card is served"));
    std::fs::remove_file(&path).unwrap();
    let server = serve(folder.path(), "card");
    let card = open(&server);
    assert!(refusal(&path).contains("used by another client"));
    card.run(1, nop()).expect("the first is not disturbed");
}

/// The card's memory as the next client finds it: zeroed. The client may come at once.
#[test]
fn the_next_client_finds_nothing_of_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), "card");
    for round in 0..3u8 {
        let card = open(&server);
        let buffer = card.dram().alloc(1 << 20).unwrap();
        let mut seen = vec![1; 1 << 20];
        card.read(&buffer, 0, &mut seen).unwrap();
        assert!(seen.iter().all(|b| *b == 0), "round {round}");
        card.write(&buffer, 0, &vec![round + 1; 1 << 20]).unwrap();
        // Outstanding when the card is closed.
        drop(card.submit(1, nop().wait(0, 1)).unwrap());
    }
}

#[test]
fn cards_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let servers = ["a", "b"].map(|name| serve(folder.path(), name));
    let cards = servers.each_ref().map(open);
    let buffers = cards.each_ref().map(|card| card.dram().alloc(4096).unwrap());
    for (i, (card, buffer)) in cards.iter().zip(&buffers).enumerate() {
        card.write(buffer, 0, &[i as u8 + 1; 4096]).unwrap();
    }
    for (i, (card, buffer)) in cards.iter().zip(&buffers).enumerate() {
        let mut seen = [0; 4096];
        card.read(buffer, 0, &mut seen).unwrap();
        assert_eq!(seen, [i as u8 + 1; 4096]);
    }
    let [first, second] = servers;
    drop(first);
    assert!(matches!(cards[0].run(1, nop()), Err(Error::CardLost { .. })));
    cards[1].run(1, nop()).expect("the other goes on");
    drop(second);
}

#[test]
fn a_server_that_goes_is_a_lost_card() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), "card");
    let card = open(&server);
    let buffer = card.dram().alloc(64).unwrap();
    let waiting = card.submit(1, nop().wait(0, 1).using(&buffer)).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| waiting.wait());
        std::thread::sleep(Duration::from_millis(50));
        drop(server);
        let result = waiter.join().unwrap();
        assert!(matches!(&result, Err(Error::CardLost { .. })), "{result:?}");
    });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    for result in [
        card.run(2, nop()).map(|_| ()),
        card.counters().map(|_| ()),
        card.reset(),
        card.dma_alloc(64).map(|_| ()),
    ] {
        assert!(matches!(&result, Err(Error::CardLost { .. })), "{result:?}");
    }
}

/// A server in a thread that does what `serve` says.
fn fake(path: &Path, serve: impl FnOnce(&Channel) + Send + 'static) -> JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (stream, _): (UnixStream, _) = listener.accept().unwrap();
        let limit = Duration::from_secs(20);
        serve(&Channel::new(stream, limit, Some(limit)).unwrap());
    })
}

/// Answers like a card that has nothing but MAGIC, until `changed` answers otherwise.
fn answer(channel: &Channel, mut changed: impl FnMut(&Message, &mut Header, &mut Vec<u8>)) {
    while let Ok(message) = channel.receive() {
        let mut payload = match message.header.command {
            command::VERSION => vec![0, 0, 1, 0],
            command::DEVICE_GET_INFO => {
                bytemuck::bytes_of(&DeviceInfo { argsz: 16, flags: 3, regions: 9, irqs: 5 }).to_vec()
            }
            command::DEVICE_GET_REGION_INFO => {
                bytemuck::bytes_of(&RegionInfo { size: 0x1_0000, ..Default::default() }).to_vec()
            }
            command::DEVICE_GET_IRQ_INFO => {
                bytemuck::bytes_of(&IrqInfo { count: 3, ..Default::default() }).to_vec()
            }
            command::REGION_READ => [&message.payload[..], &ABI_MAGIC.to_le_bytes()].concat(),
            _ => message.payload.clone(),
        };
        let mut header = Header { flags: flags::REPLY, ..message.header };
        changed(&message, &mut header, &mut payload);
        if message.header.flags & flags::NO_REPLY == 0 && channel.send(header, &[&payload], &[]).is_err() {
            return;
        }
    }
}

#[test]
fn servers_of_something_else_are_refused() {
    type Change = fn(&Message, &mut Header, &mut Vec<u8>);
    let changes: [(&str, Change); 6] = [
        ("another major", |m, _, p| {
            if m.header.command == command::VERSION {
                *p = vec![1, 0, 0, 0];
            }
        }),
        ("a refusal", |m, h, p| {
            if m.header.command == command::VERSION {
                (h.flags, h.error) = (flags::REPLY | flags::ERROR, u32::MAX);
                p.clear();
            }
        }),
        ("no PCI", |m, _, p| {
            if m.header.command == command::DEVICE_GET_INFO {
                p[4] = 1;
            }
        }),
        ("few regions", |m, _, p| {
            if m.header.command == command::DEVICE_GET_INFO {
                p[8] = 7;
            }
        }),
        ("a small BAR", |m, _, p| {
            if m.header.command == command::DEVICE_GET_REGION_INFO {
                p[16..].fill(0);
            }
        }),
        ("no command register", |m, h, _| {
            if m.header.command == command::REGION_WRITE {
                h.flags |= flags::ERROR;
            }
        }),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (i, (name, change)) in changes.into_iter().enumerate() {
        let path = folder.path().join(i.to_string());
        let server = fake(&path, move |channel| answer(channel, change));
        println!("{name}: {}", refusal(&path));
        server.join().unwrap();
    }
}

#[test]
fn a_server_out_of_step_is_a_lost_card() {
    type Change = fn(&mut Header, &mut Vec<u8>);
    let changes: [Change; 5] = [
        |h, _| h.id ^= 1,
        |h, _| h.command = command::REGION_WRITE,
        |_, p| p.truncate(19),
        |_, p| p.push(0),
        |_, p| p[0] ^= 4,
    ];
    let folder = tempfile::tempdir().unwrap();
    for (i, change) in changes.into_iter().enumerate() {
        let path = folder.path().join(i.to_string());
        let server = fake(&path, move |channel| {
            answer(channel, |m, header, payload| {
                if m.header.command == command::REGION_READ && m.payload[0] == reg::VERSION as u8 {
                    change(header, payload);
                }
            });
        });
        let card = VfioUser::connect(&path).unwrap();
        assert_eq!(card.read32(reg::MAGIC).unwrap(), ABI_MAGIC);
        assert!(matches!(card.read32(reg::VERSION), Err(TransportError::Lost { .. })), "change {i}");
        assert!(matches!(card.read32(reg::MAGIC), Err(TransportError::Lost { .. })), "it stays lost");
        assert!(matches!(card.write32(reg::CC, 0), Err(TransportError::Lost { .. })));
        server.join().unwrap();
    }
}

/// A server may ask for memory while it owes a reply; it is told that there is none. Vectors are bounded by the device.
#[test]
fn requests_of_the_server_are_answered_and_vectors_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let server = fake(&path, |channel| {
        answer(channel, |m, _, _| {
            if m.header.command == command::DEVICE_RESET {
                let header = Header { id: 9, command: command::DMA_READ, ..Header::default() };
                channel.send(header, &[&[0; 16]], &[]).unwrap();
                let refused = channel.receive().unwrap();
                assert_eq!((refused.header.id, refused.header.error), (9, 22));
                assert!(refused.is_reply() && refused.header.flags & flags::ERROR != 0);
            }
        });
    });
    let card = VfioUser::connect(&path).unwrap();
    card.reset().unwrap();
    assert!(matches!(card.enable_irqs(4), Err(TransportError::BadVector { vector: 3, enabled: 3 })));
    card.enable_irqs(3).unwrap();
    assert!(!card.wait_irq(2, Duration::from_millis(1)).unwrap());
    assert!(matches!(card.wait_irq(3, Duration::ZERO), Err(TransportError::BadVector { .. })));
    card.enable_irqs(0).unwrap();
    assert!(matches!(card.wait_irq(0, Duration::ZERO), Err(TransportError::BadVector { .. })));
    assert!(matches!(card.read32(2), Err(TransportError::BadOffset { .. })));
    assert!(matches!(card.dma_alloc(usize::MAX), Err(TransportError::OutOfMemory { .. })));
    drop(card);
    server.join().unwrap();
}

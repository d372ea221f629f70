//! Ends of a socket that talk nonsense, are gone, or are silent.

use crate::{options, sim_options, works, LIMIT};
use permafrost_abi::vfio_user::{command, flags, Channel, Header};
use permafrost_abi::{reg, Transport};
use permafrost_driver::{Card, TransportError, VfioUser};
use permafrost_sim::vfio_user::Server;
use permafrost_tests::inputs::rng;
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages of a client that knows the frame but not the language, or not even the frame.
fn nonsense(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut payload = vec![0; rng.gen_range(0..80)];
    rng.fill_bytes(&mut payload);
    if rng.gen_ratio(1, 4) {
        return payload;
    }
    let header = Header {
        id: rng.gen(),
        command: rng.gen_range(0..24),
        size: match rng.gen_range(0..8) {
            0 => rng.gen(),
            1 => rng.gen_range(0..16),
            _ => 16 + payload.len() as u32,
        },
        flags: if rng.gen_ratio(1, 3) { rng.gen() } else { 0 },
        error: 0,
    };
    [bytemuck::bytes_of(&header), &payload[..]].concat()
}

/// Clients that send nonsense, after a proper beginning and without: each is answered or hung up on, and the one after them
/// has a card that works.
#[test]
fn clients_that_send_nonsense_leave_a_working_card() {
    let (mut rng, _) = rng();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::open(&folder.path().join("card"), sim_options()).expect("the card is served");
    for round in 0..150 {
        let mut stream = UnixStream::connect(server.path()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        if round % 3 != 0 {
            let channel = Channel::new(stream.try_clone().unwrap(), LIMIT, Some(LIMIT)).unwrap();
            let header = Header { id: 1, command: command::VERSION, ..Header::default() };
            channel.send(header, &[&[0, 0, 1, 0]], &[]).expect("a proper beginning");
            assert!(channel.receive().expect("an answer").header.flags & flags::ERROR == 0);
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        }
        for _ in 0..rng.gen_range(1..40) {
            if stream.write_all(&nonsense(&mut rng)).is_err() {
                break; // the server has had enough
            }
            let _ = stream.read(&mut [0; 4096]);
        }
    }
    let transport = Arc::new(VfioUser::connect(server.path()).expect("the server answers"));
    works(&Card::open(transport, options(LIMIT)).expect("the card comes up"));
}

/// Servers that send nonsense instead of an answer, at once or after a proper beginning: a clear error in bounded time.
#[test]
fn servers_that_send_nonsense_are_errors() {
    let (mut rng, _) = rng();
    let folder = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let path = folder.path().join(round.to_string());
        let listener = UnixListener::bind(&path).unwrap();
        let noise: Vec<u8> = (0..8).flat_map(|_| nonsense(&mut rng)).collect();
        let proper = round % 2;
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut request = [0; 4096];
            for _ in 0..proper {
                let count = stream.read(&mut request).unwrap();
                let mut reply = request[..20].to_vec();
                reply[..16].copy_from_slice(&request[..16]);
                assert!(count >= 20);
                reply[4..8].copy_from_slice(&20u32.to_le_bytes());
                reply[8..12].copy_from_slice(&flags::REPLY.to_le_bytes());
                stream.write_all(&reply).unwrap();
            }
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&noise);
        });
        let start = Instant::now();
        match VfioUser::connect(&path) {
            Err(TransportError::Io(_) | TransportError::Lost { .. } | TransportError::Timeout { .. }) => {}
            other => panic!("round {round}: {other:?}"),
        }
        assert!(start.elapsed() < LIMIT);
        server.join().unwrap();
    }
}

/// A server that takes everything and says nothing more.
#[test]
fn a_server_that_falls_silent_is_lost_in_the_time_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let listener = UnixListener::bind(&path).unwrap();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (_stream, _) = listener.accept().unwrap();
        let _ = wait.recv();
    });
    let start = Instant::now();
    let result = VfioUser::connect_within(&path, Duration::from_millis(300));
    assert!(result.is_err(), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    drop(done);
    server.join().unwrap();
}

/// A connection whose server has gone stays lost, and says so at once.
#[test]
fn a_lost_connection_stays_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::open(&folder.path().join("card"), sim_options()).expect("the card is served");
    let transport = VfioUser::connect(server.path()).expect("the server answers");
    let region = transport.dma_alloc(4096).unwrap();
    drop(server);
    for _ in 0..2 {
        assert!(matches!(transport.read32(reg::MAGIC), Err(TransportError::Lost { .. })));
        assert!(matches!(transport.dma_alloc(4096), Err(TransportError::Lost { .. })));
    }
    // Memory of ours is ours.
    region.write(0, &[1; 4096]);
}

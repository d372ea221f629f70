//! The driver through VFIO, when things go wrong that only a kernel can bring about.

use super::driver::{open, reach};
use super::worker;
use crate::error::{expect, Error};
use crate::init::write;
use crate::pci;
use permafrost_abi::{CopyKind, NopCommand};
use permafrost_driver::{Bdf, Card, CardOptions, DmaPiece, Error as DriverError, Request};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// Longest time for a fault to reach a waiting caller; each access to a card that hangs takes 5 s.
const NOTICE: Duration = Duration::from_secs(40);

/// The process that has the card is killed in the middle of its work, three times: the kernel resets the card, and the next
/// process has it at once, and finds nothing in card memory of what was there.
pub fn driver_killed() -> Result<(), Error> {
    for _ in 0..3 {
        let (mut child, address) = worker::start()?;
        std::thread::sleep(Duration::from_millis(20));
        child.kill().map_err(Error::file("kill", "the worker"))?;
        let status = child.wait().map_err(Error::file("wait for", "the worker"))?;
        expect(status.signal() == Some(9), format!("the worker ended by itself: {status}"))?;
        let start = Instant::now();
        let card = open(pci::card(0)?)?;
        println!("opened again {:.0?} after the kill", start.elapsed());
        let buffer = card.dram().alloc(worker::BYTES as u64)?;
        expect(
            buffer.address() == address,
            format!("memory at {:#x}, the worker's was at {address:#x}", buffer.address()),
        )?;
        let mut left = vec![0xff; worker::BYTES];
        card.read(&buffer, 0, &mut left)?;
        let bytes = left.iter().filter(|b| **b != 0).count();
        expect(bytes == 0, format!("{bytes} bytes of the killed process are still in card memory"))?;
        drop(buffer);
        worker::copies(&card, 1)?;
    }
    Ok(())
}

/// A command that waits for a semaphore that nobody sets; what it ends with, and after how long. `act` brings the end about.
fn waiting(card: &Card, act: impl FnOnce() -> Result<(), Error>) -> Result<(DriverError, Duration), Error> {
    let ticket = card.submit(1, Request::new(&NopCommand::default()).wait(0, 1))?;
    let start = Instant::now();
    act()?;
    // On a thread of its own, so that a driver that notices nothing fails the case instead of holding up the machine.
    let (done, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(ticket.wait()));
    match result.recv_timeout(NOTICE) {
        Ok(Err(error)) => Ok((error, start.elapsed())),
        Ok(Ok(_)) => Err(Error::Wrong("the command that waits was completed".into())),
        Err(_) => Err(Error::Wrong(format!("a waiting command notices nothing within {NOTICE:?}"))),
    }
}

/// Fails unless the driver says that the card is lost.
fn lost(error: &DriverError, after: Duration) -> Result<(), Error> {
    println!("after {after:.0?}: {error}");
    expect(
        matches!(error, DriverError::CardLost { .. }),
        format!("expected that the card is lost, not `{error}`"),
    )
}

/// The card is taken out in good order while a command waits: the driver is asked to let go, does, and the card can be
/// used again once the bus has been scanned.
pub fn removal() -> Result<(), Error> {
    let bdf = pci::card(0)?;
    let card = open(bdf)?;
    let file = pci::file(bdf, "remove");
    // The kernel returns from this write once the card is closed.
    let remover = std::cell::Cell::new(None);
    let (error, after) = waiting(&card, || {
        remover.set(Some(std::thread::spawn(move || write(&file, "1"))));
        Ok(())
    })?;
    lost(&error, after)?;
    drop(card);
    if let Some(thread) = remover.take() {
        thread.join().unwrap_or_else(|_| Err(Error::Wrong("the removal panicked".into())))?;
    }
    expect(!fs::exists(pci::file(bdf, "vendor")).unwrap_or(true), "the card is still in sysfs")?;
    write("/sys/bus/pci/rescan", "1")?;
    pci::bind(bdf)?;
    worker::copies(&open(bdf)?, 1)
}

/// A fatal error on the link while a command waits: the kernel resets the bus and tells the driver; once closed, the card can
/// be used again.
pub fn bus_error() -> Result<(), Error> {
    let bdf = pci::card(0)?;
    let card = open(bdf)?;
    let (error, after) = waiting(&card, || {
        println!("HOST bus-error");
        Ok(())
    })?;
    lost(&error, after)?;
    drop(card);
    worker::copies(&reopened(bdf)?, 1)
}

/// Opens a card that the kernel may still be recovering.
fn reopened(bdf: Bdf) -> Result<Card, Error> {
    let start = Instant::now();
    loop {
        match open(bdf) {
            Err(error) if start.elapsed() < NOTICE => {
                println!("not yet: {error}");
                std::thread::sleep(Duration::from_millis(200));
            }
            result => return result,
        }
    }
}

/// The process behind the card is killed while a command waits.
pub fn card_killed() -> Result<(), Error> {
    gone("HOST kill-card")
}

/// The process behind the card is stopped: accesses hang until QEMU gives it up.
pub fn card_stopped() -> Result<(), Error> {
    gone("HOST stop-card")
}

/// What takes the card away for good is the last case of a boot: closing such a card takes the kernel more than a minute, so
/// it is left open.
fn gone(ask: &str) -> Result<(), Error> {
    let card = open(pci::card(0)?)?;
    let (error, after) = waiting(&card, || {
        println!("{ask}");
        Ok(())
    })?;
    lost(&error, after)?;
    let next = card.run(1, Request::new(&NopCommand::default()));
    expect(matches!(next, Err(DriverError::CardLost { .. })), format!("the next command: {next:?}"))?;
    std::mem::forget(card);
    Ok(())
}

/// The card is reset while it writes to this memory, by the controller's switch and by the kernel's function level reset: not
/// a byte is written once the reset has returned.
pub fn reset_in_flight() -> Result<(), Error> {
    const BYTES: usize = 1 << 20;
    // So many that they are not over when this thread gets its turn on a busy machine.
    const COPIES: usize = 8;
    let transport = reach(pci::card(0)?)?;
    let card = Card::open(transport.clone(), CardOptions::default())?;
    for by_function in [false, true] {
        let source = card.dram().alloc(BYTES as u64)?;
        card.fill(&source, 0, BYTES as u64, u64::MAX)?;
        let target = card.dma_alloc(COPIES * BYTES)?;
        target.zero(0, target.len());
        let copies = (0..COPIES).map(|copy| {
            let piece = DmaPiece { buffer: target.clone(), offset: copy * BYTES, len: BYTES };
            card.submit_pieces(1, CopyKind::CardToHost, &source, 0, &[piece])
        });
        let mut tickets = copies.collect::<Result<Vec<_>, _>>()?;
        let last = tickets.pop();
        let seen = || {
            let mut bytes = vec![0; target.len()];
            target.read(0, &mut bytes);
            bytes.iter().filter(|b| **b != 0).count()
        };
        let first = || {
            let mut byte = [0];
            target.read(0, &mut byte);
            byte[0]
        };
        pci::wait(NOTICE, "the first byte of a copy", || first() != 0)?;
        match by_function {
            true => transport.reset()?,
            false => card.reset()?,
        }
        let written = seen();
        std::thread::sleep(Duration::from_millis(200));
        let later = seen();
        println!(
            "function: {by_function}; {written} of {} bytes written when the reset returned, {later} later",
            target.len()
        );
        expect(written < target.len(), "the copies were over before the reset")?;
        expect(written == later, "the card wrote after its reset")?;
        // The driver does not know of the kernel's reset.
        card.reset()?;
        for ticket in tickets {
            let end = ticket.wait();
            let known = matches!(end, Ok(_) | Err(DriverError::Aborted { .. }));
            expect(known, format!("a copy ended with {end:?}"))?;
        }
        let end = last.map(|ticket| ticket.wait());
        let aborted = matches!(end, Some(Err(DriverError::Aborted { .. })));
        expect(aborted, format!("the last copy ended with {end:?}"))?;
    }
    worker::copies(&card, 1)
}

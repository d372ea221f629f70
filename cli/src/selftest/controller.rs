//! Resets, interrupts, queues and ABORT, by hand.

use std::time::{Duration, Instant};

use permafrost_abi::registers::Cc;
use permafrost_abi::{reg, AbortCommand, Command, NopCommand, Status};
use permafrost_driver::Error as Driver;

use super::{passed, skipped, told, Checked};
use crate::error::Error;
use crate::ops::bare::{expect, Bare};

/// A semaphore that nobody raises.
const SEMAPHORE: u8 = 0;

pub fn function_reset(bare: &mut Bare) -> Checked {
    bare.rest(true).map_err(told)?;
    bare.scrubbed().map_err(told)?;
    let enabled = Cc(bare.read(reg::CC).map_err(told)?).enable();
    match enabled || bare.read(reg::ADMIN_SIZE).map_err(told)? != 0 {
        true => Err("registers are not as after power-up".into()),
        false => passed("registers as after power-up"),
    }
}

/// Takes what `vector` has raised up to now.
fn drain(bare: &Bare, vector: u16) -> Result<(), Error> {
    while bare.transport().wait_irq(vector, Duration::ZERO).map_err(Driver::from)? {}
    Ok(())
}

/// The interrupt of what was just done: an error when it does not come.
fn raised(bare: &Bare, vector: u16) -> Result<(), String> {
    match bare.transport().wait_irq(vector, bare.limit()).map_err(told)? {
        true => Ok(()),
        false => {
            Err(format!("vector {vector} was not raised within {:?}, the completion is there", bare.limit()))
        }
    }
}

/// A command in each queue raises the vector of the queue, and no other.
pub fn interrupts(bare: &mut Bare) -> Checked {
    bare.rest(false).map_err(told)?;
    bare.enable().map_err(told)?;
    let queues = bare.info().io_queues;
    (0..=queues).try_for_each(|vector| drain(bare, vector)).map_err(told)?;
    for queue in 1..=queues {
        bare.create(queue).map_err(told)?;
        raised(bare, 0)?;
    }
    for vector in 0..=queues {
        let done = bare.run(vector, Command::new(&NopCommand::default())).map_err(told)?;
        expect("NOP", &done, Status::Success).map_err(told)?;
        raised(bare, vector)?;
        for other in (0..=queues).filter(|other| *other != vector) {
            if bare.transport().wait_irq(other, Duration::ZERO).map_err(told)? {
                return Err(format!("a command of queue {vector} raised vector {other} as well"));
            }
        }
    }
    passed(format!("vectors 0 to {queues}"))
}

/// Every ring wraps; a queue that is deleted takes nothing, and can be created again.
pub fn queues(bare: &mut Bare) -> Checked {
    bare.rest(false).map_err(told)?;
    bare.enable().map_err(told)?;
    let queues = bare.info().io_queues;
    let nop = Command::new(&NopCommand::default());
    for queue in 1..=queues {
        for round in 0..2 {
            bare.create(queue).map_err(told)?;
            // Two and a half times round.
            for _ in 0..bare.entries() * 5 / 2 {
                let done =
                    bare.run(queue, nop).map_err(|e| format!("queue {queue}, round {round}: {}", told(e)))?;
                expect("NOP", &done, Status::Success).map_err(told)?;
            }
            bare.delete(queue).map_err(told)?;
        }
    }
    passed(format!("{queues} created, wrapped and deleted twice"))
}

/// A command that waits for what never comes is stopped, and the queue goes on.
pub fn abort(bare: &mut Bare) -> Checked {
    bare.rest(false).map_err(told)?;
    bare.enable().map_err(told)?;
    bare.create(1).map_err(told)?;
    let nop = Command::new(&NopCommand::default());
    let cid = bare.submit(1, nop.wait(SEMAPHORE, 1)).map_err(told)?;
    let start = Instant::now();
    loop {
        let body = AbortCommand { queue: 1, cid, ..Default::default() };
        let done = bare.run(0, Command::new(&body)).map_err(told)?;
        if done.status() == Ok(Status::BadOpcode) {
            return skipped("the card has no ABORT");
        }
        expect("ABORT", &done, Status::Success).map_err(told)?;
        // 0: the queue has not fetched it yet.
        if done.info == 1 {
            break;
        }
        if start.elapsed() > bare.limit() {
            return Err(format!("ABORT stopped nothing within {:?}", bare.limit()));
        }
    }
    expect("the waiting NOP", &bare.complete(1).map_err(told)?, Status::Aborted).map_err(told)?;
    expect("the next NOP", &bare.run(1, nop).map_err(told)?, Status::Success).map_err(told)?;
    passed("a waiting command was stopped")
}

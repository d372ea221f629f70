//! Semaphores order commands of different queues.

use permafrost_abi::NopCommand;
use permafrost_driver::{Card, Request};

use super::{passed, skipped, told, Checked};

const SEMAPHORE: u8 = 1;

pub fn check(card: &Card) -> Checked {
    let queues: Vec<u16> = card.io_queues().collect();
    let [first, .., last] = queues[..] else {
        return skipped("there is one I/O queue, and semaphores order two");
    };
    let nop = || Request::new(&NopCommand::default());
    card.set_semaphore(SEMAPHORE, 0).map_err(told)?;
    let waiting = card.submit(first, nop().wait(SEMAPHORE, 5)).map_err(told)?;
    // Not enough, and then time for it to go wrong.
    card.run(last, nop().signal(SEMAPHORE, 4)).map_err(told)?;
    card.run(last, nop()).map_err(told)?;
    if let Some(done) = waiting.poll() {
        return Err(format!("a command that waits for 5 ended at 4: {done:?}"));
    }
    card.run(last, nop().signal(SEMAPHORE, 5)).map_err(told)?;
    waiting.wait().map_err(told)?;
    // It is 5 already: nobody waits; and a lower signal does not lower it.
    card.run(last, nop().signal(SEMAPHORE, 1)).map_err(told)?;
    card.run(first, nop().wait(SEMAPHORE, 5)).map_err(told)?;
    card.set_semaphore(SEMAPHORE, 0).map_err(told)?;
    passed(format!("queue {first} waited for queue {last}"))
}

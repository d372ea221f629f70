//! What every card must do, checked through nothing but its [`Transport`]: first by hand-made commands, then through
//! the driver.

mod admin;
mod driver;
mod engines;
mod pinned;
mod raw;
mod refusals;
mod registers;
mod rings;

use permafrost_abi::Transport;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time for anything that must happen; simulated cards on loaded hosts are slow.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs every check; panics at the first that fails. The card must have at least 1 MiB of memory, two I/O queues and
/// an MSM engine for G1 only.
pub fn conforms(transport: &Arc<dyn Transport>) {
    let step = |name: &str, check: &dyn Fn()| {
        let start = Instant::now();
        check();
        println!("{name}: {:.2?}", start.elapsed());
    };
    let t = transport.as_ref();
    step("registers", &|| registers::identity(t));
    step("controller", &|| registers::controller(t));
    step("queue creation and deletion", &|| admin::queues(t));
    step("commands stopped", &|| admin::aborts(t));
    step("semaphores from the admin queue", &|| admin::semaphores(t));
    step("malformed commands", &|| refusals::refusals(t));
    step("malformed scatter-gather lists", &|| refusals::lists(t));
    step("bad doorbells and rings", &|| refusals::doorbells(t));
    step("ring wrap", &|| rings::wrap(t));
    step("completion ring full", &|| rings::backpressure(t));
    step("counters and interrupts", &|| rings::counters(t));
    step("interrupts gathered", &|| rings::gathered(t));
    step("depth of queues", &|| rings::depth(t));
    step("controller reset with work outstanding", &|| rings::reset_under_work(t));
    step("card memory between owners", &|| registers::zeroed(t));
    step("identify through the driver", &|| driver::identify(transport));
    step("copies of odd sizes", &|| driver::copies(transport));
    step("scatter-gather", &|| driver::scattered(transport));
    step("fill and copy on the card", &|| driver::on_card(transport));
    step("semaphores across queues", &|| driver::across_queues(transport));
    step("empty MSM", &|| driver::empty_msm(transport));
    step("pinned memory", &|| pinned::round_trips(transport));
    step("pinned memory in flight", &|| pinned::in_flight(transport));
    step("threads", &|| driver::threads(transport));
    step("queues that come and go", &|| driver::queues(transport));
    step("gathered interrupts", &|| driver::coalescing(transport));
    step("recovery from a hang", &|| driver::recovery(transport));
}

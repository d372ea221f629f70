//! A command on its way: the request a caller builds, and the ticket for its completion.

use crate::card::Inner;
use crate::queue::Queue;
use crate::{DmaBuf, DramBuf, Error};
use permafrost_abi::{Command, CommandBody, Completion, Opcode};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A command with what it needs while it runs.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) command: Command,
    pub(crate) buffers: Vec<DramBuf>,
    pub(crate) memory: Vec<Arc<DmaBuf>>,
    pub(crate) limit: Option<Duration>,
}

impl Request {
    /// A request for the command with this body.
    pub fn new<B: CommandBody>(body: &B) -> Self {
        Self { command: Command::new(body), buffers: Vec::new(), memory: Vec::new(), limit: None }
    }

    /// Start only once semaphore `sem` is at least `value`. The card refuses `sem` ≥ 64.
    #[must_use]
    pub fn wait(mut self, sem: u8, value: u32) -> Self {
        self.command = self.command.wait(sem, value);
        self
    }

    /// Raise semaphore `sem` to at least `value` on success. The card refuses `sem` ≥ 64.
    #[must_use]
    pub fn signal(mut self, sem: u8, value: u32) -> Self {
        self.command = self.command.signal(sem, value);
        self
    }

    /// The command uses `buffer`: it is refused when the buffer was lost in a reset, and the buffer is not freed
    /// before the command has ended.
    #[must_use]
    pub fn using(mut self, buffer: &DramBuf) -> Self {
        self.buffers.push(buffer.clone());
        self
    }

    /// The command uses `memory`, which is not freed before the command has ended.
    #[must_use]
    pub fn holding(mut self, memory: Arc<DmaBuf>) -> Self {
        self.memory.push(memory);
        self
    }

    /// Instead of [`CardOptions::command_deadline`](crate::CardOptions::command_deadline): longest time, before the
    /// transport's deadline scale, from the start of the command (it is first in its queue) to its completion. One that
    /// takes longer is aborted.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Name of the opcode.
    pub(crate) fn opcode(&self) -> &'static str {
        Opcode::try_from(self.command.opcode).map_or("unknown opcode", Opcode::name)
    }
}

/// Where the outcome of one command appears.
pub(crate) type Outcome = Arc<OnceLock<Result<Completion, Error>>>;

/// A submitted command. Dropping the ticket does not stop the command, nor free what it uses before it has ended.
#[must_use = "a command may fail; wait for it"]
pub struct Ticket {
    pub(crate) card: Arc<Inner>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) outcome: Outcome,
}

impl Ticket {
    /// Waits for the end of the command.
    ///
    /// # Errors
    /// `CommandFailed` when the card refused it or failed in it; `Deadline`, `Aborted`, `Fatal` when it was stopped, see
    /// [`Recovery`](crate::Recovery) for what that means for other data; `BadCompletion` when nobody knows; `CardLost`.
    pub fn wait(self) -> Result<Completion, Error> {
        self.card.wait_outcome(&self.queue, &self.outcome)
    }

    /// Asks the card to stop the command. It then ends with `Aborted`, or with its own result if it ended first; what it was
    /// to write is undefined, and it does not signal. Commands behind it go on.
    ///
    /// A command behind others in its queue is stopped once the card has it in hand: by whoever then waits for a command of
    /// that queue, for there is no thread of the driver's own. A card that does not stop it is left alone until the
    /// command's deadline.
    pub fn abort(&self) {
        self.card.poll_queue(&self.queue);
        let due = {
            let mut state = self.queue.lock();
            state.ask_abort(&self.outcome);
            state.abort_due(std::time::Instant::now())
        };
        if let Some(cid) = due {
            self.card.send_abort(&self.queue, cid);
        }
    }

    /// The outcome if the command has ended, without waiting.
    pub fn poll(&self) -> Option<Result<Completion, Error>> {
        if self.outcome.get().is_none() {
            self.card.poll_queue(&self.queue);
        }
        self.outcome.get().cloned()
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ticket {{ queue: {}, outcome: {:?} }}", self.queue.id, self.outcome.get())
    }
}

//! The checks that every completion must pass, and what an error status says.

use super::{Entry, Queue, State};
use crate::Error;
use permafrost_abi::{command::BODIES, Completion, NttParameters, Opcode, Status, VectorParameters};

impl Queue {
    /// Takes the command that `completion` ends, or says what is wrong with it.
    pub(super) fn validate(&self, state: &mut State, completion: &Completion) -> Result<Entry, String> {
        if completion.sq_id != self.id {
            return Err(format!("queue id {}, expected {}", completion.sq_id, self.id));
        }
        if let Err(code) = completion.status() {
            return Err(format!("unknown status code {code}"));
        }
        let Some(first) = state.outstanding.front() else {
            return Err(format!("command id {:#06x} while none is outstanding", completion.cid));
        };
        if first.cid != completion.cid {
            return Err(format!("command id {:#06x}, expected {:#06x}", completion.cid, first.cid));
        }
        // Success has no detail but ABORT's, whether it stopped the command.
        let most = u32::from(first.opcode == Opcode::Abort.name());
        if completion.status() == Ok(Status::Success) && completion.info > most {
            return Err(format!("info {:#x} of a {} that succeeded", completion.info, first.opcode));
        }
        if completion.sq_head >= self.entries {
            return Err(format!("SQ head {} in a ring of {}", completion.sq_head, self.entries));
        }
        // Counted from the command's slot: the head is past it, not behind an earlier report, not past the tail.
        let ahead = |index: u16| (index + self.entries - first.slot) % self.entries;
        let (head, least, most) = (ahead(completion.sq_head), ahead(state.fetched).max(1), ahead(state.tail));
        if !(least..=most).contains(&head) {
            return Err(format!(
                "SQ head {}, expected {least} to {most} entries after {}",
                completion.sq_head, first.slot
            ));
        }
        state.outstanding.pop_front().ok_or_else(String::new)
    }
}

/// The error of a command that ended with `status`.
pub(super) fn failure(queue: u16, opcode: &'static str, status: Status, info: u32) -> Error {
    // What `info` is an offset in.
    let fields = match status {
        Status::BadField | Status::BadAddress => {
            BODIES.iter().find(|(op, _)| op.name() == opcode).map(|(_, fields)| *fields)
        }
        Status::BadParameter if opcode == Opcode::Ntt.name() => Some(NttParameters::FIELDS),
        Status::BadParameter if opcode == Opcode::Vector.name() => Some(VectorParameters::FIELDS),
        _ => None,
    };
    let field = fields.and_then(|fields| fields.iter().find(|f| f.offset == info as usize)).map(|f| f.name);
    Error::CommandFailed { queue, opcode, status, info, field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_the_detail_is_about() {
        let message = |opcode: Opcode, status, info| failure(1, opcode.name(), status, info).to_string();
        let omega = message(Opcode::Ntt, Status::BadParameter, 0);
        assert!(omega.ends_with("Parameter: omega (byte 0)."), "{omega}");
        let index = message(Opcode::Vector, Status::BadParameter, 120);
        assert!(index.ends_with("Parameter: b_len (byte 120)."), "{index}");
        let order = message(Opcode::Ntt, Status::BadField, 55);
        assert!(order.ends_with("Field: order (byte 55)."), "{order}");
        let scalar = message(Opcode::Msm, Status::ScalarRange, 44);
        assert!(!scalar.contains("window_bits"), "{scalar}");
    }
}

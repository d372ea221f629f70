//! Errors that tests inject into a memory.

use super::Response;
use std::ops::Range;

/// Kind of access, for [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// An injected error: the next `times` beats of kind `access` in `range` are answered with `response` and do not
/// reach the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub access: Access,
    pub range: Range<u64>,
    pub response: Response,
    pub times: u32,
}

/// The errors that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The response of an access that is to fail; it counts as one of the fault's times.
    pub fn take(&mut self, access: Access, address: u64) -> Option<Response> {
        let i = self.0.iter().position(|f| f.access == access && f.range.contains(&address))?;
        let response = self.0[i].response;
        self.0[i].times -= 1;
        if self.0[i].times == 0 {
            self.0.remove(i);
        }
        Some(response)
    }
}

//! NTTs and vector operations on the host's memory: on the card, or on the CPU where the policy says so.

use super::policy::CpuReason;
use super::report::{Op, Operation};
use super::Engine;
use crate::error::Result;

impl Engine {
    /// The outcome of `card`, if the card `has` the engine for it and does not fail; otherwise, where the policy allows
    /// that, of `cpu`, and the record says why. `card` logs its operations itself.
    ///
    /// # Errors
    /// [`Error::NotOnCard`](crate::Error::NotOnCard) and those of `card`.
    pub(crate) fn card_or_cpu<T>(
        &self,
        op: Op,
        has: bool,
        n: usize,
        label: &'static str,
        card: impl FnOnce() -> Result<(T, Operation)>,
        cpu: impl FnOnce() -> T,
    ) -> Result<(T, Operation)> {
        let reason = if has {
            match card() {
                Err(error) if self.policy().msm.on_error() && error.is_card_failure() => {
                    tracing::warn!(n, label, %error, "falls back to the CPU");
                    CpuReason::CardFailed(error.to_string())
                }
                result => return result,
            }
        } else {
            let name = if op == Op::Ntt { "NTTs" } else { "vector operations" };
            self.allow_cpu(self.policy().ntt, name)?;
            CpuReason::NoEngine
        };
        let value = cpu();
        let mut operation = Operation::on_cpu(op, None, n, reason);
        operation.label = Some(label);
        self.log(&operation);
        Ok((value, operation))
    }
}

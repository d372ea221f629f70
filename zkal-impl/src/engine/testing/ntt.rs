//! The NTT command as the double does it: the contract's meaning, element by element.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use permafrost_abi::ntt::transform_bytes;
use permafrost_driver::Status;

use super::{refused, TestDevice};
use crate::engine::job::NttJob;
use crate::error::Result;

/// The lowest `bits` bits of `i`, reversed.
fn reverse(i: u64, bits: u32) -> u64 {
    (0..bits).fold(0, |out, bit| out << 1 | i >> bit & 1)
}

/// `X[k] = Σ x[j] · omega^(jk)`.
fn transform(x: &[Fr], omega: Fr) -> Vec<Fr> {
    if x.len() == 1 {
        return x.to_vec();
    }
    let half = |from| transform(&x.iter().skip(from).step_by(2).copied().collect::<Vec<_>>(), omega.square());
    let (even, odd) = (half(0), half(1));
    let mut twiddle = Fr::one();
    let mut out = vec![Fr::zero(); x.len()];
    for k in 0..even.len() {
        out[k] = even[k] + twiddle * odd[k];
        out[k + even.len()] = even[k] - twiddle * odd[k];
        twiddle *= omega;
    }
    out
}

impl TestDevice {
    /// Runs a pass; its clocks, one a butterfly.
    pub(super) fn ntt_pass(&self, job: &NttJob<'_>) -> Result<u64> {
        let bad = |status, info| refused("NTT", status, info);
        let NttJob { log_before, log_len, log_after, batch, .. } = *job;
        let block = self.log2_block.ok_or_else(|| bad(Status::BadOpcode, 0))?;
        let alone = log_before + log_after == 0;
        if log_len > block || !alone && !(1..block).contains(&log_len) {
            return Err(bad(Status::BadField, 53));
        }
        if job.log_n() > 28 {
            return Err(bad(Status::BadField, 52));
        }
        if job.reversed_in && log_before > 0 || job.reversed_out && log_after > 0 {
            return Err(bad(Status::BadField, 55));
        }
        let (source, destination) = (job.source.address(), job.destination.address());
        let command = job.command();
        if [command.stride, source, destination, command.params].iter().any(|v| v % 64 != 0) {
            return Err(bad(Status::BadAddress, 16));
        }
        let bytes = transform_bytes(job.log_n());
        if batch > 1 && command.stride < bytes {
            return Err(bad(Status::BadField, 40));
        }
        let in_place = log_before == 0 && (log_after == 0 || !job.reversed_in);
        let span = command.stride * u64::from(batch.max(1) - 1) + bytes;
        let apart = source + span <= destination || destination + span <= source;
        if !(apart || source == destination && in_place) {
            return Err(bad(Status::BadField, 24));
        }
        if batch == 0 {
            return Ok(1);
        }
        let mut params = [Fr::zero(); 6];
        for (i, value) in params.iter_mut().enumerate() {
            let found = self.memory.element(command.params + 32 * i as u64);
            *value = found.ok_or_else(|| bad(Status::BadParameter, 32 * i as u32))?;
        }
        let order = |log: u32| params[0].pow([1 << log]).is_one();
        if !order(log_len) || log_len > 0 && order(log_len - 1) {
            return Err(bad(Status::BadParameter, 0));
        }
        for transform in 0..u64::from(batch) {
            let at = transform * command.stride;
            self.transform(job, &params, source + at, destination + at);
        }
        Ok((u64::from(batch) * u64::from(log_len.max(1))) << job.log_n() >> 1)
    }

    /// One transform of the batch.
    fn transform(&self, job: &NttJob<'_>, params: &[Fr; 6], source: u64, destination: u64) {
        let [omega, in_first, in_first_step, in_ratio, in_ratio_step, out_ratio] = *params;
        let (p, l, q) = (1u64 << job.log_before, 1u64 << job.log_len, 1u64 << job.log_after);
        // All is read before anything is written: the order of rows and columns is the card's affair.
        let mut results = Vec::new();
        for (k, column) in (0..p).flat_map(|k| (0..q).map(move |column| (k, column))) {
            let mut factor = in_first * in_first_step.pow([k]);
            let ratio = in_ratio * in_ratio_step.pow([k]);
            let mut x = Vec::with_capacity(l as usize);
            for i in 0..l {
                let element = match job.reversed_in {
                    true => reverse(column, job.log_after) * l + reverse(i, job.log_len),
                    false => (k * l + i) * q + column,
                };
                let value = self.memory.element(source + 32 * element).expect("an element below r");
                x.push(factor * value);
                factor *= ratio;
            }
            results.push((k, column, transform(&x, omega)));
        }
        for (k, column, values) in results {
            let mut factor = Fr::one();
            for (i, value) in values.into_iter().enumerate() {
                let i = i as u64;
                let element = match job.reversed_out {
                    true => reverse(k, job.log_before) * l + reverse(i, job.log_len),
                    false => (k + p * i) * q + column,
                };
                self.memory.write_element(destination + 32 * element, factor * value);
                factor *= out_ratio;
            }
        }
    }
}

//! Multi-scalar multiplication as the double does it.

use std::sync::atomic::Ordering;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{BigInt, PrimeField, Zero};

use super::TestDevice;
use crate::engine::job::MsmJob;
use crate::engine::point::MsmPoint;
use crate::engine::report::Group;

/// The result of one MSM as a card writes it: adder after adder its window sums. `parts[a][w]` is what adder `a` has of
/// window `w`.
pub(crate) fn result_of<P: MsmPoint>(parts: &[Vec<P>], windows: u32) -> Vec<u8> {
    let adders = parts.len() as u32;
    let shared = windows % adders;
    let sums = parts.iter().enumerate().flat_map(|(adder, sums)| {
        let own = (shared..windows).filter(move |w| (w - shared) % adders == adder as u32);
        (0..shared).chain(own).map(|w| sums[w as usize])
    });
    P::bytes(&sums.collect::<Vec<_>>()).into_owned()
}

impl TestDevice {
    /// Runs a job; its clocks.
    pub(super) fn msm(&self, job: &MsmJob<'_>) -> u64 {
        match job.group {
            Group::G1 => self.compute::<G1Affine>(job),
            Group::G2 => self.compute::<G2Affine>(job),
        }
        u64::from(job.members) * u64::from(job.n) * u64::from(job.plan.windows) + 1
    }

    /// Writes the results of a job.
    fn compute<P: MsmPoint>(&self, job: &MsmJob<'_>) {
        let adders = self.limits.adders;
        let mut bytes: Vec<u8> = (0..u64::from(job.members))
            .flat_map(|member| {
                let scalars = job.scalars.address() + member * job.scalar_stride;
                let mut sums = vec![vec![P::Group::zero(); job.plan.windows as usize]; adders as usize];
                (0..job.n).for_each(|i| self.add_point::<P>(job, i, scalars, &mut sums));
                let parts: Vec<Vec<P>> = sums.iter().map(|s| P::Group::normalize_batch(s)).collect();
                result_of(&parts, job.plan.windows)
            })
            .collect();
        if self.knobs.corrupt.load(Ordering::Relaxed) {
            bytes.iter_mut().step_by(P::BYTES).for_each(|b| *b ^= 1);
        }
        self.memory.write(job.result.address(), &bytes);
    }

    /// Adds point `i` to the window sums of the adders that the windows belong to.
    fn add_point<P: MsmPoint>(&self, job: &MsmJob<'_>, i: u32, scalars: u64, sums: &mut [Vec<P::Group>]) {
        let (c, windows, adders) = (job.plan.window_bits as usize, job.plan.windows, self.limits.adders);
        let at = job.bases.address() + u64::from(i) * P::BYTES as u64;
        let point = P::from_bytes(&self.memory.read(at, P::BYTES)).expect("a point of the group");
        let raw = self.memory.read(scalars + 32 * u64::from(i), 32);
        let raw = BigInt::<4>(std::array::from_fn(|i| {
            u64::from_le_bytes(raw[8 * i..8 * i + 8].try_into().expect("eight bytes"))
        }));
        let scalar = if job.montgomery { Fr::new_unchecked(raw).into_bigint() } else { raw };
        let bits = num_bigint::BigUint::from(scalar);
        assert!(bits.bits() < u64::from(job.plan.window_bits * windows), "the scalar fits its windows");
        let shared = windows % adders;
        for w in 0..windows {
            // Plain unsigned digits: the split into windows is the device's own affair.
            let digit = (&bits >> (c * w as usize)) & num_bigint::BigUint::from((1u64 << c) - 1);
            let adder = if w < shared { i % adders } else { (w - shared) % adders };
            sums[adder as usize][w as usize] += point * Fr::from(digit);
        }
    }
}

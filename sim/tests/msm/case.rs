//! A batch of MSMs for the bench: into memory, through the engine, and against arkworks.

use crate::bench::{Bench, Command, Memory, Outcome};
use crate::curve::{from_bytes, limbs, to_bytes, Curve};
use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use permafrost_abi::Status;

/// Where things are in card memory.
pub const SCALARS: u64 = 4 << 20;
pub const RESULT: u64 = 8 << 20;
pub const BYTES: usize = 10 << 20;

/// MSMs over the same bases, one for each vector of scalars.
pub struct Case<'a, C: Curve> {
    pub bases: &'a [C::Affine],
    pub vectors: &'a [Vec<Fr>],
    pub window_bits: u8,
    /// Bits that the windows cover.
    pub bits: u32,
    pub montgomery: bool,
}

impl<C: Curve> Case<'_, C> {
    /// Writes it into card memory, everything but its data being rubbish.
    pub fn load(&self, b: &mut Bench) -> Command {
        let n = self.bases.len();
        let size = 64 << u32::from(C::G2);
        let stride = (32 * n).next_multiple_of(64) + 192;
        let scalars_end = SCALARS as usize + stride * self.vectors.len();
        assert!(size * n <= SCALARS as usize && scalars_end <= RESULT as usize);
        b.memory.fill(0xee);
        for (i, p) in self.bases.iter().enumerate() {
            b.memory[size * i..size * (i + 1)].copy_from_slice(&to_bytes::<C>(p));
        }
        for (k, vector) in self.vectors.iter().enumerate() {
            assert_eq!(vector.len(), n);
            for (i, s) in vector.iter().enumerate() {
                let at = SCALARS as usize + stride * k + 32 * i;
                let bytes = if self.montgomery { limbs(&s.0 .0) } else { s.into_bigint().to_bytes_le() };
                b.memory[at..at + 32].copy_from_slice(&bytes);
            }
        }
        let more = self.vectors.len() as u16 - 1;
        Command {
            bases: 0,
            scalars: SCALARS,
            result: RESULT + 64,
            n: n as u32,
            window_bits: self.window_bits,
            windows: (self.bits / u32::from(self.window_bits) + 1) as u8,
            g2: C::G2,
            montgomery: self.montgomery,
            more,
            stride: if more > 0 { stride as u64 } else { 0 },
        }
    }

    /// Runs it and compares every member's value with arkworks.
    pub fn check(&self, b: &mut Bench, m: Memory) -> Outcome {
        let cmd = self.load(b);
        let o = b.run(&cmd, m);
        self.compare(b, &cmd, &o);
        o
    }

    pub fn compare(&self, b: &Bench, cmd: &Command, o: &Outcome) {
        assert_eq!(o.status, Status::Success as u64, "{o:?}");
        assert_eq!((o.addr, o.info), (0, 0));
        for (k, vector) in self.vectors.iter().enumerate() {
            let expected = C::msm(self.bases, vector).expect("same length");
            assert_eq!(combine::<C>(b, cmd, k), expected, "{cmd:?}, member {k}");
        }
        assert_eq!(o.points, u64::from(cmd.n) * (u64::from(cmd.more) + 1));
        let end = cmd.entry(b.lanes, self.vectors.len(), 0, 0) as usize;
        assert!(b.memory[RESULT as usize..][..64].iter().all(|&x| x == 0xee), "bytes before the result");
        assert!(b.memory[end..].iter().all(|&x| x == 0xee), "bytes after the result");
    }
}

/// Window sum `w` of member `k`: of one lane, or added up when the lanes share the window.
pub fn window_sum<C: Curve>(b: &Bench, cmd: &Command, k: usize, w: usize) -> C {
    let shared = usize::from(cmd.windows) % b.lanes;
    let entry = |a: usize, j: usize| -> C {
        let at = cmd.entry(b.lanes, k, a, j) as usize;
        from_bytes(&b.memory[at..at + cmd.point_bytes() as usize])
    };
    match w.checked_sub(shared) {
        None => (0..b.lanes).map(|a| entry(a, w)).sum(),
        Some(own) => entry(own % b.lanes, shared + own / b.lanes),
    }
}

/// The value of member `k`: its window sums, combined.
pub fn combine<C: Curve>(b: &Bench, cmd: &Command, k: usize) -> C {
    (0..usize::from(cmd.windows)).rev().fold(C::zero(), |mut total, w| {
        for _ in 0..cmd.window_bits {
            total.double_in_place();
        }
        total + window_sum::<C>(b, cmd, k, w)
    })
}

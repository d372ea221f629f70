//! The way of a transform through the card.

use ark_bn254::Fr;
use ark_ff::Zero;
use zeroize::Zeroizing;

use super::plan::{passes, route, scratches, Place};
use super::{cpu, Order, Transform};
use crate::engine::device::NttLimits;
use crate::engine::job::At;
use crate::engine::report::{Op, Operation, StreamRun, PORT_BYTES};
use crate::engine::scalars::{self, SCALAR_BYTES};
use crate::engine::secret::Secret;
use crate::engine::sequence::{Batch, Sequence, Transfers, PARAMS_BYTES};
use crate::engine::vector::DeviceVec;
use crate::engine::{lock, Engine};
use crate::error::{Error, Result};

/// Bytes of the host that move at once, at least, while the card computes: enough for the start of a command not to count.
const PART_BYTES: usize = 128 << 10;

impl Engine {
    /// The card's NTT engine, if there is one.
    pub fn ntt_limits(&self) -> Option<NttLimits> {
        self.shared.device.ntt()
    }

    /// A transform of the host's memory, whose size and root have been checked.
    pub(super) fn ntt_slice(&self, transform: &Transform, values: &mut [Fr]) -> Result<Operation> {
        let has = self.ntt_limits().is_some();
        let (n, stride, len) = (transform.size(), transform.stride(), transform.vector_len());
        let values = std::cell::RefCell::new(values);
        let card = || {
            let mut values = values.borrow_mut();
            // A single element takes the room of two.
            let spread = (n < stride).then(|| {
                let mut all = Zeroizing::new(vec![Fr::zero(); len]);
                all.iter_mut().step_by(stride).zip(values.iter()).for_each(|(to, from)| *to = *from);
                all
            });
            let _running = lock(&self.shared.running);
            let block =
                Secret(self.alloc(len * SCALAR_BYTES, || {
                    format!("{} transforms of {n} elements", transform.batch)
                })?);
            let at = At::start(&*block.0);
            let mut bytes = Zeroizing::new(vec![0; len * SCALAR_BYTES]);
            let up = scalars::bytes(spread.as_deref().map_or(&**values, |all| &all[..]));
            let operation = self.passes(transform, at, at, Some((up, &mut bytes)))?;
            match spread {
                None => scalars::elements(&bytes, &mut values)?,
                Some(mut all) => {
                    scalars::elements(&bytes, &mut all)?;
                    values.iter_mut().zip(all.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
                }
            }
            Ok(((), operation))
        };
        let cpu = || cpu::transform(transform, &mut values.borrow_mut());
        let (_, operation) = self.card_or_cpu(Op::Ntt, has, n, "NTT", card, cpu)?;
        Ok(operation)
    }

    /// A transform in card memory, whose size and root have been checked.
    pub(super) fn ntt_vec(
        &self,
        transform: &Transform,
        source: &DeviceVec,
        destination: &DeviceVec,
    ) -> Result<Operation> {
        let check = |what, vec: &DeviceVec| {
            self.check_vec(vec)?;
            let expected = transform.vector_len();
            if vec.len() != expected {
                return Err(Error::VectorLength { what, found: vec.len(), expected });
            }
            match vec.is_empty() || vec.transfer_start().is_some() {
                true => Ok(()),
                false => Err(Error::NotContiguous { what }),
            }
        };
        check("source of a transform", source)?;
        check("destination of a transform", destination)?;
        if source.meets(destination) && !source.same(destination) {
            return Err(Error::VectorOverlap { what: "source and destination of a transform" });
        }
        let _running = lock(&self.shared.running);
        self.passes(transform, source.at(), destination.at(), None)
    }

    /// Runs the passes of a transform from `source` to `destination`, either the same place or disjoint; with bytes of the
    /// host that go to the source first and come from the destination in the end, a few transforms at a time.
    fn passes(
        &self,
        transform: &Transform,
        source: At<'_>,
        destination: At<'_>,
        host: Option<(&[u8], &mut [u8])>,
    ) -> Result<Operation> {
        let NttLimits { lanes, log2_block } = self.ntt_limits().ok_or(Error::NotOnCard { op: "NTTs" })?;
        let (n, log_n, batch) = (transform.size(), transform.log_n, transform.batch);
        let most = u32::MAX as usize;
        if batch > most {
            return Err(Error::VectorTooLong { len: batch, max: most });
        }
        let mut run = StreamRun { lanes, ..StreamRun::default() };
        if batch > 0 {
            let passes = passes(transform, log2_block);
            let in_place = source.address() == destination.address();
            let route = route(passes.len(), transform.input == Order::BitReversed, in_place);
            let stride = transform.stride() * SCALAR_BYTES;
            // Transforms of a part.
            let per = if host.is_some() { PART_BYTES.div_ceil(stride).min(batch) } else { batch };
            let scratch = (0..scratches(&route))
                .map(|_| {
                    let what = || format!("scratch for {per} transforms of {n} elements");
                    Ok(Secret(self.alloc(transform.batch(per).vector_len() * SCALAR_BYTES, what)?))
                })
                .collect::<Result<Vec<_>>>()?;
            let params = PARAMS_BYTES * passes.len();
            let block = Secret(self.alloc(params, || "parameters of a transform".to_owned())?);
            let mut sequence = Sequence::new(&*block.0);
            let params: Vec<At<'_>> = passes.iter().map(|pass| sequence.place(&pass.params)).collect();
            let offset = |part: usize| (part * per * stride) as u64;
            for (part, first) in (0..batch).step_by(per).enumerate() {
                if part > 0 {
                    sequence.next_part();
                }
                let place = |place| match place {
                    Place::Source => source.plus(offset(part)),
                    Place::Destination => destination.plus(offset(part)),
                    Place::Scratch(i) => At::start(&*scratch[i].0),
                };
                for ((pass, params), (from, to)) in passes.iter().zip(&params).zip(&route) {
                    let batch = per.min(batch - first) as u32;
                    let data =
                        Batch { source: place(*from), destination: place(*to), stride: stride as u64, batch };
                    sequence.pass("NTT pass", pass, *params, data);
                }
            }
            let transfers = host.map_or_else(Vec::new, |(up, down)| {
                let parts = up.chunks(per * stride).zip(down.chunks_mut(per * stride)).enumerate();
                let transfers = |(part, (up, down))| Transfers {
                    up: (source.plus(offset(part)), up),
                    down: (destination.plus(offset(part)), down),
                };
                parts.map(transfers).collect()
            });
            let list = sequence.run(&*self.shared.device, transfers)?;
            let elements = (batch as u64) << log_n;
            let butterflies = elements / 2 * u64::from(log_n);
            // Every pass reads all elements, and writes them at the same time.
            let bytes = elements * SCALAR_BYTES as u64 * passes.len() as u64;
            let bound = butterflies.div_ceil(u64::from(lanes)).max(bytes.div_ceil(PORT_BYTES));
            let commands = passes.len() * batch.div_ceil(per);
            run = StreamRun::new(commands, lanes, bound, list);
        }
        let operation = Operation::stream(Op::Ntt, n, batch, run);
        self.log(&operation);
        Ok(operation)
    }
}

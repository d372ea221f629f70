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
use crate::engine::sequence::{Batch, Sequence, PARAMS_BYTES};
use crate::engine::vector::DeviceVec;
use crate::engine::{lock, Engine};
use crate::error::{Error, Result};

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
            let operation = self.passes(transform, at, at, Some(up), Some(&mut bytes))?;
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
        self.passes(transform, source.at(), destination.at(), None, None)
    }

    /// Runs the passes of a transform from `source` to `destination`, either the same place or disjoint.
    fn passes(
        &self,
        transform: &Transform,
        source: At<'_>,
        destination: At<'_>,
        up: Option<&[u8]>,
        down: Option<&mut [u8]>,
    ) -> Result<Operation> {
        let NttLimits { lanes, log2_block } = self.ntt_limits().ok_or(Error::NotOnCard { op: "NTTs" })?;
        let (n, log_n) = (transform.size(), transform.log_n);
        let batch = u32::try_from(transform.batch)
            .map_err(|_| Error::VectorTooLong { len: transform.batch, max: u32::MAX as usize })?;
        let mut run = StreamRun { lanes, ..StreamRun::default() };
        if batch > 0 {
            let passes = passes(transform, log2_block);
            let in_place = source.address() == destination.address();
            let route = route(passes.len(), transform.input == Order::BitReversed, in_place);
            let len = transform.vector_len();
            let scratch = (0..scratches(&route))
                .map(|_| {
                    let what = || format!("scratch for {batch} transforms of {n} elements");
                    Ok(Secret(self.alloc(len * SCALAR_BYTES, what)?))
                })
                .collect::<Result<Vec<_>>>()?;
            let params = PARAMS_BYTES * passes.len();
            let block = Secret(self.alloc(params, || "parameters of a transform".to_owned())?);
            let place = |place| match place {
                Place::Source => source,
                Place::Destination => destination,
                Place::Scratch(i) => At::start(&*scratch[i].0),
            };
            let stride = (transform.stride() * SCALAR_BYTES) as u64;
            let mut sequence = Sequence::new(&*block.0);
            for (pass, (from, to)) in passes.iter().zip(route) {
                let data = Batch { source: place(from), destination: place(to), stride, batch };
                sequence.pass("NTT pass", pass, data);
            }
            let up = up.map(|bytes| (source, bytes));
            let down = down.map(|bytes| (destination, bytes));
            let list = sequence.run(&*self.shared.device, up, down)?;
            let elements = u64::from(batch) << log_n;
            let butterflies = elements / 2 * u64::from(log_n);
            // Every pass reads all elements, and writes them at the same time.
            let bytes = elements * SCALAR_BYTES as u64 * passes.len() as u64;
            let bound = butterflies.div_ceil(u64::from(lanes)).max(bytes.div_ceil(PORT_BYTES));
            run = StreamRun::new(passes.len(), lanes, bound, list);
        }
        let operation = Operation::stream(Op::Ntt, n, transform.batch, run);
        self.log(&operation);
        Ok(operation)
    }
}

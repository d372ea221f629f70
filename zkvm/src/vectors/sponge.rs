//! The transcript: a sponge of 16 elements, 8 of them its rate.

use p3_challenger::CanObserve;
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::default_koalabear_poseidon2_16;
use p3_symmetric::Permutation;

use super::spy::Event;
use crate::config::{Challenge, Permutation16};
use crate::F;

const RATE: usize = 8;

/// The sponge, and what went through it.
#[derive(Debug)]
pub struct Sponge {
    permutation: Permutation16,
    state: [F; 16],
    waiting: Vec<F>,
    ready: Vec<F>,
    /// The calls so far.
    pub events: Vec<Event>,
}

impl Default for Sponge {
    fn default() -> Self {
        let permutation = default_koalabear_poseidon2_16();
        Self { permutation, state: [F::ZERO; 16], waiting: Vec::new(), ready: Vec::new(), events: Vec::new() }
    }
}

impl Sponge {
    /// What waits replaces the first elements, the rest of the rate becomes zero, and their number is added to the first element
    /// that is not of the rate.
    fn permute(&mut self) {
        let count = self.waiting.len();
        if count > 0 {
            self.state[..count].copy_from_slice(&self.waiting);
            self.state[count..RATE].fill(F::ZERO);
            self.state[RATE] += F::from_usize(count);
            self.waiting.clear();
        }
        self.permutation.permute_mut(&mut self.state);
        self.ready = self.state[..RATE].to_vec();
    }

    fn absorb(&mut self, value: F) {
        self.ready.clear();
        self.waiting.push(value);
        if self.waiting.len() == RATE {
            self.permute();
        }
    }

    fn squeeze(&mut self) -> F {
        if !self.waiting.is_empty() || self.ready.is_empty() {
            self.permute();
        }
        self.ready.pop().unwrap_or_default()
    }

    /// A challenge: four elements.
    pub fn challenge(&mut self) -> Challenge {
        Challenge::from_basis_coefficients_fn(|_| {
            let value = self.squeeze();
            self.events.push(Event::Sample(value));
            value
        })
    }

    /// The low bits of an element.
    pub fn bits(&mut self, bits: usize) -> usize {
        let value = self.squeeze().as_canonical_u32() as usize & ((1 << bits) - 1);
        self.events.push(Event::Bits(bits, value));
        value
    }

    /// The smallest number that, taken in, makes the low bits of the next element zero.
    pub fn grind(&mut self, bits: usize) -> F {
        if bits == 0 {
            self.events.push(Event::Grind(0, F::ZERO));
            return F::ZERO;
        }
        let mut state = self.state;
        let count = self.waiting.len();
        state[..count].copy_from_slice(&self.waiting);
        state[count..RATE].fill(F::ZERO);
        state[RATE] += F::from_usize(count + 1);
        let mut witness = F::ZERO;
        loop {
            let mut tried = state;
            tried[count] = witness;
            self.permutation.permute_mut(&mut tried);
            if tried[RATE - 1].as_canonical_u32().trailing_zeros() >= bits as u32 {
                break;
            }
            witness += F::ONE;
        }
        self.absorb(witness);
        let _zeros = self.squeeze();
        self.events.push(Event::Grind(bits, witness));
        witness
    }

    /// Extension elements go in.
    pub fn observe_all(&mut self, values: &[Challenge]) {
        for value in values {
            self.observe_slice(value.as_basis_coefficients_slice());
        }
    }
}

impl CanObserve<F> for Sponge {
    fn observe(&mut self, value: F) {
        self.events.push(Event::Observe(value));
        self.absorb(value);
    }
}

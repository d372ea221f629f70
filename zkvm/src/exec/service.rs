//! The services of ECALL.

use p3_field::{PrimeCharacteristicRing, PrimeField32};

use super::{keccak, sha256, Executor};
use crate::error::Error;
use crate::isa::service;
use crate::record::{Access, Call, HALTED_PC};
use crate::{hash, F};

const A0: u8 = 10;
const A1: u8 = 11;
const A7: u8 = 17;

/// The last byte address of an operand: the ECALL table takes none whose high half is 0xffff, so that none ends past memory.
const OPERAND_MAX: u32 = 0xfffe_fffc;

/// Words of memory that a precompile takes.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    service: &'static str,
    /// Byte address.
    address: u32,
    words: u32,
    written: bool,
}

impl Operand {
    /// The word addresses, if the operand is aligned and in memory.
    pub(super) fn words(self) -> impl Iterator<Item = u32> {
        (0..self.words).map(move |i| self.address / 4 + i)
    }
}

impl Executor {
    /// The words that the precompile about to be called takes: those of a0, those of a1. None for other services.
    pub(super) fn operands(&self) -> [Option<Operand>; 2] {
        let [a0, a1, number] = [A0, A1, A7].map(|number| self.registers[usize::from(number)]);
        let state = |service, words| Some(Operand { service, address: a0, words, written: true });
        match number {
            service::POSEIDON2 => [state("poseidon2", 16), None],
            service::SHA256 => {
                let block = Operand { service: "sha256", address: a1, words: 16, written: false };
                [state("sha256", 8), Some(block)]
            }
            service::KECCAK => [state("keccak", 50), None],
            _ => [None, None],
        }
    }

    /// Executes an ECALL: its accesses to a7, a0 and a1. After an error nothing has changed.
    pub(super) fn ecall<const RECORD: bool>(
        &mut self,
        next: &mut u32,
        time: u32,
    ) -> Result<[Access; 3], Error> {
        let pc = self.pc;
        let [a0, number] = [A0, A7].map(|number| self.registers[usize::from(number)]);
        let mut result = a0;
        match number {
            service::EXIT => {
                self.exit = Some(a0);
                *next = HALTED_PC;
            }
            service::READ => {
                let count = self.input.words.len();
                result = self.input.peek().ok_or(Error::InputExhausted { pc, count })?;
                self.input.taken += 1;
                if RECORD {
                    self.segment.read(time, result);
                }
            }
            service::WRITE => {
                self.output.push(a0);
                if RECORD {
                    self.segment.write(time, a0);
                }
            }
            service::HINT => {
                let count = self.hints.words.len();
                result = self.hints.peek().ok_or(Error::HintsExhausted { pc, count })?;
                self.hints.taken += 1;
            }
            service::POSEIDON2 | service::SHA256 | service::KECCAK => {
                self.precompile::<RECORD>(number, time)?
            }
            _ => return Err(Error::UnknownService { number, pc }),
        }
        let a7 = self.read::<RECORD>(A7, time);
        let a0 = self.write::<RECORD>(A0, time + 1, result);
        Ok([a7, a0, self.read::<RECORD>(A1, time + 2)])
    }

    /// Runs a precompile on memory.
    fn precompile<const RECORD: bool>(&mut self, number: u32, time: u32) -> Result<(), Error> {
        let operands = self.operands();
        for operand in operands.iter().flatten() {
            self.check(operand)?;
        }
        let [Some(state), block] = operands else { return Ok(()) };
        let words = self.words(state);
        let (new, state_time) = match number {
            service::POSEIDON2 => (self.poseidon2(state, &words)?, time),
            service::SHA256 => {
                let block = block.map_or([0; 16], |block| array(&self.words(block)));
                (sha256::compress(array(&words), &block).to_vec(), time + 1)
            }
            _ => {
                let mut lanes: [u64; 25] =
                    std::array::from_fn(|i| u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32);
                keccak::permute(&mut lanes);
                (lanes.iter().flat_map(|&lane| [lane as u32, (lane >> 32) as u32]).collect(), time)
            }
        };
        if !RECORD {
            state.words().zip(new).for_each(|(address, word)| self.memory.set(address, word));
            return Ok(());
        }
        let mut access = Vec::with_capacity(new.len() + block.map_or(0, |block| block.words as usize));
        for address in block.into_iter().flat_map(Operand::words) {
            let same = self.memory.word(address);
            access.push(self.memory_access::<true>(address, time, same));
        }
        for (address, word) in state.words().zip(new) {
            access.push(self.memory_access::<true>(address, state_time, word));
        }
        let second = block.map_or(0, |block| block.address / 4);
        self.segment.call(Call { service: number, time, first: state.address / 4, second, access });
        Ok(())
    }

    /// Whether an operand may be used as such.
    fn check(&self, operand: &Operand) -> Result<(), Error> {
        let Operand { service, address, words, written } = *operand;
        let pc = self.pc;
        if address % 4 != 0 || address > OPERAND_MAX {
            return Err(Error::Operand { service, pc, address, size: 4 * words, limit: OPERAND_MAX });
        }
        match operand.words().find(|&address| written && self.memory.is_code(address)) {
            Some(word) => Err(Error::SelfModifying { pc, address: 4 * word }),
            None => Ok(()),
        }
    }

    fn words(&self, operand: Operand) -> Vec<u32> {
        operand.words().map(|address| self.memory.word(address)).collect()
    }

    fn poseidon2(&self, operand: Operand, words: &[u32]) -> Result<Vec<u32>, Error> {
        for (address, &word) in operand.words().zip(words) {
            if word >= F::ORDER_U32 {
                return Err(Error::NotCanonical { pc: self.pc, address: 4 * address, word });
            }
        }
        let state = hash::permute(array(words).map(F::from_u32));
        Ok(state.iter().map(PrimeField32::as_canonical_u32).collect())
    }
}

/// The first `N` words; operands have as many as their service takes.
fn array<const N: usize>(words: &[u32]) -> [u32; N] {
    std::array::from_fn(|i| words[i])
}

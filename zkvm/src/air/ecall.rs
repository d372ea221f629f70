//! ECALL: a row a call of the environment.
//!
//! The service's number is a7, which a row reads as the number of its flag (high half zero), so that a number without a service
//! has no row. a0 is the operand and, for READ and HINT, the result; a1 is SHA-256's second operand and read in every row.
//!
//! A precompiled service gets word addresses: a pointer is `4 * word` in its low half, `word` below 2^14, and its high half is not
//! 0xffff. Its table accesses at most 50 words from there, so each stays below word address 2^30, where the registers begin.
//! Pointers into the last 64 KiB are refused for that, which costs no column and no lookup of its own.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, range, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{Chip, OpcodeChip};
use crate::isa::{service, Op};
use crate::record::{Step, HALTED_PC};
use crate::F;

/// The services, in the order of their flags.
const SERVICES: [u32; 7] = [
    service::EXIT,
    service::READ,
    service::WRITE,
    service::HINT,
    service::POSEIDON2,
    service::SHA256,
    service::KECCAK,
];

columns! {
    /// A row of ECALL.
    pub struct EcallRow {
        cycle: Cycle<T>,
        /// The service: EXIT, READ, WRITE, HINT, POSEIDON2, SHA256, KECCAK.
        flags: [T; 7],
        /// Program counter after the call, divided by 4.
        next: T,
        /// Time of the access to a7 before.
        number_previous: T,
        /// High bits of that time difference.
        number_high: T,
        a0: Write<T>,
        /// What a0 holds after the call.
        value: [T; 2],
        /// Low half of `value`, divided by 4 where it is a pointer.
        word: T,
        a1: Read<T>,
    }
}

/// The table of ECALL.
#[derive(Clone, Copy, Debug)]
pub struct Ecall;

impl Chip for Ecall {
    fn width(&self) -> usize {
        EcallRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        EcallRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = EcallRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [exit, read, write, hint, poseidon2, sha256, keccak] = row.flags.map(Into::<B::Expr>::into);
        let call = poseidon2.clone() + sha256.clone() + keccak.clone();
        let value = row.value.map(Into::<B::Expr>::into);
        let [low, high] = value.clone();

        let following = row.cycle.pc + real.clone();
        let halted = bus::constant::<B>(HALTED_PC);
        b.assert_zero(following.clone() - row.next.into() + exit.clone() * (halted - following));
        let kept = B::Expr::ONE - read.clone() - hint;
        for i in 0..2 {
            b.when(kept.clone()).assert_eq(row.value[i], row.a0.old[i]);
        }
        // `word` is `low / 4` in rows of precompiled services and `low` elsewhere.
        b.assert_zero(row.word + call.clone() * row.word * F::from_u32(3) - low.clone());

        // One lookup each for the halves of `value`. Low: `word` is a half, or below 2^14 where it is a pointer's. High: a half, and not
        // the last one where it is a pointer's.
        let kind = real.clone() * F::from_u32(range::HALF)
            + call.clone() * (F::from_u32(range::BITS) - F::from_u32(range::HALF));
        let limit = call.clone() * F::from_u32(14);
        bus::send(b, bus::RANGE, [kind, row.word.into(), limit, B::Expr::ZERO], real.clone());
        bus::half(b, high.clone() + call, real.clone());
        // The same for SHA-256's second pointer.
        let word = row.a1.value[0] * F::from_u32(4).inverse();
        bus::bits(b, word.clone(), bus::constant::<B>(14), sha256.clone());
        bus::half(b, row.a1.value[1] + F::ONE, sha256.clone());

        let first = row.word + high * F::from_u32(1 << 14);
        let second = word + row.a1.value[1] * F::from_u32(1 << 14);
        let time: B::Expr = row.cycle.time.into();
        let number = poseidon2.clone() * F::from_u32(service::POSEIDON2)
            + keccak.clone() * F::from_u32(service::KECCAK);
        bus::send(b, bus::CALL, [number, time.clone(), first.clone(), B::Expr::ZERO], poseidon2 + keccak);
        let number = bus::constant::<B>(service::SHA256);
        bus::send(b, bus::CALL, [number, time.clone(), first, second], sha256);
        let number = read.clone() * F::from_u32(service::READ) + write.clone() * F::from_u32(service::WRITE);
        let [low, high] = value.clone();
        bus::send(b, bus::WORD, [number, time, low, high], read + write);
        bus::send(b, bus::EXIT, value.clone(), exit);

        let fetch = Fetch::op(real.clone() * F::from_u32(Op::Ecall.number()));
        frame::cycle(b, &row.cycle, row.next.into(), fetch, real.clone());
        let register = |number: u32| frame::register::<B>(bus::constant::<B>(number));
        let number = row
            .flags
            .iter()
            .zip(SERVICES)
            .fold(B::Expr::ZERO, |sum, (flag, number)| sum + (*flag).into() * F::from_u32(number));
        let number = [number, B::Expr::ZERO];
        let cells = (row.number_previous, row.number_high);
        let tick = |offset| frame::tick::<B>(&row.cycle, offset);
        frame::access(b, register(17), tick(0), cells, number.clone(), number, real.clone());
        frame::write(b, register(10), tick(1), &row.a0, value, real.clone());
        frame::read(b, register(11), tick(2), &row.a1, real.clone());
        bus::highs(b, [row.number_high, row.a0.high, row.a1.high].map(Into::into), real);
    }
}

impl OpcodeChip for Ecall {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a7, a0, a1] = &step.access;
        let number = a7.old;
        let value = frame::halves(a0.new);
        let pointer = matches!(number, service::POSEIDON2 | service::SHA256 | service::KECCAK);
        let row = EcallRow {
            cycle: Cycle::of(step),
            flags: SERVICES.map(|service| F::from_bool(service == number)),
            next: F::from_u32(step.next),
            number_previous: F::from_u32(a7.previous),
            number_high: frame::high(a7),
            a0: Write::of(a0),
            value,
            word: if pointer { value[0] * F::from_u32(4).inverse() } else { value[0] },
            a1: Read::of(a1),
        };
        row.to_cells(cells);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::check::Bench;
    use crate::air::{check, Kind};
    use crate::isa::Instruction;
    use crate::record::testing::access;
    use crate::record::REGISTER_BASE;

    const NONE: Vec<String> = Vec::new();

    /// `ecall` with these registers before it, and a0 after it.
    fn ecall(number: u32, a0: u32, new: u32, a1: u32) -> Step {
        let instruction = Instruction { op: Op::Ecall, rd: 0, rs1: 0, rs2: 0, imm: 0, link: 0 };
        let access = [
            access(REGISTER_BASE + 17, 7, number, number),
            access(REGISTER_BASE + 10, 8, a0, new),
            access(REGISTER_BASE + 11, 9, a1, a1),
        ];
        let next = if number == service::EXIT { HALTED_PC } else { 0x401 };
        Step { time: 7, pc: 0x1000, next, instruction, access }
    }

    /// What the row of a step sends on a bus.
    fn sent(step: &Step, bus: &str) -> Vec<Vec<F>> {
        let bench = Bench::new(Kind::Ecall);
        bench.messages(&bench.row(step), bus)
    }

    fn message(fields: &[u32]) -> Vec<Vec<F>> {
        vec![fields.iter().map(|&field| F::from_u32(field)).collect()]
    }

    #[track_caller]
    fn refused(step: Step) {
        assert_ne!(check::steps(Kind::Ecall, &[step]), NONE, "{step:?}");
    }

    #[test]
    fn words_are_read_written_and_hinted() {
        for word in [0, 1, 0xffff, 0x1_0000, 0x7f00_0001, 0x8000_0000, 0xffff_ffff] {
            let (low, high) = (word & 0xffff, word >> 16);
            let read = ecall(service::READ, 0x1234_5678, word, 9);
            let write = ecall(service::WRITE, word, word, 9);
            let hint = ecall(service::HINT, 0xffff_ffff, word, 9);
            let exit = ecall(service::EXIT, word, word, 9);
            for step in [read, write, hint, exit] {
                assert_eq!(check::steps(Kind::Ecall, &[step]), NONE, "{step:?}");
                assert!(sent(&step, bus::CALL).is_empty());
            }
            assert_eq!(sent(&read, bus::WORD), message(&[service::READ, 7, low, high]));
            assert_eq!(sent(&write, bus::WORD), message(&[service::WRITE, 7, low, high]));
            assert_eq!(sent(&exit, bus::EXIT), message(&[low, high]));
            for (step, bus) in [(hint, bus::WORD), (exit, bus::WORD), (read, bus::EXIT), (hint, bus::EXIT)] {
                assert!(sent(&step, bus).is_empty(), "{bus} {step:?}");
            }
        }
    }

    #[test]
    fn precompiled_services_get_word_addresses() {
        let pointers = [0, 4, 0xfffc, 0x1_0000, 0x8000_0000, 0xfffe_fffc];
        for a0 in pointers {
            for (service, second) in [(service::POSEIDON2, 0), (service::KECCAK, 0), (service::SHA256, 1)] {
                for a1 in pointers {
                    let step = ecall(service, a0, a0, a1);
                    assert_eq!(check::steps(Kind::Ecall, &[step]), NONE, "{step:?}");
                    let expected = message(&[service, 7, a0 / 4, second * (a1 / 4)]);
                    assert_eq!(sent(&step, bus::CALL), expected);
                    assert!(sent(&step, bus::WORD).is_empty() && sent(&step, bus::EXIT).is_empty());
                }
            }
        }
        // Only SHA-256 takes a1 for a pointer.
        let step = ecall(service::KECCAK, 4, 4, 0xffff_ffff);
        assert_eq!(check::steps(Kind::Ecall, &[step]), NONE);
    }

    #[test]
    fn pointers_off_a_word_or_near_the_end_are_refused() {
        for bad in [1, 2, 3, 5, 6, 0xffff, 0xffff_0000, 0xffff_fffc, 0xffff_ff00] {
            for service in [service::POSEIDON2, service::SHA256, service::KECCAK] {
                refused(ecall(service, bad, bad, 4));
            }
            refused(ecall(service::SHA256, 4, 4, bad));
        }
    }

    #[test]
    fn numbers_without_a_service_are_refused() {
        for number in [0, 4, 5, 15, 19, 92, 94, 1 << 16, service::EXIT | 1 << 16, service::EXIT | 1 << 31] {
            refused(ecall(number, 4, 4, 4));
        }
    }

    #[test]
    fn a0_and_the_program_counter_change_only_as_the_service_says() {
        for number in SERVICES {
            let good = ecall(number, 8, 8, 4);
            assert_eq!(check::steps(Kind::Ecall, &[good]), NONE);
            if !matches!(number, service::READ | service::HINT) {
                refused(ecall(number, 8, 12, 4));
                refused(ecall(number, 8, 0x1_0008, 4));
            }
            let other = if number == service::EXIT { 0x401 } else { HALTED_PC };
            for next in [other, 0x400, 0x402] {
                refused(Step { next, ..good });
            }
        }
    }

    #[test]
    fn cells_that_are_no_halves_are_refused() {
        // The executor cannot say them, so they are put into the row.
        let bench = Bench::new(Kind::Ecall);
        for number in [service::READ, service::HINT] {
            let cells = bench.row(&ecall(number, 0, 5, 0));
            assert!(bench.holds(&cells));
            for wide in [F::from_u32(1 << 16), F::NEG_ONE] {
                let mut low = EcallRow::from_cells(&cells);
                (low.value[0], low.word) = (wide, wide);
                let mut high = EcallRow::from_cells(&cells);
                high.value[1] = wide;
                for row in [low, high] {
                    let mut cells = cells.clone();
                    row.to_cells(&mut cells);
                    assert_eq!(bench.faults(&cells), (0, 1), "{row:?}");
                }
            }
        }
    }

    #[test]
    fn two_services_in_a_row_are_refused() {
        let bench = Bench::new(Kind::Ecall);
        for number in SERVICES {
            let cells = bench.row(&ecall(number, 8, 8, 4));
            for i in 0..SERVICES.len() {
                for value in [F::ONE, F::NEG_ONE, F::TWO] {
                    let mut row = EcallRow::from_cells(&cells);
                    if row.flags[i] == F::ONE {
                        continue;
                    }
                    row.flags[i] = value;
                    let mut cells = cells.clone();
                    row.to_cells(&mut cells);
                    assert!(!bench.holds(&cells), "{row:?}");
                }
            }
        }
    }

    #[test]
    fn every_cell_is_determined() {
        for number in SERVICES {
            let step = ecall(number, 8, 8, 4);
            assert_eq!(check::tampered(Kind::Ecall, &step), NONE, "service {number}");
            assert_eq!(check::looks_ahead(Kind::Ecall, &step), NONE, "service {number}");
        }
    }

    #[test]
    fn a_row_costs_no_more_than_this() {
        let size = check::Size { columns: 23, lookups: 8, extension: 13, degree: 2 };
        assert_eq!(check::size(Kind::Ecall), size);
    }
}

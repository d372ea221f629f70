use super::*;
use crate::air::poseidon2_call::Poseidon2Call;

const P: u32 = F::ORDER_U32;

fn permuted(input: [u32; 16]) -> [u32; 16] {
    default_koalabear_poseidon2_16().permute(input.map(F::from_u32)).map(|word| word.as_canonical_u32())
}

fn call(input: [u32; 16], rng: &mut ChaCha8Rng) -> Call {
    let (time, first) = place(rng);
    let access = accesses(first, time, &input, &permuted(input), rng);
    Call { service: service::POSEIDON2, time, first, second: 0, access }
}

fn case(inputs: &[[u32; 16]], rng: &mut ChaCha8Rng) -> Case {
    let calls = inputs.iter().map(|input| call(*input, rng)).collect();
    Case::new(Kind::Poseidon2Call, calls).expect("a trace")
}

fn elements(rng: &mut ChaCha8Rng) -> [u32; 16] {
    core::array::from_fn(|_| rng.gen_range(0..P))
}

#[test]
fn no_calls_no_trace() {
    assert!(Case::new(Kind::Poseidon2Call, Vec::new()).is_none());
}

#[test]
fn degrees_and_columns() {
    fits(Kind::Poseidon2Call, 62);
}

#[test]
fn permutations_of_corners_and_at_random() {
    let mut rng = random("permutations_of_corners_and_at_random");
    let mut corners = [0; 16];
    corners[..8].copy_from_slice(&[
        P - 1,
        1,
        0x7eff_ffff,
        0x7eff_0000,
        0xffff,
        0x1_0000,
        P - 2,
        P - 0x1_0000,
    ]);
    for count in [1, 2, 3, 17] {
        let mut inputs = vec![[0; 16], [P - 1; 16], corners];
        inputs.resize_with(count, || elements(&mut rng));
        let case = case(&inputs, &mut rng);
        assert_eq!(case.wrong(), Vec::<String>::new());
        assert_eq!(case.trace.height(), (count * Poseidon2Call::ROWS).next_power_of_two().max(16));
    }
}

#[test]
fn an_element_read_that_is_not_below_p_is_refused() {
    let mut rng = random("an_element_read_that_is_not_below_p_is_refused");
    for word in [P, P + 1, 0x7f00_ffff, 0x7f01_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let mut input = elements(&mut rng);
        input[5] = word % P;
        let mut read = call(input, &mut rng);
        let right = Case::new(Kind::Poseidon2Call, vec![read.clone()]).expect("a trace");
        assert_eq!(right.wrong(), Vec::<String>::new());
        read.access[5].old = word;
        let case = Case::new(Kind::Poseidon2Call, vec![read]).expect("a trace");
        assert_ne!(case.wrong(), Vec::<String>::new(), "{word:#x}");
    }
}

/// An element written has a second word, p more, with which the message to the permutation is the same.
#[test]
fn an_element_written_that_is_not_below_p_is_refused() {
    let mut rng = random("an_element_written_that_is_not_below_p_is_refused");
    // Below 2^31 and above, which differ in the high half's range.
    let mut seen = [false; 2];
    while seen != [true; 2] {
        let written = call(elements(&mut rng), &mut rng);
        for i in 0..16 {
            let word = written.access[i].new + P;
            if !std::mem::replace(&mut seen[(word >> 31) as usize], true) {
                let mut other = written.clone();
                other.access[i].new = word;
                let case = Case::new(Kind::Poseidon2Call, vec![other]).expect("a trace");
                let wrong = case.wrong();
                assert!(!wrong.iter().any(|what| what.contains(bus::PERMUTE)));
                assert!(!wrong.is_empty(), "{word:#x}");
            }
        }
    }
}

#[test]
fn a_wrong_output_is_refused() {
    let mut rng = random("a_wrong_output_is_refused");
    let input = elements(&mut rng);
    for i in 0..16 {
        let mut wrong = call(input, &mut rng);
        wrong.access[i].new = (wrong.access[i].new + 1) % P;
        let case = Case::new(Kind::Poseidon2Call, vec![wrong]).expect("a trace");
        assert!(case.wrong().iter().any(|what| what.contains(bus::PERMUTE)));
    }
}

#[test]
fn every_cell_matters() {
    let mut rng = random("every_cell_matters");
    let inputs = [elements(&mut rng), elements(&mut rng)];
    let mut case = case(&inputs, &mut rng);
    let width = case.trace.width;
    let free = case.free((0..2).flat_map(|row| (0..width).map(move |column| (row, column))), &mut rng);
    assert_eq!(free, Vec::new());
}

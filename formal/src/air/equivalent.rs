//! Constraints and lookups without which a table still executes its instructions only as they are, each with the reason.

use permafrost_zkvm::air::Kind;

/// A flag among others.
const ONE_OF: &str = "with the other flags and the sum 0 or 1, the flag is -1 at least, and then only in a row that sends nothing";

/// Table, constraint or lookup as it is shown, and why nothing else follows without it. That nothing does is proved like the table itself.
pub const EQUIVALENT: &[(Kind, &str, &str)] = &[
    (Kind::Add, "(flags[0]) (flags[0] - 1) = 0", ONE_OF),
    (Kind::Add, "(flags[1]) (flags[1] - 1) = 0", ONE_OF),
    (Kind::Less, "(flags[1]) (flags[1] - 1) = 0", ONE_OF),
    (Kind::LessImmediate, "(flags[1]) (flags[1] - 1) = 0", ONE_OF),
    (Kind::BranchEqual, "(flags[0]) (flags[0] - 1) = 0", ONE_OF),
    (Kind::BranchEqual, "(flags[1]) (flags[1] - 1) = 0", ONE_OF),
    (
        Kind::Multiply,
        "(flags[1]) (flags[1] - 1) = 0",
        "-1 besides two other flags: the sign of b would be looked up with the byte -128, which there is not",
    ),
    (
        Kind::Divide,
        "(zero) (zero - 1) = 0",
        "of any other number but 0 the divisor is zero too and the quotient all ones; only the gap, which then says nothing, reads which it is",
    ),
    (
        Kind::ShiftImmediate,
        "(shifted.left[0]) (shifted.left[0] - 1) = 0",
        "-1 besides two other flags: the equations of all three leave only the word 0, whose result is 0",
    ),
];

/// Cells to fix in the search for a counterexample, one set after the other: operands for which what is left is linear.
pub fn hints(kind: Kind) -> Vec<Vec<(&'static str, i128)>> {
    let word = |name: [&'static str; 2], word: u32| {
        vec![(name[0], i128::from(word & 0xffff)), (name[1], i128::from(word >> 16))]
    };
    let (a, b) = (["a.value[0]", "a.value[1]"], ["b.value[0]", "b.value[1]"]);
    let lows = |name: [&'static str; 2], word: u32| {
        vec![(name[0], i128::from(word & 0xff)), (name[1], i128::from(word >> 16 & 0xff))]
    };
    let (a_low, b_low) = (["a_low[0]", "a_low[1]"], ["b_low[0]", "b_low[1]"]);
    let cycle = || {
        let names =
            ["cycle.time", "cycle.pc", "rd", "rs1", "rs2", "a.previous", "a.high", "b.previous", "b.high"];
        let more = ["write.previous", "write.high", "write.old[0]", "write.old[1]"];
        let values = [1000, 100, 3, 1, 2, 999, 0, 1000, 0, 1001, 0, 0, 0];
        names.into_iter().chain(more).zip(values).collect::<Vec<_>>()
    };
    const WORDS: [u32; 6] = [1, 0xffff_ffff, 0x8000_0000, 0x1234_5678, 3, 0];
    match kind {
        Kind::BranchEqual => {
            let pairs = [(0x7_0005, 0x7_0005), (0x7_0005, 0x7_0006), (0x7_0005, 0x6_0005)];
            pairs.map(|(x, y)| [word(a, x), word(b, y)].concat()).to_vec()
        }
        // Both operands with their bytes, then one of them, in a cycle with nothing else that is open.
        Kind::Multiply => {
            let [x, y] = [[a, a_low], [b, b_low]]
                .map(|[halves, low]| move |w| [word(halves, w), lows(low, w)].concat());
            let both = [[x(WORDS[1]), y(WORDS[1])].concat(), [x(WORDS[2]), y(WORDS[3])].concat()];
            let one = WORDS.into_iter().flat_map(|w| [[y(w), cycle()].concat(), [x(w), cycle()].concat()]);
            both.into_iter().chain(one).collect()
        }
        // A whole row; dividend and divisor; the divisor, or the quotient.
        Kind::Divide => {
            let quotient = |w: u32| {
                let names = ["quotient[0]", "quotient[1]", "quotient[2]", "quotient[3]"];
                names.into_iter().zip(w.to_le_bytes().map(i128::from)).collect::<Vec<_>>()
            };
            let divisor = |w: u32| [word(b, w), lows(b_low, w)].concat();
            let both = [(7, 2), (0x8000_0001, 3), (5, 0), (0xffff_fff9, 0xffff_fffe), (0, 5)];
            let both = both.map(|(x, y)| [word(a, x), divisor(y)].concat());
            let one = WORDS
                .into_iter()
                .flat_map(|w| [[divisor(w), cycle()].concat(), [quotient(w), cycle()].concat()]);
            // Whole rows: dividend, divisor, quotient, remainder, and more cells. 2^16 times 127 * 2^8 is -1.
            const SMALL: i128 = 127 << 8;
            let row = |[x, y, q, r]: [u32; 4], more: &[(&'static str, i128)]| {
                let divisor =
                    divisor(y).into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
                let others = [word(a, x), quotient(q), word(["remainder[0]", "remainder[1]"], r), cycle()];
                divisor.chain(others.concat()).chain(more.iter().copied()).collect::<Vec<_>>()
            };
            let plain = ("a_negative", 0);
            let rows = [
                // The remainder is not smaller than the divisor.
                row([7, 2, 0, 7], &[plain, ("zero", 1), ("gap_carry", -1)]),
                row([7, 2, 0, 7], &[plain, ("zero", 0), ("gap_carry", 0)]),
                row([7, 2, 0, 7], &[plain, ("zero", 0), ("gap_carry", -1)]),
                row([2, 2, 0, 2], &[plain, ("zero", 0), ("gap_carry", SMALL)]),
                // A product that is wrong by a multiple of p.
                row([0, 1 << 23, 254 << 16, 0], &[plain, ("remainder_negative", SMALL)]),
                row([0, 1 << 23, 254 << 16, 1 << 16], &[plain, ("carry[1]", -SMALL)]),
                row([0, 1 << 31, 254 << 24 | 2, 0], &[plain, ("top", SMALL)]),
                row([0x7f01_0001, 256, 256, 0], &[plain, ("b_low[0]", -256 * SMALL)]),
                // A product beyond 2^48 that is forgotten.
                row([0, 1 << 24, 1 << 24, 0], &[plain, ("top", 0)]),
                // -7 = -4 * 2 + 1, and a dividend without sign taken as one with a sign.
                row([0u32.wrapping_sub(7), 2, 0u32.wrapping_sub(4), 1], &[("remainder_negative", 0)]),
                row(
                    [0x8000_0001, 2, 0xc000_0001, 0xffff_ffff],
                    &[("a_negative", 1), ("remainder_negative", 1)],
                ),
            ];
            rows.into_iter().chain(both).chain(one).collect()
        }
        _ => vec![vec![]],
    }
}

//! The inverter: its text, clock by clock from any state, against the steps of the extended binary gcd.
//!
//! Shown of the text by bit vectors, for all states within their ranges (u odd, |u|, |v| < 2^254, |r|, |s| < p):
//! - a step's decision: v odd and |v| < |u| swaps, v odd and |v| > |u| or v even does not, v odd adds or subtracts u by the signs; 2 v' = v + e u with e in {0, 1, -1}, and
//!   2 |v'| is |v|, |v| - |u| or |u| - |v|; u' is v if swapped, otherwise u;
//! - one clock later 2 s' = s + e r + k p with the same e, k in {0, 1, -1}; r' is s if swapped, otherwise r; ranges are kept;
//! - the result is the one of r and -r that belongs to the sign of u, plus p if negative; 0 while u = p and r = 0.
//!
//! Shown by running it: `start` loads u = p, v = a, r = 0, s = R^2 2^n, nothing decided; then the steps are made in every clock until
//! `y` is taken, exactly the documented latency after `start`, in whatever state it was.
//!
//! By polynomials: where r A - u R^2 and s A - v R^2 are multiples of p, so are r' A - u' R^2 and 2 (s' A - v' R^2); 2 has an inverse.
//!
//! What is left to arithmetic on paper: of a nonzero v every step takes a bit from |u| or |v| (by the three forms of 2 |v'|), which
//! have 508 at most, and u keeps the greatest common divisor, 1; so that [`STEPS`] = 507 of them lead to v = 0 and |u| = 1.

use crate::arithmetic::{Atom, Poly};
use crate::check::Report;
use crate::symbolic::smt::{self, Answer};
use crate::symbolic::{Machine, Netlist, Op, Term, Terms};
use crate::tools::Tools;
use crate::Error;
use num_bigint::BigUint;
use num_traits::One;
use permafrost_rtl::field::inverse::{inverter_of, Inverter, STEPS};
use permafrost_rtl::field::{Field, FIELD_BITS, R_BITS};
use permafrost_rtl::hdl::Design;
use permafrost_rtl::target::Target;
use std::collections::HashMap;

const LIMIT: u64 = 300;
/// Bits of u, v, r and s, two's complement; of sums of them.
const BITS: usize = FIELD_BITS + 1;
const WIDE: usize = BITS + 4;

/// Registers of the unit but for the counter and the result.
const STATE: [&str; 8] = ["u_0", "v_0", "r_0", "s_0", "plus", "minus", "swap", "odd_0"];

/// The questions that take long.
const STEP: &str = "a step of u and v";
const CORRECTION: &str = "the correction of s";

type Shown = Result<(), String>;

/// Signed arithmetic on terms.
struct Signed<'t>(&'t mut Terms);

impl Signed<'_> {
    fn wide(&mut self, x: Term) -> Term {
        let width = self.0.width(x);
        let sign = self.0.slice(x, width - 1, 1);
        let ones = vec![sign; WIDE - width];
        let parts: Vec<Term> = [x].into_iter().chain(ones).collect();
        self.0.concat(&parts)
    }

    fn constant(&mut self, value: &BigUint, negative: bool) -> Term {
        let value = if negative { (BigUint::one() << WIDE) - value } else { value.clone() };
        self.0.constant(value, WIDE)
    }

    fn negated(&mut self, x: Term) -> Term {
        let zero = self.0.constant(0u32, WIDE);
        self.0.sub(zero, x)
    }

    fn abs(&mut self, x: Term) -> Term {
        let (sign, negated) = (self.0.slice(x, WIDE - 1, 1), self.negated(x));
        self.0.ite(sign, negated, x)
    }

    /// `|x| < bound`.
    fn within(&mut self, x: Term, bound: Term) -> Term {
        let size = self.abs(x);
        self.0.less(size, bound)
    }

    fn all(&mut self, claims: &[Term]) -> Term {
        let yes = self.0.bit(true);
        claims.iter().fold(yes, |all, claim| self.0.and(all, *claim))
    }

    fn any(&mut self, claims: &[Term]) -> Term {
        let no = self.0.bit(false);
        claims.iter().fold(no, |any, claim| self.0.or(any, *claim))
    }

    fn implies(&mut self, a: Term, b: Term) -> Term {
        let not = self.0.not(a);
        self.0.or(not, b)
    }
}

/// `(r, s) = (r A - u R^2, s A - v R^2)` stays a multiple of p.
fn identity() -> bool {
    // r A - u R^2 = p x, s A - v R^2 = p y; the rest of the step are its numbers e and k.
    let [a, r2, p, x, y, u, v, e, k] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|i| Poly::atom(Atom(i)));
    let ra = &(&p * &x) + &(&u * &r2);
    let sa = &(&p * &y) + &(&v * &r2);
    let twice_sa = &(&sa + &(&e * &ra)) + &(&(&k * &p) * &a);
    let twice_v = &v + &(&e * &u);
    let left = &twice_sa - &(&twice_v * &r2);
    left == &p * &(&(&y + &(&e * &x)) + &(&k * &a))
}

/// What the text does in a clock, and in which clocks.
struct Clock<'m, 'n> {
    m: &'m mut Machine<'n>,
    state: [Term; 8],
}

impl Clock<'_, '_> {
    /// Sets the state, and `left` to a number.
    fn begin(&mut self, left: Term, y: Term, rst: bool, start: bool) -> Result<(), Error> {
        for (name, value) in STATE.into_iter().zip(self.state).chain([("left", left), ("y", y)]) {
            self.m.set_wire(name, value)?;
        }
        let bits = [false, true].map(|bit| self.m.terms.bit(bit));
        self.m.set_wire("rst", bits[usize::from(rst)])?;
        self.m.set_wire("start", bits[usize::from(start)])?;
        self.m.eval()
    }

    /// The registers behind the clock edge: the state's, `left`, `y`.
    fn end(&mut self) -> Result<Vec<Term>, Error> {
        self.m.clock()?;
        STATE.into_iter().chain(["left", "y"]).map(|name| self.m.wire(name)).collect()
    }
}

/// The unit of `text`.
fn proved(tools: &Tools, field: &Field, unit: &Inverter, text: &str) -> Result<Shown, Error> {
    let folder = crate::tools::folder()?;
    let netlist = Netlist::read(tools, folder.path(), text, unit.module.name())?;
    let mut m = Machine::new(&netlist, Terms::default())?;
    let n = unit.steps_per_clock;
    let widths = [BITS, BITS, BITS, BITS, n, n, n, 1];
    let mut at = 0;
    let state = STATE.map(|name| {
        at += 1;
        m.terms.var(name, widths[at - 1])
    });
    let y = m.terms.var("y", FIELD_BITS);
    let a = m.terms.var("a", FIELD_BITS);
    m.set_wire("a", a)?;
    if let Err(what) = control(&mut Clock { m: &mut m, state }, field, unit, a, y)? {
        return Ok(Err(what));
    }
    let mut questions: Vec<(&str, Vec<Term>, Term)> = vec![];
    let one = {
        let left = m.wire("left")?;
        let bits = m.terms.width(left);
        m.terms.constant(1u32, bits)
    };
    let mut clock = Clock { m: &mut m, state };
    clock.begin(one, y, false, false)?;
    let mut wires = HashMap::new();
    for k in 0..n {
        for name in
            ["plus", "minus", "swap", "u", "v", "r", "s", "odd", "x", "e", "c", "t_sum", "t_maj", "t_s"]
        {
            let wire = format!("{name}_{k}");
            wires.insert(wire.clone(), m.wire(&wire)?);
        }
    }
    for name in ["u", "v", "r", "s"] {
        let wire = format!("{name}_{n}");
        wires.insert(wire.clone(), m.wire(&wire)?);
    }
    let after = Clock { m: &mut m, state }.end()?;
    let t = &mut m.terms;
    for k in 0..n {
        // Each step from operands of its own.
        let fresh = ["u", "v", "r", "s"].map(|name| t.var(format!("{name}{k}"), BITS));
        let odd = t.var("odd", 1);
        let mut map: HashMap<Term, Term> = ["u", "v", "r", "s"]
            .iter()
            .zip(fresh)
            .map(|(name, x)| (wires[&format!("{name}_{k}")], x))
            .collect();
        let odd_wire = wires[&format!("odd_{k}")];
        let [u, v, r, s] = fresh;
        if k > 0 {
            // s is the upper part of a sum.
            let low = t.var("low", 1);
            let whole = t.concat(&[low, s]);
            map.insert(wires[&format!("t_s_{}", k - 1)], whole);
        }
        // That `odd` is the parity of s + e r is a claim of its own.
        let mut get = |t: &mut Terms, name: &str, k: usize| {
            let term = wires[&format!("{name}_{k}")];
            t.replaced(term, &mut map)
        };
        let decided = ["plus", "minus", "swap"].map(|name| get(t, name, k));
        let [u_next, v_next, r_next] =
            [("u", k + 1), ("v", k + 1), ("r", k + 1)].map(|(name, k)| get(t, name, k));
        questions.push(decision(t, [u, v], decided, [u_next, v_next]));
        // r and s, by what was decided a clock before.
        let before = [4, 5, 6].map(|i| t.slice(state[i], k, 1));
        if k > 0 {
            let [s0, r0] = ["s", "r"].map(|name| t.slice(wires[&format!("{name}_{k}")], 0, 1));
            let used = t.or(before[0], before[1]);
            let used = t.and(used, r0);
            if odd_wire != t.bitwise(Op::Xor, s0, used) {
                return Ok(Err("the parity of the sum in s is another one".into()));
            }
        }
        let choice = t.ite(before[2], s, r);
        if r_next != choice {
            return Ok(Err("r is not what it should be".into()));
        }
        // The parity first: it is made of s and r, too.
        let mut of_step = HashMap::from([(odd_wire, odd)]);
        for (name, x) in [("r", r), ("s", s)] {
            of_step.insert(wires[&format!("{name}_{k}")], x);
        }
        if k > 0 {
            let low = t.var("low", 1);
            let whole = t.concat(&[low, s]);
            of_step.insert(wires[&format!("t_s_{}", k - 1)], whole);
        }
        let [x, e, c, sum, majority, s_next] =
            [("x", k), ("e", k), ("c", k), ("t_sum", k), ("t_maj", k), ("s", k + 1)]
                .map(|(name, k)| t.replaced(wires[&format!("{name}_{k}")], &mut of_step));
        if let Err(what) = carry_save(t, [x, e, c, sum, majority]) {
            return Ok(Err(what));
        }
        // s' takes sum and majority only as numbers whose weighted sum is x + e + c.
        let width = t.width(sum);
        let [any_sum, any_majority] = ["sum", "majority"].map(|name| t.var(name, width));
        let mut cut = HashMap::new();
        for (whole, any) in [(sum, any_sum), (majority, any_majority)] {
            let mut at = 0;
            for part in t.parts(whole) {
                let bits = t.width(part);
                cut.insert(part, t.slice(any, at, bits));
                at += bits;
            }
        }
        let halved = t.replaced(s_next, &mut cut);
        questions.push(halving(t, [any_sum, any_majority], before[1], halved));
        questions.extend(correction(t, field, [r, s, odd], [before[0], before[1]], [x, e, c]));
    }
    // The parity that is registered: of the next clock's first sum.
    let (s_new, r_new) = (after[3], after[2]);
    let [s0, r0] = [s_new, r_new].map(|x| t.slice(x, 0, 1));
    let [plus, minus] = [after[4], after[5]].map(|x| t.slice(x, 0, 1));
    let used = t.or(plus, minus);
    let used = t.and(used, r0);
    let parity = t.bitwise(Op::Xor, s0, used);
    let claim = t.eq(after[7], parity);
    questions.push(("the parity of the next sum", vec![], claim));
    questions.push(result(t, field, state[0], state[2], after[9]));
    // The quick ones first: a wrong text is noticed sooner.
    questions.sort_by_key(|(what, _, _)| {
        [CORRECTION, STEP].iter().position(|slow| slow == what).map_or(0, |at| at + 1)
    });
    for (what, given, claim) in questions {
        match smt::holds(&m.terms, tools, folder.path(), &given, claim, LIMIT)? {
            Answer::Holds => {}
            Answer::Fails => return Ok(Err(format!("{what}: wrong for some values"))),
        }
    }
    Ok(identity().then_some(()).ok_or("the identity of a step".into()))
}

/// When the unit loads, steps and gives its result.
fn control(clock: &mut Clock, field: &Field, unit: &Inverter, a: Term, y: Term) -> Result<Shown, Error> {
    let n = unit.steps_per_clock;
    if (unit.latency - 3) * n < STEPS {
        return Ok(Err("fewer steps than it takes".into()));
    }
    let wire = clock.m.wire("left")?;
    let bits = clock.m.terms.width(wire);
    let any = clock.m.terms.var("left", bits);
    // A start, whatever there was before.
    clock.begin(any, y, false, true)?;
    let loaded = clock.end()?;
    let t = &mut clock.m.terms;
    let r2 = (BigUint::one() << (2 * R_BITS + n)) % &field.p;
    let parity = r2.bit(0);
    let [p, zero, s] = [field.p.clone(), BigUint::ZERO, r2].map(|c| t.constant(c, BITS));
    let v = t.extend(a, BITS);
    let none = t.constant(0u32, n);
    let (odd, left) = (t.bit(parity), t.constant(unit.latency - 1, bits));
    if loaded != [p, v, zero, s, none, none, none, odd, left, y] {
        return Ok(Err("it does not begin as it should".into()));
    }
    let mut stepped: Option<Vec<Term>> = None;
    for now in 0..unit.latency {
        let left = clock.m.terms.constant(now, bits);
        clock.begin(left, y, false, false)?;
        let after = clock.end()?;
        let less = clock.m.terms.constant(now.saturating_sub(1), bits);
        let kept = match now {
            0 => after[..8] == clock.state && after[9] == y,
            1 => after[9] != y,
            _ => after[9] == y,
        };
        let same = now == 0 || *stepped.get_or_insert_with(|| after[..8].to_vec()) == after[..8];
        if !kept || !same || after[8] != less {
            return Ok(Err(format!("with {now} clocks left it does something else")));
        }
    }
    Ok(Ok(()))
}

/// A step of u and v.
fn decision(
    t: &mut Terms,
    [u, v]: [Term; 2],
    decided: [Term; 3],
    next: [Term; 2],
) -> (&'static str, Vec<Term>, Term) {
    let [plus, minus, swap] = decided;
    let (u_odd, v_odd) = (t.slice(u, 0, 1), t.slice(v, 0, 1));
    let chosen = t.ite(swap, v, u);
    let u_right = t.eq(next[0], chosen);
    let mut g = Signed(t);
    let [u, v, v_next] = [u, v, next[1]].map(|x| g.wide(x));
    let bound = g.constant(&(BigUint::one() << FIELD_BITS), false);
    let given = vec![u_odd, g.within(u, bound), g.within(v, bound)];
    let (size_u, size_v) = (g.abs(u), g.abs(v));
    let twice = g.0.add(v_next, v_next);
    let (sum, difference) = (g.0.add(v, u), g.0.sub(v, u));
    let other = g.0.ite(minus, difference, v);
    let expected = g.0.ite(plus, sum, other);
    let (both, either) = (g.0.and(plus, minus), g.0.or(plus, minus));
    let exclusive = g.0.not(both);
    let even = g.0.eq(either, v_odd);
    // Where the sizes are equal, either will do.
    let (smaller, larger) = (g.0.less(size_v, size_u), g.0.less(size_u, size_v));
    let (may, must) = (g.0.not(larger), g.0.and(v_odd, smaller));
    let may = g.0.and(v_odd, may);
    let (may, must) = (g.implies(swap, may), g.implies(must, swap));
    let swap_right = g.0.and(may, must);
    let exact = g.0.eq(twice, expected);
    // The sizes.
    let size = g.abs(v_next);
    let size = g.0.add(size, size);
    let (more, less) = (g.0.sub(size_v, size_u), g.0.sub(size_u, size_v));
    let odd_size = g.0.ite(swap, less, more);
    let right_size = g.0.ite(v_odd, odd_size, size_v);
    let sized = g.0.eq(size, right_size);
    let kept = g.within(v_next, bound);
    let claim = g.all(&[u_right, exclusive, even, swap_right, exact, sized, kept]);
    (STEP, given, claim)
}

/// The sum bits are the exclusive or of the three operands, the carries their majority: `sum + 2 carries` is their sum.
fn carry_save(t: &mut Terms, [x, e, c, sum, majority]: [Term; 5]) -> Shown {
    let once = t.bitwise(Op::Xor, x, e);
    let expected = t.bitwise(Op::Xor, once, c);
    let [xe, xc, ec] = [(x, e), (x, c), (e, c)].map(|(a, b)| t.and(a, b));
    let two = t.or(xe, xc);
    let most = t.or(two, ec);
    if sum == expected && majority == most {
        Ok(())
    } else {
        Err("no carry-save stage".into())
    }
}

/// Of `sum + 2 majority + minus`, which is even, half is taken.
fn halving(
    t: &mut Terms,
    [sum, majority]: [Term; 2],
    minus: Term,
    half: Term,
) -> (&'static str, Vec<Term>, Term) {
    let width = t.width(sum);
    let (bit, carry) = (t.slice(sum, 0, 1), t.extend(minus, width));
    let even = t.eq(bit, minus);
    let twice = t.add(majority, majority);
    let total = t.add(sum, twice);
    let total = t.add(total, carry);
    let expected = t.slice(total, 1, width - 1);
    let claim = t.eq(half, expected);
    ("half of the sum in s", vec![even], claim)
}

/// `x + e + c + minus` is `s ± r + k p`, even, and within (-2 p, 2 p): case by case of the bits that choose e and c.
fn correction(
    t: &mut Terms,
    field: &Field,
    [r, s, odd]: [Term; 3],
    [plus, minus]: [Term; 2],
    [x, e, c]: [Term; 3],
) -> Vec<(&'static str, Vec<Term>, Term)> {
    let mut out = vec![];
    let sign = t.slice(s, BITS - 1, 1);
    let (s0, r0) = (t.slice(s, 0, 1), t.slice(r, 0, 1));
    let bits = [false, true].map(|bit| t.bit(bit));
    for (used, [adds, subtracts]) in [[false, false], [true, false], [false, true]].into_iter().enumerate() {
        for (is_odd, is_negative) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut case = HashMap::from([
                (plus, bits[usize::from(adds)]),
                (minus, bits[usize::from(subtracts)]),
                (odd, bits[usize::from(is_odd)]),
                (sign, bits[usize::from(is_negative)]),
            ]);
            let [r, s, x, e, c] = {
                let mut g = Signed(t);
                [r, s, x, e, c].map(|x| g.wide(x)).map(|x| g.0.replaced(x, &mut case))
            };
            let carry = t.constant(u32::from(subtracts), WIDE);
            let total = t.add(x, e);
            let total = t.add(total, c);
            let total = t.add(total, carry);
            // -r is the complement of r and one more.
            let mut g = Signed(t);
            let term = match (adds, subtracts) {
                (true, _) => r,
                (_, true) => g.0.not(r),
                _ => g.0.constant(0u32, WIDE),
            };
            let multiple = if is_odd { field.p.clone() } else { BigUint::ZERO };
            let k = g.constant(&multiple, is_odd && !is_negative);
            let value = g.0.add(s, term);
            let value = g.0.add(value, k);
            let value = g.0.add(value, carry);
            let [p, p2] = [1u32, 2].map(|k| g.constant(&(&field.p * k), false));
            let parity = if used > 0 { g.0.bitwise(Op::Xor, s0, r0) } else { s0 };
            let given = vec![
                g.0.eq(parity, bits[usize::from(is_odd)]),
                g.0.eq(sign, bits[usize::from(is_negative)]),
                g.within(r, p),
                g.within(s, p),
            ];
            let low = g.0.slice(total, 0, 1);
            let (even, equal) = (g.0.not(low), g.0.eq(total, value));
            let ranged = g.within(total, p2);
            let claim = g.all(&[equal, even, ranged]);
            out.push((CORRECTION, given, claim));
        }
    }
    out
}

/// What `y` takes from u and r.
fn result(t: &mut Terms, field: &Field, u: Term, r: Term, y: Term) -> (&'static str, Vec<Term>, Term) {
    let y = t.extend(y, WIDE);
    let mut g = Signed(t);
    let [u, r] = [u, r].map(|x| g.wide(x));
    let p = g.constant(&field.p, false);
    let [one, zero] = [1u32, 0].map(|c| g.constant(&c.into(), false));
    let minus_one = g.constant(&BigUint::one(), true);
    let (is_one, is_minus_one, is_p) = (g.0.eq(u, one), g.0.eq(u, minus_one), g.0.eq(u, p));
    let ends = g.0.or(is_one, is_minus_one);
    let is_zero = g.0.eq(r, zero);
    let ranged = g.within(r, p);
    let negated = g.negated(r);
    let value = g.0.ite(is_minus_one, negated, r);
    let more = g.0.add(value, p);
    let equal = [g.0.eq(y, value), g.0.eq(y, more)];
    let equal = g.any(&equal);
    let below = g.0.less(y, p);
    let right = g.0.and(equal, below);
    let nonzero = g.0.not(is_zero);
    let case = g.all(&[ends, ranged, nonzero]);
    let first = g.implies(case, right);
    let nothing = g.0.eq(y, zero);
    let case = g.0.and(is_p, is_zero);
    let second = g.implies(case, nothing);
    let claim = g.0.and(first, second);
    ("the result", vec![], claim)
}

/// Mutants: what is replaced, and by what.
fn mutants(field: &Field, unit: &Inverter) -> Vec<(String, String)> {
    let n = unit.steps_per_clock;
    let s = (BigUint::one() << (2 * R_BITS + n)) % &field.p;
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    vec![
        pair("swap_0 = v_0[0] & (", "swap_0 = (~v_0[0]) & ("),
        pair("plus_0 = v_0[0] & !same_0", "plus_0 = v_0[0] & same_0"),
        pair("u_1 = swap_0 ? v_0 : u_0", "u_1 = swap_0 ? u_0 : v_0"),
        pair("r_1 = swap[0] ? s_0 : r_0", "r_1 = swap[0] ? r_0 : s_0"),
        pair("{t_maj_0[254:0], minus[0]}", "{t_maj_0[254:0], 1'b0}"),
        pair("c_0 = {256{odd_0}} & (s_0[254] ?", "c_0 = {256{odd_0}} & (!s_0[254] ?"),
        pair("t_sum_0 = x_0 ^ e_0 ^ c_0", "t_sum_0 = x_0 ^ e_0"),
        pair("x_0 & e_0 | x_0 & c_0 |", "x_0 & e_0 |"),
        pair("u_0[254] ^ r_0[254] ?", "r_0[254] ?"),
        pair("odd_0 <= s_", "odd_0 <= ~s_"),
        (format!("254'h{s:x}"), format!("254'h{:x}", &s + 2u32)),
        (format!("'d{} :", unit.latency - 1), format!("'d{} :", unit.latency - 2)),
        pair("left == 1", "left == 2"),
    ]
}

fn check_of(tools: &Tools, field: &Field, target: Target) -> Result<Report, Error> {
    let unit = inverter_of(field, target);
    let design = Design::elaborate(&unit.module).map_err(|e| Error::Manifest(e.to_string()))?;
    let text = design.text();
    let shown = proved(tools, field, &unit, &text)?;
    let mut report = Report { proved: shown, killed: 0, equivalent: vec![], alive: vec![] };
    if target != Target::Xcup || field.name != "fq" {
        return Ok(report);
    }
    for (from, to) in mutants(field, &unit) {
        let mutant = text.replacen(&from, &to, 1);
        match mutant != text {
            true if proved(tools, field, &unit, &mutant)?.is_err() => report.killed += 1,
            _ => report.alive.push(format!("{to} for {from}")),
        }
    }
    Ok(report)
}

/// Inverters of both fields for both targets.
///
/// # Errors
/// When a tool fails.
pub fn check(tools: &Tools) -> Result<Report, Error> {
    let mut report: Option<Report> = None;
    for field in [Field::fq(), Field::fr()] {
        for target in Target::ALL {
            let one = check_of(tools, &field, target)?;
            report = Some(match report {
                None => one,
                Some(all) => all.and(one),
            });
        }
    }
    report.ok_or(Error::Manifest("no inverter".into()))
}

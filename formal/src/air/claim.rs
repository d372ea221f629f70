//! What is claimed of a case's rows: the messages of the instruction, and no others.

use super::cases::Case;
use super::isa::{self, Left, Row};
use super::poly::{Poly, Var, P};
use super::query::Query;
use super::system::{Message, System};
use permafrost_zkvm::{
    air::{
        bus::{self, range},
        Kind,
    },
    isa::Op,
    record::{CYCLE, REACH},
};

/// A question for z3: is there a row of `query` without all of `goal`? There must be none.
#[derive(Clone, Debug)]
pub struct Claim {
    pub query: Query,
    pub goal: Vec<String>,
}

/// Times are below this: a segment has fewer than 2^24 cycles.
const TIMES: i128 = 1 << 26;
const HALF: i128 = (1 << 16) - 1;

/// A row without the claim's messages whatever its cells are.
fn never(query: Query) -> Vec<Claim> {
    match query.possible() {
        true => vec![Claim { query, goal: vec!["false".into()] }],
        false => vec![],
    }
}

/// What must be asked of a case. Nothing where the row sends nothing, and where no instruction of the program has its fields.
///
/// # Errors
/// Text where a count, a lookup's kind or the operation is not fixed: nothing can then be said.
pub fn claims(system: &System, kind: Kind, case: &Case, search: bool) -> Result<Vec<Claim>, String> {
    let mut q = Query::new(system.names.len(), search);
    let mut counts = vec![];
    for message in &case.messages {
        let count =
            message.count.as_constant().ok_or_else(|| format!("a count on {} is not fixed", message.bus))?;
        counts.push(count);
    }
    let active: Vec<(&Message, i128)> =
        case.messages.iter().zip(counts.iter().copied()).filter(|(_, count)| *count != 0).collect();
    let on = |name: &str| active.iter().filter(|(m, _)| m.bus == name).copied().collect::<Vec<_>>();
    let lookups = |name: &str| [bus::RANGE, bus::PROGRAM].contains(&name);
    let wrong = active.iter().any(|(message, count)| {
        let allowed: &[i128] = if lookups(&message.bus) { &[1] } else { &[1, -1] };
        !allowed.contains(count)
    });
    // A lookup with another count could be taken back by another row: then lookups say nothing.
    if !wrong {
        // Before the constraints: their equations are eliminated first.
        for (message, _) in active.iter().filter(|(message, _)| message.bus == bus::RANGE) {
            lookup(&mut q, &message.fields)?;
        }
    }
    for constraint in &case.constraints {
        match constraint.as_slice() {
            [one] => q.zero(one),
            _ => return Err("a product is left".into()),
        }
    }
    if wrong {
        return Ok(never(q));
    }
    let fetch = on(bus::PROGRAM);
    let [(fetch, _)] = fetch.as_slice() else {
        let sends = active.iter().any(|(message, _)| message.bus != bus::RANGE);
        return Ok(if sends { never(q) } else { vec![] });
    };

    let number = fetch.fields[1].as_constant().ok_or("the operation is not fixed")?;
    let op = match usize::try_from(number) {
        // Rows after the program's end are all zero, so a row without an operation must not be looked up.
        Ok(0) => {
            for field in &fetch.fields {
                let value = q.value(field);
                q.within(&value, 0, 0);
            }
            return Ok(never(q));
        }
        Ok(number) => Op::ALL.get(number - 1),
        Err(_) => None,
    };
    let Some(&op) = op else { return Ok(vec![]) };
    let row = rom(&mut q, op, &fetch.fields);
    if op.table() != kind {
        return Ok(never(q));
    }
    instruction(system, case, q, op, row, &on, search)
}

/// An entry of the range table.
fn lookup(q: &mut Query, fields: &[Poly]) -> Result<(), String> {
    let kind = fields[0].as_constant().ok_or("the kind of a lookup is not fixed")?;
    let [a, b, c] = [1, 2, 3].map(|i| q.value(&fields[i]));
    let Ok(kind) = u32::try_from(kind) else {
        q.within(&Poly::constant(0), 1, 1);
        return Ok(());
    };
    let limits = match kind {
        range::HALF => [HALF, 0, 0],
        range::HIGHS => [31, 31, 63],
        range::AND => [255, 255, 255],
        range::BYTES => [255, 255, 0],
        range::BITS => {
            let bits = b.as_constant().ok_or("the number of bits of a lookup is not fixed")?;
            let possible = (0..16).contains(&bits);
            q.within(&Poly::constant(0), if possible { 0 } else { 1 }, 1);
            [if possible { (1 << bits) - 1 } else { 0 }, P, 0]
        }
        _ => [-1, -1, -1],
    };
    for (value, limit) in [&a, &b, &c].into_iter().zip(limits) {
        q.within(value, 0, limit);
    }
    if kind == range::AND {
        let (and, z) = (q.and(&a, &b), q.term(&c));
        q.assert(format!("(= {z} {and})"));
    }
    Ok(())
}

/// A row of the program table: what decoding puts there, see `zkvm::isa::Instruction` and `zkvm::air::program`.
fn rom(q: &mut Query, op: Op, fields: &[Poly]) -> Row {
    use Op::{Beq, Bge, Bgeu, Blt, Bltu, Bne, Ecall, Jal, Jalr, Sb, Sh, Slli, Srai, Srli, Sw};
    let mut value = |i: usize, low, high| {
        let value = q.value(&fields[i]);
        q.within(&value, low, high);
        value
    };
    // The last word of the address space holds no instruction that goes on: pc + 4 would be 2^32.
    let pc = value(0, 0, (1 << 30) - 2);
    let branches = matches!(op, Beq | Bne | Blt | Bge | Bltu | Bgeu);
    let stores = matches!(op, Sw | Sb | Sh);
    let (reads, writes) = (!matches!(op, Jal | Ecall), !branches && !stores && op != Ecall);
    let reads_two = branches
        || stores
        || (isa::accesses(op) == 3 && !matches!(op, Ecall) && !isa::immediate(op) && !loads(op));
    let rd = if writes { value(2, 1, 32) } else { value(2, 0, 0) };
    let rs1 = value(3, 0, if reads { 31 } else { 0 });
    let rs2 = value(4, 0, if reads_two { 31 } else { 0 });
    let limits = match op {
        _ if branches || op == Jal => [(1 << 30) - 1, 0],
        Slli | Srli | Srai => [31, 0],
        _ if isa::immediate(op) || loads(op) || stores || op == Jalr => [HALF, HALF],
        _ => [0, 0],
    };
    let imm = [value(5, 0, limits[0]), value(6, 0, limits[1])];
    let links = matches!(op, Jal | Jalr);
    let limit = if links { HALF } else { 0 };
    let link = [value(7, 0, limit), value(8, 0, limit)];
    if links {
        let text = [q.term(&link[0].plus(&link[1], 1 << 16)), q.term(&pc)];
        q.assert(format!("(= {} (+ 4 (* 4 {})))", text[0], text[1]));
    }
    Row { pc, rd, rs1, rs2, imm, link, found: vec![], division: None, says: None }
}

fn loads(op: Op) -> bool {
    matches!(op, Op::Lw | Op::Lb | Op::Lbu | Op::Lh | Op::Lhu)
}

type On<'a> = dyn Fn(&str) -> Vec<(&'a Message, i128)> + 'a;

/// The claims of a row that executes `op`.
fn instruction<'a>(
    system: &System,
    case: &Case,
    mut q: Query,
    op: Op,
    mut row: Row,
    on: &On<'a>,
    search: bool,
) -> Result<Vec<Claim>, String> {
    let pair = |name: &str| {
        let (sent, received): (Vec<_>, Vec<_>) = on(name).into_iter().partition(|(_, count)| *count == 1);
        let fields =
            |of: Vec<(&Message, i128)>| of.into_iter().map(|(m, _)| m.fields.clone()).collect::<Vec<_>>();
        (fields(sent), fields(received))
    };
    let (states_out, states_in) = pair(bus::STATE);
    let (left, found) = pair(bus::MEMORY);
    let accesses = isa::accesses(op);
    if states_out.len() != 1 || states_in.len() != 1 || left.len() != accesses || found.len() != accesses {
        return Ok(never(q));
    }
    let mut all = |fields: &[Poly]| fields.iter().map(|field| q.value(field)).collect::<Vec<_>>();
    let (before, after) = (all(&states_in[0]), all(&states_out[0]));
    let found: Vec<Vec<Poly>> = found.iter().map(|fields| all(fields)).collect();
    let left: Vec<Vec<Poly>> = left.iter().map(|fields| all(fields)).collect();
    let others: Vec<(String, Vec<Poly>, i128)> = [bus::WORD, bus::CALL, bus::EXIT]
        .into_iter()
        .flat_map(on)
        .map(|(m, count)| (m.bus.clone(), all(&m.fields), count))
        .collect();
    // What the other tables see to: times are small, words on the memory's bus are two halves.
    q.within(&before[0], 0, TIMES - i128::from(CYCLE) - 1);
    for access in &found {
        q.within(&access[2], 0, HALF);
        q.within(&access[3], 0, HALF);
    }
    row.found = found.iter().map(|access| [access[2].clone(), access[3].clone()]).collect();
    let service = found[0][2].as_constant().and_then(|number| u32::try_from(number).ok());
    row.division = division(system, case);
    row.says = amount(system, case).or_else(|| offset(system, case));

    let mut claims = vec![];
    for when in isa::cases(&mut q, op, &row, search) {
        let mut q = q.clone();
        when.holds.iter().for_each(|formula| q.assert(formula.clone()));
        when.zero.iter().for_each(|poly| q.zero(poly));
        if when.never {
            claims.extend(never(q));
            continue;
        }
        q.eliminate();
        let mut goal = vec![];
        let mut equal = |q: &mut Query, x: &Poly, text: &str| {
            let x = q.term(x);
            if x != text {
                goal.push(format!("(= {x} {text})"));
            }
        };
        let divides = matches!(op, Op::Div | Op::Divu | Op::Rem | Op::Remu);
        let outcome = if divides {
            // The same accesses as any operation on two registers; the result is told by relations below.
            let mut outcome = isa::outcome(&mut q, Op::Add, &row, &when, service)?;
            outcome.effects[2].left = Left::Any;
            outcome
        } else {
            isa::outcome(&mut q, op, &row, &when, service)?
        };
        let time = |q: &mut Query, tick: u32| {
            let poly = before[0].plus(&Poly::constant(tick.into()), 1);
            q.term(&poly)
        };
        let pc = q.term(&row.pc);
        equal(&mut q, &before[1], &pc);
        equal(&mut q, &after[1], &outcome.next);
        let then = time(&mut q, CYCLE);
        equal(&mut q, &after[0], &then);
        let mut also = outcome.also.clone();
        for ((effect, found), left) in outcome.effects.iter().zip(&found).zip(&left) {
            equal(&mut q, &found[0], &effect.address);
            equal(&mut q, &left[0], &effect.address);
            let now = time(&mut q, effect.tick);
            equal(&mut q, &left[1], &now);
            let texts = [2, 3].map(|i| q.term(&left[i]));
            let before = q.term(&found[1]);
            // An earlier access of this segment, or a time of the memory's first tuple, which is the prover's choice.
            also.push(format!(
                "(or (< (- {now} {}) {before} {now}) (> {before} {}))",
                2 * REACH + 1,
                P - i128::from(2 * REACH) - 2
            ));
            match &effect.left {
                Left::Same => {
                    for i in [2, 3] {
                        let same = q.term(&found[i]);
                        equal(&mut q, &left[i], &same);
                    }
                    continue;
                }
                Left::Word(word) => also.push(format!("(= (+ {} (* 65536 {})) {word})", texts[0], texts[1])),
                Left::Any => {}
            }
            also.push(format!("(<= 0 {} {HALF})", texts[0]));
            also.push(format!("(<= 0 {} {HALF})", texts[1]));
        }
        if divides {
            let result = left[2][2].plus(&left[2][3], 1 << 16);
            let result = q.term(&result);
            also.extend(isa::division(&mut q, op, &row, &when, &result)?);
        }
        let sent_right = others.len() == outcome.sent.len()
            && others.iter().zip(&outcome.sent).all(|((bus, values, count), (name, fields))| {
                bus == name && *count == 1 && values.len() == fields.len()
            });
        if !sent_right {
            claims.extend(never(q));
            continue;
        }
        let halves = [2, 3].map(|i| left.get(1).map_or("0".into(), |access| q.term(&access[i])));
        let tick = time(&mut q, 0);
        for ((_, values, _), (_, fields)) in others.iter().zip(&outcome.sent) {
            for (value, field) in values.iter().zip(fields) {
                let field = match field.as_str() {
                    "T" => &tick,
                    "L" => &halves[0],
                    "H" => &halves[1],
                    other => other,
                };
                equal(&mut q, value, field);
            }
        }
        goal.extend(also);
        if goal.is_empty() {
            goal.push("true".into());
        }
        if q.possible() {
            claims.push(Claim { query: q, goal });
        }
    }
    Ok(claims)
}

/// A cell by its name: fixed, or itself.
fn cell(system: &System, case: &Case, name: &str) -> Option<Poly> {
    let var = Var::try_from(system.names.iter().position(|n| n == name)?).ok()?;
    Some(case.fixed.get(&var).map_or_else(|| Poly::var(var), |value| Poly::constant(*value)))
}

/// The quotient and the remainder in a division's row, as integers.
fn division(system: &System, case: &Case) -> Option<[Poly; 2]> {
    let cell = |name: String| cell(system, case, &name);
    let mut quotient = cell("quotient_negative".into())?.scaled(-(1 << 32));
    for i in 0..4 {
        quotient = quotient.plus(&cell(format!("quotient[{i}]"))?, 1 << (8 * i));
    }
    let mut remainder = cell("remainder_negative".into())?.scaled(-(1 << 32));
    for i in 0..2 {
        remainder = remainder.plus(&cell(format!("remainder[{i}]"))?, 1 << (16 * i));
    }
    Some([quotient, remainder])
}

/// The amount that a shift's cells say.
fn amount(system: &System, case: &Case) -> Option<u32> {
    let cell = |name: &str| cell(system, case, &format!("shifted.{name}"))?.as_constant();
    let mut amount = 16 * (cell("left[1]")? + cell("right[1]")?);
    for i in 0..4 {
        amount += cell(&format!("bits[{i}]"))? << i;
    }
    u32::try_from(amount).ok().filter(|amount| *amount < 32)
}

/// The offset in a word that a load's or store's cells say.
fn offset(system: &System, case: &Case) -> Option<u32> {
    let cell = |i: usize| cell(system, case, &format!("offset[{i}]"))?.as_constant();
    u32::try_from(cell(0)? + 2 * cell(1)?).ok().filter(|offset| *offset < 4)
}

/// The cells that are not fixed.
pub fn free(system: &System, case: &Case) -> Vec<Var> {
    (0..system.names.len())
        .filter_map(|i| Var::try_from(i).ok())
        .filter(|var| !case.fixed.contains_key(var))
        .collect()
}

/// A number as z3 prints it in a model.
pub fn number(text: &str) -> Option<i128> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')').trim();
    match text.strip_prefix('-') {
        Some(rest) => rest.trim().parse::<i128>().ok().map(|x| -x),
        None => text.parse().ok(),
    }
}

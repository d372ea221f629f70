//! RV32IM as formulas over the integers, from the unprivileged specification (version 20191213): what an instruction reads, writes
//! and where it goes on. Written from the specification's text, not from the executor.
//!
//! A word is an integer from 0 to 2^32 - 1. Where a result is one of several by cases that the solver would have to find, it is given case
//! by case ([`cases`], [`outcome`]); the cases of an operation cover all operands.

use super::poly::Poly;
use super::query::Query;
use permafrost_zkvm::{
    isa::{service, Op},
    record::{HALTED_PC, REGISTER_BASE},
};

/// What a row reads, each a constant or a variable.
#[derive(Clone, Debug)]
pub struct Row {
    /// pc / 4.
    pub pc: Poly,
    pub rd: Poly,
    pub rs1: Poly,
    pub rs2: Poly,
    pub imm: [Poly; 2],
    pub link: [Poly; 2],
    /// Halves of the words found by the row's accesses, in order of time.
    pub found: Vec<[Poly; 2]>,
    /// A quotient and a remainder as integers of cells, where the table has them.
    pub division: Option<[Poly; 2]>,
    /// The amount of a shift or the offset in a word that the table's cells say, where they do. Only a help: that it is right is asked.
    pub says: Option<u32>,
}

/// What an access leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// What it found.
    Same,
    /// This word.
    Word(String),
    /// Any word: a value from outside.
    Any,
}

/// An access.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Ticks after the cycle's first.
    pub tick: u32,
    /// Word address.
    pub address: String,
    pub left: Left,
}

/// What the instruction does, in one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The accesses in order.
    pub effects: Vec<Effect>,
    /// The next pc / 4.
    pub next: String,
    /// What else must hold: that no exception is raised.
    pub also: Vec<String>,
    /// Messages to other tables: bus and fields.
    pub sent: Vec<(&'static str, Vec<String>)>,
}

/// A case of an operation: formulas and integer equations that hold in it.
#[derive(Clone, Debug, Default)]
pub struct When {
    pub holds: Vec<String>,
    pub zero: Vec<Poly>,
    /// Which: an amount, an offset, signs.
    pub which: u32,
    /// The table says otherwise: there must be no such row.
    pub never: bool,
}

const TWO_31: i128 = 1 << 31;
const TWO_32: i128 = 1 << 32;

fn word(q: &mut Query, halves: &[Poly; 2]) -> String {
    let poly = join(halves);
    q.term(&poly)
}

fn join([low, high]: &[Poly; 2]) -> Poly {
    low.plus(high, 1 << 16)
}

/// The number of these bytes, the lowest first.
fn little_endian(q: &mut Query, bytes: &[Poly]) -> String {
    let sum = bytes.iter().rev().fold(Poly::default(), |sum, byte| byte.plus(&sum, 256));
    q.term(&sum)
}

/// The word's value as a number with a sign.
fn signed(word: &str) -> String {
    format!("(ite (>= {word} {TWO_31}) (- {word} {TWO_32}) {word})")
}

fn modulo(term: &str) -> String {
    format!("(mod {term} {TWO_32})")
}

fn register(q: &mut Query, number: &Poly) -> String {
    let poly = number.plus(&Poly::constant(REGISTER_BASE.into()), 1);
    q.term(&poly)
}

/// How many accesses an operation makes.
pub fn accesses(op: Op) -> usize {
    match op {
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => 2,
        Op::Jal => 1,
        Op::Jalr => 2,
        op if immediate(op) => 2,
        _ => 3,
    }
}

/// Whether it is an operation on a register and an immediate.
pub fn immediate(op: Op) -> bool {
    use Op::{Addi, Andi, Ori, Slli, Slti, Sltiu, Srai, Srli, Xori};
    matches!(op, Addi | Slti | Sltiu | Andi | Ori | Xori | Slli | Srli | Srai)
}

/// The cases of `op`; one of them holds for any operands (but in a search, where a few are enough).
pub fn cases(q: &mut Query, op: Op, row: &Row, search: bool) -> Vec<When> {
    let by = |which: u32, holds: Vec<String>| When { holds, zero: vec![], which, never: false };
    let amounts = |low: &str, modulus: u32| -> Vec<When> {
        let is = |amount: u32| format!("(= (mod {low} {modulus}) {amount})");
        match row.says {
            _ if modulus == 4 && search => (0..4).map(|k| by(k, vec![is(k)])).collect(),
            Some(amount) if !search => {
                let other = When { never: true, ..by(amount, vec![format!("(not {})", is(amount))]) };
                vec![by(amount, vec![is(amount)]), other]
            }
            Some(amount) => {
                [amount, amount ^ 1, amount ^ 16, 31 - amount].map(|k| by(k, vec![is(k)])).to_vec()
            }
            None => (0..32).map(|k| by(k, vec![is(k)])).collect(),
        }
    };
    match op {
        Op::Sll | Op::Srl | Op::Sra => {
            let low = q.term(&row.found[1][0]);
            amounts(&low, 32)
        }
        Op::Slli | Op::Srli | Op::Srai => {
            let low = q.term(&row.imm[0]);
            // The program table holds 0 to 31.
            amounts(&low, 65536)
        }
        Op::Lb | Op::Lbu | Op::Lh | Op::Lhu | Op::Sb | Op::Sh => {
            let (a, imm) = (word(q, &row.found[0]), word(q, &row.imm));
            amounts(&format!("(+ {a} {imm})"), 4)
        }
        Op::Beq | Op::Bne => {
            let [a, b] = [0, 1].map(|i| word(q, &row.found[i]));
            // Two words are equal if and only if their halves are.
            let zero = [0, 1].map(|i| row.found[0][i].plus(&row.found[1][i], -1)).to_vec();
            vec![When { zero, ..When::default() }, by(1, vec![format!("(not (= {a} {b}))")])]
        }
        Op::Mul | Op::Mulh | Op::Mulhsu | Op::Mulhu | Op::Div | Op::Divu | Op::Rem | Op::Remu => {
            let halves = [0, 1].map(|i| q.term(&row.found[i][1]));
            let b = word(q, &row.found[1]);
            let signed = match op {
                Op::Mulh | Op::Div | Op::Rem => [true, true],
                Op::Mulhsu => [true, false],
                _ => [false, false],
            };
            let divides = matches!(op, Op::Div | Op::Divu | Op::Rem | Op::Remu);
            let mut cases = vec![];
            if divides {
                cases.push(by(4, vec![format!("(= {b} 0)")]));
            }
            for which in 0..4u32 {
                let negative = [which & 1 == 1, which & 2 == 2];
                if (0..2).any(|i| negative[i] && !signed[i]) {
                    continue;
                }
                let mut holds = vec![];
                for i in (0..2).filter(|i| signed[*i]) {
                    let relation = if negative[i] { ">=" } else { "<" };
                    holds.push(format!("({relation} {} 32768)", halves[i]));
                }
                if divides {
                    holds.push(format!("(not (= {b} 0))"));
                }
                cases.push(by(which, holds));
            }
            cases
        }
        _ => vec![When::default()],
    }
}

/// What `op` does in a case. `service` is the number of the environment's call.
///
/// # Errors
/// Text where the specification of the operation is not written down here.
pub fn outcome(
    q: &mut Query,
    op: Op,
    row: &Row,
    when: &When,
    service: Option<u32>,
) -> Result<Outcome, String> {
    let following = {
        let poly = row.pc.plus(&Poly::constant(1), 1);
        q.term(&poly)
    };
    let next = following.clone();
    let read =
        |q: &mut Query, tick, number: &Poly| Effect { tick, address: register(q, number), left: Left::Same };
    let write = |q: &mut Query, result: String| Effect {
        tick: 2,
        address: register(q, &row.rd),
        left: Left::Word(result),
    };
    let plain = |effects| Outcome { effects, next: next.clone(), also: vec![], sent: vec![] };
    let found: Vec<String> = row.found.iter().map(|halves| word(q, halves)).collect();
    let imm = word(q, &row.imm);
    let outcome = match op {
        Op::Lw | Op::Lb | Op::Lbu | Op::Lh | Op::Lhu | Op::Sw | Op::Sb | Op::Sh => {
            let sum = modulo(&format!("(+ {} {imm})", found[0]));
            let address = format!("(div {sum} 4)");
            let align = match op {
                Op::Lw | Op::Sw => 4,
                Op::Lh | Op::Lhu | Op::Sh => 2,
                _ => 1,
            };
            let also = vec![format!("(= (mod {sum} {align}) 0)")];
            // Bytes of a word in memory, lowest address first.
            let at = if matches!(op, Op::Sw | Op::Sb | Op::Sh) { 2 } else { 1 };
            let mut bytes: Vec<Poly> = vec![];
            for half in &row.found[at] {
                bytes.extend(q.bytes(half));
            }
            let offset = when.which as usize;
            let size = if matches!(op, Op::Lb | Op::Lbu | Op::Sb) { 1 } else { 2 };
            let effects = if at == 2 {
                let left = match op {
                    Op::Sw => found[1].clone(),
                    _ => {
                        // The low bytes of rs2 take the place of those at the address.
                        let new = q.bytes(&row.found[1][0]);
                        bytes
                            .iter_mut()
                            .skip(offset)
                            .zip(new.into_iter().take(size))
                            .for_each(|(byte, new)| *byte = new);
                        little_endian(q, &bytes)
                    }
                };
                let (first, second) = (read(q, 0, &row.rs1), read(q, 1, &row.rs2));
                vec![first, second, Effect { tick: 2, address, left: Left::Word(left) }]
            } else {
                let part: Vec<Poly> = bytes.into_iter().skip(offset).take(size).collect();
                let part = little_endian(q, &part);
                let bits = 1i128 << (8 * size);
                let result = match op {
                    Op::Lw => found[1].clone(),
                    Op::Lbu | Op::Lhu => part,
                    _ => format!("(ite (>= {part} {}) (+ {part} {}) {part})", bits / 2, TWO_32 - bits),
                };
                let memory = Effect { tick: 1, address, left: Left::Same };
                vec![read(q, 0, &row.rs1), memory, write(q, result)]
            };
            Outcome { also, ..plain(effects) }
        }
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
            let (a, b) = (&found[0], &found[1]);
            let taken = match (op, when.which) {
                (Op::Beq, which) => (which == 0).to_string(),
                (Op::Bne, which) => (which == 1).to_string(),
                (Op::Blt, _) => format!("(< {} {})", signed(a), signed(b)),
                (Op::Bge, _) => format!("(>= {} {})", signed(a), signed(b)),
                (Op::Bltu, _) => format!("(< {a} {b})"),
                _ => format!("(>= {a} {b})"),
            };
            let target = q.term(&row.imm[0]);
            let next = format!("(ite {taken} {target} {following})");
            Outcome { next, ..plain(vec![read(q, 0, &row.rs1), read(q, 1, &row.rs2)]) }
        }
        Op::Jal => {
            let link = format!("(* 4 {following})");
            Outcome { next: q.term(&row.imm[0]), ..plain(vec![write(q, link)]) }
        }
        Op::Jalr => {
            let link = format!("(* 4 {following})");
            // Bit 0 of the sum is cleared; a target that is no multiple of 4 raises an exception.
            let sum = modulo(&format!("(+ {} {imm})", found[0]));
            let also = vec![format!("(<= (mod {sum} 4) 1)")];
            let effects = vec![read(q, 0, &row.rs1), write(q, link)];
            Outcome { next: format!("(div {sum} 4)"), also, ..plain(effects) }
        }
        Op::Ecall => return environment(q, row, &found, &following, service),
        op if immediate(op) => {
            let result = result(q, op, row, when, &found[0], &imm)?;
            let first = read(q, 0, &row.rs1);
            plain(vec![first, write(q, result)])
        }
        op => {
            let result = result(q, op, row, when, &found[0], &found[1])?;
            let (first, second) = (read(q, 0, &row.rs1), read(q, 1, &row.rs2));
            plain(vec![first, second, write(q, result)])
        }
    };
    Ok(outcome)
}

/// The result of an operation on two words.
fn result(q: &mut Query, op: Op, row: &Row, when: &When, a: &str, b: &str) -> Result<String, String> {
    Ok(match op {
        Op::Add | Op::Addi => modulo(&format!("(+ {a} {b})")),
        Op::Sub => modulo(&format!("(- {a} {b})")),
        Op::Slt | Op::Slti => format!("(ite (< {} {}) 1 0)", signed(a), signed(b)),
        Op::Sltu | Op::Sltiu => format!("(ite (< {a} {b}) 1 0)"),
        Op::Sll | Op::Slli => modulo(&format!("(* {} {a})", 1i128 << when.which)),
        Op::Srl | Op::Srli => format!("(div {a} {})", 1i128 << when.which),
        // The sign fills: division that rounds down.
        Op::Sra | Op::Srai => modulo(&format!("(div {} {})", signed(a), 1i128 << when.which)),
        Op::And | Op::Or | Op::Xor | Op::Andi | Op::Ori | Op::Xori => {
            let other = if immediate(op) { &row.imm } else { &row.found[1] };
            let mut bytes = vec![];
            for (x, y) in row.found[0].iter().zip(other) {
                let (x, y) = (q.bytes(x), q.bytes(y));
                bytes.extend(x.into_iter().zip(y));
            }
            let mut sum = vec![];
            for (i, (x, y)) in bytes.iter().enumerate() {
                let and = q.and(x, y);
                let both = q.term(&x.plus(y, 1));
                // For bytes x | y = x + y - (x & y) and x ^ y = x + y - 2 (x & y).
                let byte = match op {
                    Op::And | Op::Andi => and,
                    Op::Or | Op::Ori => format!("(- {both} {and})"),
                    _ => format!("(- {both} (* 2 {and}))"),
                };
                sum.push(format!("(* {} {byte})", 1u32 << (8 * i)));
            }
            format!("(+ {})", sum.join(" "))
        }
        Op::Mul | Op::Mulh | Op::Mulhsu | Op::Mulhu => {
            let [x, y] = operands(row, when.which);
            let product = q.integer_term(&x.times(&y));
            let [low, high] = [(); 2].map(|()| q.integer());
            q.assert(format!("(= {product} (+ {low} (* {TWO_32} {high})))"));
            q.assert(format!("(<= 0 {low} {})", TWO_32 - 1));
            match op {
                Op::Mul => low,
                _ => modulo(&high),
            }
        }
        _ => return Err(format!("no formula for {}", op.mnemonic())),
    })
}

/// The operands as integers, with the signs of a case.
pub fn operands(row: &Row, which: u32) -> [Poly; 2] {
    [0, 1].map(|i| {
        let negative = which < 4 && which >> i & 1 == 1;
        join(&row.found[i]).plus(&Poly::constant(TWO_32), if negative { -1 } else { 0 })
    })
}

/// What must hold of a division's row: the specification's division has one quotient and remainder with these relations.
///
/// For a divisor that is not zero, rounding is towards zero: a = q b + r with |r| < |b| and r zero or of a's sign. For zero the quotient
/// is 2^32 - 1 as a word and the remainder the dividend. (-2^31 / -1 is 2^31 with remainder 0, as words 2^31 and 0.)
pub fn division(q: &mut Query, op: Op, row: &Row, when: &When, result: &str) -> Result<Vec<String>, String> {
    let quotient_asked = matches!(op, Op::Div | Op::Divu);
    if when.which == 4 {
        let a = word(q, &row.found[0]);
        let right = if quotient_asked { (TWO_32 - 1).to_string() } else { a };
        return Ok(vec![format!("(= {result} {right})")]);
    }
    let [quotient, remainder] = row.division.as_ref().ok_or("no quotient and remainder")?;
    let [a, b] = operands(row, when.which);
    let product = q.integer_term(&quotient.times(&b));
    let [quotient, remainder, a, b] = [quotient, remainder, &a, &b].map(|x| q.term(x));
    let absolute = |x: &str| format!("(ite (< {x} 0) (- {x}) {x})");
    let asked = if quotient_asked { &quotient } else { &remainder };
    Ok(vec![
        format!("(= (+ {product} {remainder}) {a})"),
        format!("(< {} {})", absolute(&remainder), absolute(&b)),
        format!("(or (= {remainder} 0) (= (< {remainder} 0) (< {a} 0)))"),
        format!("(= {result} {})", modulo(asked)),
    ])
}

/// The calls of the environment, as `zkvm` documents its services.
fn environment(
    q: &mut Query,
    row: &Row,
    found: &[String],
    following: &str,
    service: Option<u32>,
) -> Result<Outcome, String> {
    let number = service.ok_or("the service is not fixed")?;
    let register = |number: i128| (i128::from(REGISTER_BASE) + number).to_string();
    let keeps = !matches!(number, service::READ | service::HINT);
    let effects = vec![
        Effect { tick: 0, address: register(17), left: Left::Same },
        Effect { tick: 1, address: register(10), left: if keeps { Left::Same } else { Left::Any } },
        Effect { tick: 2, address: register(11), left: Left::Same },
    ];
    let mut also = vec![format!("(= {} {number})", found[0])];
    let halves = row.found[1].clone().map(|half| q.term(&half)).to_vec();
    let mut next = following.to_string();
    let mut sent = vec![];
    // `T` is the cycle's first tick, `L` and `H` halves of what is left in a0.
    let word = |number: u32| vec![number.to_string(), "T".into(), "L".into(), "H".into()];
    let pointer = |also: &mut Vec<String>, word: &str| {
        // A multiple of 4, and 50 words from there are memory.
        also.push(format!("(= (mod {word} 4) 0)"));
        also.push(format!("(<= (+ (div {word} 4) 50) {})", 1i128 << 30));
        format!("(div {word} 4)")
    };
    match number {
        service::EXIT => {
            next = HALTED_PC.to_string();
            sent.push(("exit", halves));
        }
        service::READ | service::WRITE => sent.push(("word", word(number))),
        service::HINT => {}
        service::POSEIDON2 | service::KECCAK | service::SHA256 => {
            let first = pointer(&mut also, &found[1]);
            let second = match number {
                service::SHA256 => pointer(&mut also, &found[2]),
                _ => "0".into(),
            };
            sent.push(("call", vec![number.to_string(), "T".into(), first, second]));
        }
        _ => return Err(format!("no service {number}")),
    }
    Ok(Outcome { effects, next, also, sent })
}

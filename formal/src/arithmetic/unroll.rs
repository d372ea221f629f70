//! A module of yosys' SMT-LIB text as clocks: the state of a clock written out from that of the clock before.
//!
//! yosys writes registers as pieces of one bit vector and their next values as equations. Here every clock's vector is put
//! together from these values, so that a solver sees a function of the inputs and of the first state, which is free.

use crate::Error;
use std::fmt::Write as _;

/// A piece of the state: a register, or an input.
struct Piece {
    low: usize,
    high: usize,
    /// One bit, which yosys writes as a truth value.
    boolean: bool,
    /// The value in the next clock, of a register.
    next: Option<String>,
}

/// A module without memories, read from what `write_smt2 -stbv -wires` says.
pub struct Clocks {
    module: String,
    /// The module's functions of a state.
    pub functions: String,
    width: usize,
    pieces: Vec<Piece>,
}

impl Clocks {
    /// Reads `text`. What it does not understand stays free, so that nothing is proved of it.
    ///
    /// # Errors
    /// The text is not of a module of this name.
    pub fn read(module: &str, text: &str) -> Result<Clocks, Error> {
        let bad =
            |what: &str| Error::Tool { tool: "yosys", said: format!("{module}: no {what} in its text") };
        let sort = format!("(define-sort |{module}_s| () (_ BitVec ");
        let width = text.lines().find_map(|l| l.strip_prefix(&sort)?.trim_end_matches(')').parse().ok());
        let width = width.ok_or_else(|| bad("state"))?;
        let end = text.find(&format!("(define-fun |{module}_t|")).ok_or_else(|| bad("transition"))?;
        let (functions, transition) = text.split_at(end);
        // Comments name files and lines; without them equal models are equal texts.
        let functions: String = functions.lines().map(uncommented).filter(|l| !l.is_empty()).fold(
            String::new(),
            |mut all, line| {
                writeln!(all, "{line}").expect("String");
                all
            },
        );
        let next: Vec<(&str, &str)> = transition
            .lines()
            .filter_map(|l| {
                let (value, of) = uncommented(l).trim().strip_prefix("(= ")?.rsplit_once(" (|")?;
                Some((of.strip_suffix("| next_state))")?, value))
            })
            .collect();
        let mut pieces = vec![];
        for line in functions.lines() {
            let Some(rest) = line.strip_prefix(&format!("(define-fun |{module}#")) else { continue };
            let Some((number, rest)) = rest.split_once("| ((state ") else { continue };
            let Some((at, boolean)) = piece(rest) else { continue };
            let name = format!("{module}#{number}");
            let next = next.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_string());
            pieces.push(Piece { low: at.0, high: at.1, boolean, next });
        }
        pieces.sort_by_key(|p| p.low);
        Ok(Clocks { module: module.into(), functions, width, pieces })
    }

    /// Declares states `{prefix}0` to `{prefix}{last}`.
    pub fn states(&self, prefix: &str, last: usize) -> String {
        let mut out = String::new();
        for clock in 0..=last {
            let (mut parts, mut at) = (vec![], 0);
            let mut free = |low: usize, high: usize| {
                writeln!(out, "(declare-const {prefix}{clock}_{low} (_ BitVec {}))", high - low + 1)
                    .expect("String");
                format!("{prefix}{clock}_{low}")
            };
            for piece in &self.pieces {
                if piece.low < at {
                    continue;
                }
                if piece.low > at {
                    parts.push(free(at, piece.low - 1));
                }
                parts.push(match &piece.next {
                    Some(next) if clock > 0 => {
                        let next = next.replace(" state)", &format!(" {prefix}{})", clock - 1));
                        if piece.boolean {
                            format!("(ite {next} #b1 #b0)")
                        } else {
                            next
                        }
                    }
                    _ => free(piece.low, piece.high),
                });
                at = piece.high + 1;
            }
            if at < self.width {
                parts.push(free(at, self.width - 1));
            }
            let whole =
                parts.into_iter().reduce(|low, high| format!("(concat {high} {low})")).unwrap_or_default();
            writeln!(out, "(define-fun {prefix}{clock} () |{}_s| {whole})", self.module).expect("String");
        }
        out
    }

    /// The wire `name` of `width` bits in the state `state`, extended to `to` bits.
    pub fn wire(&self, name: &str, width: usize, state: &str, to: usize) -> String {
        let value = format!("(|{}_n {name}| {state})", self.module);
        let value = if width == 1 { format!("(ite {value} #b1 #b0)") } else { value };
        match to.saturating_sub(width) {
            0 => value,
            more => format!("((_ zero_extend {more}) {value})"),
        }
    }
}

fn uncommented(line: &str) -> &str {
    line.split(" ; ").next().filter(|l| !l.starts_with(';')).unwrap_or("").trim_end()
}

/// Place and kind of a piece in the rest of its definition.
fn piece(rest: &str) -> Option<((usize, usize), bool)> {
    let (_, body) = rest.split_once("|)) ")?;
    let (boolean, body) = match body.strip_prefix("Bool (= ") {
        Some(body) => (true, body.strip_suffix(" #b1))")?),
        None => (false, body.split_once(") ")?.1.strip_suffix(')')?),
    };
    let (high, low) = body.strip_prefix("((_ extract ")?.strip_suffix(") state)")?.split_once(' ')?;
    Some(((low.parse().ok()?, high.parse().ok()?), boolean))
}

//! Wrong texts, made from the emitted one by fixed rules: each rule changes one place, once or twice a text, spread evenly over
//! all places where the rule applies.

use num_bigint::BigUint;
use std::collections::HashMap;

/// How often a rule is applied to a text: yosys reads long ones, those with wide tables, much slower.
fn places(text: &str) -> usize {
    if text.len() > 100_000 {
        1
    } else {
        2
    }
}

/// A wrong text.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The rule, the line, and the line as it is now.
    pub what: String,
    pub text: String,
}

/// A rule: a wrong line from a right one, when it applies.
type Rule = fn(&Names, usize, &str) -> Option<String>;

/// Widths of the nets that a text declares.
pub struct Names {
    widths: HashMap<String, usize>,
    order: Vec<String>,
}

impl Names {
    fn of(text: &str) -> Names {
        let mut names = Names { widths: HashMap::new(), order: vec![] };
        for line in text.lines() {
            let line = line.trim_start_matches("(* keep *) ").trim();
            let Some(rest) = line.strip_prefix("wire ").or_else(|| line.strip_prefix("reg ")) else {
                continue;
            };
            let (width, rest) = match rest.strip_prefix('[').and_then(|r| r.split_once(":0] ")) {
                Some((high, rest)) => (high.parse::<usize>().map_or(1, |h| h + 1), rest),
                None => (1, rest),
            };
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            names.widths.insert(name.clone(), width);
            names.order.push(name);
        }
        names
    }

    /// The net declared before `name`, of the same width.
    fn like(&self, name: &str) -> Option<&String> {
        let width = self.widths.get(name)?;
        let at = self.order.iter().position(|n| n == name)?;
        // Not an alias's neighbour in name only: copies of the same node are another rule's.
        let node = |n: &str| n.split('_').next().map(str::to_string);
        self.order[..at].iter().rev().find(|n| self.widths.get(*n) == Some(width) && node(n) != node(name))
    }
}

/// What is right of the equals sign of a declaration.
fn value(line: &str) -> Option<(&str, &str)> {
    let at = line.starts_with("wire ").then(|| line.find(" = "))??;
    Some(line.split_at(at + 3))
}

/// A declaration's value changed by `change`.
fn valued(line: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (head, value) = value(line)?;
    let changed = change(value)?;
    (changed != value).then(|| format!("{head}{changed}"))
}

fn is_table(line: &str) -> bool {
    line.matches('?').count() > 1
}

/// Words of letters, digits and underscores: place and word.
fn words(text: &str) -> Vec<(usize, &str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = vec![];
    let mut at = 0;
    while let Some(start) = text[at..].find(word).map(|i| at + i) {
        let end = text[start..].find(|c| !word(c)).map_or(text.len(), |i| start + i);
        // A number's base and digits belong to the number.
        let number = start > 0 && text.as_bytes()[start - 1] == b'\'';
        if !number {
            found.push((start, &text[start..end]));
        }
        at = end;
    }
    found
}

/// Names of nodes or of their copies in `text`.
fn nodes(text: &str) -> Vec<(usize, &str)> {
    let mut all = words(text);
    all.retain(|(_, w)| w.strip_prefix('n').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())));
    all
}

fn replaced(text: &str, at: usize, old: &str, new: &str) -> String {
    format!("{}{new}{}", &text[..at], &text[at + old.len()..])
}

/// The `pick`-th hexadecimal number of `text` with one bit the other way.
fn flipped(text: &str, pick: usize, bit: usize) -> Option<String> {
    let all: Vec<usize> = text.match_indices("'h").map(|(at, _)| at).collect();
    let at = *all.get(pick % all.len().max(1))?;
    let width_at = text[..at].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
    let width: usize = text[width_at..at].parse().ok()?;
    let end = text[at + 2..].find(|c: char| !c.is_ascii_hexdigit()).map_or(text.len(), |i| at + 2 + i);
    let mut number = BigUint::parse_bytes(&text.as_bytes()[at + 2..end], 16)?;
    let bit = (bit % width) as u64;
    number.set_bit(bit, !number.bit(bit));
    Some(format!("{}{number:x}{}", &text[..at + 2], &text[end..]))
}

/// The first slice of `text` moved by one bit.
fn moved(names: &Names, text: &str, up: bool) -> Option<String> {
    let open = text.find('[')?;
    let close = open + text[open..].find(']')?;
    let name = words(&text[..open]).last()?.1;
    let (high, low) = text[open + 1..close].split_once(':').unwrap_or((&text[open + 1..close], ""));
    let by = |number: &str| -> Option<usize> {
        let number: usize = number.parse().ok()?;
        if up {
            Some(number + 1)
        } else {
            number.checked_sub(1)
        }
    };
    let new_high = by(high)?;
    if new_high >= *names.widths.get(name)? {
        return None;
    }
    let slice = if low.is_empty() { format!("{new_high}") } else { format!("{new_high}:{}", by(low)?) };
    Some(format!("{}[{slice}]{}", &text[..open], &text[close + 1..]))
}

/// Wrong values.
const VALUES: &[(&str, Rule)] = &[
    ("a bit of a constant", |_, at, l| valued(l, |v| (!is_table(l)).then(|| flipped(v, 0, at * 7 + 3))?)),
    ("an entry of a table", |_, at, l| {
        (is_table(l) || l.contains("'d") && l.contains(": n") || l.contains("default: n"))
            .then(|| flipped(l, at, at * 5))?
    }),
    ("a term dropped", |_, _, l| valued(l, |v| v.rfind(" + ").map(|i| format!("{};", &v[..i])))),
    ("the first term dropped", |_, _, l| valued(l, |v| v.find(" + ").map(|i| v[i + 3..].to_string()))),
    ("minus for plus", |_, _, l| valued(l, |v| Some(v.replacen(" + ", " - ", 1)))),
    ("or for plus", |_, _, l| valued(l, |v| Some(v.replacen(" + ", " | ", 1)))),
    ("plus for minus", |_, _, l| valued(l, |v| Some(v.replacen(" - ", " + ", 1)))),
    ("plus for times", |_, _, l| valued(l, |v| Some(v.replacen(" * ", " + ", 1)))),
    ("a factor for a product", |_, _, l| valued(l, |v| v.find(" * ").map(|i| format!("{};", &v[..i])))),
    ("a slice one lower", |n, _, l| valued(l, |v| (!is_table(l)).then(|| moved(n, v, false))?)),
    ("a slice one higher", |n, _, l| valued(l, |v| (!is_table(l)).then(|| moved(n, v, true))?)),
    ("another bit of an index", |n, _, l| {
        valued(l, |v| is_table(l).then(|| moved(n, v, true).or(moved(n, v, false)))?)
    }),
    ("arms swapped", |_, _, l| {
        valued(l, |v| {
            let (condition, arms) = v.split_once(" ? ").filter(|_| !is_table(l) && !v.starts_with('('))?;
            let (a, b) = arms.trim_end_matches(';').split_once(" : ")?;
            Some(format!("{condition} ? {b} : {a};"))
        })
    }),
    ("a condition inverted", |_, _, l| {
        valued(l, |v| (!is_table(l) && v.contains(" ? ")).then(|| format!("!{v}")))
    }),
    ("parts swapped", |_, _, l| {
        valued(l, |v| {
            let inner = v.strip_prefix('{')?.strip_suffix("};")?;
            let (a, b) = inner.split_once(", ").filter(|_| !inner.contains('}'))?;
            Some(format!("{{{b}, {a}}};"))
        })
    }),
    ("a part dropped", |_, _, l| {
        valued(l, |v| {
            let inner = v.strip_prefix('{')?.strip_suffix("};")?;
            Some(format!("{{{}}};", inner.split_once(", ").filter(|_| !inner.contains('}'))?.1))
        })
    }),
    ("an operand one bit higher", |_, _, l| {
        valued(l, |v| {
            let at = v.find("'d0, n")?;
            let start = v[..at].rfind('{')?;
            let end = at + v[at..].find('}')?;
            let pad: usize = v[start + 1..at].parse().ok()?;
            let name = &v[at + 5..end];
            let pad = if pad > 1 { format!("{}'d0, ", pad - 1) } else { String::new() };
            Some(format!("{}{{{pad}{name}, 1'd0}}{}", &v[..start], &v[end + 1..]))
        })
    }),
    ("another operand", |n, _, l| {
        valued(l, |v| {
            let (at, name) = *nodes(v).last()?;
            Some(replaced(v, at, name, n.like(name)?))
        })
    }),
    ("an operand zero", |n, _, l| {
        valued(l, |v| {
            let (at, name) = *nodes(v).first().filter(|_| !is_table(l) && !v.contains('['))?;
            Some(replaced(v, at, name, &format!("{}'d0", n.widths.get(name)?)))
        })
    }),
    ("a bit narrower", |_, _, l| {
        let (high, rest) = l.strip_prefix("wire [").filter(|l| l.contains(" = "))?.split_once(':')?;
        Some(format!("wire [{}:{rest}", high.parse::<usize>().ok()?.checked_sub(1)?))
    }),
    ("no addend", |_, _, l| port(l, "c", |_| Some("47'd0".into()))),
    ("another addend", |n, _, l| port(l, "c", |v| another(n, v))),
    ("another factor a", |n, _, l| port(l, "a", |v| another(n, v))),
    ("another factor b", |n, _, l| port(l, "b", |v| another(n, v))),
    ("a shorter chain", |_, _, l| l.starts_with("pf_tile_26x68 ").then(|| l.replace("26x68", "26x17"))),
    ("another output", |n, _, l| {
        let (at, name) = *nodes(l).first().filter(|_| l.starts_with("assign "))?;
        Some(replaced(l, at, name, n.like(name)?))
    }),
];

/// What is connected to `name` on a tile's line, changed.
fn port(line: &str, name: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let start = line.starts_with("pf_tile").then(|| line.find(&format!(".{name}(")))?? + name.len() + 2;
    let end = start + line[start..].find(')')?;
    let new = change(&line[start..end])
        .filter(|new| *new != line[start..end] && !nodes(&line[start..end]).is_empty())?;
    Some(format!("{}{new}{}", &line[..start], &line[end..]))
}

fn another(names: &Names, text: &str) -> Option<String> {
    let (at, name) = *nodes(text).first()?;
    Some(replaced(text, at, name, names.like(name)?))
}

/// Left and right of a register's assignment.
fn load(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("  ")?.strip_suffix(';')?.split_once(" <= ")
}

/// Wrong times.
const TIMES: &[(&str, Rule)] = &[
    ("a register less", |_, _, l| {
        let (to, from) = load(l)?;
        let earlier = from.rsplit_once('_')?.0;
        Some(format!("  {to} <= {earlier};"))
    }),
    ("a register more", |n, _, l| {
        let (to, from) = load(l)?;
        // Declared where it is used: a block of its own.
        Some(format!(
            "end\nreg [{}:0] {to}_more;\nalways @(posedge clk) begin\n  {to}_more <= {from};\n  {to} <= {to}_more;",
            n.widths.get(to)? - 1
        ))
    }),
    ("no default", |_, _, l| l.starts_with("  default: n").then(String::new)),
    ("a wire for a register", |_, _, l| {
        load(l).map(|(to, from)| format!("end\nalways @(*) {to} = {from};\nalways @(posedge clk) begin"))
    }),
    ("another's copy", |n, _, l| {
        let (to, from) = load(l)?;
        Some(format!("  {to} <= {};", n.like(from)?))
    }),
    ("a copy inverted", |_, _, l| load(l).map(|(to, from)| format!("  {to} <= ~{from};"))),
    ("a register that may hold", |n, _, l| {
        let (to, from) = load(l)?;
        let enable = n.order.iter().find(|name| n.widths[*name] == 1)?;
        Some(format!("  if ({enable}) {to} <= {from};"))
    }),
    ("a register with reset", |n, _, l| {
        let (to, from) = load(l)?;
        let reset = n.order.iter().find(|name| n.widths[*name] == 1)?;
        Some(format!("  {to} <= {reset} ? {}'d0 : {from};", n.widths.get(to)?))
    }),
    ("an earlier copy", |n, _, l| {
        valued(l, |v| {
            let (at, name) = *nodes(v).iter().find(|(_, name)| name.contains('_'))?;
            let (node, clocks) = name.split_once('_')?;
            let earlier = match clocks.parse::<usize>().ok()? {
                1 => node.to_string(),
                k => format!("{node}_{}", k - 1),
            };
            n.widths.contains_key(&earlier).then(|| replaced(v, at, name, &earlier))
        })
    }),
    ("a later copy", |n, _, l| {
        valued(l, |v| {
            let (at, name) = *nodes(v).iter().find(|(_, name)| n.widths.contains_key(&later(name)))?;
            Some(replaced(v, at, name, &later(name)))
        })
    }),
    ("a tile's operand a clock late", |n, _, l| {
        let (at, name) = *nodes(l)
            .iter()
            .find(|(_, name)| l.starts_with("pf_tile") && n.widths.contains_key(&later(name)))?;
        Some(replaced(l, at, name, &later(name)))
    }),
    ("a call's operand a clock early", |n, _, l| {
        let (at, name) = *nodes(l).first().filter(|_| l.starts_with("  .") && l.contains('_'))?;
        let (node, _) = name.split_once('_')?;
        n.widths.contains_key(node).then(|| replaced(l, at, name, node))
    }),
    ("an output a clock early", |_, _, l| {
        let (at, name) = *nodes(l).first().filter(|_| l.starts_with("assign "))?;
        let (node, clocks) = name.split_once('_')?;
        let clocks: usize = clocks.parse().ok()?;
        let earlier = if clocks == 1 { node.to_string() } else { format!("{node}_{}", clocks - 1) };
        Some(replaced(l, at, name, &earlier))
    }),
    ("the other edge", |_, _, l| l.contains("(posedge clk)").then(|| l.replace("posedge", "negedge"))),
    ("no clock", |_, _, l| l.contains("@(posedge clk)").then(|| l.replace("@(posedge clk)", "@(*)"))),
];

fn later(name: &str) -> String {
    match name.split_once('_').map(|(node, clocks)| (node, clocks.parse::<usize>())) {
        Some((node, Ok(clocks))) => format!("{node}_{}", clocks + 1),
        _ => format!("{name}_1"),
    }
}

/// Texts that compute something else.
pub fn values(text: &str) -> Vec<Mutant> {
    apply(text, VALUES)
}

/// Texts that compute at another time.
pub fn times(text: &str) -> Vec<Mutant> {
    apply(text, TIMES)
}

/// The reason why a mutant that is still proved computes the same, if it is known.
pub fn same(mutant: &Mutant) -> Option<&'static str> {
    let rule = mutant.what.starts_with("minus for plus") || mutant.what.starts_with("or for plus");
    let literal = mutant.what.rsplit(' ').next()?.trim_end_matches(';');
    let (width, digits) = literal.split_once("'h")?;
    let number = BigUint::parse_bytes(digits.as_bytes(), 16)?;
    let top = number.count_ones() == 1 && Some(number.bits()) == width.parse().ok();
    (rule && top)
        .then_some("the highest bit of a number that has it clear: added, subtracted or set is the same")
}

fn apply(text: &str, rules: &[(&str, Rule)]) -> Vec<Mutant> {
    let names = Names::of(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut mutants = vec![];
    for (name, rule) in rules {
        let all: Vec<(usize, String)> =
            lines.iter().enumerate().filter_map(|(at, line)| Some((at, rule(&names, at, line)?))).collect();
        let count = all.len().min(places(text));
        for place in 0..count {
            // The middle of each of `count` equal parts.
            let (at, line) = &all[(2 * place + 1) * all.len() / (2 * count)];
            let changed = lines.iter().enumerate().map(|(i, old)| if i == *at { line.as_str() } else { old });
            let text = changed.fold(String::new(), |text, line| text + line + "\n");
            // Two rules may do the same.
            if mutants.iter().any(|m: &Mutant| m.text == text) {
                continue;
            }
            let short: String = line.chars().take(100).collect();
            mutants.push(Mutant { what: format!("{name}, line {}: {}", at + 1, short.trim()), text });
        }
    }
    mutants
}

//! Wrong bodies of multiplier tiles: every rule at every place of the body that is read.

use super::mutate::Mutant;

/// Changes of the plain body and of what both bodies share: what, from, to. Every line that has `from` is changed once.
const PLAIN: &[(&str, &str, &str)] = &[
    ("the addend dropped", " + c_q", ""),
    ("the addend subtracted", " + c_q", " - c_q"),
    ("what is above dropped", " + {17'd0, p", " + 47'd0 * {17'd0, p"),
    ("what is above one bit lower", "[46:17]}", "[45:16]}"),
    ("what is above two bits higher", "{17'd0, p", "{15'd0, 2'd1, p"),
    ("a difference", "} + {17'd0", "} - {17'd0"),
    ("a bit above a product", "{4'd0, m", "{3'd0, 1'b1, m"),
    ("a sum for a product", "} * {", "} + {"),
    ("another piece of b", "{26'd0, b", "{26'd0, ~b"),
    ("b one bit lower", "= b[33:17]", "= b[32:16]"),
    ("b one bit higher", "= b[16:0]", "= b[17:1]"),
    ("the piece before", "= b[33:17]", "= b[16:0]"),
    ("the lowest piece again", "= b[67:51]", "= b[16:0]"),
    ("the result one bit higher", "[16:0];\n", "[17:1];\n"),
    ("the last result one bit higher", "[46:0];\n", "[46:0] >> 1;\n"),
    ("results swapped", "{o3, o2, o1, o0}", "{o3, o1, o2, o0}"),
    ("a result dropped", "{o3, o2, o1, o0}", "{o3, o2, 17'd0, o0}"),
    ("results of two swapped", "{o1, o0}", "{o0, o1}"),
    ("the result cut", "= {o0}", "= {1'd0, o0[45:0]}"),
    ("a past its register", "  a1 <= a0;", "  a1 <= a;"),
    ("a two registers early", "  a3 <= a2;", "  a3 <= a1;"),
    ("a wire for a register", "always @(posedge clk) o", "always @(*) o"),
    ("a wire for a register of b", "always @(posedge clk) b", "always @(*) b"),
    ("a wire for the addend's register", "always @(posedge clk) c", "always @(*) c"),
    ("a wire for a register of b", "always @(posedge clk) d", "always @(*) d"),
    ("another clock edge", "(posedge clk)", "(negedge clk)"),
];

/// Wrong texts; of the plain body or of the one for synthesis, and of what both share.
pub fn mutants(text: &str, synthesis: bool) -> Vec<Mutant> {
    let (shared, rest) = text.split_once("`ifdef SYNTHESIS\n").unwrap_or((text, ""));
    let (primitive, plain) = rest.split_once("`else\n").unwrap_or(("", rest));
    let mut mutants = vec![];
    let own = if synthesis { primitive } else { plain };
    for (what, from, to) in PLAIN {
        for (part, before) in [(shared, 0), (own, text.find(own).unwrap_or_default())] {
            for (at, _) in part.match_indices(from) {
                let at = before + at;
                let line = text[..at].matches('\n').count() + 1;
                mutants.push(Mutant {
                    what: format!("{what}, line {line}"),
                    text: format!("{}{to}{}", &text[..at], &text[at + from.len()..]),
                });
            }
        }
    }
    if synthesis {
        let instances: Vec<usize> = text.match_indices("DSP48E2 #(").map(|(at, _)| at).collect();
        for (k, start) in instances.iter().enumerate() {
            // The first, the second and the last; those between are as the second.
            if k < 2 || k + 1 == instances.len() {
                let place = Place { first: k == 0, last: k + 1 == instances.len() };
                let end = start + text[*start..].find(";\n").unwrap_or_default();
                ports(text, *start, end, k, place, &mut mutants);
            }
        }
    }
    mutants
}

#[derive(Clone, Copy)]
struct Place {
    first: bool,
    last: bool,
}

/// Every parameter and every port of one block made wrong.
fn ports(text: &str, start: usize, end: usize, k: usize, place: Place, mutants: &mut Vec<Mutant>) {
    let mut at = start;
    while let Some(dot) = text[at..end].find('.').map(|i| at + i) {
        let Some(open) = text[dot..end].find('(').map(|i| dot + i) else { return };
        let Some(close) = text[open..end].find(')').map(|i| open + i) else { return };
        let (name, value) = (&text[dot + 1..open], &text[open + 1..close]);
        for wrong in wrong(name, value).iter().filter(|wrong| !unread(name, wrong, place)) {
            mutants.push(Mutant {
                what: format!("block {k}: .{name}({wrong})"),
                text: format!("{}{wrong}{}", &text[..open + 1], &text[close..]),
            });
        }
        at = close;
    }
}

/// Other values of a parameter or port.
fn wrong(name: &str, value: &str) -> Vec<String> {
    let one = |s: &str| vec![s.to_string()];
    match (name, value) {
        ("P", _) => vec![],
        ("CLK", _) => one("~clk"),
        ("ACOUT" | "PCOUT", _) => one(""),
        ("OPMODE", mode) => {
            let bits: Vec<usize> =
                mode.char_indices().skip(3).filter(|(_, c)| *c != '_').map(|(at, _)| at).collect();
            bits.iter()
                .map(|at| {
                    let other = if &mode[*at..at + 1] == "0" { "1" } else { "0" };
                    format!("{}{other}{}", &mode[..*at], &mode[at + 1..])
                })
                .collect()
        }
        ("ALUMODE", _) => one("4'd3"),
        (_, "\"DIRECT\"") => one("\"CASCADE\""),
        (_, "\"CASCADE\"") => one("\"DIRECT\""),
        (_, "\"A\"" | "\"B\"") => one("\"AD\""),
        (_, "\"MULTIPLY\"") => one("\"NONE\""),
        (_, "\"ONE48\"") => one("\"TWO24\""),
        (_, "0") => one("1"),
        ("AREG" | "BREG" | "ACASCREG", "1") => vec!["0".into(), "2".into()],
        (_, "1") => one("0"),
        (_, "2") => one("1"),
        (_, "1'b0") => one("1'b1"),
        (_, "1'b1") => one("1'b0"),
        ("A", "{4'd0, a}") => one("{3'd0, a, 1'd0}"),
        ("C", "{1'd0, c}") => one("48'd0"),
        ("B", b) => one(&format!("~{b}")),
        ("ACIN", a) if a.starts_with("ac") => one("30'd0"),
        ("PCIN", p) if p.starts_with("pc") => one("48'd0"),
        (_, v) if v.ends_with("'d0") => one(&v.replace("'d0", "'d1")),
        _ => vec![],
    }
}

/// Whether the configuration does not read a parameter or port: a wrong value is no mutant then.
fn unread(name: &str, wrong: &str, place: Place) -> bool {
    let Place { first, last } = place;
    match name {
        // The only register of each has the other enable.
        "CEA1" => true,
        "CEB1" => first,
        // The pre-adder is not used.
        "CED" | "CEAD" | "RSTD" | "D" | "ADREG" | "DREG" => true,
        // Control inputs have no registers.
        "CEALUMODE" | "CECARRYIN" | "CECTRL" | "CEINMODE" | "RSTCTRL" | "RSTALLCARRYIN" | "RSTALUMODE"
        | "RSTINMODE" => true,
        // A comes directly in the first block and by the cascade in the others, B always directly.
        "A" => !first,
        "ACIN" => first,
        "BCIN" | "BCASCREG" => true,
        // CARRYINSEL and OPMODE select neither.
        "CARRYCASCIN" | "MULTSIGNIN" => true,
        // Nothing comes from the left, and it is zero.
        "PCIN" => first,
        "OPMODE" => first && wrong.contains("_001_"),
        "C" | "CREG" | "CEC" | "RSTC" => !last,
        "ACASCREG" | "ACOUT" | "PCOUT" => last,
        _ => false,
    }
}

//! The host–card contract inside Verilog bodies.

use permafrost_abi::verilog_params;
use std::collections::BTreeSet;

/// `body` with the contract in front of it: the `localparam`s of the contract that it names, and no others. Every
/// register offset, opcode, status code and field position in the card comes from here.
///
/// `x$[NAME]` in `body` stands for `x[NAME_LSB +: NAME_W]`, the field `NAME` of `x`.
pub fn contract(body: &str) -> String {
    let body = expand_fields(body);
    let words: BTreeSet<&str> = body.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut out = String::new();
    for line in verilog_params().lines().filter(|l| l.starts_with("localparam")) {
        let name = line.split(" = ").next().and_then(|left| left.split_whitespace().last());
        if name.is_some_and(|name| words.contains(name)) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out + body.trim_matches('\n')
}

fn expand_fields(body: &str) -> String {
    let mut parts = body.split("$[");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.split_once(']') {
            Some((name, rest)) => out.push_str(&format!("[{name}_LSB +: {name}_W]{rest}")),
            None => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_included() {
        let text = contract("if (op == OP_COPY) x <= cmd$[CMD_COPY_KIND];");
        assert_eq!(text.matches("localparam").count(), 3, "{text}");
        assert!(text.contains("OP_COPY = 8'h10;"), "{text}");
        assert!(text.ends_with("x <= cmd[CMD_COPY_KIND_LSB +: CMD_COPY_KIND_W];"), "{text}");
    }
}

//! What the blocks that check the bodies of commands have in common.

use crate::{
    card::{abi::contract, bus::BEAT_BITS},
    hdl::Module,
};
use std::{fmt::Write as _, sync::Arc};

/// A reason to refuse a command.
pub struct Check {
    /// Verilog condition under which the command is refused.
    pub when: &'static str,
    /// Status, without `ST_`.
    pub status: &'static str,
    /// Field of the body, as in `CMD_<FIELD>_BYTE`; its offset becomes the `info`. `None`: 0.
    pub field: Option<&'static str>,
    /// What becomes the address of the syndrome.
    pub value: &'static str,
}

/// [`Check`] with BAD_FIELD and no address.
pub const fn bad_field(when: &'static str, field: &'static str) -> Check {
    Check { when, status: "BAD_FIELD", field: Some(field), value: "0" }
}

/// [`Check`] with BAD_ADDRESS, about the address or length `value`.
pub const fn bad_address(when: &'static str, field: &'static str, value: &'static str) -> Check {
    Check { when, status: "BAD_ADDRESS", field: Some(field), value }
}

/// `card_check_<name>`: a block that checks the bodies of some commands.
///
/// `cmd` is held; two clocks after it came, `reserved` (a reserved bit is set), `nothing` (a good command with nothing to do)
/// and the verdict are there: `status` with `field` and `value`, from the first of `checks` that applies.
pub fn checker(name: &str, body: &str, checks: &[Check]) -> Arc<Module> {
    let mut verdict =
        String::from("always @(*) begin\n  status = ST_SUCCESS;\n  field = 0;\n  value = 0;\n  ");
    for (i, check) in checks.iter().enumerate() {
        let otherwise = if i > 0 { "  else " } else { "" };
        let field = check.field.map_or("0".into(), |field| format!("CMD_{field}_BYTE"));
        writeln!(
            verdict,
            "{otherwise}if ({}) begin status = ST_{}; field = {field}; value = {}; end",
            check.when, check.status, check.value
        )
        .expect("String");
    }
    verdict.push_str("end\n");
    Module::new(format!("card_check_{name}"))
        .doc(format!("Checks the bodies of {} commands.", name.to_uppercase()))
        .input("clk", 1)
        .input("cmd", BEAT_BITS)
        .input("dram_bytes", 64)
        .output("reserved", 1)
        .output("nothing", 1)
        .output("status", 15)
        .output("field", 32)
        .output("value", 64)
        .body(contract(&format!("{}\n{verdict}", body.trim_matches('\n'))))
        .build()
}

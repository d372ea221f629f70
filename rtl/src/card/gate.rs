//! The clock of an engine, stopped while the engine has nothing to do. It saves power in hardware, and in a simulation the
//! evaluation of the engines that rest.

use crate::{hdl::Module, target::Target};
use std::sync::Arc;

/// Clocks for which an engine is clocked after its last work: more than enough for what it registers behind `busy`.
const AFTERGLOW: u32 = 64;

/// The gate of one engine's clock. `wanted` (from registers of `clk`): the engine works, or is offered a command. `gated` has the
/// pulse of `clk` that follows, so that an engine takes a command as if it were never stopped, and 64 pulses
/// after the last clock in which it was wanted. Reset: clocked.
///
/// Elsewhere than on a target with a clock buffer that can be stopped, a register on the falling edge opens the gate: no pulse is
/// cut short, and there is no latch.
pub fn clock_gate(target: Target) -> Arc<Module> {
    let plain = "always @(negedge clk) open <= run;\nalways @(*) gated = clk && open;\n";
    let gate = match target {
        Target::Generic | Target::Limbs { .. } | Target::Tiles { .. } => format!("reg open;\n{plain}"),
        Target::Xcup => format!(
            "`ifdef SYNTHESIS\nwire stopped;\nBUFGCE buffer (.I(clk), .CE(run), .O(stopped));\nalways @(*) gated = stopped;\n\
             `else\nreg open;\n{plain}`endif\n"
        ),
    };
    Module::new("clock_gate")
        .doc("Stops the clock of an engine that has nothing to do.")
        .clocked()
        .input("wanted", 1)
        .output("gated", 1)
        .body(format!(
            "localparam [6:0] AFTERGLOW = {AFTERGLOW};\nreg [6:0] left;\nwire run = rst || wanted || left != 0;\n\
             always @(posedge clk)\n  if (rst || wanted) left <= AFTERGLOW;\n  \
             else if (left != 0) left <= left - 1'b1;\n{gate}"
        ))
        .build()
}

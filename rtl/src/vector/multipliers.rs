//! Multipliers that the units borrow: a unit has ports for operands and products instead of multipliers of its own.
//!
//! One operation runs at a time, so its engine has [`POOL`] multipliers in all and hands them to the unit at work.
//!
//! # Contract
//! A unit that borrows n multipliers has `mul<k>_a` and `mul<k>_b`, operands, canonical, straight from registers, and
//! `mul<k>_y`, their product, [`latency`] clocks later, for k below n. A multiplier takes a product a clock and has no reset:
//! a unit that is reset forgets what is inside.

use crate::{
    field::{units, Field, FIELD_BITS},
    hdl::{Dir, Module},
    target::Target,
};
use std::sync::Arc;

/// Multipliers that the hungriest unit borrows.
pub const POOL: usize = 4;

/// Clocks from operands to product.
pub fn latency(target: Target) -> usize {
    units::mul(&Field::fr(), target).latency
}

/// Adds the ports of a unit that borrows `n` multipliers.
pub fn ports(mut m: Module, n: usize) -> Module {
    assert!(n <= POOL, "{n} multipliers of {POOL}");
    for k in 0..n {
        m = m
            .output(format!("mul{k}_a"), FIELD_BITS)
            .output(format!("mul{k}_b"), FIELD_BITS)
            .input(format!("mul{k}_y"), FIELD_BITS);
    }
    m
}

/// Multipliers that `unit` borrows.
pub fn borrowed(unit: &Module) -> usize {
    (0..POOL).filter(|k| unit.ports().iter().any(|p| p.name == format!("mul{k}_y"))).count()
}

/// `unit` with multipliers of its own and its other ports, module `<unit>_alone`.
pub fn alone(target: Target, unit: &Arc<Module>) -> Arc<Module> {
    let mul = units::mul(&Field::fr(), target).module();
    let mut m = Module::new(format!("{}_alone", unit.name()))
        .doc(format!("{} with multipliers of its own. See rtl/src/vector/multipliers.rs.", unit.name()))
        .clocked()
        .child("unit", unit);
    for port in unit.ports().iter().filter(|p| !["clk", "rst"].contains(&p.name.as_str())) {
        let name = &port.name;
        if name.starts_with("mul") {
            continue;
        }
        m = match port.dir {
            Dir::In => m.input(name, port.bits).connect("unit", name, name),
            Dir::Out => m.output(name, port.bits).body(format!("always @(*) {name} = unit${name};")),
        };
    }
    for k in 0..borrowed(unit) {
        let inst = format!("mul{k}");
        m = m.child(&inst, &mul).connect("unit", &format!("{inst}_y"), format!("{inst}$y"));
        for side in ["a", "b"] {
            m = m.connect(&inst, side, format!("unit${inst}_{side}"));
        }
    }
    m.build()
}

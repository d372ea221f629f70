//! The graph's readings on small graphs.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{units, Field},
    graph::{Graph, Obligation},
    hdl::Design,
    target::Target,
};

/// (a b + 3 a) mod 2^20 and a < b, a and b of 16 bits.
fn small() -> Graph {
    let mut g = Graph::new("small", "Test.");
    let (a, b) = (g.input_bits("a", 16), g.input_bits("b", 16));
    let product = g.mul(a, b);
    let twice = g.shl(a, 1);
    let sum = g.sum(&[product, a, twice]);
    let y = g.slice(sum, 0, 20);
    let d = g.sub_mod(a, b, 17);
    let less = g.slice(d, 16, 1);
    g.output("y", y);
    g.output("less", less);
    g
}

#[test]
fn evaluation_is_integer_arithmetic() {
    let g = small();
    for (a, b) in [(0u64, 0u64), (1, 2), (65535, 65535), (40000, 3), (3, 40000)] {
        let out = g.eval(&[a.into(), b.into()]);
        assert_eq!(out[0], BigUint::from((a * b + 3 * a) & 0xf_ffff));
        assert_eq!(out[1], BigUint::from(u64::from(a < b)));
    }
}

#[test]
fn equal_nodes_are_one_node() {
    let mut g = Graph::new("cse", "");
    let (a, b) = (g.input_bits("a", 8), g.input_bits("b", 8));
    assert_eq!(g.add(a, b), g.add(b, a));
    assert_ne!(g.mul(a, b), g.add(a, b));
    let zero = g.constant(0u32);
    assert_eq!(g.add(a, zero), a);
}

#[test]
fn ranges_are_exact() {
    let mut g = Graph::new("ranges", "");
    let a = g.input("a", BigUint::from(9u32));
    let b = g.input("b", BigUint::from(5u32));
    let p = g.mul(a, b);
    assert_eq!(*g.max(p), BigUint::from(45u32));
    let d = g.sub_biased(a, &BigUint::from(5u32), b);
    assert_eq!(*g.max(d), BigUint::from(14u32));
    let table = g.table(b, (0..6u32).map(|i| BigUint::from(i * i)).collect());
    assert_eq!(*g.max(table), BigUint::from(25u32));
}

#[test]
#[should_panic(expected = "may borrow")]
fn a_subtraction_that_may_borrow_is_refused() {
    let mut g = Graph::new("borrow", "");
    let (a, b) = (g.input_bits("a", 8), g.input_bits("b", 8));
    g.sub_above(a, &BigUint::from(254u32), b);
}

#[test]
#[should_panic(expected = "table of 3 entries")]
fn a_table_that_is_too_short_is_refused() {
    let mut g = Graph::new("table", "");
    let i = g.input_bits("i", 2);
    g.table(i, vec![1u32.into(), 2u32.into(), 3u32.into()]);
}

#[test]
#[should_panic(expected = "over 0x3")]
fn evaluation_catches_a_false_bound() {
    let mut g = Graph::new("bound", "");
    let a = g.input_bits("a", 8);
    let n = g.narrow(a, BigUint::from(3u32), "not true");
    g.output("n", n);
    g.eval(&[BigUint::from(4u32)]);
}

#[test]
fn a_schedule_reads_nothing_before_it_is_there() {
    for target in Target::ALL {
        let p = units::mul(&Field::fq(), target);
        let last = p.last_use();
        for (at, node) in p.graph.nodes.iter().enumerate() {
            assert!(p.stage[at] <= p.latency, "node {at} {:?}", node.op);
            if let Some(last) = last[at] {
                assert!(last >= p.stage[at] && last <= p.latency, "node {at} {:?}", node.op);
            }
        }
        assert!(p.latency > 0);
    }
}

#[test]
fn outputs_of_unequal_depth_leave_together() {
    let p = small().schedule(Target::Xcup);
    let text = &Design::elaborate(&p.module()).expect("design").files["small"];
    // The comparison is ready long before the product: it is delayed to the common latency.
    assert!(p.latency >= 4, "a tile takes three clocks: {}", p.latency);
    let delays = text.lines().filter(|l| l.trim_start_matches("(* keep *) ").starts_with("reg n")).count();
    assert!(delays >= p.latency - 1, "{delays} one-bit delays for {} clocks:\n{text}", p.latency);
}

#[test]
fn obligations_name_what_intervals_do_not_settle() {
    let unit = units::mul(&Field::fr(), Target::Generic);
    let obligations = unit.graph.obligations();
    let bounds = obligations.iter().filter(|o| matches!(o, Obligation::Bound { .. })).count();
    assert!(bounds > 0);
    for o in &obligations {
        match o {
            Obligation::Bound { node, src, max, why } => {
                assert!(unit.graph.max(*src) > max && unit.graph.max(*node) == max && !why.is_empty());
            }
            Obligation::NoBorrow { a, b, .. } => assert!(unit.graph.max(*a) >= unit.graph.max(*b)),
        }
    }
    assert!(small().obligations().is_empty());
}

#[test]
fn costs_add_up_over_instances() {
    let unit = units::mul(&Field::fq(), Target::Xcup);
    let mut g = Graph::new("twice", "Test.");
    let max = Field::fq().p - 1u32;
    let (a, b) = (g.input("a", max.clone()), g.input("b", max));
    let once = g.call(&unit, &[a, b])[0];
    let y = g.call(&unit, &[once, b])[0];
    g.output("y", y);
    let twice = g.schedule(Target::Xcup);
    assert_eq!((unit.cost().tiles, twice.cost().tiles), (90, 2 * 90), "a product takes 90 tiles");
    let one = units::mul(&Field::fq(), Target::Generic).cost();
    assert_eq!(one.tiles, 210, "100 limb products, and ten steps of eleven");
    assert!(one.register_bits > 0 && one.adder_bits > 0);
}

//! How fast the engine is with card memory as the card has it: one bus for all its readers, one for its writer.

use crate::{bench::show, case::Case, common::assert_same, rng};
use permafrost_abi::{
    Status,
    VectorKind::{self, Scalar, Stream},
    VectorOperation,
};
use permafrost_rtl::{
    card::{
        arbiter::{rd_arbiter, wr_arbiter},
        bus::{Bus, End},
    },
    hdl::{Design, Dir, Module},
    target::Target,
    vector::{engine, model::Model as Golden},
};
use permafrost_sim::{
    axi::{Dram, Memory as _, Slave, Timing},
    verilated::Model,
};
use std::sync::Arc;

const TIMING: Timing = Timing { read_latency: 40, write_latency: 40, jitter: 0, stall: 0, outstanding: 64 };

/// The engine with the card's arbiters.
fn with_arbiters(target: Target) -> Arc<Module> {
    let engine = engine::engine(target);
    let mut m = Module::new("vector_engine_on_buses")
        .clocked()
        .child("engine", &engine)
        .child("reads", &rd_arbiter(4))
        .child("writes", &wr_arbiter(2))
        // An arbiter has two clients or more: the other one is silent.
        .connect_all(
            "writes",
            &[
                ("c1_wr_valid", "1'b0"),
                ("c1_wr_addr", "64'd0"),
                ("c1_wr_beats", "8'd0"),
                ("c1_wdat_valid", "1'b0"),
                ("c1_wdat_data", "512'd0"),
                ("c1_wdat_strb", "64'd0"),
            ],
        );
    let buses = ["a_", "b_", "c_", "ix_", "d_"];
    let own = |name: &str| !["clk", "rst"].contains(&name) && !buses.iter().any(|bus| name.starts_with(bus));
    for port in engine.ports().iter().filter(|port| own(&port.name)) {
        let name = &port.name;
        m = match port.dir {
            Dir::In => m.input(name, port.bits).connect("engine", name, name),
            Dir::Out => m.output(name, port.bits).body(format!("always @(*) {name} = engine${name};")),
        };
    }
    for (i, bus) in buses[..4].iter().enumerate() {
        m = Bus::Read.link(m, ("engine", bus), ("reads", &format!("c{i}_")));
    }
    m = Bus::Write.link(m, ("engine", "d_"), ("writes", "c0_"));
    m = Bus::AxiRead.export(Bus::AxiRead.ports(m, End::Client, "m_"), End::Client, ("reads", "m_"), "m_");
    m = Bus::AxiWrite.export(Bus::AxiWrite.ports(m, End::Client, "m_"), End::Client, ("writes", "m_"), "m_");
    m.build()
}

/// Clocks of `case` from its acceptance to its completion; the result is checked.
fn clocks(model: &mut Model, golden: &Golden, case: &Case) -> u64 {
    let bytes = case.end().next_multiple_of(4096);
    let memory = case.memory(bytes);
    let mut slave = Slave::new(model, "m", Dram::new(bytes as u64), TIMING, 1).unwrap();
    for (i, beat) in memory.chunks_exact(64).enumerate() {
        slave.memory().write(64 * i as u64, beat.try_into().unwrap(), u64::MAX);
    }
    let port = |model: &Model, name: &str| model.port(name).unwrap();
    let [rst, valid, dram_bytes, done, status] =
        ["rst", "cmd_valid", "dram_bytes", "done_valid", "done_status"].map(|name| port(model, name));
    model.set(rst, 1);
    model.tick(2).unwrap();
    model.set(rst, 0);
    model.set(dram_bytes, bytes as u64);
    show(model, case);
    model.set(valid, 1);
    slave.drive(model);
    model.eval().unwrap();
    let mut clocks = 0;
    while model.get(done) == 0 {
        slave.sample(model).unwrap();
        model.rise().unwrap();
        slave.drive(model);
        model.set(valid, 0);
        model.fall().unwrap();
        clocks += 1;
        assert!(clocks < 1_000_000, "the engine hangs");
    }
    assert_eq!(model.get(status), Status::Success as u64);
    let expected = case.after(golden, memory);
    let mut seen = vec![0; bytes];
    for (i, beat) in seen.chunks_exact_mut(64).enumerate() {
        slave.memory().read(64 * i as u64, beat.try_into().unwrap());
    }
    assert_same(&seen, &expected, "memory");
    clocks
}

/// At 2^16 elements, start and end included, against the larger of one clock an element and what the buses need.
#[test]
fn rates() {
    let (mut rng, golden) = (rng(), Golden::new());
    let mut model = Model::new(&Design::elaborate(&with_arbiters(Target::Generic)).unwrap()).unwrap();
    let map = VectorOperation::Map;
    let cases: [(&str, VectorOperation, [VectorKind; 3], f64); 8] = [
        ("map a*b + scalar", map, [Stream, Stream, Scalar], 0.97),
        ("map a*scalar + scalar", map, [Stream, Scalar, Scalar], 0.97),
        ("map a*powers + scalar", map, [Stream, VectorKind::Powers, Scalar], 0.97),
        ("map a*b + c", map, [Stream; 3], 0.95),
        ("reduce a*b + scalar", VectorOperation::Reduce, [Stream, Stream, Scalar], 0.97),
        ("reduce a*powers + scalar", VectorOperation::Reduce, [Stream, VectorKind::Powers, Scalar], 0.97),
        ("prefix product", VectorOperation::PrefixProduct, [Stream; 3], 0.95),
        ("inverse", VectorOperation::Inverse, [Stream; 3], 0.95),
    ];
    for log2 in [10, 12, 14, 16] {
        let n = 1usize << log2;
        for (name, operation, kinds, least) in cases {
            let case = Case::contiguous(&mut rng, operation, kinds, n);
            let clocks = clocks(&mut model, &golden, &case);
            let streams = case.vectors.iter().filter(|vector| !vector.is_empty()).count();
            let bound = (n * streams).div_ceil(2).max(n);
            let ratio = bound as f64 / clocks as f64;
            println!("2^{log2} {name}: {clocks} clocks, bound {bound}, ratio {ratio:.3}");
            assert!(log2 < 16 || ratio >= least, "{name}: {ratio:.3}, at least {least}");
        }
    }
}

/// Gathers and strides: an element a beat.
#[test]
fn rates_of_single_elements() {
    let (mut rng, golden) = (rng(), Golden::new());
    let mut model = Model::new(&Design::elaborate(&with_arbiters(Target::Generic)).unwrap()).unwrap();
    let n = 1usize << 14;
    let gathered =
        Case::contiguous(&mut rng, VectorOperation::Reduce, [Stream, VectorKind::Gather, Scalar], n);
    let mut strided = Case::contiguous(&mut rng, VectorOperation::Map, [Stream, Scalar, Scalar], n);
    strided.addresses[3] = strided.addresses[0] + 32;
    strided.strides[0] = 2;
    strided.strides[3] = 2;
    // Beats read: half a one an element of a, one of b, a sixteenth for the index; one for every element of a.
    for (name, case, bound) in [("gather", gathered, n + n / 2 + n / 16), ("stride", strided, n)] {
        let clocks = clocks(&mut model, &golden, &case);
        let ratio = bound as f64 / clocks as f64;
        println!("{name}: {clocks} clocks, bound {bound}, ratio {ratio:.3}");
        assert!(ratio >= 0.9, "{name}: {ratio:.3}");
    }
}

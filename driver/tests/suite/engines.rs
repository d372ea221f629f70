//! Malformed NTT and VECTOR commands, on cards with these engines and without.

use super::raw::*;
use super::refusals::{with, Case};
use permafrost_abi::registers::{CapEngines, CapNtt};
use permafrost_abi::vector::kinds;
use permafrost_abi::*;

pub fn refusals(t: &dyn Transport, dram: u64) -> Vec<Case> {
    let engines = CapEngines(t.read32(reg::CAP_ENGINES).expect("CAP_ENGINES"));
    let block = CapNtt(t.read32(reg::CAP_NTT).expect("CAP_NTT")).log2_block() as u8;
    let absent = |opcode: Opcode| {
        vec![("no such engine", with(nop(), |c| c.opcode = opcode as u8), Status::BadOpcode, 0, 0)]
    };
    let mut cases = if engines.ntt() { ntts(dram, block) } else { absent(Opcode::Ntt) };
    cases.extend(if engines.vector() { vectors(dram) } else { absent(Opcode::Vector) });
    cases
}

fn ntts(dram: u64, block: u8) -> Vec<Case> {
    use Status::*;
    let ntt =
        NttCommand { source: 0, destination: 4096, params: 8192, batch: 1, log_len: 3, ..Default::default() };
    let pass = NttCommand { log_before: 1, log_after: 1, ..ntt };
    let cmd = |body: NttCommand| Command::new(&body);
    vec![
        ("longer than the block", cmd(NttCommand { log_len: block + 1, ..ntt }), BadField, 53, 0),
        ("a pass as long as the block", cmd(NttCommand { log_len: block, ..pass }), BadField, 53, 0),
        ("a pass of nothing", cmd(NttCommand { log_len: 0, ..pass }), BadField, 53, 0),
        ("longer than any transform", cmd(NttCommand { log_before: 25, ..pass }), BadField, 52, 0),
        ("order", cmd(NttCommand { order: 4, ..ntt }), BadField, 55, 0),
        ("reversed rows", cmd(NttCommand { order: NTT_REVERSED_IN, ..pass }), BadField, 55, 0),
        ("reversed columns", cmd(NttCommand { order: NTT_REVERSED_OUT, ..pass }), BadField, 55, 0),
        ("stride without a batch", cmd(NttCommand { stride: 256, ..ntt }), BadField, 40, 0),
        ("stride unaligned", cmd(NttCommand { stride: 288, batch: 2, ..ntt }), BadAddress, 40, 288),
        ("stride too small", cmd(NttCommand { stride: 192, batch: 2, ..ntt }), BadField, 40, 0),
        ("source unaligned", cmd(NttCommand { source: 32, ..ntt }), BadAddress, 16, 32),
        ("source across the end", cmd(NttCommand { source: dram - 192, ..ntt }), BadAddress, 16, dram - 192),
        (
            "destination across the end",
            cmd(NttCommand { destination: dram - 192, ..ntt }),
            BadAddress,
            24,
            dram - 192,
        ),
        (
            "parameters across the end",
            cmd(NttCommand { params: dram - 128, ..ntt }),
            BadAddress,
            32,
            dram - 128,
        ),
        (
            "a batch around the address space",
            cmd(NttCommand { stride: 1 << 63, batch: 3, source: 64, ..ntt }),
            BadAddress,
            16,
            64,
        ),
        ("overlap", cmd(NttCommand { destination: 192, ..ntt }), BadField, 24, 192),
        ("rows in place", cmd(NttCommand { source: 4096, ..pass }), BadField, 24, 4096),
        ("ntt reserved", with(cmd(ntt), |c| c.body[40] = 1), BadFlags, 0, 0),
    ]
}

fn vectors(dram: u64) -> Vec<Case> {
    use Status::*;
    let streams = VectorCommand { a: 0, b: 1024, c: 2048, d: 3072, params: 8192, n: 2, ..Default::default() };
    let prefix = VectorCommand { operation: VectorOperation::PrefixProduct as u8, b: 0, c: 0, ..streams };
    let powers = kinds(VectorKind::Stream, VectorKind::Powers, VectorKind::Stream);
    let cmd = |body: VectorCommand| Command::new(&body);
    vec![
        ("operation", cmd(VectorCommand { operation: 4, ..streams }), BadField, 60, 0),
        (
            "flag of another operation",
            cmd(VectorCommand { flags: VECTOR_EXCLUSIVE, ..streams }),
            BadField,
            61,
            0,
        ),
        ("negated prefix", cmd(VectorCommand { flags: VECTOR_NEGATE_ADDEND, ..prefix }), BadField, 61, 0),
        ("kind", cmd(VectorCommand { kinds: 2, ..streams }), BadField, 62, 0),
        ("kinds of a prefix", cmd(VectorCommand { kinds: 1, ..prefix }), BadField, 62, 0),
        ("address of powers", cmd(VectorCommand { kinds: powers, ..streams }), BadField, 24, 0),
        ("addend of a prefix", cmd(VectorCommand { c: 2048, ..prefix }), BadField, 32, 0),
        ("a unaligned", cmd(VectorCommand { a: 16, ..streams }), BadAddress, 16, 16),
        ("b unaligned", cmd(VectorCommand { b: 1025, ..streams }), BadAddress, 24, 1025),
        ("c unaligned", cmd(VectorCommand { c: 2056, ..streams }), BadAddress, 32, 2056),
        ("d unaligned", cmd(VectorCommand { d: 3088, ..streams }), BadAddress, 40, 3088),
        ("parameters unaligned", cmd(VectorCommand { params: 8224, ..streams }), BadAddress, 48, 8224),
        ("parameters at the end", cmd(VectorCommand { params: dram, ..streams }), BadAddress, 48, dram),
        ("vector reserved", with(cmd(streams), |c| c.body[47] = 1), BadFlags, 0, 0),
    ]
}

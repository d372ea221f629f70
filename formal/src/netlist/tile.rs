//! Bodies of multiplier tiles: a chain of n is `a b + (c << 17 (n - 1))`, modulo the bits of its result.
//!
//! The products of 26 by 17 bits in the netlist are matched structurally: product k is a times the k-th 17 bits of b, exactly.
//! That the result is the sum of the products, each in its place, and of c is the solver's; that this sum is `a b` is the
//! distributive law, checked as polynomials.

use super::net::{Bit, Contract, Net};
use super::rtlil::{Module, Port};
use super::term::Terms;
use super::unit::{tile_contract, Examined, Finding, TILE};
use crate::arithmetic::{Atoms, Kind, Poly};
use permafrost_rtl::graph::{mask, Sig};
use std::collections::HashMap;

/// DSP48E2 for the proofs about the body that is for synthesis.
pub const DSP48E2: &str = include_str!("../../models/dsp48e2.v");

/// Goes through a chain of `n` tiles, flattened.
pub fn examine(n: usize, module: Module) -> Examined {
    let mut out = Examined::default();
    if let Err(what) = shape(n, module, &mut out).and_then(|()| distributes(n)) {
        out.findings.push(Finding { node: None, what });
    }
    out
}

fn shape(n: usize, module: Module, out: &mut Examined) -> Result<(), String> {
    let (ta, tb, wc) = TILE;
    let wp = tb * (n - 1) + wc;
    let expected = [
        ("a", ta, Port::Input),
        ("b", tb * n, Port::Input),
        ("c", wc, Port::Input),
        ("clk", 1, Port::Input),
        ("p", wp, Port::Output),
    ];
    let mut ports: Vec<_> =
        module.wires.iter().filter_map(|w| Some((w.name.as_str(), w.width, w.port?))).collect();
    ports.sort_by_key(|p| p.0);
    if ports != expected {
        return Err(format!("ports {ports:?}, expected {expected:?}"));
    }
    let contract: Contract = tile_contract(n);
    let late = contract.outputs[0].1;
    let net = Net::new(module.clone(), HashMap::from([(module.name.clone(), contract)]))?;
    let wire = |name: &str| net.module.wire(name).ok_or_else(|| format!("no port `{name}`"));
    let time = net.time(wire("p")?)?;
    if time != Some(late) {
        return Err(format!("the result is there at {time:?}, expected {late}"));
    }
    let (a, b, c) = (wire("a")?, wire("b")?, wire("c")?);
    // Every multiplication is one of the n products.
    let mut products: Vec<Option<usize>> = vec![None; n];
    for (at, cell) in net.module.cells.iter().enumerate().filter(|(_, cell)| cell.kind == "$mul") {
        let place = product(&net, at, a, b)?;
        let slot = products.get_mut(place).ok_or("a product of what is not there")?;
        if slot.replace(at).is_some() {
            return Err(format!("product {place} is there twice"));
        }
        let _ = cell;
    }
    let products = products.into_iter().collect::<Option<Vec<_>>>().ok_or("a product is missing")?;
    let names: HashMap<usize, String> = products
        .iter()
        .enumerate()
        .map(|(k, cell)| {
            let width = net.module.cells[*cell].port("Y").map_or(0, Vec::len);
            (*cell, format!("((_ zero_extend {}) m{k})", width.saturating_sub(ta + tb)))
        })
        .collect();
    let mut terms = Terms::new(&net, HashMap::from([(c, "c".into())]), names);
    let term = terms.term(&net.drive_of(wire("p")?))?;
    let mut text = String::new();
    for k in 0..n {
        text += &format!("(declare-const m{k} (_ BitVec {}))\n", ta + tb);
    }
    text += &format!("(declare-const c (_ BitVec {wc}))\n");
    let placed = |name: &str, own: usize, at: usize| {
        let name = if at == 0 { name.to_string() } else { format!("(concat {name} #b{})", "0".repeat(at)) };
        let own = own + at;
        if own > wp {
            format!("((_ extract {} 0) {name})", wp - 1)
        } else {
            format!("((_ zero_extend {}) {name})", wp - own)
        }
    };
    let mut sum = placed("m0", ta + tb, 0);
    for k in 1..n {
        sum = format!("(bvadd {sum} {})", placed(&format!("m{k}"), ta + tb, tb * k));
    }
    sum = format!("(bvadd {sum} {})", placed("c", wc, tb * (n - 1)));
    text += &terms.definitions;
    text += &format!("(assert (distinct {term} {sum}))\n");
    out.structural = n;
    out.queries.push((0, text));
    Ok(())
}

/// Which product of `a` and a piece of `b` the multiplication `at` is: exact, of values that are not negative.
fn product(net: &Net, at: usize, a: usize, b: usize) -> Result<usize, String> {
    let (ta, tb, _) = TILE;
    let cell = &net.module.cells[at];
    let read = |port: &str| -> Result<Vec<Bit>, String> {
        let mut bits = cell.port(port).map(|spec| net.bits(spec)).ok_or("a multiplication of nothing")?;
        // Signed or not, with a zero above them they are the same numbers.
        let signed = cell.parameters.get(&format!("{port}_SIGNED")) != Some(&0);
        if signed && bits.last() != Some(&Bit::Const(false)) {
            return Err("a signed multiplication".into());
        }
        while bits.last() == Some(&Bit::Const(false)) {
            bits.pop();
        }
        Ok(bits)
    };
    let (x, y) = (read("A")?, read("B")?);
    let leaf = |wire: usize, low: usize, count: usize| -> Vec<Bit> {
        (low..low + count).map(|bit| Bit::Leaf(wire, bit)).collect()
    };
    let width = cell.port("Y").map_or(0, Vec::len);
    let all = leaf(a, 0, ta);
    let piece = if x == all {
        &y
    } else if y == all {
        &x
    } else {
        return Err("a product of something else".into());
    };
    let Some(Bit::Leaf(_, low)) = piece.first().copied() else {
        return Err("a product of something else".into());
    };
    if *piece != leaf(b, low, tb) || low % tb != 0 || width < ta + tb {
        return Err("a product of something else".into());
    }
    Ok(low / tb)
}

/// `a b` is the sum of a times the pieces of b, each in its place.
fn distributes(n: usize) -> Result<(), String> {
    let (ta, tb, _) = TILE;
    let mut atoms = Atoms::default();
    let mut fresh =
        |at: usize, bits: usize| Poly::atom(atoms.fresh(Kind::Input(Sig::from_index(at)), mask(bits)));
    let a = fresh(0, ta);
    let pieces: Vec<Poly> = (0..n).map(|k| fresh(k + 1, tb)).collect();
    let places = || (0..n).map(|k| (tb * k) as u64);
    let b = pieces.iter().zip(places()).fold(Poly::zero(), |sum, (piece, at)| &sum + &piece.shl(at));
    let sum = pieces.iter().zip(places()).fold(Poly::zero(), |sum, (piece, at)| &sum + &(&a * piece).shl(at));
    if &a * &b == sum {
        Ok(())
    } else {
        Err("the pieces of b do not make b".into())
    }
}

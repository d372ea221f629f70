//! Multiplier tiles: the only modules with a body per vendor.
//!
//! A chain of n tiles computes `p = a b + (c << 17 (n - 1))`, a of 26 bits, b of 17 n bits, c of 47. Tile k multiplies a by
//! the k-th 17 bits of b, one clock after tile k - 1, and adds what tile k - 1 has above its 17 lowest bits; the last tile
//! adds c too. Read in clock 0 (c: in clock n), the result is there in clock n + 2.
//!
//! The text has two bodies. For synthesis (`SYNTHESIS` is what yosys defines; others are to be told) it instantiates
//! DSP48E2 (UG579): all additions, and all registers but a few of b and p, are inside the blocks. Yosys finds in plain
//! Verilog neither the adder nor the registers of a DSP48E2. The other body is plain Verilog for simulation; it is
//! correct, if larger, in a synthesis tool that does not define the macro.

use crate::hdl::Module;
use crate::target::Target;
use std::{fmt::Write as _, sync::Arc};

/// Name of the chain of `n` tiles.
pub fn name(target: Target, n: usize) -> String {
    let (a, b) = target.tile();
    format!("pf_tile_{a}x{}", b * n)
}

/// Bits of the result of a chain of `n` tiles.
pub fn result_bits(target: Target, n: usize) -> usize {
    target.tile().1 * (n - 1) + target.tile_sum_bits()
}

/// The chain of `n` tiles of a target that has tiles.
pub fn module(target: Target, n: usize) -> Option<Arc<Module>> {
    if !target.tiled() {
        return None;
    }
    let (ta, tb) = target.tile();
    let (wc, wp) = (target.tile_sum_bits(), result_bits(target, n));
    let mut t = format!(
        "module {} (\n  input wire clk,\n  input wire [{}:0] a,\n  input wire [{}:0] b,\n  input wire [{}:0] c,\n  \
         output wire [{}:0] p\n);\n",
        name(target, n),
        ta - 1,
        tb * n - 1,
        wc - 1,
        wp - 1
    );
    let wide = |k: usize| if k + 1 == n { wc } else { tb };
    // What tile k gives to the result: all of its sum if it is the last, its lowest bits otherwise.
    for k in 0..n {
        writeln!(t, "wire [{}:0] s{k};", wide(k) - 1).expect("String");
        t += &delay(target, &format!("s{k}"), &format!("o{k}"), wide(k), n - 1 - k);
    }
    let parts: Vec<_> = (0..n).rev().map(|k| format!("o{k}")).collect();
    writeln!(t, "assign p = {{{}}};", parts.join(", ")).expect("String");
    let body =
        |tile: fn(Target, usize, usize) -> String| (0..n).map(|k| tile(target, k, n)).collect::<String>();
    if target == Target::Xcup {
        t += &format!("`ifdef SYNTHESIS\n{}`else\n{}`endif\n", body(primitive), body(plain));
    } else {
        t += &body(plain);
    }
    writeln!(t, "endmodule // {}", name(target, n)).expect("String");
    let doc = format!(
        "Chain of {n} multiplier tile(s), unsigned: p = a b + (c << {}), {} clocks, c read {n} clock(s) after a and b.",
        tb * (n - 1),
        n + 2
    );
    let module = Module::new(name(target, n)).doc(doc).input("clk", 1).input("a", ta).input("b", tb * n);
    Some(module.input("c", wc).output("p", wp).verbatim(t).build())
}

/// `to` is `from`, `clocks` later.
fn delay(target: Target, from: &str, to: &str, width: usize, clocks: usize) -> String {
    let (r, keep) = (width - 1, target.keep_registers(clocks));
    let mut t = String::new();
    let mut last = from.to_string();
    for i in 1..=clocks {
        let next = format!("{to}_{i}");
        writeln!(t, "{keep}reg [{r}:0] {next};\nalways @(posedge clk) {next} <= {last};").expect("String");
        last = next;
    }
    writeln!(t, "wire [{r}:0] {to} = {last};").expect("String");
    t
}

/// Tile k of n as a DSP48E2.
fn primitive(target: Target, k: usize, n: usize) -> String {
    let (ta, tb) = target.tile();
    let (first, last) = (k == 0, k + 1 == n);
    // The block holds b for one clock more than its product needs; a travels from block to block.
    let b = format!("b[{}:{}]", tb * (k + 1) - 1, tb * k);
    let mut t = format!("wire [{}:0] b_{k} = {b};\n", tb - 1);
    t += &delay(target, &format!("b_{k}"), &format!("d{k}"), tb, k.saturating_sub(1));
    let breg = if first { 1 } else { 2 };
    // W: c or nothing; Z: the block before, shifted by 17, or nothing; Y and X: the product.
    let opmode = format!("9'b{}_{}_01_01", if last { "11" } else { "00" }, if first { "000" } else { "101" });
    writeln!(
        t,
        "wire [29:0] ac{k};\nwire [47:0] pc{k};\nwire [47:0] p{k};\nassign s{k} = p{k}[{}:0];",
        if last { target.tile_sum_bits() } else { tb } - 1
    )
    .expect("String");
    let parameters = format!(
        ".A_INPUT(\"{}\"), .AREG(1), .ACASCREG(1), .BREG({breg}), .BCASCREG({breg}), .CREG(1), .MREG(1), .PREG(1),\n  \
         .ADREG(0), .DREG(0), .INMODEREG(0), .OPMODEREG(0), .ALUMODEREG(0), .CARRYINREG(0), .CARRYINSELREG(0),\n  \
         .AMULTSEL(\"A\"), .BMULTSEL(\"B\"), .USE_MULT(\"MULTIPLY\"), .USE_SIMD(\"ONE48\")",
        if first { "DIRECT" } else { "CASCADE" }
    );
    let (a, acin, pcin) = if first {
        (format!("{{{}'d0, a}}", 30 - ta), "30'd0".into(), "48'd0".into())
    } else {
        ("30'd0".into(), format!("ac{}", k - 1), format!("pc{}", k - 1))
    };
    let c = if last { format!("{{{}'d0, c}}", 48 - target.tile_sum_bits()) } else { "48'd0".into() };
    writeln!(
        t,
        "DSP48E2 #(\n  {parameters}\n) m{k} (\n  .CLK(clk), .A({a}), .B({{{}'d0, d{k}}}), .C({c}), .D(27'd0),\n  \
         .ACIN({acin}), .BCIN(18'd0), .PCIN({pcin}), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0), .CARRYIN(1'b0),\n  \
         .INMODE(5'd0), .OPMODE({opmode}), .ALUMODE(4'd0), .CARRYINSEL(3'd0),\n  \
         .CEA1(1'b0), .CEA2(1'b1), .CEB1(1'b{}), .CEB2(1'b1), .CEC(1'b1), .CEM(1'b1), .CEP(1'b1), .CED(1'b0),\n  \
         .CEAD(1'b0), .CEALUMODE(1'b0), .CECARRYIN(1'b0), .CECTRL(1'b0), .CEINMODE(1'b0),\n  \
         .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTD(1'b0), .RSTCTRL(1'b0),\n  \
         .RSTALLCARRYIN(1'b0), .RSTALUMODE(1'b0), .RSTINMODE(1'b0),\n  \
         .ACOUT(ac{k}), .PCOUT(pc{k}), .P(p{k})\n);",
        18 - tb,
        usize::from(!first)
    )
    .expect("String");
    t
}

/// Tile k of n in plain Verilog.
fn plain(target: Target, k: usize, n: usize) -> String {
    let (ta, tb) = target.tile();
    let (wc, wm) = (target.tile_sum_bits(), ta + tb);
    let a = if k == 0 { "a".into() } else { format!("a{}", k - 1) };
    let mut t = format!("wire [{}:0] b_{k} = b[{}:{}];\n", tb - 1, tb * (k + 1) - 1, tb * k);
    t += &delay(target, &format!("b_{k}"), &format!("b{k}"), tb, k + 1);
    let mut sum = format!("{{{}'d0, m{k}}}", wc - wm);
    if k > 0 {
        write!(sum, " + {{{tb}'d0, p{}[{}:{tb}]}}", k - 1, wc - 1).expect("String");
    }
    let mut addend = String::new();
    if k + 1 == n {
        writeln!(addend, "reg [{}:0] c_q;\nalways @(posedge clk) c_q <= c;", wc - 1).expect("String");
        sum += " + c_q";
    }
    write!(
        t,
        "{addend}reg [{}:0] a{k};\nreg [{}:0] m{k};\nreg [{}:0] p{k};\nalways @(posedge clk) begin\n  a{k} <= {a};\n  \
         m{k} <= {{{tb}'d0, a{k}}} * {{{ta}'d0, b{k}}};\n  p{k} <= {sum};\nend\nassign s{k} = p{k}[{}:0];\n",
        ta - 1,
        wm - 1,
        wc - 1,
        if k + 1 == n { wc } else { tb } - 1
    )
    .expect("String");
    t
}

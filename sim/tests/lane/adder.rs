//! A stand-in for the point adder: the group is (Z/p)^4, one component a coordinate of 254 bits, identity zero.

use permafrost_rtl::{
    field::FIELD_BITS,
    hdl::Module,
    msm::{lane::POINT_BITS, model::Group},
};
use std::sync::Arc;

/// p = 2^254 - `DELTA`; any odd number below 2^254 does.
const DELTA: u64 = 127;
const P: [u64; 4] = [u64::MAX - DELTA + 1, u64::MAX, u64::MAX, u64::MAX >> 2];

/// {y.c1, y.c0, x.c1, x.c0}, x.c0 first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(pub [[u64; 4]; 4]);

impl Point {
    pub const ZERO: Point = Point([[0; 4]; 4]);

    pub fn random(rng: &mut impl rand::Rng, g2: bool) -> Point {
        let mut p = Point::ZERO;
        for (k, c) in p.0.iter_mut().enumerate() {
            if g2 || k % 2 == 0 {
                *c = rng.gen();
                c[3] >>= 3;
            }
        }
        p
    }

    /// Little-endian bytes of the port's value.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0u8; POINT_BITS / 8];
        for (k, c) in self.0.iter().enumerate() {
            for bit in 0..FIELD_BITS {
                let at = k * FIELD_BITS + bit;
                out[at / 8] |= ((c[bit / 64] >> (bit % 64) & 1) as u8) << (at % 8);
            }
        }
        out
    }
}

fn less(a: &[u64; 4], b: &[u64; 4]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn sub(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut borrow = false;
    std::array::from_fn(|i| {
        let (d, b1) = a[i].overflowing_sub(b[i]);
        let (d, b2) = d.overflowing_sub(u64::from(borrow));
        borrow = b1 || b2;
        d
    })
}

fn add(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut carry = false;
    let s: [u64; 4] = std::array::from_fn(|i| {
        let (d, c1) = a[i].overflowing_add(b[i]);
        let (d, c2) = d.overflowing_add(u64::from(carry));
        carry = c1 || c2;
        d
    });
    if less(&s, &P) {
        s
    } else {
        sub(&s, &P)
    }
}

impl Group for Point {
    fn add(&self, other: &Point) -> Point {
        Point(std::array::from_fn(|k| add(&self.0[k], &other.0[k])))
    }
    fn neg(&self) -> Point {
        Point(std::array::from_fn(|k| if self.0[k] == [0; 4] { [0; 4] } else { sub(&P, &self.0[k]) }))
    }
}

/// The adder's ports, `latency` ticks (4 or more).
pub fn adder(latency: usize, tag_bits: usize) -> Arc<Module> {
    let (f, n) = (FIELD_BITS, latency - 1);
    let sums: String = (0..4)
        .map(|k| {
            format!(
                "wire [{f}:0] sum{k} = {{1'b0, p[{at}+:{f}]}} + {{1'b0, q[{at}+:{f}]}};\n\
                 wire [{f}:0] less{k} = sum{k} - MODULUS;\n",
                at = k * f
            )
        })
        .collect();
    let value: Vec<String> =
        (0..4).rev().map(|k| format!("less{k}[{f}] ? sum{k}[{t}:0] : less{k}[{t}:0]", t = f - 1)).collect();
    Module::new(format!("mock_adder_{latency}"))
        .clocked()
        .input("g2", 1)
        .input("tick", 1)
        .input("in_valid", 1)
        .input("p", POINT_BITS)
        .input("q", POINT_BITS)
        .input("tag", tag_bits)
        .output("early_valid", 1)
        .output("early_tag", tag_bits)
        .output("out_valid", 1)
        .output("out_tag", tag_bits)
        .output("r", POINT_BITS)
        .body(format!(
            r"
localparam [{ul}:0] LAST = {nl};
localparam [{f}:0] MODULUS = {{1'b0, {{{f}{{1'b1}}}}}} - {f1}'d{less};
wire unused = &{{1'b0, g2}};
{sums}
reg [{nl}:0] valid;
reg [{tl}:0] tags [0:{nl}];
reg [{vl}:0] values [0:{nl}];
reg [{ul}:0] turn;
always @(*) early_valid = valid[turn];
always @(*) early_tag = tags[turn];
// Outputs change with the tick, and hold nonsense when not valid, as the card's adder does.
always @(posedge clk) begin
  if (tick) begin
    valid[turn] <= in_valid;
    tags[turn] <= tag;
    values[turn] <= {{{value}}};
    turn <= turn == LAST ? 0 : turn + 1'b1;
    out_valid <= early_valid;
    out_tag <= early_tag;
    r <= values[turn];
  end
  if (rst) begin
    valid <= 0;
    turn <= 0;
    out_valid <= 1'b0;
  end
end
",
            f1 = f + 1,
            less = DELTA - 1,
            nl = n - 1,
            tl = tag_bits - 1,
            ul = (n - 1).ilog2(),
            vl = POINT_BITS - 1,
            value = value.join(", "),
        ))
        .build()
}

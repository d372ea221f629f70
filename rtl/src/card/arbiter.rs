//! Arbiters that merge memory clients onto one AXI4 master.
//!
//! Both take requests round robin, one per clock, into a request register (so AR/AW payloads are stable), and
//! remember whose each burst is in a FIFO of [`OUTSTANDING`] entries: answers return in request order, because all
//! transactions carry ID 0. Reset: nothing outstanding. Clients cannot be cut off: they end what they have begun.

use super::{
    bus::{Bus, End, BEAT_BITS, BEAT_BYTES},
    fifo::fifo,
    round_robin::{index_bits, round_robin},
    text::{select, vector},
};
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// Bursts in flight per arbiter, in each direction.
pub const OUTSTANDING: usize = 64;

fn name(kind: &str, n: usize, outstanding: usize) -> String {
    match outstanding {
        OUTSTANDING => format!("{kind}_{n}"),
        _ => format!("{kind}_{n}_of_{outstanding}"),
    }
}

/// Merges `n` read clients `c0_`..: 1 clock from `rd_valid` to `arvalid`, none from R to the client.
///
/// A client that does not accept its data stops all others behind it: clients reserve room before they ask.
/// `busy` is high while a burst is outstanding, `ev_beat` for each beat of data.
pub fn rd_arbiter(n: usize) -> Arc<Module> {
    rd_arbiter_of(n, OUTSTANDING)
}

/// [`rd_arbiter`] with at most `outstanding` bursts in flight, a power of two.
pub fn rd_arbiter_of(n: usize, outstanding: usize) -> Arc<Module> {
    let mut m = Module::new(name("rd_arbiter", n, outstanding))
        .doc(format!("{n} read clients onto one AXI4 read channel, round robin, answers in request order."))
        .clocked()
        .output("busy", 1)
        .output("ev_beat", 1);
    for i in 0..n {
        m = Bus::Read.ports(m, End::Server, &format!("c{i}_"));
    }
    m = Bus::AxiRead.ports(m, End::Client, "m_");
    let mut to_clients = String::new();
    for i in 0..n {
        write!(
            to_clients,
            "always @(*) c{i}_rd_ready = take && rr$grant[{i}];\n\
             always @(*) c{i}_rdat_data = m_rdata;\n\
             always @(*) c{i}_rdat_last = m_rlast;\n\
             always @(*) c{i}_rdat_err = m_rresp[1];\n\
             always @(*) c{i}_rdat_valid = m_rvalid && owner$out_valid && owner$out_data == {i};\n"
        )
        .expect("String");
    }
    let request = select(n, "rr$index", |i| format!("m_araddr <= c{i}_rd_addr; m_arlen <= c{i}_rd_beats;"));
    let ready = select(n, "owner$out_data", |i| format!("owner_ready = c{i}_rdat_ready;"));
    m.child("rr", &round_robin(n))
        .child("owner", &fifo(index_bits(n), outstanding))
        .body(
            r"
wire take = rr$any && owner$in_ready && (!m_arvalid || m_arready);
reg owner_ready;
// All transactions carry ID 0 and EXOKAY cannot occur.
wire unused = &{1'b0, m_rid, m_rresp[0]};
always @(*) m_arid = 0;
always @(*) m_arsize = 6;
always @(*) m_arburst = 1;
always @(*) m_rready = owner$out_valid && owner_ready;
always @(*) ev_beat = m_rvalid && m_rready;
always @(*) busy = m_arvalid || owner$out_valid;
",
        )
        .connect_all(
            "rr",
            &[("req", &vector(n, |i| format!("c{i}_rd_valid"))), ("take", "take")],
        )
        .connect_all(
            "owner",
            &[
                ("clear", "1'b0"),
                ("in_data", "rr$index"),
                ("in_valid", "take"),
                ("out_ready", "ev_beat && m_rlast"),
            ],
        )
        .body(format!("always @(*) begin\n{ready}end"))
        .body(format!(
            "always @(posedge clk) begin\n  if (m_arready) m_arvalid <= 1'b0;\n  if (take) begin\n    m_arvalid <= 1'b1;\n  {request}  end\n  if (rst) m_arvalid <= 1'b0;\nend"
        ))
        .body(to_clients)
        .build()
}

/// Merges `n` write clients `c0_`..: 1 clock from `wr_valid` to `awvalid`; the data of a burst follow its AW
/// handshake, without a register between client and W.
///
/// A client that does not supply its data stops all others behind it: clients hold the data before they ask.
/// `busy` is high while a burst is outstanding, `ev_lanes` counts the 16-byte lanes written in this clock (strobes are
/// used in units of 16 bytes).
pub fn wr_arbiter(n: usize) -> Arc<Module> {
    wr_arbiter_of(n, OUTSTANDING)
}

/// [`wr_arbiter`] with at most `outstanding` bursts in flight, a power of two.
pub fn wr_arbiter_of(n: usize, outstanding: usize) -> Arc<Module> {
    let mut m = Module::new(name("wr_arbiter", n, outstanding))
        .doc(format!("{n} write clients onto one AXI4 write channel, round robin, answers in request order."))
        .clocked()
        .output("busy", 1)
        .output("ev_lanes", 3);
    for i in 0..n {
        m = Bus::Write.ports(m, End::Server, &format!("c{i}_"));
    }
    m = Bus::AxiWrite.ports(m, End::Client, "m_");
    let index = index_bits(n);
    let mut to_clients = String::new();
    for i in 0..n {
        write!(
            to_clients,
            "always @(*) c{i}_wr_ready = take && rr$grant[{i}];\n\
             always @(*) c{i}_wdat_ready = data$out_valid && data_owner == {i} && m_wready;\n\
             always @(*) c{i}_wack_valid = m_bvalid && answer$out_valid && answer$out_data == {i};\n\
             always @(*) c{i}_wack_err = m_bresp[1];\n"
        )
        .expect("String");
    }
    let request = select(n, "rr$index", |i| {
        format!("m_awaddr <= c{i}_wr_addr; m_awlen <= c{i}_wr_beats; aw_owner <= {i};")
    });
    let data = select(n, "data_owner", |i| {
        format!("owner_valid = c{i}_wdat_valid; m_wdata = c{i}_wdat_data; m_wstrb = c{i}_wdat_strb;")
    });
    m.child("rr", &round_robin(n))
        .child("data", &fifo(index + 8, outstanding))
        .child("answer", &fifo(index, outstanding))
        .body(format!(
            "reg [{il}:0] aw_owner;\n\
             wire [{il}:0] data_owner = data$out_data[{hl}:8];",
            il = index - 1,
            hl = index + 7
        ))
        .body(
            r"
// A slot in each FIFO is kept for the burst in the request register.
wire aw_free = !m_awvalid || m_awready;
wire room = data$count < LIMIT && answer$count < LIMIT;
wire take = rr$any && aw_free && room;
wire aw_done = m_awvalid && m_awready;
wire w_done = m_wvalid && m_wready;
reg [7:0] beat;
reg owner_valid;
// All transactions carry ID 0 and EXOKAY cannot occur.
wire unused = &{1'b0, m_bid, m_bresp[0]};
always @(*) m_awid = 0;
always @(*) m_awsize = 6;
always @(*) m_awburst = 1;
always @(*) m_wvalid = data$out_valid && owner_valid;
always @(*) m_wlast = beat == data$out_data[7:0];
always @(*) m_bready = answer$out_valid;
always @(*) busy = m_awvalid || answer$out_valid;
always @(*) ev_lanes = !w_done ? 0
  : {2'b0, m_wstrb[0]} + {2'b0, m_wstrb[16]} + {2'b0, m_wstrb[32]} + {2'b0, m_wstrb[48]};
"
            .replace("LIMIT", &format!("{}", outstanding - 1)),
        )
        .connect_all(
            "rr",
            &[("req", &vector(n, |i| format!("c{i}_wr_valid"))), ("take", "take")],
        )
        .connect_all(
            "data",
            &[
                ("clear", "1'b0"),
                ("in_data", "{aw_owner, m_awlen}"),
                ("in_valid", "aw_done"),
                ("out_ready", "w_done && m_wlast"),
            ],
        )
        .connect_all(
            "answer",
            &[
                ("clear", "1'b0"),
                ("in_data", "aw_owner"),
                ("in_valid", "aw_done"),
                ("out_ready", "m_bvalid"),
            ],
        )
        .body(format!("always @(*) begin\n{data}end"))
        .body(format!(
            "always @(posedge clk) begin\n  if (m_awready) m_awvalid <= 1'b0;\n  if (take) begin\n    m_awvalid <= 1'b1;\n  {request}  end\n  if (w_done) beat <= m_wlast ? 0 : beat + 1'b1;\n  if (rst) begin\n    m_awvalid <= 1'b0;\n    beat <= 0;\n  end\nend"
        ))
        .body(to_clients)
        .build()
}

const _: () = assert!(BEAT_BITS == 512 && BEAT_BYTES == 64, "AxSIZE 6 and four strobe lanes are built in");

//! AXI4-Lite slave: turns register accesses into a plain read/write interface.
//!
//! AW and W may come in any order and at any distance. One write and one read are in hand at a time.
//! - `write` (pulse) with `waddr`, `wdata`: a write of all four bytes; partial writes have no effect and are answered
//!   SLVERR.
//! - `raddr` is stable for a clock before `value` is taken as its answer; `value` is combinational from `raddr`.
//! - `busy`: an access is in hand or on the port. Reset: idle.

use super::bus::{Bus, End};
use crate::hdl::Module;
use std::sync::Arc;

/// The slave; its bus ports are prefixed `s_`.
pub fn axil_slave() -> Arc<Module> {
    let m = Module::new("card_axil")
        .doc("AXI4-Lite slave.")
        .clocked()
        .output("write", 1)
        .output("waddr", 16)
        .output("wdata", 32)
        .output("raddr", 16)
        .input("value", 32)
        .output("busy", 1);
    Bus::AxiLite.ports(m, End::Server, "s_").body(BODY).build()
}

const BODY: &str = r"
reg have_aw, have_w, full, reading;
wire respond = have_aw && have_w && !s_bvalid;
always @(*) s_awready = !have_aw;
always @(*) s_wready = !have_w;
always @(*) s_arready = !reading && !s_rvalid;
always @(*) s_rresp = 0;
always @(*) write = respond && full;
always @(*) busy = have_aw || have_w || reading || s_bvalid || s_rvalid || s_awvalid || s_wvalid || s_arvalid;
always @(posedge clk) begin
  if (s_awvalid && s_awready) begin
    have_aw <= 1'b1;
    waddr <= s_awaddr;
  end
  if (s_wvalid && s_wready) begin
    have_w <= 1'b1;
    wdata <= s_wdata;
    full <= s_wstrb == 4'hf;
  end
  if (s_bready) s_bvalid <= 1'b0;
  if (respond) begin
    have_aw <= 1'b0;
    have_w <= 1'b0;
    s_bvalid <= 1'b1;
    s_bresp <= full ? 0 : 2;
  end
  if (s_arvalid && s_arready) begin
    reading <= 1'b1;
    raddr <= s_araddr;
  end
  if (s_rready) s_rvalid <= 1'b0;
  if (reading) begin
    reading <= 1'b0;
    s_rvalid <= 1'b1;
    // All ones means that the card is gone, so no register reads so; a counter there is given one less.
    s_rdata <= value == 32'hffff_ffff ? 32'hffff_fffe : value;
  end
  if (rst) begin
    have_aw <= 1'b0;
    have_w <= 1'b0;
    reading <= 1'b0;
    s_bvalid <= 1'b0;
    s_rvalid <= 1'b0;
  end
end
";

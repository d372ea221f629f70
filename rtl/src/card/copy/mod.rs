//! COPY and FILL: moves data between host memory, card memory, and within card memory.
//!
//! ```text
//! host list ─ list walker ─┬─ burst split ─ read side ══ 32 KiB ══ write side ─ burst split ─┬─ list walker (to host)
//!        card range (from) ┘   (host/DRAM)                          (host/DRAM)              └ card range (to)
//! ```
//! The two sides run decoupled by the buffer, so a long copy moves one beat of 64 bytes per clock when both memories do.

pub mod burst;
pub mod list;
pub mod read;
pub mod write;

use super::{
    abi::contract,
    bus::{Bus, End},
};
use crate::hdl::Module;
use std::sync::Arc;

/// The copy and fill engine.
///
/// - Command: `cmd_*` with `cmd_valid`/`cmd_ready`, validated by the dispatcher; the length is not 0.
/// - Answer: `done_valid` (one pulse) with `done_status`, `done_info` and `done_addr` (address of the first error).
///   It comes when the last write has been answered. After an error no new burst is begun, and those begun are ended.
/// - `cancel` (level): as after an error, but without an answer; `busy` falls when nothing is outstanding.
/// - Memory ports: `hl_` list from host, `hr_` data from host, `hw_` to host, `dr_` from DRAM, `dw_` to DRAM.
/// - Reset: idle.
pub fn copy_engine() -> Arc<Module> {
    let mut m = Module::new("copy_engine")
        .doc("COPY and FILL.")
        .clocked()
        .input("cmd_valid", 1)
        .output("cmd_ready", 1)
        .input("cmd_fill", 1)
        .input("cmd_kind", 8)
        .input("cmd_card_addr", 64)
        .input("cmd_list", 64)
        .input("cmd_length", 64)
        .input("cmd_entries", 32)
        .input("cmd_pattern", 64)
        .input("cancel", 1)
        .output("done_valid", 1)
        .output("done_status", 8)
        .output("done_info", 32)
        .output("done_addr", 64)
        .output("busy", 1);
    for port in ["hl_", "hr_", "dr_"] {
        m = Bus::Read.ports(m, End::Client, port);
    }
    for port in ["hw_", "dw_"] {
        m = Bus::Write.ports(m, End::Client, port);
    }
    m = m
        .child("walker", &list::list_walker())
        .child("from", &burst::burst_split())
        .child("to", &burst::burst_split())
        .child("reader", &read::read_side())
        .child("writer", &write::write_side())
        .body(contract(BODY));
    m = Bus::Read.export(m, End::Client, ("walker", ""), "hl_");
    m.connect_all(
        "walker",
        &[
            ("clear", "clear"),
            ("stop", "stop"),
            ("start", "state == START && !fill"),
            ("list", "list_addr"),
            ("entries", "entries"),
            ("beats", "beats"),
            ("out_ready", "to_host ? to$in_ready : from$in_ready"),
        ],
    )
    .connect_all(
        "from",
        &[
            ("clear", "clear"),
            ("in_addr", "to_host ? card_addr : walker$out_addr"),
            ("in_beats", "to_host ? beats : walker$out_beats"),
            ("in_valid", "to_host ? card_valid : walker$out_valid"),
            ("out_ready", "reader$in_ready"),
        ],
    )
    .connect_all(
        "to",
        &[
            ("clear", "clear"),
            ("in_addr", "to_host ? walker$out_addr : card_addr"),
            ("in_beats", "to_host ? walker$out_beats : beats"),
            ("in_valid", "to_host ? walker$out_valid : card_valid"),
            ("out_ready", "writer$in_ready"),
        ],
    )
    .connect_all(
        "reader",
        &[
            ("clear", "clear"),
            ("stop", "stop"),
            ("in_addr", "from$out_addr"),
            ("in_beats", "from$out_beats"),
            ("in_valid", "from$out_valid"),
            ("out_ready", "writer$data_ready"),
            ("rd_ready", "from_host ? hr_rd_ready : dr_rd_ready"),
            ("rdat_last", "from_host ? hr_rdat_last : dr_rdat_last"),
            ("rdat_err", "from_host ? hr_rdat_err : dr_rdat_err"),
            ("rdat_valid", "from_host ? hr_rdat_valid : dr_rdat_valid"),
        ],
    )
    .connect_all(
        "writer",
        &[
            ("clear", "clear"),
            ("stop", "stop"),
            ("fill", "fill"),
            ("pattern", "pattern"),
            ("in_addr", "to$out_addr"),
            ("in_beats", "to$out_beats"),
            ("in_valid", "to$out_valid"),
            ("data", "reader$out_data"),
            ("data_valid", "reader$out_valid"),
            ("count", "reader$count"),
            ("wr_ready", "to_host ? hw_wr_ready : dw_wr_ready"),
            ("wdat_ready", "to_host ? hw_wdat_ready : dw_wdat_ready"),
            ("wack_valid", "to_host ? hw_wack_valid : dw_wack_valid"),
            ("wack_err", "to_host ? hw_wack_err : dw_wack_err"),
        ],
    )
    .body(PORTS)
    .build()
}

const BODY: &str = r"
localparam [1:0] IDLE = 0, START = 1, RUN = 2, FINISH = 3;
reg [1:0] state;
reg fill, from_host, to_host, card_valid;
reg [57:0] card_addr, beats;
reg [63:0] list_addr, pattern;
reg [31:0] entries;
wire clear = state == FINISH;
wire failed = walker$err || reader$err || writer$err;
wire stop = failed || cancel;
wire outstanding = walker$busy || reader$busy || writer$busy;
wire finished = (fill || walker$done) && !card_valid && !from$out_valid && !to$out_valid && reader$count == 0;
wire card_taken = to_host ? from$in_ready : to$in_ready;
// Lengths and card addresses are multiples of 64, the dispatcher has seen to it.
wire unused = &{1'b0, cmd_length[5:0], cmd_card_addr[5:0]};

always @(*) cmd_ready = state == IDLE && !cancel;
always @(*) busy = state != IDLE;

always @(posedge clk) begin
  done_valid <= 1'b0;
  if (card_taken) card_valid <= 1'b0;
  case (state)
    IDLE: if (cmd_valid && cmd_ready) begin
      state <= START;
      fill <= cmd_fill;
      from_host <= !cmd_fill && cmd_kind == COPY_HOST_TO_CARD;
      to_host <= !cmd_fill && cmd_kind == COPY_CARD_TO_HOST;
      card_addr <= cmd_card_addr[63:6];
      list_addr <= cmd_list;
      beats <= cmd_length[63:6];
      entries <= cmd_fill ? 0 : cmd_entries;
      pattern <= cmd_pattern;
    end
    START: begin
      state <= RUN;
      card_valid <= 1'b1;
    end
    RUN: if (!outstanding && (finished || stop)) begin
      state <= FINISH;
      card_valid <= 1'b0;
      done_valid <= !cancel;
      done_status <= ST_SUCCESS[7:0];
      done_info <= 0;
      done_addr <= 0;
      if (writer$err) begin
        done_status <= to_host ? ST_HOST_WRITE_ERROR[7:0] : ST_DRAM_WRITE_ERROR[7:0];
        done_addr <= {writer$err_addr, 6'd0};
      end
      if (reader$err) begin
        done_status <= from_host ? ST_HOST_READ_ERROR[7:0] : ST_DRAM_READ_ERROR[7:0];
        done_addr <= {reader$err_addr, 6'd0};
      end
      if (walker$err) begin
        done_status <= walker$err_status;
        done_info <= walker$err_info;
        done_addr <= walker$err_addr;
      end
    end
    FINISH: state <= IDLE;
  endcase
  if (rst) begin
    state <= IDLE;
    done_valid <= 1'b0;
    card_valid <= 1'b0;
  end
end
";

const PORTS: &str = r"
always @(*) begin
  reader$rdat_data = dr_rdat_data;
  if (from_host) reader$rdat_data = hr_rdat_data;
end
always @(*) hr_rd_addr = reader$rd_addr;
always @(*) hr_rd_beats = reader$rd_beats;
always @(*) hr_rd_valid = reader$rd_valid && from_host;
always @(*) hr_rdat_ready = reader$rdat_ready;
always @(*) dr_rd_addr = reader$rd_addr;
always @(*) dr_rd_beats = reader$rd_beats;
always @(*) dr_rd_valid = reader$rd_valid && !from_host;
always @(*) dr_rdat_ready = reader$rdat_ready;
always @(*) hw_wr_addr = writer$wr_addr;
always @(*) hw_wr_beats = writer$wr_beats;
always @(*) hw_wr_valid = writer$wr_valid && to_host;
always @(*) hw_wdat_data = writer$wdat_data;
always @(*) hw_wdat_strb = writer$wdat_strb;
always @(*) hw_wdat_valid = writer$wdat_valid && to_host;
always @(*) dw_wr_addr = writer$wr_addr;
always @(*) dw_wr_beats = writer$wr_beats;
always @(*) dw_wr_valid = writer$wr_valid && !to_host;
always @(*) dw_wdat_data = writer$wdat_data;
always @(*) dw_wdat_strb = writer$wdat_strb;
always @(*) dw_wdat_valid = writer$wdat_valid && !to_host;
";

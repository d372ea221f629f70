//! A stand-in for the MSM engine, for tests of the card around it. It computes nothing: it reads the first beat of the
//! bases and of the scalars, works for `n` clocks, and writes their exclusive or, with the batch's words and the group, into `windows` beats.

use permafrost_rtl::{hdl::Module, msm::engine::interface};
use std::sync::Arc;

pub fn msm_stub() -> Arc<Module> {
    interface(Module::new("msm_engine").doc("Test stand-in for the MSM engine.")).body(BODY).build()
}

const BODY: &str = r"
localparam [2:0] IDLE = 0, READ = 1, WAIT = 2, WORK = 3, ASK = 4, GIVE = 5, ANSWER = 6, DONE = 7;
reg [2:0] state;
reg [31:0] left;
reg [7:0] beats;
reg [511:0] value;
reg pt_asked, sc_asked, pt_got, sc_got, failed;
wire unused = &{1'b0, cmd_window_bits, cmd_montgomery, pt_rdat_last, sc_rdat_last};
always @(*) begin
  cmd_ready = state == IDLE && !cancel;
  busy = state != IDLE;
  pt_rd_beats = 0;
  sc_rd_beats = 0;
  pt_rd_valid = state == READ && !pt_asked && !cancel;
  sc_rd_valid = state == READ && !sc_asked && !cancel;
  pt_rdat_ready = 1'b1;
  sc_rdat_ready = 1'b1;
  rs_wr_beats = 0;
  rs_wr_valid = state == ASK && !cancel;
  rs_wdat_data = value;
  rs_wdat_strb = 64'hffff_ffff_ffff_ffff;
  rs_wdat_valid = state == GIVE;
  ev_accumulate = state == WORK;
  ev_aggregate = state == ASK;
  ev_stall_feed = 1'b0;
  ev_stall_slot = 3'd0;
  ev_tail = state == ANSWER;
  ev_queued = state == WORK ? 8'd5 : 8'd0;
  ev_point = state == WORK;
  ev_additions = state == WORK ? 8'd3 : 8'd0;
  done_info = 0;
end
always @(posedge clk) begin
  done_valid <= 1'b0;
  case (state)
    IDLE: if (cmd_valid && cmd_ready) begin
      state <= cmd_n == 0 ? ASK : READ;
      pt_rd_addr <= cmd_bases;
      sc_rd_addr <= cmd_scalars;
      rs_wr_addr <= cmd_result;
      left <= cmd_n;
      beats <= cmd_windows;
      value <= {431'd0, cmd_stride, cmd_more, cmd_group};
      failed <= 1'b0;
      pt_asked <= 1'b0;
      sc_asked <= 1'b0;
      pt_got <= 1'b0;
      sc_got <= 1'b0;
    end
    READ: begin
      if (pt_rd_valid && pt_rd_ready) pt_asked <= 1'b1;
      if (sc_rd_valid && sc_rd_ready) sc_asked <= 1'b1;
      if ((pt_asked || !pt_rd_valid || pt_rd_ready) && (sc_asked || !sc_rd_valid || sc_rd_ready)) state <= WAIT;
    end
    WAIT: if (pt_got == pt_asked && sc_got == sc_asked) state <= failed ? DONE : WORK;
    WORK: begin
      left <= left - 1'b1;
      if (left == 1) state <= ASK;
    end
    ASK: if (rs_wr_valid && rs_wr_ready) state <= GIVE;
    GIVE: if (rs_wdat_ready) state <= ANSWER;
    ANSWER: if (rs_wack_valid) begin
      state <= beats == 1 || rs_wack_err ? DONE : ASK;
      beats <= beats - 1'b1;
      rs_wr_addr <= rs_wr_addr + 64'd64;
      failed <= rs_wack_err;
      if (rs_wack_err) done_status <= 9;
      if (rs_wack_err) done_addr <= rs_wr_addr;
    end
    DONE: begin
      done_valid <= !cancel;
      state <= IDLE;
      if (!failed) done_status <= 0;
      if (!failed) done_addr <= 0;
    end
  endcase
  if (pt_rdat_valid) begin
    value <= value ^ pt_rdat_data;
    pt_got <= 1'b1;
    if (pt_rdat_err) failed <= 1'b1;
    if (pt_rdat_err) done_status <= 8;
    if (pt_rdat_err) done_addr <= pt_rd_addr;
  end
  if (sc_rdat_valid) begin
    value <= pt_rdat_valid ? value ^ pt_rdat_data ^ sc_rdat_data : value ^ sc_rdat_data;
    sc_got <= 1'b1;
    if (sc_rdat_err) failed <= 1'b1;
    if (sc_rdat_err) done_status <= 8;
    if (sc_rdat_err) done_addr <= sc_rd_addr;
  end
  if (cancel && (state == WORK || state == ASK && !(rs_wr_valid && rs_wr_ready))) state <= IDLE;
  if (cancel && state == READ) state <= WAIT;
  if (cancel && state == WAIT && pt_got == pt_asked && sc_got == sc_asked) state <= IDLE;
  if (cancel && state == ANSWER && rs_wack_valid) state <= IDLE;
  if (rst) state <= IDLE;
  if (rst) done_valid <= 1'b0;
end
";

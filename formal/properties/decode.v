// A command and how many clocks ago it came; it is held, and no other comes before its verdict.
reg [2:0] f_age;
reg [511:0] f_cmd;
reg f_admin;
reg [63:0] f_bytes;
always @(posedge clk) begin
  f_age <= rst ? 3'd0 : in_valid ? 3'd1 : f_age == 0 || f_age == 3 ? 3'd0 : f_age + 1'b1;
  if (in_valid) begin
    f_cmd <= cmd;
    f_admin <= admin;
  end
  f_bytes <= dram_bytes;
end
always @(*) begin
  assume (f_age == 0 || (cmd == f_cmd && admin == f_admin));
  assume (f_age == 0 || f_age == 3 || !in_valid);
  // The size of card memory does not change.
  assume (!f_started || f_bytes == dram_bytes);
end
// Fields by the bytes of docs/abi.md.
wire [7:0] f_op = f_cmd[7:0], f_flags = f_cmd[15:8], f_wait = f_cmd[39:32], f_signal = f_cmd[47:40];
wire f_refused = route == 0;
// What queue 0 takes, and the others, of the engines of this card; NOP of both.
wire f_known = f_op == 8'h01 || (f_admin ? f_op >= 8'h02 && f_op <= 8'h05 : f_op == 8'h10 || f_op == 8'h11 || f_op == 8'h20);
wire f_head_bad = (f_flags & 8'hfc) != 0 || f_wait >= 64 || f_signal >= 64 || (!f_flags[0] && f_wait != 0)
  || (!f_flags[1] && f_signal != 0) || f_cmd[63:48] != 0;
wire [63:0] f_sq = f_cmd[128 +: 64], f_cq = f_cmd[192 +: 64];
wire [15:0] f_n = f_cmd[272 +: 16], f_m = f_cmd[288 +: 16], f_vector = f_cmd[304 +: 16], f_count = f_cmd[320 +: 16];
wire [63:0] f_card = f_cmd[128 +: 64], f_length = f_op == 8'h11 ? f_cmd[192 +: 64] : f_cmd[256 +: 64];
always @(posedge clk) if (f_started && $past(f_started)) begin
  timed: assert (out_valid == (f_age == 3));
  if (out_valid) begin
    refusal: assert (f_refused == (status != ST_SUCCESS[7:0]) && (!f_refused || status != 0));
    opcode_first: assert ((status == ST_BAD_OPCODE[7:0]) == !f_known && (f_known || (info == 0 && addr == 0)));
    head_checked: assert (!f_known || !f_head_bad || (status == ST_BAD_FLAGS[7:0] && info == 0 && addr == 0));
    routes_right: assert (f_refused || (f_op == 8'h01 ? route == TO_NOP : f_admin ? route == TO_ADMIN
      : route == TO_NOP || (f_op == 8'h20 ? route == TO_MSM : route == TO_COPY)));
    if (route == TO_ADMIN && f_op == 8'h02)
      create_right: assert (f_sq[11:0] == 0 && f_cq[11:0] == 0 && f_n >= 2 && f_n <= 1024 && f_m >= 2 && f_m <= 1024
        && f_vector <= 2 && (f_count <= 1 || f_cmd[352 +: 32] != 0));
    if (route == TO_COPY)
      copy_inside: assert (f_card[5:0] == 0 && f_length[5:0] == 0 && f_length != 0
        && {1'b0, f_card} + {1'b0, f_length} <= {1'b0, dram_bytes});
  end
  made: cover (out_valid && route == TO_ADMIN && f_op == 8'h02);
  copied: cover (out_valid && route == TO_COPY);
  refused: cover (out_valid && f_refused && status == ST_BAD_FLAGS[7:0]);
end

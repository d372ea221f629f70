localparam M = $bits(index), K = $bits(stage), LANES = $bits(tw_data) / 254, BANKS = 2 * LANES, B = $clog2(BANKS);
localparam R = M - B, META = $bits(mw), UB = META - 4 - K - M, LATENCY = $bits(in_flight) / META;

// The parameters are legal and constant while there is a tile.
wire [META*(LATENCY+3)-1:0] f_pipe = {in_flight, m3, m2, m1};
reg f_busy, f_pipe_legal;
integer f_j;
always @(*) begin
  f_busy = running || ready != 0;
  f_pipe_legal = 1'b1;
  for (f_j = 0; f_j < LATENCY + 3; f_j = f_j + 1) begin
    f_busy = f_busy || f_pipe[f_j*META+META-1] || f_pipe[f_j*META+META-2];
    // What is read lies outside the window, which is inside the number.
    if (f_pipe[f_j*META+META-1])
      f_pipe_legal = f_pipe_legal && f_pipe[f_j*META+M+K+UB+:2] < 3 && f_pipe[f_j*META+M+:K] <= M - B
        && f_pipe[f_j*META+M+K+:UB] < B
        && (f_pipe[f_j*META+:M] & ((BANKS - 1) << f_pipe[f_j*META+M+:K])) == 0;
  end
  assume (len <= M && tile <= M && {1'b0, len} + tile <= M);
end
always @(posedge clk) if (f_started && $past(f_busy)) assume ($stable(len) && $stable(tile));

// Bank of an element; the stage of a window whose bit has place u; the lane of the window's element of this number.
function [B-1:0] f_fold(input [M-1:0] e);
  integer i;
  begin
    f_fold = 0;
    for (i = 0; i < M; i = i + 1) f_fold[i%B] = f_fold[i%B] ^ e[i];
  end
endfunction
function [K-1:0] f_stage(input [K-1:0] window, input [UB-1:0] u);
  integer i;
  begin
    f_stage = 0;
    for (i = 0; i < M; i = i + 1) if (i >= window && i < window + B && i % B == u) f_stage = i;
  end
endfunction
function [B-1:0] f_lane(input [B-1:0] number, input [UB-1:0] u);
  f_lane = (number >> u >> 1) << u | (number & ((1 << u) - 1));
endfunction
// Word k, as multiplexers.
function [253:0] f_of(input [BANKS*254-1:0] words, input [B-1:0] k);
  integer i;
  begin
    f_of = 0;
    for (i = 0; i < BANKS; i = i + 1) if (i == k) f_of = words[i*254+:254];
  end
endfunction
wire [LANES*254-1:0] f_as, f_bs, f_ws;
generate
  if (LANES == 1) assign {f_as, f_bs, f_ws} = {a0, b0, w0};
  if (LANES == 2) assign {f_as, f_bs, f_ws} = {a1, a0, b1, b0, w1, w0};
  if (LANES == 4) assign {f_as, f_bs, f_ws} = {a3, a2, a1, a0, b3, b2, b1, b0, w3, w2, w1, w0};
  if (LANES == 8)
    assign {f_as, f_bs, f_ws} = {a7, a6, a5, a4, a3, a2, a1, a0, b7, b6, b5, b4, b3, b2, b1, b0, w7, w6, w5, w4, w3, w2, w1, w0};
endgenerate

// Two elements, any.
(* anyconst *) wire [M-1:0] f_e, f_other;
wire [B-1:0] f_bank = f_fold(f_e);

// Read.
wire f_read = rd_valid && (f_e & ~m1_mask) == m1_index;
wire f_read_other = rd_valid && (f_other & ~m1_mask) == m1_index;
wire f_inside = {1'b0, f_e} < ({{M{1'b0}}, 1'b1} << size);
wire [K-1:0] f_st = m1_stage - tile;
wire [M-1:0] f_place = ((f_e >> tile) & ((1 << f_st) - 1)) << (M - 1 - f_st);

// Operands.
wire [K-1:0] f_m2_window = m2[M+:K];
wire [M-1:0] f_m2_mask = (BANKS - 1) << f_m2_window;
wire f_operand = m2[META-1] && (f_e & ~f_m2_mask) == m2_index;
wire [M-1:0] f_m2_bit = 1 << f_stage(f_m2_window, m2_bit);
wire [B-1:0] f_m2_lane = f_lane(f_fold(f_e & f_m2_mask), m2_bit);
wire [BANKS*254-1:0] f_data = m2_buffer == 0 ? rd_data0 : m2_buffer == 1 ? rd_data1 : rd_data2;
reg f_was_operand;
reg [B-1:0] f_was_lane;
reg [253:0] f_low, f_high;
// The twiddle: row and bank in one clock, the word in the next.
reg f_tw_read, f_tw_word;
reg [B-1:0] f_tw_bank, f_tw_lane;
reg [253:0] f_word;
// Results.
wire f_result = mw_valid && (f_e & ~mw_mask) == mw_index;
wire [M-1:0] f_mw_bit = 1 << f_stage(mw_window, mw_bit);
wire [B-1:0] f_mw_lane = f_lane(f_fold(f_e & mw_mask), mw_bit);
reg f_was_result;
reg [253:0] f_value;
always @(posedge clk) begin
  f_was_operand <= f_operand && f_started;
  f_was_lane <= f_m2_lane;
  f_low <= f_of(f_data, f_fold(f_e & ~f_m2_bit));
  f_high <= f_of(f_data, f_fold(f_e | f_m2_bit));
  f_tw_read <= f_read && f_inside && f_started;
  f_tw_bank <= LANES == 1 ? 0 : f_place[M-2:0] >> R;
  f_tw_lane <= f_lane(f_fold(f_e & m1_mask), m1_bit);
  f_tw_word <= f_tw_read && f_started;
  f_word <= f_of(tw_data, f_tw_bank);
  f_was_result <= f_result && f_started && !rst;
  f_value <= f_of((f_e & f_mw_bit) != 0 ? ys : xs, f_mw_lane);
end
reg [B-1:0] f_tw_lane2;
always @(posedge clk) f_tw_lane2 <= f_tw_lane;

always @(posedge clk) if (f_started) begin
  inv_running: assert (buffer < 3 && (!running || (window <= M - B && (index & mask) == 0 && place < B && stage >= tile && stage < size)));
  inv_pipe: assert (f_pipe_legal);
  inv_m1: assert (!m1_valid || (m1_bit == m1_stage % B && m1_window <= m1_stage && m1_stage < m1_window + B
    && m1_stage >= tile && m1_stage < size));
  if (f_read) row: assert (rd_rows[f_bank*R+:R] == f_e >> B);
  if (f_read && f_read_other && f_e != f_other) banks: assert (f_bank != f_fold(f_other));
  if (f_read && f_inside) twiddle_row: assert (tw_row == f_place[R-1:0]);
  if (f_was_operand)
    pair: assert (f_of(f_as, f_was_lane) == f_low && f_of(f_bs, f_was_lane) == f_high);
  if (f_tw_word) twiddle: assert (f_of(f_ws, f_tw_lane2) == f_word);
  if (f_was_result)
    home: assert (wr_valid && f_of(wr_data, f_bank) == f_value && wr_rows[f_bank*R+:R] == f_e >> B
      && wr_buffer == $past(mw_buffer));
  read: cover (f_read && f_e == 5 && m1_stage == 1);
  written: cover (f_was_result && f_e == 6);
  placed: cover (f_tw_word && f_word != 0 && f_e == 3);
end

// One list after another: `clear` when it is stopped or done and nothing is outstanding, then `start`; what the list is stays until `clear`.
reg f_active = 0, f_clean = 0;
always @(posedge clk) begin
  f_active <= !(rst || clear) && (f_active || start);
  f_clean <= (rst || clear) || f_clean && !start;
end
always @(*) if (start) assume (f_clean && !clear && entries != 0);
always @(*) if (clear) assume (!busy && (stop || done));
always @(*) assume (list[5:0] == 0);
always @(posedge clk) if (f_started && f_active) assume ({list, entries} == $past({list, entries}));
// `stop` stays until `clear`.
always @(posedge clk) if (f_started && $past(stop && !clear && !rst)) assume (stop);
// The memory, as in copy_reads.v.
reg [5:0] f_beats = 0, f_bursts = 0;
wire [5:0] f_rest = f_beats - 1'b1, f_after = f_bursts - rdat_last;
always @(*) if (rdat_valid) assume (f_beats != 0 && f_rest >= f_after && (f_rest == 0) == (f_after == 0));
// Beats asked for and arrived, ranges given out.
reg [30:0] f_asked = 0, f_arrived = 0;
reg [31:0] f_given = 0;
always @(posedge clk) begin
  f_beats <= f_beats + (ask ? rd_beats + 6'd1 : 6'd0) - arrive;
  f_bursts <= f_bursts + ask - (arrive && rdat_last);
  f_asked <= f_asked + (ask ? rd_beats + 31'd1 : 31'd0);
  f_arrived <= f_arrived + arrive;
  f_given <= f_given + (out_valid && out_ready);
  if (rst) {f_beats, f_bursts} <= 0;
  if (rst || clear) {f_asked, f_arrived, f_given} <= 0;
end
wire [30:0] f_list_beats = {1'b0, entries[31:2]} + (entries[1:0] != 0);
// One entry, which the solver chooses, as memory gave it.
(* anyconst *) wire [31:0] f_i;
reg [127:0] f_entry;
reg f_failed;
always @(posedge clk) if (arrive && f_arrived == f_i[31:2]) begin
  f_entry <= rdat_data[128 * f_i[1:0] +: 128];
  f_failed <= rdat_err;
end
wire [63:0] f_iova = f_entry[SG_IOVA_LSB +: SG_IOVA_W];
wire [31:0] f_length = f_entry[SG_LENGTH_LSB +: SG_LENGTH_W];
wire f_unaligned = f_iova[5:0] != 0 || f_length[5:0] != 0, f_reserved = f_entry[SG_RESERVED_LSB +: SG_RESERVED_W] != 0;
// Its place in the beat.
wire f_its = f_i < entries && f_active;

(* hierconn *) wire \ahead.f_pick ;
assign \ahead.f_pick = f_arrived == f_i[31:2];
(* hierconn *) wire \ahead.f_in ;
(* hierconn *) wire [5:0] \ahead.f_ahead ;
(* hierconn *) wire [512:0] \ahead.f_word ;
(* hierconn *) wire [4:0] \asked.used ;

always @(posedge clk) if (f_started) begin
  inv_idle: assert (f_active || (fetch_left == 0 && reserved == 0 && ahead$count == 0 && index == count && !entry_valid && !out_valid && !err
    && !contiguous && f_bursts == 0 && f_asked == 0 && f_arrived == 0 && f_given == 0 && !\ahead.f_in ));
  inv_clean: assert (f_active == !f_clean && !contiguous);
  inv_counts: assert (!f_active || (count == entries && entries != 0 && index <= count && lane == index[1:0] && (lane == 0 || ahead$count != 0)
    && f_asked <= f_list_beats && fetch_left == f_list_beats - f_asked && f_arrived <= f_asked && f_asked - f_arrived == f_beats
    && f_arrived >= index[31:2] && f_arrived - index[31:2] == ahead$count && reserved == f_beats + ahead$count + 8'd0 && reserved <= 32 && list[5:0] == 0));
  inv_memory: assert (f_beats >= f_bursts && (f_beats == 0) == (f_bursts == 0) && \asked.used == f_bursts && f_beats <= 32 && f_bursts <= 16);
  inv_address: assert (!f_active || fetch_addr == list[63:6] + f_asked);
  inv_in: assert (!f_active || \ahead.f_in == (index[31:2] <= f_i[31:2] && f_i[31:2] < f_arrived));
  inv_word: assert (!\ahead.f_in || (\ahead.f_ahead == f_i[31:2] - index[31:2] && \ahead.f_word [512] == f_failed
    && \ahead.f_word [128 * f_i[1:0] +: 128] == f_entry));
  inv_index: assert (!f_active || stop || err || f_given + out_valid == index - entry_valid);
  inv_given: assert (!f_active || (f_given + out_valid <= index && f_given <= index && index <= entries));
  inv_valid: assert (!entry_valid || (entry_index + 1'b1 == index && entry_addr == list + {entry_index, 4'd0}));
  inv_told: assert (!err || !f_its || err_addr != list + {f_i, 4'd0} || f_i[31:2] < f_arrived);
  inv_entry: assert (!(f_active && entry_valid && entry_index == f_i) || (entry == f_entry && entry_failed == f_failed));

  asks: assert (!rd_valid || (f_active && rd_addr[5:0] == 0 && rd_addr[63:6] == list[63:6] + f_asked && rd_beats < 8
    && rd_beats < f_list_beats - f_asked));
  page: assert (!rd_valid || rd_addr[11:6] + rd_beats < 64);
  ranges: assert (!(out_valid && f_given == f_i) || (out_addr == f_iova[63:6] && out_beats == f_length[31:6]));
  sound: assert (!(out_valid && f_given == f_i) || (!f_unaligned && !f_reserved && !f_failed));
  known: assert (!out_valid || (f_given < entries && f_given[31:2] < f_arrived));
  if (err && f_its && err_addr == list + {f_i, 4'd0}) begin
    told: assert (err_status == (f_failed ? ST_HOST_READ_ERROR[7:0] : f_unaligned ? ST_BAD_ADDRESS[7:0]
      : f_reserved ? ST_BAD_FIELD[7:0] : ST_LIST_MISMATCH[7:0]));
    told_place: assert (err_info == (f_failed ? 32'd0 : f_unaligned || f_reserved ? CMD_COPY_LIST_BYTE : f_i));
  end
  if (err) told_entry: assert (err_addr[63:4] - list[63:4] < entries && err_addr[3:0] == 0);
  if ($past(f_started && !rst && !clear)) begin
    if ($past(out_valid && !out_ready)) stays: assert (out_valid && out_addr == $past(out_addr) && out_beats == $past(out_beats));
    if ($past(err)) err_stays: assert (err && {err_status, err_info, err_addr} == $past({err_status, err_info, err_addr}));
    if ($past(stop || err) && !$past(out_valid && !out_ready)) stops: assert (!out_valid);
  end
  five: cover (f_given == 5 && done && !err && entries == 5);
  mismatch: cover (err && err_status == ST_LIST_MISMATCH[7:0] && f_given == 2);
  unreadable: cover (err && err_status == ST_HOST_READ_ERROR[7:0] && err_addr[3:0] == 0 && err_addr[7:4] == 4);
end

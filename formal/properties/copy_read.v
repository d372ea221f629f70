// One burst, which the solver chooses, is followed: its address, its length, and the beats before it.
(* anyseq *) wire f_choose;
reg f_chosen = 0;
wire f_pick = ask && f_choose && !f_chosen;
(* hierconn *) wire \asked.f_pick ;
assign \asked.f_pick = f_pick;
(* hierconn *) wire \asked.f_in ;
(* hierconn *) wire [6:0] \asked.f_ahead , \asked.used ;
(* hierconn *) wire [57:0] \asked.f_word ;
(* hierconn *) wire [9:0] \beats.used ;
reg [57:0] f_addr;
// Beats until its first, and its beats that are outstanding.
reg [15:0] f_before = 0, f_len = 0;
reg [15:0] f_outstanding = 0;
always @(posedge clk) begin
  f_outstanding <= f_outstanding + (ask ? in_beats : 16'd0) - arrive;
  if (f_pick) begin
    f_chosen <= 1'b1;
    f_addr <= in_addr;
    f_before <= f_outstanding - arrive;
    f_len <= in_beats;
  end else if (arrive && f_chosen) begin
    if (f_before != 0) f_before <= f_before - 1'b1;
    else if (f_len != 0) f_len <= f_len - 1'b1;
  end
  if (rst || clear) {f_chosen, f_before, f_len, f_outstanding} <= 0;
end
wire f_live = f_chosen && f_len != 0;
// A burst is one to 64 beats within 4 KiB; `clear` comes when nothing is outstanding or asked.
always @(*) if (in_valid) assume (in_beats != 0 && in_beats + {1'b0, in_addr[5:0]} <= 64);
always @(*) if (clear) assume (!busy && !ask);
// The memory: it answers what was asked; of the bursts before the followed one, and of it, it marks the last beats.
always @(*) if (rdat_valid) begin
  assume (f_outstanding != 0);
  assume (f_outstanding - 1'b1 >= \asked.used - rdat_last && (f_outstanding == 1) == (\asked.used == rdat_last));
  if (f_live && f_before == 0) assume (rdat_last == (f_len == 1));
  if (f_live && f_before != 0) assume (f_before - 1'b1 >= \asked.f_ahead - rdat_last && (f_before == 1) == (\asked.f_ahead == rdat_last));
end
// The first error, if it is in the followed burst: its beat.
reg f_mine = 0;
reg [57:0] f_where;
reg [15:0] f_beat = 0;
always @(posedge clk) begin
  f_beat <= f_pick ? 0 : f_beat + (arrive && f_live && f_before == 0);
  if (arrive && rdat_err && !err) begin
    f_mine <= f_live && f_before == 0;
    f_where <= f_addr + f_beat;
  end
  if (rst || clear) f_mine <= 0;
end

always @(posedge clk) if (f_started) begin
  inv_in: assert (\asked.f_in == f_live);
  inv_word: assert (!f_live || (\asked.f_word == f_addr && (f_before == 0) == (\asked.f_ahead == 0) && f_before >= \asked.f_ahead ));
  inv_beat: assert (!f_live || (f_len <= 64 && f_beat < 64 && f_beat + f_len <= 64 && (f_before == 0 ? beat == f_beat : f_beat == 0)));
  inv_end: assert ((f_outstanding != 0 || beat == 0));
  inv_first: assert (!f_live || f_before != 0 || beat == f_beat);
  inv_none: assert ((f_outstanding == 0) == (\asked.used == 0) && f_outstanding <= 512 && f_before <= 512 && f_outstanding >= \asked.used && reserved <= 512 && f_outstanding + beats$count == reserved && \beats.used <= 512 && (!f_live || f_before + f_len <= f_outstanding)
    && (err || !f_mine));
  first_error: assert (!(err && f_mine) || err_addr == f_where);
  if ($past(f_started && !rst && !clear && err)) err_stays: assert (err && err_addr == $past(err_addr));
  if ($past(f_started && !rst && !clear && arrive && rdat_err)) err_rises: assert (err);
  third: cover (err && f_mine && err_addr == f_addr + 2 && f_addr == 58'h100);
end

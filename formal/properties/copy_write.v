// One burst, which the solver chooses, is followed: its address, and the answers before its own.
(* anyseq *) wire f_choose;
reg f_live = 0;
wire f_pick = ask && f_choose && !f_live;
(* hierconn *) wire \asked.f_pick ;
assign \asked.f_pick = f_pick;
(* hierconn *) wire \asked.f_in ;
(* hierconn *) wire [6:0] \asked.f_ahead ;
(* hierconn *) wire [57:0] \asked.f_word ;
reg [57:0] f_addr;
// Bursts without an answer, and how many of them are before the followed one.
reg [6:0] f_bursts = 0, f_before;
always @(posedge clk) begin
  f_bursts <= f_bursts + ask - wack_valid;
  if (f_pick) begin
    f_live <= 1'b1;
    f_addr <= in_addr;
    f_before <= f_bursts - wack_valid;
  end else if (f_live && wack_valid) begin
    f_live <= f_before != 0;
    f_before <= f_before - 1'b1;
  end
  if (rst || clear) {f_live, f_bursts} <= 0;
end
// Memory answers bursts that were asked for, `clear` comes when none is outstanding or asked.
always @(*) if (wack_valid) assume (f_bursts != 0);
always @(*) if (clear) assume (!busy && !ask);
wire f_answer = f_live && f_before == 0 && wack_valid;

always @(posedge clk) if (f_started) begin
  inv_in: assert (\asked.f_in == f_live && (!f_live || (\asked.f_ahead == f_before && \asked.f_word == f_addr && f_before < f_bursts)));
  inv_bursts: assert (f_bursts <= 64 && busy == (f_bursts != 0) && asked$count == f_bursts);
  if ($past(f_started && !rst && !clear)) begin
    if ($past(f_answer && wack_err && !err)) first_error: assert (err && err_addr == $past(f_addr));
    if ($past(err)) err_stays: assert (err && err_addr == $past(err_addr));
    if ($past(f_answer && !wack_err && !err)) no_error: assert (!err);
  end
  second: cover (err && err_addr == 58'h40 && $past(f_answer && f_addr == 58'h40) && $past(wack_valid, 2));
end

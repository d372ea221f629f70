(* hierconn *) wire [2:0] \rr.first ;
wire [2:0] f_first = \rr.first ;
// One semaphore, which the solver chooses: what it must stand at.
(* anyconst *) wire [5:0] f_which;
reg [31:0] f_value;
wire [2:0] f_ask = {q2_sig_valid, q1_sig_valid, q0_sig_valid};
wire [2:0] f_take = f_ask & {q2_sig_ready, q1_sig_ready, q0_sig_ready};
wire [5:0] f_index = f_take[0] ? q0_sig_index : f_take[1] ? q1_sig_index : q2_sig_index;
wire [31:0] f_signal = f_take[0] ? q0_sig_value : f_take[1] ? q1_sig_value : q2_sig_value;
always @(posedge clk)
  if (rst || clear) f_value <= 0;
  else if (set_valid && set_index == f_which) f_value <= set_value;
  else if (f_take != 0 && f_index == f_which && f_signal > f_value) f_value <= f_signal;
// What queue 0 read one clock before, and whether that may be lower now.
reg f_lowered;
reg [5:0] f_old;
reg [31:0] f_before;
// A signal that the solver chooses waits, as its queue lets it, and others are taken before it.
reg [2:0] f_waiting;
reg [1:0] f_passed;
always @(posedge clk) begin
  f_lowered <= rst || clear || set_valid;
  f_before <= q0_value;
  f_old <= q0_index;
  f_waiting <= rst ? 3'd0 : f_ask & ~f_take;
  f_passed <= rst || !(f_ask[1] && !f_take[1]) ? 2'd0 : f_passed + (f_take != 0);
end
always @(*) if (f_started && !rst) begin
  // A queue's signal waits until it is taken.
  assume ((f_waiting & ~f_ask) == 0);
end
always @(*) if (f_started && !rst) begin
  inv_value: assert (f_value == (written[f_which] ? value[f_which] : 0));
  inv_turn: assert (f_first == 1 || f_first == 2 || f_first == 4);
  inv_passed: assert (f_waiting[1] ? f_passed <= (f_first == 2 ? 2 : f_first == 1 ? 1 : 0) : f_passed == 0);
  if (q0_index == f_which) stands0: assert (q0_value == f_value);
  if (q1_index == f_which) stands1: assert (q1_value == f_value);
  if (q2_index == f_which) stands2: assert (q2_value == f_value);
  rises: assert (f_lowered || q0_index != f_old || q0_value >= f_before);
  one_grant: assert ((f_take & (f_take - 1'b1)) == 0);
  set_first: assert (!set_valid || f_take == 0);
  no_waste: assert (set_valid || f_ask == 0 || f_take != 0);
  fair: assert (f_passed <= 2);
  twice: cover (q0_index == f_old && q0_value == 7 && f_before == 5 && q2_value == 7);
  contended: cover (f_passed == 2);
end

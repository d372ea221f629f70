// The queues: a command is offered until it is taken, and runs until its status.
wire [2:0] f_valid = {q2_cmd_valid, q1_cmd_valid, q0_cmd_valid};
wire [2:0] f_take = {q2_cmd_take, q1_cmd_take, q0_cmd_take} & f_valid;
wire [2:0] f_status = {q2_st_valid, q1_st_valid, q0_st_valid};
wire [2:0] f_go = {q2_go, q1_go, q0_go};
reg [2:0] f_running, f_ran, f_offered;
reg [2:0] f_cancelled;
reg f_cancelling;
// What was decided of the command of each queue: the route, TO_NONE until then.
reg [2:0] f_route [0:2];
// The engines: whether each has a command, and whose.
reg f_copy_has, f_msm_has, f_adm_has;
reg [1:0] f_copy_owner, f_msm_owner;
wire f_copy_take = copy_cmd_valid && copy_cmd_ready;
wire f_msm_take = msm_cmd_valid && msm_cmd_ready;
wire f_adm_take = adm_cmd_valid && adm_cmd_ready;
wire [1:0] f_next_copy = copy_rr$index, f_next_msm = msm_rr$index;
// The decoder refuses with TO_NONE; the admin queue's commands and the others have engines of their own.
always @(*) assume (decoder$route <= TO_MSM && (slot == 0 ? decoder$route <= TO_ADMIN : decoder$route != TO_ADMIN));
integer i;
always @(posedge clk) begin
  f_ran <= f_running;
  f_offered <= f_valid & ~f_take;
  f_running <= (f_running | f_take) & ~f_status;
  f_cancelling <= cancel && !rst;
  f_cancelled <= rst || !cancel ? 3'd0 : f_cancelled == 6 ? 3'd6 : f_cancelled + 1'b1;
  if (f_copy_take) f_copy_has <= 1'b1;
  else if (copy_done_valid || (copy_stop && !copy_busy)) f_copy_has <= 1'b0;
  if (f_copy_take) f_copy_owner <= f_next_copy;
  if (f_msm_take) f_msm_has <= 1'b1;
  else if (msm_done_valid || (msm_stop && !msm_busy)) f_msm_has <= 1'b0;
  if (f_msm_take) f_msm_owner <= f_next_msm;
  if (f_adm_take) f_adm_has <= 1'b1;
  else if (adm_done_valid) f_adm_has <= 1'b0;
  for (i = 0; i < 3; i = i + 1) begin
    if (f_take[i]) f_route[i] <= TO_NONE;
    if (decoder$out_valid && slot == i) f_route[i] <= decoder$route;
  end
  if (rst || cancel) begin
    f_running <= 0;
    f_ran <= 0;
    f_offered <= 0;
    f_copy_has <= 1'b0;
    f_msm_has <= 1'b0;
    f_adm_has <= 1'b0;
  end
end
always @(*) if (f_started && !rst) begin
  assume ((f_valid & f_running) == 0 && (f_offered & ~f_valid & {3{!cancel}}) == 0);
  assume ((f_go & ~f_ran) == 0);
  assume ((stop & (stop - 1'b1)) == 0 && !stop[0]);
  assume (cancel || !f_cancelling || f_cancelled == 6);
  assume ((!copy_done_valid || f_copy_has) && (!msm_done_valid || f_msm_has) && (!adm_done_valid || f_adm_has));
end

(* hierconn *) wire [2:0] \chooser.first ;
(* hierconn *) wire [2:0] \copy_rr.first ;
(* hierconn *) wire [2:0] \msm_rr.first ;
(* hierconn *) wire [2:0] \decoder.f_pipe ;
wire [2:0] f_first0 = \chooser.first , f_first1 = \copy_rr.first , f_first2 = \msm_rr.first , f_pipe = \decoder.f_pipe ;
wire [3:0] f_steps = {f_pipe, picked};
// In how many places the command of each queue is, and whether its route is the one decided.
reg f_all_placed, f_all_routed;
integer j;
always @(*) begin
  f_all_placed = 1'b1;
  f_all_routed = 1'b1;
  for (j = 0; j < 3; j = j + 1) begin
    if ((decoding && slot == j) + want_nop[j] + copy_want[j] + msm_want[j] + (copy_active && copy_owner == j)
      + (msm_active && msm_owner == j) + (j == 0 && want_admin) + (j == 0 && admin_active) != {3'd0, f_running[j]})
      f_all_placed = 1'b0;
    if ((copy_want[j] && f_route[j] != TO_COPY) || (msm_want[j] && f_route[j] != TO_MSM)
      || (want_nop[j] && f_route[j] != TO_NOP)) f_all_routed = 1'b0;
  end
end
// A queue that the solver chooses.
(* anyconst *) wire [1:0] f_q;
wire f_mine = decoding && slot == f_q;
wire [3:0] f_places = f_mine + want_nop[f_q] + copy_want[f_q] + msm_want[f_q] + (copy_active && copy_owner == f_q)
  + (msm_active && msm_owner == f_q) + (f_q == 0 && want_admin) + (f_q == 0 && admin_active);
wire [511:0] f_cmd = f_q == 0 ? q0_cmd_data : f_q == 1 ? q1_cmd_data : q2_cmd_data;
wire [7:0] f_st = f_q == 0 ? q0_st_status : f_q == 1 ? q1_st_status : q2_st_status;
wire [31:0] f_info = f_q == 0 ? q0_st_info : f_q == 1 ? q1_st_info : q2_st_info;
wire [63:0] f_addr = f_q == 0 ? q0_st_addr : f_q == 1 ? q1_st_addr : q2_st_addr;
wire f_refused = decoder$out_valid && decoder$route == TO_NONE && slot == f_q;
wire f_copy_done = copy_done_valid && f_copy_owner == f_q, f_msm_done = msm_done_valid && f_msm_owner == f_q;
wire f_adm_done = adm_done_valid && f_q == 0;
wire f_own = f_refused || f_copy_done || f_msm_done || f_adm_done;
always @(*) assume (f_q < 3);

always @(*) if (f_started && !rst) begin
  inv_first: assert ((f_first0 == 1 || f_first0 == 2 || f_first0 == 4) && (f_first1 == 1 || f_first1 == 2 || f_first1 == 4)
    && (f_first2 == 1 || f_first2 == 2 || f_first2 == 4));
  inv_steps: assert ((f_steps & (f_steps - 1'b1)) == 0 && (!decoding || f_steps != 0 || f_cancelling));
  if (!f_cancelling) inv_decoding: assert (decoding == (f_steps != 0));
  if (decoding) inv_slot: assert (slot < 3);
  inv_age: assert (f_cancelling == (f_cancelled != 0) && f_cancelled <= 6);
  inv_cancel: assert (!f_cancelling || (f_cancelled >= 1 && !picked && !decoding && (f_cancelled < 2 || !f_pipe[0])
    && (f_cancelled < 3 || !f_pipe[1]) && (f_cancelled < 4 || !f_pipe[2]) && want_nop == 0 && copy_want == 0
    && msm_want == 0 && !want_admin));
  inv_engines: assert (copy_active == f_copy_has && msm_active == f_msm_has && admin_active == f_adm_has
    && (!copy_active || (copy_owner == f_copy_owner && copy_owner < 3))
    && (!msm_active || (msm_owner == f_msm_owner && msm_owner < 3)));
  inv_routes: assert (f_all_routed);
  one_place: assert (f_all_placed);
  one_status: assert (cancel || (f_status & ~f_running) == 0);
  if (copy_cmd_valid)
    copy_alone: assert (!f_copy_has && f_next_copy < 3 && (f_q != f_next_copy || (f_running[f_q] && f_go[f_q] && !stop[f_q]
      && f_route[f_q] == TO_COPY && copy_cmd_list == f_cmd[CMD_COPY_LIST_LSB +: 64])));
  if (msm_cmd_valid)
    msm_alone: assert (!f_msm_has && f_next_msm < 3 && (f_q != f_next_msm || (f_running[f_q] && f_go[f_q] && !stop[f_q]
      && f_route[f_q] == TO_MSM)));
  if (adm_cmd_valid) admin_alone: assert (!f_adm_has && f_running[0] && f_go[0] && adm_cmd_data == q0_cmd_data);
  if (f_status[f_q] && !cancel)
    own_status: assert (f_own ? (f_refused ? f_st == decoder$status && f_info == decoder$info && f_addr == decoder$addr
      : f_copy_done ? f_st == copy_done_status && f_info == copy_done_info && f_addr == copy_done_addr
      : f_msm_done ? f_st == msm_done_status && f_info == msm_done_info && f_addr == msm_done_addr
      : f_st == adm_done_status && f_info == adm_done_info && f_addr == adm_done_addr)
      : f_info == 0 && f_addr == 0 && f_st == (stop[f_q] ? ST_ABORTED[7:0] : ST_SUCCESS[7:0]));
  answers_told: assert (cancel || !f_own || f_status[f_q]);
  if (f_status[f_q] && !f_own && !stop[f_q] && !cancel) nop_went: assert (f_route[f_q] == TO_NOP && f_go[f_q]);
  stops_engine: assert (copy_stop == (f_copy_has && stop[f_copy_owner]) && msm_stop == (f_msm_has && stop[f_msm_owner]));
  if (stop[f_q] && f_running[f_q] && !f_mine && !(f_copy_has && f_copy_owner == f_q) && !(f_msm_has && f_msm_owner == f_q)
    && !cancel)
    stops_slot: assert (f_status[f_q] && f_st == ST_ABORTED[7:0] && stopped);
  stopped_told: assert (!stopped || cancel || ((stop & f_status) != 0));
  cancel_stops: assert (!cancel || (!copy_cmd_valid && !msm_cmd_valid && !adm_cmd_valid && f_take == 0));
  cancel_empties: assert (!f_cancelling || (f_places == 0 && f_running == 0));
  no_wait: assert (cancel || ((copy_want & f_go & ~stop) == 0 || f_copy_has || copy_cmd_valid)
    && ((msm_want & f_go & ~stop) == 0 || f_msm_has || msm_cmd_valid) && (f_valid == 0 || decoding || f_take != 0));
  both: cover (f_copy_has && f_msm_has && f_copy_owner == 2 && f_msm_owner == 1);
  abort: cover (stopped && f_status[1] && f_copy_has);
  refuse: cover (f_status[2] && q2_st_status == 8'h21);
end

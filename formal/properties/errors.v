// What has been reported since the last acknowledgement, first, and how many.
wire [3:0] f_ask = {e3_valid, e2_valid, e1_valid, e0_valid};
wire [3:0] f_take = f_ask & {e3_ready, e2_ready, e1_ready, e0_ready};
wire [103:0] f_new = f_take[0] ? {e0_status, e0_queue, e0_cid, e0_addr} : f_take[1] ? {e1_status, e1_queue, e1_cid, e1_addr}
  : f_take[2] ? {e2_status, e2_queue, e2_cid, e2_addr} : {e3_status, e3_queue, e3_cid, e3_addr};
reg f_any;
reg [103:0] f_error;
reg [31:0] f_count;
always @(posedge clk) begin
  if (acknowledge) f_any <= 1'b0;
  if (f_take != 0 && (!f_any || acknowledge)) begin
    f_any <= 1'b1;
    f_error <= f_new;
  end
  if (f_take != 0 && f_count != 32'h7fff_ffff) f_count <= f_count + 1'b1;
  if (clear) f_count <= 0;
  if (rst) begin
    f_any <= 1'b0;
    f_error <= 0;
    f_count <= 0;
  end
end
(* hierconn *) wire [3:0] \rr.first ;
wire [3:0] f_first = \rr.first ;
always @(*) if (f_started && !rst) begin
  inv_first: assert (f_first != 0 && (f_first & (f_first - 1'b1)) == 0);
  first_held: assert (held == f_any && {status, queue, cid, addr} == f_error);
  all_counted: assert (count == f_count);
  one_a_clock: assert ((f_take & (f_take - 1'b1)) == 0 && (f_take != 0) == (f_ask != 0));
  second: cover (f_any && f_count == 2 && f_error[103:96] == 8'h21);
end

// Requests taken and not yet announced: the port holds one.
wire [3:0] f_ask = {i3_valid, i2_valid, i1_valid, i0_valid};
wire [3:0] f_take = {i3_ready, i2_ready, i1_ready, i0_ready};
reg f_one;
reg [7:0] f_vector;
always @(posedge clk) begin
  if (irq_ready) f_one <= 1'b0;
  if (f_take != 0) begin
    f_one <= 1'b1;
    f_vector <= f_take[0] ? i0_vector : f_take[1] ? i1_vector : f_take[2] ? i2_vector : i3_vector;
  end
  if (rst) f_one <= 1'b0;
end
(* hierconn *) wire [3:0] \rr.first ;
wire [3:0] f_first = \rr.first ;
always @(*) if (f_started && !rst) begin
  inv_first: assert (f_first != 0 && (f_first & (f_first - 1'b1)) == 0);
  announced: assert (irq_valid == f_one && (!irq_valid || irq_vector == f_vector));
  taken_once: assert ((f_take & ~f_ask) == 0 && (f_take & (f_take - 1'b1)) == 0 && (f_take == 0 || !f_one || irq_ready));
  taken_soon: assert (f_ask == 0 || (f_one && !irq_ready) || f_take != 0);
  next: cover (f_one && irq_ready && f_take == 4'b0100);
end

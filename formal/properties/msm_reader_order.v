include msm_reader.v DEPTH=@DEPTH@ I=inv_
// One beat of one range, which the solver chooses: its number, its address, what came for it.
(* anyseq *) wire pick;
(* anyseq *) wire [32:0] offset;
reg followed = 1'b0, bad_f;
reg [39:0] beat_f;
reg [63:0] addr_f;
reg [511:0] data_f;
always @(posedge clk) begin
  if (f_came && n_came == beat_f) begin
    data_f <= rdat_data;
    bad_f <= rdat_err;
  end
  if (g_out && n_out == beat_f) followed <= 1'b0;
  if (start && pick && !followed && offset < beats) begin
    followed <= 1'b1;
    beat_f <= t_beats + offset;
    addr_f <= addr + {25'd0, offset, 6'd0};
  end
  if (rst || flush) followed <= 1'b0;
end
wire [39:0] to_ask = beat_f - n_asked, to_come = beat_f - n_came, to_go = beat_f - n_out;
wire unasked = !to_ask[39], uncome = !to_come[39];
// The address of the beat that comes, when it failed first.
reg told = 1'b0;
reg [63:0] bad_addr;
always @(posedge clk) begin
  told <= followed && f_came && n_came == beat_f && rdat_err && !err && !flush && !rst;
  bad_addr <= addr_f;
end

(* hierconn *) wire [ADDRESS-1:0] \store.f_at ;
(* hierconn *) wire [512:0] \store.f_word ;
assign \store.f_at = \store.head + to_go[ADDRESS-1:0];
always @(posedge clk) if (f_started) begin
  inv_flushed_f: assert (!flushed || !followed);
  if (followed) begin
    inv_ahead: assert (beat_f - n_out < t_beats - n_out);
    if (unasked) inv_next_f: assert (to_ask < todo && addr_f == next + {to_ask, 6'd0});
    if (uncome) inv_arriving: assert (addr_f == arriving + {to_come, 6'd0});
    else inv_store: assert (\store.f_word == {bad_f, data_f});
  end
  asked_right: assert (!(followed && f_ask && unasked && to_ask <= rd_beats) || rd_addr + {to_ask, 6'd0} == addr_f);
  order: assert (!(followed && to_go == 0 && out_valid) || out_data == data_f);
  if (told) err_right: assert (err && err_addr == bad_addr);
  delivered: cover (g_out && followed && n_out == 20 && to_go == 0);
  failed: cover (told);
end

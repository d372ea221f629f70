include fifo_word.v
wire [ADDRESS-1:0] place = head + ahead[ADDRESS-1:0];

always @(posedge clk) if (f_started) begin
  inv_used: assert (used <= DEPTH && used[ADDRESS-1:0] == (tail - head));
  inv_place: assert (!inside || (ahead < used && mem[place] == word));
  order: assert (!(inside && ahead == 0) || (out_valid && out_data == word));
  counted: assert (count <= DEPTH && out_valid == (count != 0) && in_ready == (count != DEPTH));
  if ($past(f_started) && $past(rst || clear)) cleared: assert (count == 0 && !out_valid);
  if ($past(f_started) && !$past(rst || clear)) begin
    if ($past(out_valid && !out_ready)) stays: assert (out_valid && out_data == $past(out_data));
    conserved: assert (count == $past(count) + $past(push) - $past(pop));
  end
  full: cover (count == DEPTH);
  through: cover (left && count == 0);
end

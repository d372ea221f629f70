wire pop = out_valid && out_ready;
include fifo_word.v
wire registered = ahead == 0 && out_valid;
wire [ADDRESS-1:0] place = head + ahead[ADDRESS-1:0] - out_valid;

always @(posedge clk) if (f_started) begin
  inv_used: assert (used <= DEPTH && used[ADDRESS-1:0] == (tail - head));
  inv_place: assert (!inside || (ahead < count && (registered ? out_data : mem[place]) == word));
  order: assert (!(inside && registered) || out_data == word);
  counted: assert (count <= DEPTH + 1 && (in_ready || count >= DEPTH) && (!out_valid || count != 0));
  if ($past(f_started) && $past(rst || clear)) cleared: assert (count == 0 && !out_valid);
  if ($past(f_started) && !$past(rst || clear)) begin
    if ($past(out_valid && !out_ready)) stays: assert (out_valid && out_data == $past(out_data));
    conserved: assert (count == $past(count) + $past(push) - $past(pop));
    prompt: assert (out_valid || $past(count) == $past(pop));
  end
  full: cover (count == DEPTH + 1);
  through: cover (left && count == 0);
end

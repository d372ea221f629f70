include queue_env.v

// The submission ring as the surroundings see it: its size when it was loaded, what the doorbells said.
reg [15:0] f_n, f_tail;
wire f_good_sq = db_sq && enabled && db_value < {16'd0, f_n};
wire [15:0] f_to = db_value[15:0];
// Of a ring of `size` entries: the one after `at`, and whether `at` is in [from, to).
function [15:0] f_after(input [15:0] at, input [15:0] size);
  f_after = at + 1'b1 == size ? 16'd0 : at + 1'b1;
endfunction
function f_within(input [15:0] at, input [15:0] from, input [15:0] to);
  f_within = from <= to ? from <= at && at < to : from <= at || at < to;
endfunction
always @(posedge clk) begin
  if (load) f_n <= cfg_sq_entries;
  if (f_good_sq) f_tail <= f_to;
  if (f_over) f_tail <= 0;
end

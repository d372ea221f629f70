include queue_ring.v

// How many entries were moved.
reg [15:0] f_fetch, f_head;
// Of a ring of `size` entries: the steps from `from` to `to`.
function [15:0] f_steps(input [15:0] from, input [15:0] to, input [15:0] size);
  f_steps = from <= to ? to - from : to - from + size;
endfunction
function [15:0] f_on(input [15:0] at, input [16:0] by, input [15:0] size);
  reg [17:0] sum;
  begin
    sum = at + by;
    f_on = sum >= size ? sum - size : sum;
  end
endfunction

// Any entry: it is submitted and not fetched, and so many are to be fetched before it.
(* anyconst *) wire [15:0] f_entry;
reg f_submitted;
reg [16:0] f_before;
// The host has never submitted more than the ring holds. How many submitted commands are not completed then; those of them
// that are fetched or asked for.
reg f_polite;
reg [16:0] f_waiting, f_ahead;
wire [15:0] f_step = f_steps(f_tail, f_to, f_n);
wire f_fits = f_waiting + {1'b0, f_step} < {1'b0, f_n};

// Rings of up to 15 entries.
always @(*) assume (!load || cfg_sq_entries < 16);

always @(posedge clk) begin
  if (f_ask) begin
    f_fetch <= f_after(f_fetch, f_n);
    f_before <= f_before - 1'b1;
    if (f_fetch == f_entry) f_submitted <= 1'b0;
  end
  if (f_good_sq) begin
    if (f_entry < f_n && f_within(f_entry, f_tail, f_to)) begin
      f_submitted <= 1'b1;
      f_before <= f_waiting - f_ahead - f_ask + f_steps(f_tail, f_entry, f_n);
    end
    if (!f_fits) f_polite <= 1'b0;
  end
  f_waiting <= f_waiting + (f_good_sq ? f_step : 16'd0) - f_hand;
  f_ahead <= f_ahead + f_ask - f_hand;
  if (f_hand) f_head <= f_after(f_head, f_n);
  if (f_over) begin
    f_fetch <= 0;
    f_head <= 0;
    f_submitted <= 1'b0;
    f_polite <= 1'b1;
    f_waiting <= 0;
    f_ahead <= 0;
  end
end

always @(*) if (f_started && !rst) begin
  if (enabled) begin
    inv_sizes: assert (sq_entries == f_n && f_n >= 2);
    inv_inside: assert (f_n < 16 && f_tail < f_n && f_fetch < f_n && f_head < f_n);
  end else
    inv_zero: assert (f_tail == 0 && f_fetch == 0 && f_head == 0 && f_polite && f_waiting == 0 && f_ahead == 0 && !f_submitted);
  inv_indices: assert (sq_tail == f_tail && sq_fetch == f_fetch && sq_head == f_head);
  if (f_polite && enabled) begin
    inv_waiting: assert (f_waiting < f_n && f_ahead <= f_waiting);
    inv_tail: assert (f_tail == f_on(f_head, f_waiting, f_n));
    inv_fetch: assert (f_fetch == f_on(f_head, f_ahead, f_n));
    inv_ahead: assert (f_cancelling || f_ahead == fetching + commands$count);
    inv_data: assert (state != DATA || f_ahead != 0);
  end
end

always @(*) if (f_started && !rst) begin
  if (f_polite && f_submitted)
    submitted_kept: assert (f_before < f_waiting - f_ahead && f_entry == f_on(sq_fetch, f_before, f_n));
  if (f_polite) depth_counts: assert ({1'b0, depth} == (enabled ? f_waiting : 17'd0));
  around: cover (f_polite && f_n == 3 && f_fetch == 0 && f_head == 2 && f_submitted && f_entry == 0);
end

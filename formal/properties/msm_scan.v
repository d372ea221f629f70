// Widths that the engine sets, and windows that fit the slots.
localparam A = $bits(src_raddr);
wire [31:0] windows = {24'd0, entries};
always @(*) begin
  assume (window_bits >= 2 && window_bits <= 16 && entries != 0);
  assume (windows << b <= 32'd1 << A && windows << (h + 1) <= 32'd1 << A && windows << 4 <= 32'd1 << A);
  if (start) assume (done && !clear);
end
always @(posedge clk) if (f_started && !$past(done || rst || (tick && clear)))
  assume (phase == $past(phase) && window_bits == $past(window_bits) && entries == $past(entries));
// What was read stays until the next read.
always @(posedge clk) if (f_started && !$past(tick && src_ren)) assume (src_full == $past(src_full) && src_value == $past(src_value));

// A phase is under way, or over; one of its slots, whose turn it is at `turn`.
(* anyconst *) wire [7:0] fw;
(* anyconst *) wire [A-1:0] fj;
always @(*) assume (fw < entries && fj <= last_index);
wire [A-1:0] fj_high = fj >> l;
wire [A-1:0] turn = phase == HALVES ? fj_high | ((((fj & low_mask) - fj_high) & low_mask) << h) : fj;
reg act = 1'b0, seen = 1'b0, left = 1'b0, again = 1'b0;
wire reads = src_ren && src_raddr == (({{(A-8){1'b0}}, fw} << src_stride) | fj);
reg s1_is = 1'b0;
// Weight with which a slot of the phase's memory counts in its window's sum, and the same of an item's slot.
function [31:0] weight(input [1:0] memory, input [31:0] at);
  case (memory)
    HALVES: weight = at == 0 ? 32'd1 << b : at;
    BITS: weight = at == 0 ? 32'd1 << b : at >> h != 0 ? at - (32'd1 << h) : at << l;
    WEIGH: weight = 32'd1 << at;
    default: weight = 32'd1;
  endcase
endfunction
wire sent = has_item && item_ready;
wire [A-1:0] item_index = item_addr - s1_dst;
wire [31:0] item_weight = weight(phase + 2'd1, {{(32-A){1'b0}}, item_index}) << item_m;
reg [31:0] gone = 32'd0;
reg [7:0] outs = 8'd0, s1_window = 8'd0;
reg [A-1:0] last_read;
reg held = 1'b0;
reg [A-1:0] s1_turn;
wire [A-1:0] s1_high = s1_turn & high_mask;
wire [A-1:0] s1_slot = phase == HALVES ? (s1_high << l) | ((s1_high + (s1_turn >> h)) & low_mask) : s1_turn;
always @(posedge clk) begin
  if (tick) begin
    if (src_ren) begin
      s1_is <= reads;
      s1_window <= window;
      s1_turn <= index;
      gone <= 32'd0;
      last_read <= src_raddr;
    end else if (sent) gone <= gone + item_weight;
    if (reads) begin
      seen <= 1'b1;
      if (seen) again <= 1'b1;
    end
    if (s1_leaves && s1_is) left <= 1'b1;
    if (out_valid && out_ready) outs <= outs + 8'd1;
    held <= src_ren || (held && !s1_leaves);
    if (start) begin
      act <= 1'b1;
      seen <= 1'b0;
      left <= 1'b0;
      again <= 1'b0;
      outs <= 8'd0;
    end
    if (clear) begin
      act <= 1'b0;
      held <= 1'b0;
    end
  end
  if (rst) begin
    act <= 1'b0;
    held <= 1'b0;
  end
end
wire [31:0] out_weight = phase == HALVES ? (s1_out[0] ? weight(BITS, half_high) : 0) + (s1_out[1] ? half_low : 0) :
  phase == BITS ? (zero ? (s1_out[0] ? 32'd1 << b : 0) : low_field ? s1_out : s1_out << l) : 0;
always @(posedge clk) if (f_started) begin
  inv_base: assert (!run || (act && window < entries && index <= last_index && src_base == {{(A-8){1'b0}}, window} << src_stride &&
    dst_base == {{(A-8){1'b0}}, window} << dst_stride));
  inv_s1: assert (!s1_valid || (act && s1_index <= last_index && s1_window < entries && s1_addr == last_read &&
    s1_addr == (({{(A-8){1'b0}}, s1_window} << src_stride) | s1_index) && s1_dst == {{(A-8){1'b0}}, s1_window} << dst_stride));
  inv_s1_is: assert (!s1_valid || s1_is == (s1_window == fw && s1_index == fj));
  inv_turn: assert (!s1_valid || (s1_index == s1_slot && s1_turn <= last_index));
  inv_next: assert (!s1_valid || !run || (window == 0 ? s1_window == entries - 8'd1 && index == s1_turn + 1 : window == s1_window + 8'd1 && index == s1_turn));
  inv_seen: assert (!act || done || (seen == (!run || index > turn || (index == turn && window > fw))));
  inv_left: assert (!act || done || (left == (seen && !(s1_valid && s1_is)) && (seen || !(s1_valid && s1_is))));
  inv_gone: assert (!s1_valid || ((s1_out & ~candidates) == 0 && (phase == HALVES || phase == BITS || s1_out == 0) && gone == out_weight));
  inv_held: assert (held == s1_valid);
  inv_outs: assert (!act || done || phase != OUT || (outs == (s1_valid ? s1_window : run ? window : entries) && (!s1_valid || !run || window == s1_window + 8'd1)
    && (!s1_valid || run || s1_window == entries - 8'd1) && (!run || index == 0)));
  once: assert (!act || (!again && (!done || (seen && left))));
  weighs: assert (!(s1_leaves && phase != OUT) || !src_full || gone + (sent ? item_weight : 0) == weight(phase, s1_index));
  carries: assert ((!item_valid || phase != OUT) && (!sent || (item_value == src_value && src_full && held &&
    item_addr - item_index == {{(A-8){1'b0}}, s1_window} << (phase == HALVES ? h + 5'd1 : phase == BITS ? 5'd4 : 5'd0) &&
    {{(32-A){1'b0}}, item_index} >> (phase == HALVES ? h + 5'd1 : phase == BITS ? 5'd4 : 5'd0) == 0)));
  takes: assert (!src_take || (held && src_full && src_taddr == last_read && !(src_ren && src_raddr == src_taddr)));
  empties: assert (!s1_leaves || !src_full || src_take);
  puts_out: assert (!out_valid || (phase == OUT && outs == s1_window && s1_addr == {{(A-8){1'b0}}, outs} && out_value == (src_full ? src_value : 0)));
  moves: assert (done || !item_ready || !out_ready || src_ren || s1_leaves || (sent && !last_item));
  if ($past(f_started && tick && sent && !src_ren && !rst && !clear) && s1_valid) fewer: assert ((pending & ~$past(pending)) == 0 && pending != $past(pending));
  whole: cover (act && done && phase == HALVES && entries == 2 && window_bits == 3);
  two: cover (s1_valid && phase == BITS && src_full && gone == 12 && last_item && s1_leaves);
  last: cover (phase == WEIGH && item_valid && item_m == 2 && item_ready);
  out: cover (outs == 3);
end

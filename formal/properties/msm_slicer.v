// What the engine sets: c = window_bits, A lanes of which this is number a, r windows that all share.
(* anyconst *) wire [2:0] lanes;
(* anyconst *) wire [1:0] lane;
localparam A = $bits(item_addr);
wire [6:0] width = {2'd0, window_bits};
wire [31:0] all_entries = {24'd0, entries};
always @(*) begin
  assume (lanes >= 1 && lanes <= 4 && lane < lanes && shared < lanes);
  assume (window_bits >= 2 && window_bits <= 16 && entries > shared && all_entries << (window_bits - 1) <= 32'd1 << A);
  assume (own_shift == (shared + lane) * width && jump_shift == (lane + 1) * width && step_shift == lanes * width);
  if (in_shared) assume (shared != 0);
  if (q_shared) assume (shared != 0);
end
always @(posedge clk) if (f_started) assume (window_bits == $past(window_bits) && shared == $past(shared) && entries == $past(entries));
// Parameters are stable from a clock before the first point.
reg f_stable = 1'b0;
always @(posedge clk) f_stable <= 1'b1;
always @(*) if (!f_stable || !f_started) assume (!in_valid && !queue$out_valid);

// What came in last.
reg came = 1'b0, came_shared;
reg [269:0] came_f;
reg [1015:0] came_point;
always @(posedge clk) begin
  if (in_valid && in_ready) begin
    came <= 1'b1;
    came_shared <= in_shared;
    came_f <= in_f;
    came_point <= in_point;
  end else if (p_moves) came <= 1'b0;
  if (rst || flush) came <= 1'b0;
end

// The point at work: one bit of its f, shifted as it came from the queue, and where its present window begins in that.
(* anyconst *) wire [8:0] j;
reg f_bit;
reg [1015:0] point;
reg f_shared;
wire [8:0] first = f_shared ? 9'd0 : {7'd0, shared} + {7'd0, lane};
function [8:0] window_of(input [7:0] e);
  window_of = e < {6'd0, shared} ? {1'd0, e} : {7'd0, shared} + ({1'd0, e} - {7'd0, shared}) * {6'd0, lanes} + {7'd0, lane};
endfunction
always @(posedge clk) if (tick && load) begin
  f_bit <= j < 270 && q_f[j];
  point <= q_point;
  f_shared <= q_shared;
end
wire [8:0] at = (window_of(entry) - first) * {4'd0, window_bits};
wire [8:0] at_next = (window_of(entry + 8'd1) - first) * {4'd0, window_bits};
// The windows of all lanes lie within f.
wire [15:0] all_windows = {14'd0, shared} + {8'd0, entries - {6'd0, shared}} * {13'd0, lanes};
always @(*) assume (all_windows <= 135 && all_windows * {11'd0, window_bits} <= 270);
// The digit of this window, less 2^c when its top bit is set, negated: its bucket and sign.
wire [15:0] fw = rest[15:0] & ~(16'hfffe << (window_bits - 1));
wire top = fw >> (window_bits - 1) != 0;
wire [16:0] magnitude = top ? (17'd1 << window_bits) - {1'b0, fw} : {1'b0, fw};
wire [A-1:0] address = ({{(A-8){1'b0}}, entry} << (window_bits - 1)) | (magnitude & ((17'd1 << (window_bits - 1)) - 17'd1));
// Items that have to come: the oldest at 0.
reg [1:0] due = 2'd0;
reg [A-1:0] due_at [0:1];
reg due_negative [0:1];
reg [1015:0] due_point [0:1];
wire push = tick && slice && fw != 0;
wire pop = tick && item_valid && item_ready;
always @(posedge clk) begin
  if (pop) begin
    due_at[0] <= due_at[1];
    due_negative[0] <= due_negative[1];
    due_point[0] <= due_point[1];
  end
  if (push) begin
    due_at[due - pop] <= address;
    due_negative[due - pop] <= !top;
    due_point[due - pop] <= point;
  end
  due <= due + push - pop;
  if (rst || flush) due <= 2'd0;
end
function [253:0] signed_field(input negative, input [253:0] y);
  signed_field = negative && y != 0 ? PRIME - y : y;
endfunction
wire [1015:0] value = {signed_field(due_negative[0], due_point[0][1015:762]), signed_field(due_negative[0], due_point[0][761:508]), due_point[0][507:0]};
wire [1:0] second = {1'b0, item_valid};
always @(posedge clk) if (f_started) begin
  inv_came: assert (p_valid == came && (!came || (p_shared == came_shared && p_point == came_point)));
  inv_entry: assert (!s_valid || (f_stable && entry < entries && (entry >= shared || f_shared) && base == {{(A-8){1'b0}}, entry} << (window_bits - 1) &&
    shift == at_next - at && s_point == point && !(f_shared && shared == 0)));
  inv_own: assert (own_base == {{(A-2){1'b0}}, shared} << (window_bits - 1) || !f_stable);
  inv_due: assert (due == f1_valid + item_valid && (!f1_valid || (f1_addr == due_at[second[0]] && f1_negative == due_negative[second[0]] && f1_point == due_point[second[0]])));
  enters: assert (!queue$in_valid || (came && queue$in_data == {came_shared, came_shared ? came_f : came_f >> own_shift, came_point}));
  drops: assert (!(came && p_moves && !(queue$in_valid && queue$in_ready)) || (came_shared ? came_f : came_f >> own_shift) == 0);
  inv_j: assert (!s_valid || j < 270 || !f_bit);
  fields: assert (!s_valid || j < at || j - at >= 270 || rest[j - at] == f_bit);
  items: assert (item_valid == (due != 0 && !(due == 1 && f1_valid)) && (!item_valid || (item_addr == due_at[0] && item_value == value)));
  complete: assert (!(finish && tick) || entry == entries - 8'd1 || j < at_next || !f_bit);
  if ($past(f_started && !rst && !flush && tick && s_valid)) in_turn: assert (!s_valid || $past(load) || entry == $past(entry) + $past(slice));
  moves: assert (!(tick && item_ready && s_valid) || slice);
  done: assert (empty == (!came && !queue$out_valid && !s_valid && due == 0));
  negative: cover (pop && due_negative[0] && window_bits == 5 && entry == 3 && shared == 2 && lanes == 3);
  biggest: cover (pop && item_addr == 17'd16 && window_bits == 5 && !due_negative[0]);
  gapless: cover (finish && load && tick && due == 2);
end

// The engine's parameters: windows that fit f, stable from two clocks before a command.
reg [1:0] f_age = 2'd0;
always @(posedge clk) if (f_age != 3) f_age <= f_age + 2'd1;
wire [12:0] all_bits = {5'd0, windows} * {8'd0, window_bits};
always @(*) begin
  assume (window_bits >= 2 && window_bits <= 16 && windows != 0 && all_bits <= 270);
  if (f_age != 3) assume (!start && rst);
  if (start) assume (!flush && fetches == 0 && splits == 0 && scalars_left == 0 && !words$out_valid);
end
always @(posedge clk) if (f_started) begin
  assume (window_bits == $past(window_bits) && windows == $past(windows));
  if (!($past(rst || flush))) begin
    assume (montgomery == $past(montgomery) && count == $past(count));
    if ($past(words$out_valid && !words$out_ready)) assume (words$out_valid && words$out_data == $past(words$out_data));
  end
end
always @(posedge clk) if (!f_started) inv_first: assert (f_age == 0);
// The queue, as FIFOs are proved.
localparam D = CREDITS;
reg [9:0] held = 10'd0;
always @(*) assume (queue$in_ready == (held != D) && queue$out_valid == (held != 0));
always @(posedge clk) begin
  held <= held + (queue$in_valid && queue$in_ready) - (queue$out_valid && queue$out_ready);
  if (rst || flush) held <= 10'd0;
end
// H: bit i is set when i + 1 is a multiple of c, within the windows.
reg [269:0] h_wide;
always @(*) begin : spec
  integer i;
  reg [4:0] in_window;
  in_window = 5'd0;
  for (i = 0; i < 270; i = i + 1) begin
    in_window = in_window + 5'd1;
    h_wide[i] = in_window == window_bits && i < all_bits;
    if (in_window == window_bits) in_window = 5'd0;
  end
end
// A scalar that enters, and what becomes of it.
reg v1 = 1'b0, v2 = 1'b0;
reg [255:0] s1, s2;
always @(posedge clk) begin
  v1 <= r0_valid && !rst && !flush;
  v2 <= v1 && !rst && !flush;
  s1 <= r0_scalar;
  s2 <= s1;
end
wire [269:0] e2 = top_bits - {14'd0, s2};
reg [9:0] flying_n;
always @(*) begin : count_flying
  integer i;
  flying_n = 0;
  for (i = 0; i < LATENCY; i = i + 1) flying_n = flying_n + flying[i];
end
// Scalars of the present vector that have been taken from the beats.
reg [31:0] taken_n = 32'd0, vector_n = 32'd0;
always @(posedge clk) begin
  if (go) taken_n <= taken_n + 32'd1;
  if (!go && scalars_left == 0 && splits != 0) begin
    taken_n <= 32'd0;
    vector_n <= count;
  end
  if (rst || flush) begin
    taken_n <= 32'd0;
    vector_n <= 32'd0;
  end
end
always @(posedge clk) if (f_started) begin
  inv_flying: assert (montgomery || flying == 0);
  inv_held: assert (held <= D);
  inv_span: assert (f_age < 2 || span == all_bits[8:0]);
  inv_age: assert (f_age == 3 || (!r1_valid && !r2_valid));
  inv_low: assert (!v1 || f_age != 3 || (r1_low == {1'b0, top_bits[127:0]} - {1'b0, s1[127:0]} && r1_high == s1[255:128]));
  inv_valid: assert (r1_valid == v1 && r2_valid == v2);
  inv_credits: assert ({3'd0, credits} + held + flying_n + v1 + v2 == D);
  inv_taken: assert (taken_n + scalars_left == vector_n && taken_n <= vector_n && half == (taken_n[0] && scalars_left != 0));
  pattern_right: assert (f_age != 3 || top_bits == h_wide);
  fits: assert (!v2 || f_age != 3 || r2_bad == ({14'd0, s2} > top_bits));
  recoded: assert (!v2 || f_age != 3 || {14'd0, s2} > top_bits || r2_f == (e2 ^ top_bits));
  zero: assert (!queue$in_valid || queue$in_data == {r2_bad, r2_f == 0, r2_f});
  room: assert (!queue$in_valid || queue$in_ready);
  each: assert (!go || (scalar == (taken_n[0] ? words$out_data[511:256] : words$out_data[255:0]) && (words$out_ready == (taken_n[0] || taken_n + 32'd1 == vector_n))));
  only: assert (go || !words$out_ready);
  moves: assert (!(words$out_valid && scalars_left != 0 && credits != 0) || go);
  odd: cover (go && !half && scalars_left == 1 && vector_n == 3 && v2 && !montgomery);
  out_of_range: cover (v2 && r2_bad && window_bits == 13);
  waits: cover (words$out_valid && credits == D - 3);
end

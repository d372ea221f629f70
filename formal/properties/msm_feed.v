// The streams: what is offered stays until it is taken or flushed.
always @(posedge clk) if (f_started && !$past(rst || flush)) begin
  if ($past(points$out_valid && !points$out_ready)) assume (points$out_valid && points$out_data == $past(points$out_data));
  if ($past(digits$out_valid && !digits$out_ready)) assume (digits$out_valid && digits$out_f == $past(digits$out_f) && digits$out_zero == $past(digits$out_zero) && digits$out_bad == $past(digits$out_bad));
  assume (!$past(points$err) || points$err);
end
always @(*) assume (!(flush && points$out_valid));
// The surroundings: a member begins when the last one is done, a command when all is; the group is steady meanwhile.
always @(*) begin
  if (begin_member) assume (done);
  if (start) assume (done && fetches == 0 && !begin_member && !flush);
end
always @(posedge clk) if (f_started && !(done && !$past(begin_member))) assume (g2 == $past(g2) && count == $past(count));
// Beats and scalars taken of this member; the first beat of a G2 point.
reg [32:0] beats = 33'd0;
reg [31:0] scalars_n = 32'd0, member = 32'd0;
reg [511:0] lower;
reg half = 1'b0;
wire take_point = points$out_valid && points$out_ready;
wire take_scalar = digits$out_valid && digits$out_ready;
wire whole = take_point && (!g2 || half);
wire none = points$out_data == 0 && (!g2 || lower == 0);
// A point that has to go out, of `whole` and `take_scalar`.
wire goes = whole && !none && !digits$out_zero && !digits$out_bad;
reg due = 1'b0;
reg [1023:0] due_point;
reg [269:0] due_f;
reg [31:0] due_index;
reg out_of_range = 1'b0;
reg [31:0] bad_index;
always @(posedge clk) begin
  if (take_point) begin
    beats <= beats + 33'd1;
    lower <= points$out_data;
    half <= g2 && !half;
  end
  if (take_scalar) scalars_n <= scalars_n + 32'd1;
  if (out_valid && out_ready) due <= 1'b0;
  if (goes) begin
    due <= 1'b1;
    due_point <= {points$out_data, lower};
    due_f <= digits$out_f;
    due_index <= scalars_n;
  end
  if (whole && digits$out_bad && !none && !out_of_range) begin
    out_of_range <= 1'b1;
    bad_index <= scalars_n;
  end
  if (begin_member) begin
    beats <= 33'd0;
    scalars_n <= 32'd0;
    member <= count;
  end
  if (start) out_of_range <= 1'b0;
  if (rst || flush) begin
    due <= 1'b0;
    half <= 1'b0;
    beats <= 33'd0;
    scalars_n <= 32'd0;
    member <= 32'd0;
  end
  if (rst) out_of_range <= 1'b0;
end
// Ranges of points that were asked for since the start.
reg [17:0] ranges = 18'd0;
reg [16:0] members = 17'd0;
always @(posedge clk) begin
  if (points$start) ranges <= ranges + 18'd1;
  if (start) begin
    ranges <= 18'd0;
    members <= {1'b0, more} + 17'd1;
  end
  if (rst || flush) begin
    ranges <= 18'd0;
    members <= 17'd0;
  end
end
wire [1015:0] coordinates = g2 ? {due_point[1021:768], due_point[765:512], due_point[509:256], due_point[253:0]} :
  {254'd0, due_point[1021:768], 254'd0, due_point[765:512]};
reg [31:0] turn_index = 32'd0;
reg [1:0] expected_turn = 2'd0, due_turn;
always @(posedge clk) begin
  if (whole) expected_turn <= expected_turn == 2'd2 ? 2'd0 : expected_turn + 2'd1;
  if (goes) due_turn <= expected_turn;
  if (begin_member) expected_turn <= 2'd0;
end
always @(posedge clk) if (f_started) begin
  inv_half: assert (half == second && (!half || (g2 && points_left != 0)) && (!half || (x_zero == (lower == 0) && x == {lower[509:256], lower[253:0]})));
  inv_left: assert (scalars_n + points_left == member && scalars_n <= member && (points_left == 0 || index == scalars_n));
  inv_turn: assert (points_left == 0 || turn == expected_turn);
  inv_ranges: assert (ranges <= {1'b0, members} && {1'b0, fetches} + ranges == {1'b0, members});
  inv_busy: assert (points_left == 0 || !(done));
  together: assert (take_scalar == whole && (!take_scalar || scalars_n < member) && (!take_point || points_left != 0));
  beats_two: assert (beats == (g2 ? {scalars_n, 1'b0} + half : {1'b0, scalars_n}) || done);
  exactly: assert (out_valid == due);
  point: assert (!due || out_point == coordinates);
  digit_word: assert (!due || out_f == due_f);
  in_turn: assert (!due || out_turn == due_turn);
  range: assert (range_err == out_of_range && (!out_of_range || range_err_index == bad_index));
  all_out: assert (!done || (!due && scalars_n == member && !half));
  asks: assert (!points$start || (points$ready && ranges < members && points$beats == (g2 ? {count, 1'b0} : {1'b0, count}) && points$addr == bases));
  moves: assert (done || flush || !(points$out_valid && digits$out_valid) || !(out_ready || !out_valid) || take_point || points_left == 0);
  g2_point: cover (due && g2 && out_turn == 2);
  dropped: cover (whole && none && $past(due));
  range_seen: cover (range_err && range_err_index == 2);
end

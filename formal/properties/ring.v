localparam LOG2 = $bits(age), WIDTH = $bits(value);
// One word, which the solver chooses, from the tick it goes in until another takes its place: ticks since then, its place.
(* anyseq *) wire pick;
reg followed = 1'b0;
reg [LOG2:0] ticks;
reg [LOG2-1:0] place;
reg [WIDTH-1:0] value_f;
always @(posedge clk)
  if (rst) followed <= 1'b0;
  else if (tick && followed) begin
    ticks <= ticks + 1'b1;
    if (ticks == (1 << LOG2)) followed <= 1'b0;
  end else if (tick && pick) begin
    followed <= 1'b1;
    ticks <= 1;
    place <= now[LOG2-1:0];
    value_f <= value;
  end
wire asked = tick && followed && ticks == age && age <= SPAN;
// The last tick asked for the followed word; `oldest`, at the largest age.
reg due = 1'b0, oldest = 1'b0;
reg [WIDTH-1:0] value_due;
always @(posedge clk) begin
  if (tick) due <= asked;
  if (tick) oldest <= asked && age == SPAN;
  if (tick) value_due <= value_f;
  if (rst) {due, oldest} <= 2'd0;
end

always @(posedge clk) if (f_started) begin
  inv_place: assert (!followed || (ticks != 0 && ticks <= (1 << LOG2) && place == now[LOG2-1:0] - ticks[LOG2-1:0] && words[place] == value_f));
  inv_oldest: assert (!oldest || due);
  right: assert (!due || word == value_due);
  if ($past(f_started) && !$past(tick)) stays: assert (word == $past(word));

  longest: cover (oldest && value_due == 8'd5);
end

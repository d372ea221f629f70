localparam M = $bits(number), OUT = `OUT;

function [M-1:0] f_rev(input [M-1:0] x, input [$bits(len)-1:0] bits);
  integer i;
  begin
    f_rev = 0;
    for (i = 0; i < M; i = i + 1) f_rev[M-1-i] = x[i];
    f_rev = f_rev >> (M - bits);
  end
endfunction

// The parameters are legal, and constant from a tile's first step to its last.
wire [M:0] f_transforms = 1 << tile;
always @(*) begin
  assume (len <= M && tile <= M && {1'b0, len} + tile <= M);
  assume (last < f_transforms);
  assume (!interleaved || (!reversed && last == f_transforms - 1'b1));
end
// Elements of the tile that have gone.
reg [M:0] f_n = 0;
always @(posedge clk) f_n <= rst || start || (step && ends) ? 0 : f_n + step;
always @(posedge clk) if (f_started && f_n != 0)
  assume ($stable(len) && $stable(tile) && $stable(last) && $stable(interleaved) && $stable(reversed));

// What comes as element f_n.
wire [M:0] f_lengths = 1 << len;
wire [M-1:0] f_p = interleaved ? f_n >> tile : f_n & (f_lengths - 1'b1);
wire [M-1:0] f_t = interleaved ? f_n & (f_transforms - 1'b1) : f_n >> len;
wire [M-1:0] f_number = reversed ? f_rev(f_p, len) : f_p;
wire [M-1:0] f_lies = OUT ? f_rev(f_number, len) : f_number;

// A place of the tile, and when it comes.
(* anyconst *) wire [M-1:0] f_l, f_transform;
wire f_there = f_l < f_lengths && f_transform <= last;
wire [M-1:0] f_place = f_l << tile | f_transform;
wire [M-1:0] f_at = (OUT != 0) == reversed ? f_l : f_rev(f_l, len);
wire [M:0] f_turn = interleaved ? f_at << tile | f_transform : f_transform << len | f_at;
reg f_seen = 0;
wire f_now = step && place == f_place;
always @(posedge clk) f_seen <= !(rst || start || (step && ends)) && (f_seen || f_now);

always @(posedge clk) if (f_started) begin
  inv_p: assert (p == f_p && t == f_t && mirrored == f_rev(f_p, len));
  inv_n: assert (f_n == 0 || (f_n < f_lengths * f_transforms && f_t <= last));
  inv_seen: assert (f_n == 0 ? !f_seen : !f_there || f_seen == (f_n > f_turn));
  order: assert (number == f_number && place == (f_lies << tile | f_t));
  limits: assert (ends == (f_p == f_lengths - 1'b1 && f_t == last) && inner_ends == (interleaved ? f_t == last : f_p == f_lengths - 1'b1));
  if (f_there && step) once: assert (!(f_seen && f_now) && (!ends || f_seen || f_now));
  whole: cover (step && ends && f_n == 15 && len == 2);
  backward: cover (step && reversed && len == 3 && f_n == 6);
  partial: cover (step && ends && last == 2 && tile == 2);
end

// Places from the first in line, @first@, to requester `who`, which was passed over `passed` times.
reg [7:0] distance;
integer k;
always @(*) begin
  distance = 0;
  for (k = 0; k < N; k = k + 1) if (@first@[(who + N - k) % N]) distance = k;
end
always @(posedge clk) if (f_started) begin
  inv_first: assert (@first@ != 0 && (@first@ & (@first@ - 1'b1)) == 0);
  inv_line: assert (passed + distance < N);
  fair: assert (passed < N);
end

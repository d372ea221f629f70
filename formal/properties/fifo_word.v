localparam WIDTH = $bits(in_data), COUNT = $bits(count), ADDRESS = $bits(head);
// One word of the stream, which the solver chooses, is followed from entry to exit.
(* anyseq *) wire pick;
reg followed = 1'b0, left = 1'b0;
reg [WIDTH-1:0] word;
// Words before it, that in an output register too.
reg [COUNT-1:0] ahead;
always @(posedge clk)
  if (rst || clear) begin
    followed <= 1'b0;
    left <= 1'b0;
  end else begin
    if (push && pick && !followed) begin
      followed <= 1'b1;
      word <= in_data;
      ahead <= count - pop;
    end else if (followed && !left && pop) begin
      if (ahead == 0) left <= 1'b1;
      else ahead <= ahead - 1'b1;
    end
  end
wire inside = followed && !left;

localparam N = $bits(req);
always @(posedge clk) if (f_started) begin
  granted: assert (any == |req && (grant & ~req) == 0 && (grant & (grant - 1'b1)) == 0 && (grant != 0) == any);
  numbered: assert (grant == 0 || grant == (1 << index));
  nobody: cover (!any);
end

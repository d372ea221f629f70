// Steps of the model are finer than clocks: `clk` is free, and what comes from registers of `clk` has settled when it falls.
(* gclk *) reg f_step;
reg f_after = 1'b0;
reg f_clk = 1'b0, f_gated = 1'b0, f_rst = 1'b1, f_wanted = 1'b0;
wire f_rise = f_after && clk && !f_clk;
always @(posedge f_step) begin
  f_after <= 1'b1;
  f_clk <= clk;
  f_gated <= gated;
  f_rst <= rst;
  f_wanted <= wanted;
end
always @(*) if (f_after && !clk) assume (rst == f_rst && wanted == f_wanted);
always @(*) if (!f_after) assume (!clk);
// A rising edge under reset and the falling edge after it make the gate's registers known.
reg f_reset = 1'b0, f_known = 1'b0, f_open;
always @(posedge f_step) begin
  if (f_rise && f_rst) f_reset <= 1'b1;
  if (f_reset && f_clk && !clk) f_known <= 1'b1;
  f_open <= open;
end
// Rising edges of `clk` since the engine was last wanted, as far as they matter.
reg [6:0] f_idle = 0;
always @(posedge f_step) if (f_rise) f_idle <= f_rst || f_wanted ? 0 : f_idle == 7'd100 ? f_idle : f_idle + 1'b1;

always @(posedge f_step) if (f_known) begin
  within: assert (!gated || clk);
  whole: assert (!(clk && f_clk) || gated == f_gated);
  settled: assert (!clk || open == f_open);
  if (f_rise && (f_wanted || f_rst)) wakes: assert (gated);
  if (f_rise && f_idle < 64) glows: assert (gated);
  if (f_rise && f_idle >= 64 && !f_wanted && !f_rst) rests: assert (!gated);
  if (!f_rise) inv_left: assert (f_idle > 64 ? left == 0 && (clk || open == run) : left == 7'd64 - f_idle);
  stopped: cover (f_rise && !gated);
  awake: cover (f_rise && gated && f_idle > 64);
end

// Members that lane @K@ was closed for; that it has put out; sums of the present one, sums of all lanes in the members before.
reg [17:0] closes@K@ = 18'd0, put_out@K@ = 18'd0;
reg [7:0] sums@K@ = 8'd0;
reg [63:0] ahead@K@ = 64'd0;
always @(posedge clk) begin
  if (closing[@K@]) closes@K@ <= closes@K@ + 18'd1;
  if (taking[@K@]) begin
    sums@K@ <= sums@K@ + 8'd1;
    if (sums@K@ == c_entries - 8'd1) begin
      sums@K@ <= 8'd0;
      put_out@K@ <= put_out@K@ + 18'd1;
      ahead@K@ <= ahead@K@ + {56'd0, c_entries} * 64'd3;
    end
  end
  if (accepted) begin
    closes@K@ <= 18'd0;
    put_out@K@ <= 18'd0;
    sums@K@ <= 8'd0;
    ahead@K@ <= 64'd0;
  end
end
// The lane offers sums of jobs that it was closed for and has not put out.
always @(*) if (running && offer[@K@]) assume (closes@K@ != put_out@K@);
assign every_place[64*@K@+:64] = c_result + ((ahead@K@ + {56'd0, c_entries} * @K@ + {56'd0, sums@K@}) << c_log);
assign lane_through[@K@] = closes@K@ == started;
assign lane_caught[@K@] = closes@K@ == begun;
assign lane_complete[@K@] = put_out@K@ == members_all;
assign ok_inv_own[@K@] = !known[2] || (every_own[7*@K@+:7] == ((c_shared[6:0] + @K@) * c_width & 7'h7f) && every_jump[7*@K@+:7] == (c_width * (@K@ + 1) & 7'h7f));
assign ok_inv_first[@K@] = !known[4+@K@] || every_first[64*@K@+:64] == c_result + (({56'd0, c_entries} * @K@) << c_log);
assign ok_inv_closes[@K@] = !running || closes@K@ + (joining && !closed[@K@]) == started;
assign ok_inv_fresh[@K@] = !((state == SETUP) || (state == RUN && feed_start)) || (closes@K@ == 0 && put_out@K@ == 0 && sums@K@ == 0 && ahead@K@ == 0);
assign ok_inv_jobs[@K@] = !running || ({1'b0, every_jobs[17*@K@+:17]} + put_out@K@ == members_all && put_out@K@ <= closes@K@ && put_out@K@ <= members_all && every_entry[8*@K@+:8] == sums@K@ && sums@K@ < c_entries);
assign ok_inv_place[@K@] = !running || every_addr[64*@K@+:64] == every_place[64*@K@+:64];
assign ok_once[@K@] = !closing[@K@] || (closes@K@ + 18'd1 == started && begun == started && feed$done && slicer_empty[@K@] && lane_open[@K@]);
assign ok_own[@K@] = !(feed_start || running) || (every_own[7*@K@+:7] == ((c_shared[6:0] + @K@) * c_width & 7'h7f) && every_jump[7*@K@+:7] == (c_width * (@K@ + 1) & 7'h7f));
assign ok_soon[@K@] = !(running && feed$done && !begin_member && slicer_empty[@K@] && lane_open[@K@] && tick && closes@K@ != started) || closing[@K@];

include bus_read_client.v p=
include msm_reader.v DEPTH=@DEPTH@ I=
always @(posedge clk) if (f_started) begin
  full: cover (due + store$count > 16);
  dropped: cover (flush && f_came && due == 1);
end

always @(*) assume (!start || (left == 0 && stride != 0));
// Elements of the operand, that have gone in jobs; where the next one lies.
reg [31:0] f_count = 0, f_stride = 1;
reg [32:0] f_gone = 0;
reg [63:0] f_next = 0;
wire f_taken = job_valid && job_ready;
always @(posedge clk) begin
  if (f_taken) begin
    f_gone <= f_gone + job_count;
    f_next <= f_next + {f_stride, 5'd0};
  end
  if (start) begin
    f_count <= count;
    f_stride <= stride;
    f_gone <= 0;
    f_next <= addr;
  end
  if (rst) {f_count, f_gone} <= 0;
end
always @(posedge clk) if (f_started) begin
  inv_left: assert (left == f_count - f_gone && f_gone <= f_count && (left == 0 || step == f_stride));
  inv_run: assert (f_stride != 1 || f_gone == 0 || f_gone == f_count);
  if (job_valid) begin
    address: assert (job_addr == f_next);
    counted: assert (job_count == (f_stride == 1 ? f_count : 1) && f_gone + job_count <= f_count);
  end
  all: assert (job_valid == (f_gone != f_count));
  if ($past(f_started) && !$past(rst) && $past(job_valid && !job_ready))
    stays: assert (job_valid && $stable(job_addr) && $stable(job_count));
  strided: cover (f_count == 3 && f_stride == 5 && f_gone == 3);
  one_run: cover (f_taken && f_stride == 1 && f_count == 7);
end

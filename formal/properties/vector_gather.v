// The command's words are constant until the end.
reg f_busy = 0;
always @(posedge clk) begin
  f_busy <= !rst && (start || busy);
  if (f_started && (busy || f_busy || $past(start))) assume ($stable(n) && $stable(base) && $stable(stride) && $stable(len));
  // `start` while nothing is left, with one index or more; a flush is held until `busy` falls.
  assume (!start || (!busy && n != 0 && !flush));
  if (f_started && $past(flush && busy)) assume (flush || rst);
end
// Indices taken; jobs that have gone; the indices in the stages and whether one behind an unfit one.
reg [32:0] f_count = 0, f_taken = 0, f_gone = 0;
reg [31:0] f_product_index = 0, f_job_index = 0;
// Products of the same indices with the halves of the stride.
reg [47:0] f_low = 0, f_job_low = 0;
reg [63:0] f_base = 0;
reg [42:0] f_high = 0, f_job_high = 0;
reg f_seen_bad = 0, f_index_behind = 0, f_product_behind = 0, f_job_behind = 0;
wire [31:0] f_word = beat >> {word, 5'd0};
// The index of number f_k, and what its job must be.
(* anyconst *) wire [31:0] f_k;
reg f_known = 0;
reg [31:0] f_index = 0;
always @(posedge clk) begin
  if (take) f_taken <= f_taken + 1'b1;
  if (job_valid && job_ready) f_gone <= f_gone + 1'b1;
  if (take && f_taken == f_k) begin
    f_known <= 1'b1;
    f_index <= f_word;
  end
  if (advance) begin
    if (index_there && unfit) f_seen_bad <= 1'b1;
    f_product_index <= index;
    f_low <= {16'd0, index} * {32'd0, stride[15:0]};
    f_high <= {11'd0, index} * {27'd0, stride[31:16]};
    f_job_low <= f_low;
    f_job_high <= f_high;
    f_base <= base;
    f_product_behind <= f_seen_bad || (index_there && unfit);
    f_job_index <= f_product_index;
    f_job_behind <= f_product_behind;
  end
  if (start || rst || flush) begin
    f_count <= rst || flush ? 0 : n;
    f_taken <= 0;
    f_gone <= 0;
    f_known <= 0;
    f_seen_bad <= 1'b0;
  end
end
wire [1:0] f_inside = {1'b0, product_there} + {1'b0, job_valid};
// Numbers of the indices in the stages.
wire [32:0] f_at_job = f_gone, f_at_product = f_gone + job_valid, f_at_index = f_gone + f_inside;
always @(posedge clk) if (f_started) begin
  inv_left: assert (!f_count[32] && left == f_count - f_taken && f_taken <= f_count);
  inv_word: assert (left == 0 || word == f_taken[3:0]);
  inv_taken: assert (f_seen_bad || f_taken == f_gone + f_inside + index_there);
  inv_gone: assert (f_gone + f_inside <= f_taken && f_gone <= f_taken);
  inv_bad: assert (bad == f_seen_bad);
  inv_behind: assert (!(product_there && f_product_behind) && (!f_seen_bad || f_gone + f_inside < f_taken));
  inv_fit: assert (!product_there || f_product_index < len);
  inv_known: assert (f_known == (f_taken > f_k));
  if (product_there) inv_low: assert (low == f_low && high == f_high);
  if (f_known && !f_seen_bad && index_there && f_at_index == f_k) inv_index: assert (index == f_index);
  if (f_known && product_there && f_at_product == f_k) inv_product: assert (f_product_index == f_index);
  if (job_valid) begin
    fit: assert (f_job_index < len && !f_job_behind);
    address: assert (job_addr == f_base + {11'd0, f_job_low, 5'd0} + {f_job_high, 21'd0});
    if (f_known && f_at_job == f_k) order: assert (f_job_index == f_index);
  end
  if ($past(f_started) && !$past(rst || flush) && $past(job_valid && !job_ready)) stays: assert (job_valid && $stable(job_addr));
  if (f_busy && !busy && !bad && !err && !$past(flush) && !$past(start)) all: assert (f_gone == f_count && f_taken == f_count);
  if ($past(f_started) && $past(flush)) flushed: assert (!job_valid && left == 0 && !bad);
  gathered: cover (f_gone == 3 && !busy && n == 3);
  refused: cover (bad && f_gone == 2 && !job_valid);
end

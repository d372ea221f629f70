// The memory gives beats only for what was asked. A range begins when `ready`; `flush` is held until nothing is under way.
reg [8:0] under_way = 9'd0;
wire [8:0] asks = {1'b0, rd_beats} + 9'd1;
always @(*) begin
  if (under_way == 0) assume (!rdat_valid);
  if (start) assume (ready && !flush && addr[5:0] == 0);
end
always @(posedge clk) if (f_started && !$past(rst) && $past(flush && busy)) assume (flush);
// The queue, as FIFOs are proved.
reg [6:0] held = 7'd0;
always @(*) assume (store$in_ready == (held != 8) && store$out_valid == (held != 0));
always @(posedge clk) if (f_started && !$past(rst) && $past(store$out_valid && !store$out_ready && !store$clear)) assume (store$out_data == $past(store$out_data));
// The range: its first address, beats of it that were asked for, came, left.
reg [63:0] base;
reg [32:0] total = 33'd0, asked = 33'd0, came_n = 33'd0;
reg bad = 1'b0;
reg [63:0] bad_at;
// A beat of the range that the solver chooses fails.
always @(posedge clk) begin
  under_way <= under_way + (sent ? asks : 9'd0) - came;
  held <= held + (store$in_valid && store$in_ready) - (store$out_valid && store$out_ready);
  if (store$clear) held <= 7'd0;
  if (sent) asked <= asked + {24'd0, asks};
  if (came) came_n <= came_n + 33'd1;
  if (came && rdat_err && !bad) begin
    bad <= 1'b1;
    bad_at <= base + {25'd0, came_n, 6'd0};
  end
  if (start) begin
    base <= addr;
    total <= beats;
    asked <= 33'd0;
    came_n <= 33'd0;
  end
  if (flush) bad <= 1'b0;
  if (rst) begin
    under_way <= 9'd0;
    held <= 7'd0;
    total <= 33'd0;
    asked <= 33'd0;
    came_n <= 33'd0;
    bad <= 1'b0;
  end
end
reg flushed = 1'b0;
always @(posedge clk) flushed <= flush && !rst;
// Since a flush the range may have been given up.
reg whole = 1'b1;
always @(posedge clk) if (rst || start) whole <= 1'b1; else if (flush) whole <= 1'b0;
always @(posedge clk) if (f_started) begin
  inv_count: assert (outstanding == under_way && under_way <= 8 && asked - came_n == under_way);
  inv_reserved: assert (flushed ? reserved == 0 && held == 0 && outstanding + (request ? length : 0) <= 8 :
    reserved == outstanding + held && reserved + (request ? length : 0) <= 8);
  inv_next: assert (next == base + {25'd0, asked, 6'd0} || total == 0);
  inv_came: assert (arriving == base + {25'd0, came_n, 6'd0} || total == 0);
  inv_align: assert (total == 0 || base[5:0] == 0);
  inv_todo: assert (todo == 0 || (total == asked + todo && total != 0 && asked < total));
  inv_end: assert (!flushed || flush || (outstanding == 0 && !request));
  inv_all: assert (!whole || total == asked + todo);
  inv_request: assert (!request || todo != 0);
  inv_total: assert (asked <= total && came_n <= asked);
  if (!flush) room: assert (!store$in_valid || store$in_ready);
  in_range: assert (!rd_valid || (rd_addr == base + {25'd0, asked, 6'd0} && asks <= total - asked));
  page: assert (!rd_valid || (rd_addr[5:0] == 0 && {3'd0, rd_addr[11:6]} + asks <= 64 && asks <= 4));
  if ($past(f_started && !rst && rd_valid && !rd_ready)) request_stays: assert (rd_valid && rd_addr == $past(rd_addr) && rd_beats == $past(rd_beats));
  ready_when_all: assert (!ready || !whole || came_n == total);
  at_rest: assert (!(f_started && !busy) || (under_way == 0 && held == 0 && todo == 0 && !rd_valid));
  takes: assert (rdat_ready);
  drops: assert (!flush || !out_valid);
  errors: assert (err == bad && (!bad || err_addr == bad_at));
  if ($past(f_started && !rst && !flush && !start && todo != 0 && reserved <= 4 && !request)) asks_on: assert (rd_valid);
  long: cover (ready && whole && came_n == 7);
  after_flush: cover (!busy && !whole && $past(flush) && came_n == 3);
  full: cover (held == 8 && under_way == 0);
end

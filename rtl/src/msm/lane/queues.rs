//! The ports that a lane's streams share, and the queues before them: what enters the adder, and what is written.
//!
//! Verilog of the unit (see its module docs for the rules), in terms of its streams `r_*` and `n1_*`.

use super::{unit::select, LaneShape};

/// Entries of the store queue. Buckets have two write ports, or three clocks, for about one store a tick; it is HALVES over few
/// windows that needs more than a handful: its regular order brings stores, and then additions, in runs.
pub(super) const STORE_QUEUE: usize = 32;
/// Entries of the add queue. Its arrivals and its free ticks balance, so that waits fall with 1/(entries + 1).
pub(super) const ADD_QUEUE: usize = 32;

/// What enters the adder, and the add queue.
pub(super) fn adds(shape: &LaneShape) -> String {
    let a = shape.address_bits();
    format!(
        r"
// The add queue: entry `late_r` or `late_n` holds an addition with the point that a store is about to overwrite.
reg [{ql}:0] late;
reg [{sl}:0] late_at [0:{ql}];
reg [{vl}:0] late_value [0:{ql}];
reg late_hit_r, late_hit_n;
reg [{il}:0] late_r, late_n, late_any, late_put;
always @(*) begin : search_late
  integer i;
  late_hit_r = 1'b0;
  late_hit_n = 1'b0;
  late_r = 0;
  late_n = 0;
  late_any = 0;
  late_put = 0;
  for (i = {ql}; i >= 0; i = i - 1) begin
    if (late[i] && late_at[i] == r_at) begin
      late_hit_r = r_store;
      late_r = i[{il}:0];
    end
    if (late[i] && late_at[i] == n1_at) begin
      late_hit_n = n_store;
      late_n = i[{il}:0];
    end
    if (late[i]) late_any = i[{il}:0];
    else late_put = i[{il}:0];
  end
end
wire taken = r_again || r_add || direct || late_hit_r;
wire n_issue = n_add && !taken;
wire late_fire = late_hit_r || (late != 0 && !taken && !n_add);
wire [{il}:0] late_get = late_hit_r ? late_r : late_hit_n ? late_n : late_any;
wire late_in = n_add && taken && !n_again && late != {{{q}{{1'b1}}}} && !flush;
wire issue = (taken || n_issue || late_fire) && !flush;
// Additions with a stored point, and its slot.
wire add_stored = r_add || late_fire || (n_issue && !n_again);
wire [{sl}:0] add_at = late_fire ? late_at[late_get] : r_valid && !n_issue ? r_at : n1_at;
wire [3:0] add_m = r_again ? r_m - 4'd1 : n_issue && n_again ? n1_m - 4'd1 : 4'd0;
reg issued, other_known;
reg [{tl}:0] issued_tag;
reg [{vl}:0] operand, other;
reg [1:0] stored_mem;
wire [{vl}:0] stored = {stored};
always @(posedge clk) begin
  if (tick) begin
    issued <= issue;
    if (issue) begin
      issued_tag <= {{add_m, add_at}};
      operand <= late_fire ? late_value[late_get] : n_issue ? n1_value : r_value;
      other <= r_again ? r_value : add_stored ? queue_value[hit] : n1_value;
      other_known <= !add_stored || queue_hit;
      stored_mem <= add_at[{sl}:{a}];
    end
    if (late_fire) late[late_get] <= 1'b0;
    if (late_in) begin
      late[late_put] <= 1'b1;
      late_at[late_put] <= n1_at;
      late_value[late_put] <= n1_value;
    end
  end
  if (rst || (tick && flush)) begin
    issued <= 1'b0;
    late <= 0;
  end
end
",
        vl = shape.point_bits() - 1,
        sl = a + 1,
        tl = a + 5,
        q = shape.add_queue,
        ql = shape.add_queue - 1,
        il = shape.add_queue.ilog2() - 1,
        stored = select("stored_mem", "v_rdata"),
    )
}

/// What is written, and the store queue.
pub(super) fn stores(shape: &LaneShape) -> String {
    let a = shape.address_bits();
    let mut out = format!(
        r"
// The store queue: entry `hit` holds the point that this addition needs, `put` is free.
reg [{ql}:0] queued;
reg [{sl}:0] queue_at [0:{ql}];
reg [{vl}:0] queue_value [0:{ql}];
reg queue_hit;
reg [{il}:0] hit, put;
always @(*) begin : search
  integer i;
  queue_hit = 1'b0;
  hit = 0;
  put = 0;
  ev_queued = 6'd0;
  for (i = {ql}; i >= 0; i = i - 1) begin
    if (queued[i] && queue_at[i] == add_at) begin
      queue_hit = add_stored;
      hit = i[{il}:0];
    end
    if (!queued[i]) put = i[{il}:0];
    ev_queued = ev_queued + {{5'd0, queued[i]}};
  end
end
wire r_late = late_hit_n && taken;
wire port_taken = (r_write0 && n_bank0) || (r_write1 && n_bank1) || (r_write2 && n_bank2);
wire n_write = (same && r_full) || (n_store && !port_taken && !r_late);
wire queue_in = n_store && port_taken && queued != {{{q}{{1'b1}}}} && !r_late;
wire n_fire = n_issue || late_in || direct || n_write || queue_in;
wire n_toggle = n_fire && !n_again && !same;
",
        vl = shape.point_bits() - 1,
        sl = a + 1,
        q = shape.store_queue,
        ql = shape.store_queue - 1,
        il = shape.store_queue.ilog2() - 1,
    );
    for k in 0..3 {
        let in_bank = |at: &str| match k {
            2 => format!("{at}[{}:{a}] != 2'd0", a + 1),
            1 => format!("{at}[{}:{a}] == 2'd0 && (g2 || {at}[0])", a + 1),
            _ => format!("{at}[{}:{a}] == 2'd0 && (g2 || !{at}[0])", a + 1),
        };
        out += &format!(
            r"
// Write port {k}: {what}.
reg queue_get{k};
reg [{il}:0] get{k};
wire n_bank{k} = {n_bank};
wire r_write{k} = r_store && {r_bank};
wire n_write{k} = n_write && n_bank{k};
wire own{k} = tick && !flush && (r_write{k} || n_write{k});
wire write{k} = own{k} || queue_get{k};
wire [{sl}:0] write{k}_at = own{k} ? (r_write{k} ? r_at : n1_at) : queue_at[get{k}];
wire [{vl}:0] write{k}_value = own{k} ? (r_write{k} ? r_value : n1_value) : queue_value[get{k}];
always @(*) begin : search{k}
  integer i;
  queue_get{k} = 1'b0;
  get{k} = 0;
  for (i = {ql}; i >= 0; i = i - 1)
    if (queued[i] && {q_bank}) begin
      queue_get{k} = 1'b1;
      get{k} = i[{il}:0];
    end
end
",
            what = ["bank 0 of memory 0", "bank 1 of memory 0", "memories 1 to 3"][k],
            vl = shape.point_bits() - 1,
            sl = a + 1,
            ql = shape.store_queue - 1,
            il = shape.store_queue.ilog2() - 1,
            n_bank = in_bank("n1_at"),
            r_bank = in_bank("r_at"),
            q_bank = in_bank("queue_at[i]"),
        );
    }
    out + r"
always @(posedge clk) begin
  if (queue_get0 && !own0) queued[get0] <= 1'b0;
  if (queue_get1 && !own1) queued[get1] <= 1'b0;
  if (queue_get2 && !own2) queued[get2] <= 1'b0;
  if (tick) begin
    if (queue_hit) queued[hit] <= 1'b0;
    if (queue_in) begin
      queued[put] <= 1'b1;
      queue_at[put] <= n1_at;
      queue_value[put] <= n1_value;
    end
  end
  if (rst || (tick && flush)) queued <= 0;
end
"
}

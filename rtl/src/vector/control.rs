//! The life of a command in the vector engine, as Verilog in the engine's module: see [`super::engine`].

use permafrost_abi::{
    vector::{VECTOR_KIND_A, VECTOR_KIND_B, VECTOR_KIND_C},
    Command, Status, VectorCommand, VectorKind, VectorOperation, VectorParameters,
};
use std::mem::offset_of;

/// Offset of a command's body.
const BODY: usize = offset_of!(Command, body);

/// The command's words and what they say.
pub fn command() -> String {
    format!(
        r"
reg [63:0] a_addr, b_addr, c_addr, d_addr, params_addr;
reg [31:0] n;
reg [1:0] operation;
reg [2:0] flags;
reg [5:0] kinds;
localparam [1:0] MAP = {map}, REDUCE = {reduce}, PREFIX_PRODUCT = {prefix};
localparam [1:0] STREAM = {stream}, SCALAR = {scalar}, POWERS = {powers}, GATHER = {gather};
localparam [7:0] ST_SUCCESS = {success}, ST_FIELD = {field}, ST_ADDRESS = {address}, ST_READ = {read}, ST_WRITE = {write},
  ST_PARAMETER = {parameter};
localparam [31:0] AT_A = {at_a}, AT_B = {at_b}, AT_C = {at_c}, AT_D = {at_d};
localparam [31:0] AT_INDICES = {at_indices}, AT_B_LEN = {at_b_len};
wire [1:0] a_kind = kinds[{ka}+:2], b_kind = kinds[{kb}+:2], c_kind = kinds[{kc}+:2];
wire reduce = operation == REDUCE;
wire mapped = operation == MAP || reduce;
wire prefix = operation == PREFIX_PRODUCT;
wire a_stream = !mapped || a_kind == STREAM;
wire b_stream = mapped && b_kind == STREAM;
wire c_stream = mapped && c_kind == STREAM;
wire a_scalar_on = mapped && a_kind == SCALAR;
wire b_scalar_on = mapped && b_kind == SCALAR;
wire c_scalar_on = mapped && c_kind == SCALAR;
wire b_powers = mapped && b_kind == POWERS;
wire b_gather = mapped && b_kind == GATHER;
wire [31:0] d_count = reduce ? 32'd1 : n;
// The dispatcher has checked what these would say.
wire unused = &{{1'b0, cmd_operation[7:2], cmd_flags[7:3], cmd_kinds[7:6]}};
",
        map = VectorOperation::Map as u8,
        reduce = VectorOperation::Reduce as u8,
        prefix = VectorOperation::PrefixProduct as u8,
        stream = VectorKind::Stream as u8,
        scalar = VectorKind::Scalar as u8,
        powers = VectorKind::Powers as u8,
        gather = VectorKind::Gather as u8,
        success = Status::Success as u16,
        field = Status::BadField as u16,
        address = Status::BadAddress as u16,
        read = Status::DramReadError as u16,
        write = Status::DramWriteError as u16,
        parameter = Status::BadParameter as u16,
        at_a = BODY + offset_of!(VectorCommand, a),
        at_b = BODY + offset_of!(VectorCommand, b),
        at_c = BODY + offset_of!(VectorCommand, c),
        at_d = BODY + offset_of!(VectorCommand, d),
        at_indices = offset_of!(VectorParameters, indices),
        at_b_len = offset_of!(VectorParameters, b_len),
        ka = VECTOR_KIND_A,
        kb = VECTOR_KIND_B,
        kc = VECTOR_KIND_C,
    )
}

/// The states, and how a command ends.
pub const CONTROL: &str = r"
localparam [2:0] IDLE = 0, PARAMS = 1, BOUNDS = 2, RUN = 3, SUM = 4, FINISH = 5, FAIL = 6;
reg [2:0] state;
reg params_start, bounds_start, start, aborted;
wire flush = state == FAIL;
wire a_taken_if_there = mapped ? lane$a_ready : prefix ? scan$a_ready : inverse$a_ready;
wire units_done = lane$done && scan$done && inverse$done;
wire reading = params$busy || port_a$busy || port_b$busy || port_c$busy || gather$busy;
wire running = state == RUN || state == SUM || state == FINISH;
wire read_err = port_a$err || port_b$err || port_c$err || gather$err;
// What has gone wrong, if anything; the earliest stage first.
reg [7:0] status;
reg [63:0] status_addr;
reg [31:0] status_info;
always @(*) begin
  status = ST_SUCCESS;
  status_addr = 64'd0;
  status_info = 32'd0;
  if (state == PARAMS && !params_start) begin
    if (params$err) begin
      status = ST_READ;
      status_addr = params$err_addr;
    end else if (params$valid && params$bad) begin
      status = ST_PARAMETER;
      status_info = {24'd0, params$bad_at};
    end
  end
  if (state == BOUNDS && !bounds_start && bounds$valid) begin
    if (bounds$outside && bounds$outside_which == 3'd4) begin
      status = ST_PARAMETER;
      status_info = AT_INDICES;
    end else if (bounds$outside) begin
      status = ST_ADDRESS;
      case (bounds$outside_which[1:0])
        2'd0: {status_info, status_addr} = {AT_A, a_addr};
        2'd1: {status_info, status_addr} = {AT_B, b_addr};
        2'd2: {status_info, status_addr} = {AT_C, c_addr};
        default: {status_info, status_addr} = {AT_D, d_addr};
      endcase
    end else if (bounds$overlap) begin
      status = ST_FIELD;
      status_addr = d_addr;
      status_info = AT_D;
    end
  end
  if (running) begin
    if (read_err) begin
      status = ST_READ;
      status_addr = port_a$err ? port_a$err_addr : port_b$err ? port_b$err_addr
        : port_c$err ? port_c$err_addr : gather$err_addr;
    end else if (port_d$err) begin
      status = ST_WRITE;
      status_addr = port_d$err_addr;
    end else if (gather$bad) begin
      status = ST_PARAMETER;
      status_info = AT_B_LEN;
    end
  end
end
always @(*) begin
  cmd_ready = state == IDLE && !cancel;
  busy = state != IDLE;
  ev_element = lane$entered || (!mapped && port_a$out_valid && a_taken_if_there);
end
always @(posedge clk) begin
  params_start <= 1'b0;
  bounds_start <= 1'b0;
  start <= 1'b0;
  done_valid <= 1'b0;
  if (cancel && busy) aborted <= 1'b1;
  case (state)
    IDLE: if (cmd_valid && cmd_ready) begin
      a_addr <= cmd_a;
      b_addr <= cmd_b;
      c_addr <= cmd_c;
      d_addr <= cmd_d;
      params_addr <= cmd_params;
      n <= cmd_n;
      operation <= cmd_operation[1:0];
      flags <= cmd_flags[2:0];
      kinds <= cmd_kinds[5:0];
      done_status <= ST_SUCCESS;
      done_addr <= 64'd0;
      done_info <= 32'd0;
      aborted <= 1'b0;
      params_start <= 1'b1;
      state <= PARAMS;
    end
    PARAMS: if (!params_start && params$valid) begin
      bounds_start <= 1'b1;
      state <= BOUNDS;
    end
    BOUNDS: if (!bounds_start && bounds$valid) begin
      start <= 1'b1;
      state <= RUN;
    end
    RUN: if (!start && units_done) state <= reduce ? SUM : FINISH;
    SUM: if (port_d$in_ready) state <= FINISH;
    FINISH: if (!port_d$busy && !reading) begin
      done_valid <= 1'b1;
      state <= IDLE;
    end
    FAIL: if (!port_d$busy && !reading) begin
      done_valid <= !aborted && !cancel;
      state <= IDLE;
    end
    default: ;
  endcase
  // Whatever it was about to do: a failure or `cancel` comes first.
  if (busy && !flush && (aborted || cancel || status != ST_SUCCESS)) begin
    params_start <= 1'b0;
    bounds_start <= 1'b0;
    start <= 1'b0;
    done_valid <= 1'b0;
    done_status <= status;
    done_addr <= status_addr;
    done_info <= status_info;
    state <= FAIL;
  end
  if (rst) begin
    params_start <= 1'b0;
    bounds_start <= 1'b0;
    start <= 1'b0;
    done_valid <= 1'b0;
    aborted <= 1'b0;
    state <= IDLE;
  end
end
";

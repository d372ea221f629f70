//! Checks of COPY and FILL: the kind first, then ranges. The entries of a list are checked by the engine as it reads them.

use super::checker::{bad_address, bad_field, checker, Check};
use crate::hdl::Module;
use std::sync::Arc;

pub fn copy() -> Arc<Module> {
    checker(
        "copy",
        BODY,
        &[
            bad_field("bad_kind", "COPY_KIND"),
            bad_field("on_card && cmd$[CMD_COPY_ENTRIES] != 0", "COPY_ENTRIES"),
            bad_address("is_fill && length[5:0] != 0", "FILL_LENGTH", "length"),
            bad_address("length[5:0] != 0", "COPY_LENGTH", "length"),
            bad_address("is_fill && card_bad", "FILL_CARD_ADDR", "card"),
            bad_address("card_bad", "COPY_CARD_ADDR", "card"),
            bad_address("list_bad", "COPY_LIST", "list"),
            Check { when: "overlap", status: "BAD_FIELD", field: Some("COPY_LIST"), value: "list" },
        ],
    )
}

const BODY: &str = r"
wire is_fill = cmd$[CMD_OPCODE] == OP_FILL;
wire [7:0] kind = cmd$[CMD_COPY_KIND];
wire on_card = !is_fill && kind == COPY_CARD_TO_CARD;
wire bad_kind = !is_fill && kind != COPY_HOST_TO_CARD && kind != COPY_CARD_TO_HOST && kind != COPY_CARD_TO_CARD;
wire [63:0] card = is_fill ? cmd$[CMD_FILL_CARD_ADDR] : cmd$[CMD_COPY_CARD_ADDR];
wire [63:0] list = cmd$[CMD_COPY_LIST];
wire [63:0] length = is_fill ? cmd$[CMD_FILL_LENGTH] : cmd$[CMD_COPY_LENGTH];
wire [64:0] card_end = {1'b0, card} + {1'b0, length};
wire [64:0] list_end = {1'b0, list} + {1'b0, length};
reg card_bad, list_bad, overlap;
always @(posedge clk) begin
  card_bad <= card[5:0] != 0 || card_end > {1'b0, dram_bytes};
  // The host side of a copy is only checked for alignment: its range is the IOMMU's business.
  list_bad <= !is_fill && (list[5:0] != 0 || on_card && list_end > {1'b0, dram_bytes});
  overlap <= on_card && card_end > {1'b0, list} && list_end > {1'b0, card} && length != 0;
  reserved <= is_fill ? cmd$[CMD_FILL_RESERVED] != 0 : cmd$[CMD_COPY_RESERVED] != 0;
  nothing <= length == 0;
end
";

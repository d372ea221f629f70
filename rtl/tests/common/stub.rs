//! An engine that computes nothing: it reads a beat from each of its operands, works for a while, and writes their
//! exclusive or. Data that begin with the word 0xbad end it with BAD_PARAMETER, the next word as the info.

use permafrost_rtl::hdl::Module;

/// The body of such an engine on the ports of `m`: `reads` are ports with addresses, as is `write`; it works for `clocks`
/// (`working` is high then), and `words` are added to what is written.
pub fn engine(m: Module, reads: &[(&str, &str)], write: (&str, &str), clocks: &str, words: &str) -> Module {
    let mut text = String::new();
    let each = |item: &dyn Fn(&str, &str) -> String| -> String {
        reads.iter().map(|(port, address)| item(port, address)).collect()
    };
    let all = |with: &str, item: &dyn Fn(&str) -> String| -> String {
        reads.iter().map(|(port, _)| item(port)).collect::<Vec<_>>().join(with)
    };
    text += &each(&|p, _| format!("reg {p}asked, {p}got;\nwire {p}unused = {p}rdat_last;\n"));
    text += &format!("wire all_asked = {};\n", all(" && ", &|p| format!("{p}asked")));
    text += &format!("wire all_got = {};\n", all(" && ", &|p| format!("{p}asked == {p}got")));
    text += &format!("wire err = {};\n", all(" || ", &|p| format!("{p}rdat_valid && {p}rdat_err")));
    text += &format!(
        "wire [511:0] data = {};\n",
        all(" ^ ", &|p| format!("({p}rdat_valid ? {p}rdat_data : 512'd0)"))
    );
    text += "always @(*) begin\n";
    text += &each(&|p, _| {
        format!("  {p}rd_beats = 0;\n  {p}rd_valid = state == READ && !{p}asked && !cancel;\n  {p}rdat_ready = 1'b1;\n")
    });
    text += "end\nalways @(posedge clk) begin\n";
    text += &each(&|p, address| {
        format!(
            "  if (take) {p}rd_addr <= {{{address}[63:6], 6'd0}};\n  \
             if (take) {p}asked <= 1'b0;\n  \
             if (take) {p}got <= 1'b0;\n  \
             if ({p}rd_valid && {p}rd_ready) {p}asked <= 1'b1;\n  \
             if ({p}rdat_valid) {p}got <= 1'b1;\n"
        )
    });
    text += "end\n";
    let (port, address) = write;
    let rest = BODY
        .replace("OUT_", port)
        .replace("ADDRESS", address)
        .replace("CLOCKS", clocks)
        .replace("WORDS", words);
    m.body(HEAD).body(text).body(rest)
}

const HEAD: &str = r"
localparam [2:0] IDLE = 0, READ = 1, WORK = 2, ASK = 3, GIVE = 4, ANSWER = 5, DONE = 6, DRAIN = 7;
reg [2:0] state;
wire take = cmd_valid && cmd_ready;
wire working = state == WORK;
";

const BODY: &str = r"
reg [31:0] left;
reg [511:0] value;
reg [511:0] words;
reg [7:0] status;
always @(*) begin
  cmd_ready = state == IDLE && !cancel;
  busy = state != IDLE;
  OUT_wr_beats = 0;
  OUT_wr_valid = state == ASK && !cancel;
  OUT_wdat_data = value ^ words;
  OUT_wdat_strb = 64'hffff_ffff_ffff_ffff;
  OUT_wdat_valid = state == GIVE;
end
always @(posedge clk) begin
  done_valid <= 1'b0;
  case (state)
    IDLE: if (take) begin
      state <= READ;
      left <= CLOCKS;
      value <= 0;
      words <= WORDS;
      OUT_wr_addr <= {ADDRESS[63:6], 6'd0};
      status <= 0;
    end
    READ: if (cancel) state <= DRAIN;
    else if (all_asked && all_got) begin
      state <= status != 0 ? DONE : left == 0 ? ASK : WORK;
      if (value[31:0] == 32'hbad) state <= DONE;
      if (value[31:0] == 32'hbad) status <= 14;
    end
    WORK: begin
      left <= left - 1'b1;
      if (left == 1) state <= ASK;
      if (cancel) state <= IDLE;
    end
    ASK: if (OUT_wr_valid && OUT_wr_ready) state <= GIVE;
    else if (cancel) state <= IDLE;
    GIVE: if (OUT_wdat_ready) state <= ANSWER;
    ANSWER: if (OUT_wack_valid) begin
      state <= cancel ? IDLE : DONE;
      if (OUT_wack_err) status <= 9;
    end
    DONE: begin
      done_valid <= !cancel;
      done_status <= status;
      done_info <= status == 14 ? value[63:32] : 0;
      done_addr <= status == 0 ? 0 : OUT_wr_addr;
      state <= IDLE;
    end
    DRAIN: if (all_got) state <= IDLE;
  endcase
  if (data != 0) value <= value ^ data;
  if (err) status <= 8;
  if (rst) state <= IDLE;
  if (rst) done_valid <= 1'b0;
end
";

// What permafrost uses of a DSP48E2 (UG579): P = W + M + Z + CARRYIN, M = A x B signed, W of {0, C}, Z of {0, PCIN >> 17};
// one or two registers of A and B, one of C, M and P. Any other configuration gives nonsense.
module DSP48E2 #(
  parameter A_INPUT = "DIRECT", parameter B_INPUT = "DIRECT", parameter AMULTSEL = "A", parameter BMULTSEL = "B",
  parameter USE_MULT = "MULTIPLY", parameter USE_SIMD = "ONE48",
  parameter integer AREG = 1, parameter integer ACASCREG = 1, parameter integer BREG = 1, parameter integer BCASCREG = 1,
  parameter integer CREG = 1, parameter integer MREG = 1, parameter integer PREG = 1, parameter integer ADREG = 1,
  parameter integer DREG = 1, parameter integer INMODEREG = 1, parameter integer OPMODEREG = 1,
  parameter integer ALUMODEREG = 1, parameter integer CARRYINREG = 1, parameter integer CARRYINSELREG = 1
) (
  input CLK, input [29:0] A, input [17:0] B, input [47:0] C, input [26:0] D,
  input [29:0] ACIN, input [17:0] BCIN, input [47:0] PCIN, input CARRYCASCIN, input MULTSIGNIN, input CARRYIN,
  input [4:0] INMODE, input [8:0] OPMODE, input [3:0] ALUMODE, input [2:0] CARRYINSEL,
  input CEA1, input CEA2, input CEB1, input CEB2, input CEC, input CEM, input CEP, input CED,
  input CEAD, input CEALUMODE, input CECARRYIN, input CECTRL, input CEINMODE,
  input RSTA, input RSTB, input RSTC, input RSTM, input RSTP, input RSTD, input RSTCTRL,
  input RSTALLCARRYIN, input RSTALUMODE, input RSTINMODE,
  output [29:0] ACOUT, output [47:0] PCOUT, output [47:0] P
);
// Cascade registers: with one register or none they must be the input's; with two, either.
wire registers = (AREG == 1 || AREG == 2) && (AREG == 2 ? ACASCREG != 0 : ACASCREG == AREG)
  && (BREG == 1 || BREG == 2) && (BREG == 2 ? BCASCREG != 0 : BCASCREG == BREG)
  && CREG == 1 && MREG == 1 && PREG == 1
  && OPMODEREG == 0 && ALUMODEREG == 0 && INMODEREG == 0 && CARRYINREG == 0 && CARRYINSELREG == 0;
wire mode = B_INPUT == "DIRECT" && AMULTSEL == "A" && BMULTSEL == "B" && USE_MULT == "MULTIPLY" && USE_SIMD == "ONE48"
  && INMODE == 0 && ALUMODE == 0 && CARRYINSEL == 0 && OPMODE[3:0] == 4'b0101
  && (OPMODE[8:7] == 0 || OPMODE[8:7] == 3) && (OPMODE[6:4] == 0 || OPMODE[6:4] == 5)
  && !(RSTA | RSTB | RSTC | RSTM | RSTP | RSTALLCARRYIN);
reg [29:0] a1, a2;
reg [17:0] b1, b2;
reg [47:0] c1, p1;
reg signed [44:0] m1;
wire [29:0] a_in = A_INPUT == "CASCADE" ? ACIN : A;
wire [47:0] w = OPMODE[8] ? c1 : 48'd0;
wire [47:0] z = OPMODE[6] ? {{17{PCIN[47]}}, PCIN[47:17]} : 48'd0;
wire [47:0] m = {{3{m1[44]}}, m1};
always @(posedge CLK) begin
  if (CEA1) a1 <= a_in;
  if (CEA2) a2 <= AREG == 2 ? a1 : a_in;
  if (CEB1) b1 <= B;
  if (CEB2) b2 <= BREG == 2 ? b1 : B;
  if (CEC) c1 <= C;
  if (CEM) m1 <= $signed(a2[26:0]) * $signed(b2);
  if (CEP) p1 <= registers && mode ? w + m + z + {47'd0, CARRYIN} : 48'hdead_dead_dead;
end
assign ACOUT = ACASCREG == AREG ? a2 : a1;
assign PCOUT = p1;
assign P = p1;
endmodule

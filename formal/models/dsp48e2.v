// DSP48E2 as UG579 describes it, as far as multiplier tiles use it: written from the guide, for proofs only.
//
// Modelled: A, B, C and their cascades with the registers in front of the multiplier, M, P, the multiplexers W, Z and X+Y, the
// ALU's sum and difference, clock enables and synchronous resets. Not modelled, and x where it is asked for: the pre-adder (INMODE
// other than 0), SIMD, the logic unit, the pattern detector, carries from other blocks, registers of the control inputs.
module DSP48E2 #(
  parameter A_INPUT = "DIRECT", parameter B_INPUT = "DIRECT",
  parameter integer AREG = 1, parameter integer ACASCREG = 1, parameter integer BREG = 1, parameter integer BCASCREG = 1,
  parameter integer CREG = 1, parameter integer MREG = 1, parameter integer PREG = 1,
  parameter integer ADREG = 1, parameter integer DREG = 1, parameter integer INMODEREG = 1, parameter integer OPMODEREG = 1,
  parameter integer ALUMODEREG = 1, parameter integer CARRYINREG = 1, parameter integer CARRYINSELREG = 1,
  parameter AMULTSEL = "A", parameter BMULTSEL = "B", parameter USE_MULT = "MULTIPLY", parameter USE_SIMD = "ONE48"
) (
  input CLK,
  input [29:0] A, input [17:0] B, input [47:0] C, input [26:0] D,
  input [29:0] ACIN, input [17:0] BCIN, input [47:0] PCIN, input CARRYCASCIN, input MULTSIGNIN, input CARRYIN,
  input [4:0] INMODE, input [8:0] OPMODE, input [3:0] ALUMODE, input [2:0] CARRYINSEL,
  input CEA1, input CEA2, input CEB1, input CEB2, input CEC, input CEM, input CEP, input CED,
  input CEAD, input CEALUMODE, input CECARRYIN, input CECTRL, input CEINMODE,
  input RSTA, input RSTB, input RSTC, input RSTM, input RSTP, input RSTD, input RSTCTRL,
  input RSTALLCARRYIN, input RSTALUMODE, input RSTINMODE,
  output [29:0] ACOUT, output [17:0] BCOUT, output [47:0] PCOUT, output [47:0] P
);
// The input path A: up to two registers; the cascade leaves behind ACASCREG of them.
wire [29:0] a_in;
wire [29:0] a_1;
wire [29:0] a_2;
wire [17:0] b_in;
wire [17:0] b_1;
wire [17:0] b_2;
generate
  if (A_INPUT == "CASCADE") begin : a_cascade assign a_in = ACIN; end
  else if (A_INPUT == "DIRECT") begin : a_direct assign a_in = A; end
  if (B_INPUT == "CASCADE") begin : b_cascade assign b_in = BCIN; end
  else if (B_INPUT == "DIRECT") begin : b_direct assign b_in = B; end
  if (AREG == 2) begin : a1
    reg [29:0] q;
    always @(posedge CLK) if (RSTA) q <= 30'd0; else if (CEA1) q <= a_in;
    assign a_1 = q;
  end else begin : a1
    assign a_1 = a_in;
  end
  if (AREG == 1 || AREG == 2) begin : a2
    reg [29:0] q;
    always @(posedge CLK) if (RSTA) q <= 30'd0; else if (CEA2) q <= a_1;
    assign a_2 = q;
  end else begin : a2
    assign a_2 = a_1;
  end
  if (BREG == 2) begin : b1
    reg [17:0] q;
    always @(posedge CLK) if (RSTB) q <= 18'd0; else if (CEB1) q <= b_in;
    assign b_1 = q;
  end else begin : b1
    assign b_1 = b_in;
  end
  if (BREG == 1 || BREG == 2) begin : b2
    reg [17:0] q;
    always @(posedge CLK) if (RSTB) q <= 18'd0; else if (CEB2) q <= b_1;
    assign b_2 = q;
  end else begin : b2
    assign b_2 = b_1;
  end
  // As many as there are, or one of two.
  if (ACASCREG == AREG) begin : a_out assign ACOUT = a_2; end
  else if (AREG == 2 && ACASCREG == 1) begin : a_out assign ACOUT = a_1; end
  if (BCASCREG == BREG) begin : b_out assign BCOUT = b_2; end
  else if (BREG == 2 && BCASCREG == 1) begin : b_out assign BCOUT = b_1; end
endgenerate
// The multiplier: signed, 27 times 18 bits; INMODE 0 is A2 and B2, without the pre-adder.
reg signed [26:0] a_mult;
reg signed [17:0] b_mult;
always @(*) begin
  case (INMODE)
    5'd0: begin
      a_mult = a_2[26:0];
      b_mult = b_2;
    end
    default: begin
      a_mult = 27'bx;
      b_mult = 18'bx;
    end
  endcase
end
wire signed [44:0] product = a_mult * b_mult;
wire [44:0] m;
wire [47:0] c;
generate
  if (MREG == 1) begin : mr
    reg [44:0] q;
    always @(posedge CLK) if (RSTM) q <= 45'd0; else if (CEM) q <= product;
    assign m = q;
  end else begin : mr
    assign m = product;
  end
  if (CREG == 1) begin : cr
    reg [47:0] q;
    always @(posedge CLK) if (RSTC) q <= 48'd0; else if (CEC) q <= C;
    assign c = q;
  end else begin : cr
    assign c = C;
  end
endgenerate
reg [47:0] p_now;
// Multiplexers. Y and X give the product only together.
reg [47:0] w;
reg [47:0] z;
reg [47:0] xy;
reg cin;
reg [47:0] sum;
always @(*) case (OPMODE[8:7])
  2'b00: w = 48'd0;
  2'b01: w = p_now;
  2'b11: w = c;
  default: w = 48'bx;
endcase
always @(*) case (OPMODE[6:4])
  3'b000: z = 48'd0;
  3'b001: z = PCIN;
  3'b010: z = p_now;
  3'b011: z = c;
  3'b101: z = {{17{PCIN[47]}}, PCIN[47:17]};
  3'b110: z = {{17{p_now[47]}}, p_now[47:17]};
  default: z = 48'bx;
endcase
always @(*) case (OPMODE[3:0])
  4'b0000: xy = 48'd0;
  4'b0101: xy = {{3{m[44]}}, m};
  4'b1100: xy = c;
  default: xy = 48'bx;
endcase
always @(*) case (CARRYINSEL)
  3'b000: cin = CARRYIN;
  default: cin = 1'bx;
endcase
always @(*) case (ALUMODE)
  4'b0000: sum = z + (w + xy + {47'd0, cin});
  4'b0011: sum = z - (w + xy + {47'd0, cin});
  default: sum = 48'bx;
endcase
generate
  if (AMULTSEL == "A" && BMULTSEL == "B" && USE_MULT == "MULTIPLY" && USE_SIMD == "ONE48" && INMODEREG == 0 && OPMODEREG == 0
      && ALUMODEREG == 0 && CARRYINREG == 0 && CARRYINSELREG == 0) begin : modelled
    if (PREG == 1) begin : pr
      always @(posedge CLK) if (RSTP) p_now <= 48'd0; else if (CEP) p_now <= sum;
      assign P = p_now;
      assign PCOUT = p_now;
    end else begin : pr
      assign P = sum;
      assign PCOUT = sum;
    end
  end
endgenerate
endmodule

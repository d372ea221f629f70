//! Verilog functions on canonical elements, for modules that add and subtract outside a pipeline.
//!
//! A function's name is the field's, `_`, and what it does: `fq_add`, `fr_sub`. Each is one carry chain deep, with its
//! alternatives side by side.

use super::Field;

/// The text of the functions `names`: `*_add` (x + y), `*_sub` (x - y), `*_triple` (3 x) of `fq` or `fr`; operands and
/// results are canonical, 254 bits.
pub fn functions(names: &[&str]) -> String {
    names.iter().map(|name| function(name)).collect()
}

fn function(name: &str) -> String {
    let (field, operation) = name.split_once('_').unwrap_or_else(|| panic!("no function {name}"));
    let field = match field {
        "fq" => Field::fq(),
        "fr" => Field::fr(),
        _ => panic!("no function {name}"),
    };
    let (p1, p2) = (format!("{:x}", field.p), format!("{:x}", &field.p * 2u32));
    match operation {
        "add" => format!(
            "function [253:0] {name}(input [253:0] lhs, input [253:0] rhs);
  reg [254:0] s, t;
  begin
    s = {{1'b0, lhs}} + {{1'b0, rhs}};
    t = {{1'b0, lhs}} + {{1'b0, rhs}} - 255'h{p1};
    {name} = t[254] ? s[253:0] : t[253:0];
  end
endfunction
"
        ),
        "sub" => format!(
            "function [253:0] {name}(input [253:0] lhs, input [253:0] rhs);
  reg [254:0] s;
  reg [253:0] t;
  begin
    s = {{1'b0, lhs}} - {{1'b0, rhs}};
    t = lhs - rhs + 254'h{p1};
    {name} = s[254] ? t : s[253:0];
  end
endfunction
"
        ),
        "triple" => format!(
            "function [253:0] {name}(input [253:0] lhs);
  reg [255:0] s, t, u;
  begin
    s = {{2'd0, lhs}} + {{1'b0, lhs, 1'b0}};
    t = {{2'd0, lhs}} + {{1'b0, lhs, 1'b0}} - 256'h{p1};
    u = {{2'd0, lhs}} + {{1'b0, lhs, 1'b0}} - 256'h{p2};
    {name} = t[255] ? s[253:0] : u[255] ? t[253:0] : u[253:0];
  end
endfunction
"
        ),
        _ => panic!("no function {name}"),
    }
}

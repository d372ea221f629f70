//! Verilog text for blocks with a number of equal ports.

/// `{item(n-1), …, item(0)}`: the concatenation whose bit or element `i` is `item(i)`.
pub fn vector(n: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..n).rev().map(item).collect();
    format!("{{{}}}", items.join(", "))
}

/// `case (selector)` with the statements `arm(i)` for value `i` of `0..n`; the last arm is the default, so that every value
/// of the selector chooses one.
pub fn select(n: usize, selector: &str, arm: impl Fn(usize) -> String) -> String {
    let arms: Vec<String> = (0..n)
        .map(|i| {
            let label = if i + 1 == n { "default".to_string() } else { i.to_string() };
            format!("{label}: begin {} end\n", arm(i))
        })
        .collect();
    format!("case ({selector})\n{}endcase\n", arms.concat())
}

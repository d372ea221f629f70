//! Plain-text tables.

use std::fmt::Write;

/// Columns of text under a heading; numbers are set to the right.
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// A table with these headings; `>` in front of a heading sets its column to the right.
    pub fn new(headings: &[&str]) -> Self {
        let right = headings.iter().map(|h| h.starts_with('>')).collect();
        Self { rows: vec![headings.iter().map(|h| h.trim_start_matches('>').to_owned()).collect()], right }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.right.len());
        self.rows.push(cells);
    }

    pub fn render(&self) -> String {
        let width = |column: usize| self.rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.right.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let w = widths[column];
                let gap = if column == 0 { "" } else { "  " };
                // Writing to a String cannot fail.
                let _ = match self.right[column] {
                    true => write!(line, "{gap}{cell:>w$}"),
                    false => write!(line, "{gap}{cell:<w$}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `1234567` as `1 234 567`.
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Clocks per second, where they are known.
pub fn speed(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| thousands(value as u64))
}

/// A size in the largest binary unit that divides it.
pub fn bytes(value: u64) -> String {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| value != 0 && value % (1 << shift) == 0)
        .map_or_else(|| format!("{value} B"), |(shift, unit)| format!("{} {unit}", value >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", ">count"]);
        table.row(vec!["a".into(), "1".into()]);
        table.row(vec!["long name".into(), "1 000".into()]);
        assert_eq!(table.render(), "name       count\na              1\nlong name  1 000\n");
    }

    #[test]
    fn numbers() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1 234 567");
        assert_eq!((speed(Some(1234.9)), speed(None)), ("1 234".into(), "unknown".into()));
        assert_eq!(bytes(256 << 20), "256 MiB");
        assert_eq!(bytes(1000), "1000 B");
    }
}

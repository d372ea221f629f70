//! The tables of a proof, and how many bits it has.

use std::collections::BTreeMap;

use permafrost_zkvm::air::Kind;
use permafrost_zkvm::proof::Shape;
use permafrost_zkvm::security::{Security, TableShape};
use serde_json::{json, Value};

use crate::table::{thousands, Table};

/// Tables, with how often and how high they are.
pub struct Tables(BTreeMap<Kind, Entry>);

struct Entry {
    shape: TableShape,
    /// Segments that have it.
    segments: u64,
    /// Rows in all of them, padding included.
    rows: u64,
}

impl Entry {
    fn of(kind: Kind) -> Self {
        Self { shape: TableShape::of_kind(kind), segments: 0, rows: 0 }
    }
}

/// The bits of a proof: those of its weakest segment.
pub struct Bits {
    pub proven: f64,
    pub conjectured: f64,
}

impl Tables {
    /// Every table there is, in no segment.
    pub fn all() -> Self {
        Self(Kind::ALL.iter().map(|&kind| (kind, Entry::of(kind))).collect())
    }

    /// Those of segments of these shapes, with heights that a verifier accepts.
    pub fn of<'a>(shapes: impl Iterator<Item = &'a Shape>) -> Self {
        let mut tables = BTreeMap::new();
        for shape in shapes {
            let mut last = None;
            for &(kind, log_height) in shape.tables() {
                let entry = tables.entry(kind).or_insert_with(|| Entry::of(kind));
                entry.rows += 1 << log_height;
                // A table may be there in several pieces.
                entry.segments += u64::from(last != Some(kind));
                last = Some(kind);
            }
        }
        Self(tables)
    }

    /// The bits of a proof whose segments have these shapes, with no other tables than these.
    pub fn bits<'a>(&self, shapes: impl Iterator<Item = &'a Shape>) -> Bits {
        let mut bits = Bits { proven: f64::INFINITY, conjectured: f64::INFINITY };
        let mut seen: Vec<&Shape> = Vec::new();
        for shape in shapes {
            if seen.contains(&shape) {
                continue;
            }
            seen.push(shape);
            let tables: Vec<_> = shape
                .tables()
                .iter()
                .filter_map(|(kind, log_height)| Some((self.0.get(kind)?.shape.clone(), *log_height)))
                .collect();
            bits = bits.least(&Security::of(&tables));
        }
        bits
    }

    pub fn render(&self, rows: bool) -> String {
        let mut headings = vec!["table", ">columns", ">preprocessed", ">extension"];
        headings.extend(match rows {
            true => [">segments", ">rows"],
            false => [">constraints", ">degree"],
        });
        let mut table = Table::new(&headings);
        for (kind, Entry { shape, segments, rows: count }) in &self.0 {
            let mut row: Vec<String> = vec![kind.name().to_owned()];
            row.extend([shape.width, shape.preprocessed, shape.extension_columns()].map(|n| n.to_string()));
            row.extend(match rows {
                true => [thousands(*segments), thousands(*count)],
                false => [shape.constraints.to_string(), shape.degree.to_string()],
            });
            table.row(row);
        }
        table.render()
    }

    pub fn json(&self) -> Value {
        let tables = self.0.iter().map(|(kind, Entry { shape, segments, rows })| {
            json!({
                "table": kind.name(),
                "columns": shape.width,
                "preprocessed": shape.preprocessed,
                "extension": shape.extension_columns(),
                "messages": shape.messages,
                "constraints": shape.constraints,
                "degree": shape.degree,
                "segments": segments,
                "rows": rows,
            })
        });
        tables.collect()
    }
}

impl Bits {
    /// Of any proof that a verifier accepts.
    pub fn worst() -> Self {
        let none = Self { proven: f64::INFINITY, conjectured: f64::INFINITY };
        none.least(&Security::worst(permafrost_zkvm::config::MAX_LOG_HEIGHT))
    }

    fn least(self, security: &Security) -> Self {
        Self {
            proven: self.proven.min(security.proven_bits()),
            conjectured: self.conjectured.min(security.conjectured_bits()),
        }
    }

    pub fn json(&self) -> Value {
        json!({ "proven_bits": self.proven, "conjectured_bits": self.conjectured })
    }
}

impl std::fmt::Display for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} bits proven, {:.1} bits conjectured", self.proven, self.conjectured)
    }
}

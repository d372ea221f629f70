//! A card's counters in the text format of Prometheus.
//!
//! Source: Prometheus, "Exposition formats", text-based format 0.0.4.

use std::fmt::Write;

use permafrost_driver::{CardInfo, Sample};

use super::look::{busy, held};

/// One metric: its lines share a name.
struct Metric<'a> {
    text: &'a mut String,
    name: &'static str,
    card: &'a str,
}

impl Metric<'_> {
    /// A line with more labels than the card's. Writing to a String cannot fail.
    fn line(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let _ = write!(self.text, "permafrost_card_{}{{card=\"{}\"", self.name, escaped(self.card));
        for (name, value) in labels {
            let _ = write!(self.text, ",{name}=\"{}\"", escaped(value));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// A label's value: backslash, quote and line end are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The metrics of `card`; of one that does not answer there is only `up`.
pub fn render(card: &str, seen: Option<(&CardInfo, &Sample)>) -> String {
    let mut text = String::new();
    let mut metric = |name: &'static str, kind: &str, help: &str, lines: &mut dyn FnMut(&mut Metric<'_>)| {
        let _ = writeln!(text, "# HELP permafrost_card_{name} {help}");
        let _ = writeln!(text, "# TYPE permafrost_card_{name} {kind}");
        lines(&mut Metric { text: &mut text, name, card });
    };
    metric("up", "gauge", "Whether the card answers: 0 while no process has it open.", &mut |m| {
        m.line(&[], u8::from(seen.is_some()));
    });
    let Some((info, now)) = seen else { return text };
    let v = info.version;
    let version = format!("{}.{}.{}", v.major(), v.minor(), v.patch());
    let build = format!("{:08x}", info.build_id);
    metric("info", "gauge", "Contract version and build of the card; always 1.", &mut |m| {
        m.line(&[("version", &version), ("build", &build)], 1);
    });
    let mut one = |name, kind, help, value: u64| metric(name, kind, help, &mut |m| m.line(&[], value));
    let c = &now.counters;
    one("clock_hertz", "gauge", "Nominal clock.", u64::from(info.clock_khz) * 1000);
    one("ready", "gauge", "Whether the admin queue is served.", now.csts.ready().into());
    one("fatal", "gauge", "Whether the card cannot go on without a reset.", now.csts.fatal().into());
    one("scrubbing", "gauge", "Whether the card zeroes its memory.", now.csts.scrubbing().into());
    one("cycles_total", "counter", "Clocks since the last reset.", c.cycles);
    one("commands_total", "counter", "Commands completed since the last reset.", c.commands);
    one(
        "errors_total",
        "counter",
        "Commands that ended with an error since the last reset.",
        now.errors.into(),
    );
    one("interrupts_total", "counter", "Interrupts raised since the last reset.", c.interrupts);
    one("host_read_bytes_total", "counter", "Bytes read from host memory.", c.host_read_bytes);
    one("host_written_bytes_total", "counter", "Bytes written to host memory.", c.host_write_bytes);
    one("dram_read_bytes_total", "counter", "Bytes read from card memory.", c.dram_read_bytes);
    one("dram_written_bytes_total", "counter", "Bytes written to card memory.", c.dram_write_bytes);
    one(
        "dram_corrected_errors_total",
        "counter",
        "Errors in card memory that were corrected.",
        c.dram_corrected,
    );
    one("dram_bytes", "gauge", "Card memory.", info.dram_bytes);
    one("dram_touched_bytes", "gauge", "Card memory written since it was last zeroed.", now.dirty_bytes());
    let help = "Clocks in which at least two of the MSM, NTT and VECTOR engines were busy.";
    one("engine_overlap_cycles_total", "counter", help, c.engine_overlap);
    let help = "Clocks in which the copy engine and at least one of MSM, NTT and VECTOR were busy.";
    one("copy_overlap_cycles_total", "counter", help, c.copy_overlap);
    metric("engine_busy_cycles_total", "counter", "Clocks in which an engine was busy.", &mut |m| {
        for (engine, clocks) in busy(info, c) {
            m.line(&[("engine", engine)], clocks);
        }
    });
    metric("queue_depth", "gauge", "Commands in a queue; 0 is the admin queue.", &mut |m| {
        for (queue, depth) in now.depths.iter().enumerate() {
            m.line(&[("queue", &queue.to_string())], depth);
        }
    });
    metric(
        "held_error",
        "gauge",
        "1 for the error that the card holds; none when it holds none.",
        &mut |m| {
            if let Some(syndrome) = &now.syndrome {
                m.line(&[("error", &held(syndrome))], 1);
            }
        },
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::{info, sample};
    use super::*;
    use std::collections::{HashMap, HashSet};
    use std::time::Instant;

    /// Samples by name and labels. Panics on what the format does not allow.
    fn parse(text: &str) -> HashMap<String, f64> {
        let name_ok = |name: &str| {
            let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
            first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        assert!(text.ends_with('\n'));
        let (mut help, mut kinds) = (HashSet::new(), HashMap::new());
        let mut samples = HashMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, _) = rest.split_once(' ').expect("a text");
                assert!(help.insert(name.to_owned()), "two HELP lines: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(["counter", "gauge"].contains(&kind) && help.contains(name), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "two TYPE lines: {line}");
            } else {
                let (name, rest) = line.split_once('{').expect("labels");
                assert!(
                    name_ok(name) && name.starts_with("permafrost_card_") && kinds.contains_key(name),
                    "{line}"
                );
                // Labels: name="value", where a quote in the value is escaped.
                let mut rest = rest;
                loop {
                    let (label, after) = rest.split_once("=\"").expect("a label");
                    assert!(name_ok(label), "{line}");
                    let mut escaped = false;
                    let end = after.char_indices().find_map(|(i, c)| {
                        let end = c == '"' && !escaped;
                        assert!(!escaped || "\\\"n".contains(c), "{line}");
                        escaped = c == '\\' && !escaped;
                        end.then_some(i)
                    });
                    rest = &after[end.expect("a closing quote") + 1..];
                    match rest.strip_prefix(',') {
                        Some(more) => rest = more,
                        None => break,
                    }
                }
                let value = rest.strip_prefix("} ").expect("a value").parse().expect("a number");
                let id = line[..line.len() - rest.len() + 1].to_owned();
                assert!(samples.insert(id, value).is_none(), "twice: {line}");
            }
        }
        assert_eq!(help.len(), kinds.len());
        samples
    }

    #[test]
    fn the_format_is_kept() {
        let (info, mut now) = (info(), sample(Instant::now(), 5000));
        now.counters.ntt_busy = 42;
        let nasty = "vfio-user:/run/a \"b\"\\c\nd";
        let samples = parse(&render(nasty, Some((&info, &now))));
        let label = r#"card="vfio-user:/run/a \"b\"\\c\nd""#;
        let value = |name: &str, more: &str| samples[&format!("permafrost_card_{name}{{{label}{more}}}")];
        assert_eq!((value("up", ""), value("cycles_total", "")), (1.0, 5000.0));
        assert_eq!(value("engine_busy_cycles_total", ",engine=\"ntt\""), 42.0);
        assert_eq!(value("queue_depth", ",queue=\"1\""), 3.0);
        assert_eq!(value("dram_touched_bytes", ""), f64::from(5 << 20));
        assert_eq!(value("clock_hertz", ""), 250e6);
        let held = samples.keys().find(|id| id.contains("held_error{")).expect("one is held");
        assert!(held.contains("BAD_FIELD"), "{held}");
        now.syndrome = None;
        assert!(!parse(&render("x", Some((&info, &now)))).keys().any(|id| id.contains("held_error")));
        let down = parse(&render("x", None));
        assert_eq!(down, HashMap::from([("permafrost_card_up{card=\"x\"}".to_owned(), 0.0)]));
    }
}

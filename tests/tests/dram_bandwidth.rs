//! The bandwidths of the DRAM model are those which docs/simulation.md tells, and within a tenth of DRAMsim3's there.
//! The test `dramsim3` measures those again.

use permafrost_sim::dram::{DramModel, Preset};
use permafrost_tests::streams::{bandwidth, Stream, REQUESTS};

/// The figures of `stream` in the table of `preset`: the model's and DRAMsim3's, GB/s.
fn recorded(text: &str, preset: &Preset, stream: Stream) -> (f64, f64) {
    let table = text.split(&format!("| {} | model,", preset.name)).nth(1).expect("a table for each preset");
    let start = format!("| {} |", stream.name());
    let row = table.lines().take_while(|l| !l.is_empty()).find_map(|l| l.strip_prefix(&start));
    let figures: Vec<f64> =
        row.expect("a row for each stream").split('|').flat_map(|f| f.trim().parse()).collect();
    (figures[0], figures[1])
}

#[test]
fn bandwidths_are_as_documented() {
    let text = std::fs::read_to_string(permafrost_tests::root().join("docs/simulation.md")).unwrap();
    for preset in Preset::ALL {
        for stream in Stream::ALL {
            let seen = bandwidth(&mut DramModel::new(preset), &stream.requests(REQUESTS));
            let seen = preset.gigabytes_per_second(seen);
            let (model, reference) = recorded(&text, &preset, stream);
            let case = format!("{}, {}: {seen:.2} GB/s", preset.name, stream.name());
            assert!((seen - model).abs() < 0.006, "{case}; docs/simulation.md says {model}");
            assert!((seen / reference - 1.0).abs() < 0.1, "{case}; DRAMsim3 has {reference}");
        }
    }
}

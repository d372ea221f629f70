//! `permafrost card info`

use permafrost_abi::registers::CapEngines;
use permafrost_driver::CardInfo;
use serde_json::{json, Value};

use crate::args;
use crate::card;
use crate::error::Error;
use crate::out;
use crate::table::{bytes, Table};

pub fn info(args: &args::CardInfo) -> Result<(), Error> {
    let open = card::open(&args.card.card)?;
    let info = open.card.info();
    if args.json {
        return out::json(&as_json(info));
    }
    let mut table = Table::new(&["card", &info.transport]);
    let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
    row("contract version", version(info));
    row("build", format!("{:08x}", info.build_id));
    row("nominal clock", format!("{} MHz", f64::from(info.clock_khz) / 1000.0));
    row("memory", bytes(info.dram_bytes));
    row("engines", engines(info.engines).join(", "));
    row("I/O queue pairs", info.io_queues.to_string());
    row("entries of a ring", format!("up to {}", info.max_entries));
    row("semaphores", info.semaphores.to_string());
    if let Some(msm) = &info.msm {
        row("MSM adders", msm.adders.to_string());
        row("MSM windows", format!("{} to {} bits", msm.min_window, msm.max_window));
        row("MSM bucket slots", format!("2^{}", msm.log2_slots));
    }
    if let Some(ntt) = &info.ntt {
        row("NTT lanes", ntt.lanes.to_string());
        row("NTT block", format!("2^{} elements", ntt.log2_block));
    }
    if let Some(vector) = &info.vector {
        row("VECTOR lanes", vector.lanes.to_string());
    }
    out::text(&table.render())
}

fn as_json(info: &CardInfo) -> Value {
    json!({
        "card": info.transport,
        "version": version(info),
        "build_id": info.build_id,
        "clock_khz": info.clock_khz,
        "dram_bytes": info.dram_bytes,
        "engines": engines(info.engines),
        "io_queues": info.io_queues,
        "max_ring_entries": info.max_entries,
        "semaphores": info.semaphores,
        "msm": info.msm.as_ref().map(|msm| json!({
            "adders": msm.adders,
            "min_window_bits": msm.min_window,
            "max_window_bits": msm.max_window,
            "log2_bucket_slots": msm.log2_slots,
        })),
        "ntt": info.ntt.as_ref().map(|ntt| json!({
            "lanes": ntt.lanes,
            "log2_block": ntt.log2_block,
        })),
        "vector": info.vector.as_ref().map(|vector| json!({ "lanes": vector.lanes })),
    })
}

fn version(info: &CardInfo) -> String {
    let v = info.version;
    format!("{}.{}.{}", v.major(), v.minor(), v.patch())
}

fn engines(word: CapEngines) -> Vec<&'static str> {
    [
        (word.copy(), "copy"),
        (word.fill(), "fill"),
        (word.msm_g1(), "msm-g1"),
        (word.msm_g2(), "msm-g2"),
        (word.ntt(), "ntt"),
        (word.vector(), "vector"),
        (word.prove(), "prove"),
    ]
    .into_iter()
    .filter_map(|(there, name)| there.then_some(name))
    .collect()
}

//! The shape of what `--json` prints, which programs rely on.

mod common;

use common::{artifact, fail, succeed, Prove};
use serde_json::Value;

fn json(text: &str) -> Value {
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Fields that must be numbers.
fn numbers(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object[field].is_number(), "`{field}` is not a number in {object}");
    }
}

#[test]
fn card_info() {
    let info = json(&succeed(["card", "info", "--json"]));
    numbers(&info, &["build_id", "clock_khz", "dram_bytes", "io_queues", "max_ring_entries", "semaphores"]);
    assert_eq!(info["dram_bytes"], 256 << 20);
    assert!(info["io_queues"].as_u64() >= Some(2));
    assert_eq!(info["msm"]["adders"], 1);
    numbers(&info["ntt"], &["lanes", "log2_block"]);
    numbers(&info["vector"], &["lanes"]);
    let engines: Vec<_> = info["engines"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for engine in ["copy", "fill", "msm-g1", "msm-g2", "ntt", "vector"] {
        assert!(engines.contains(&engine), "{engines:?}");
    }
    let info = json(&succeed(["card", "info", "--json", "--card", "sim:dram=64MiB"]));
    assert_eq!(info["dram_bytes"], 64 << 20);
}

#[test]
fn card_info_as_a_table() {
    let text = succeed(["card", "info"]);
    assert!(text.contains("256 MiB") && text.contains("msm-g1"), "{text}");
}

#[test]
fn prove() {
    let prove = Prove::new();
    let report = json(&succeed(prove.args(&["--json"])));
    let operations = report["operations"].as_array().unwrap();
    let of = |op: &str, group: Value| -> Vec<&Value> {
        operations.iter().filter(|o| o["op"] == op && o["group"] == group).collect()
    };

    let g1 = of("msm", "g1".into());
    assert_eq!(g1.len(), 4, "{report}");
    for operation in &g1 {
        assert_eq!(operation["where"], "card");
        numbers(operation, &["n", "cycles", "ratio"]);
        assert!(operation["reason"].is_null());
    }
    let g2 = of("msm", "g2".into());
    assert_eq!(g2.len(), 1);
    assert_eq!(g2[0]["where"], "card");
    numbers(g2[0], &["n", "cycles", "ratio"]);
    let stream: Vec<_> = operations.iter().filter(|o| o["op"] != "msm").collect();
    assert!(
        stream.iter().any(|o| o["op"] == "ntt") && stream.iter().any(|o| o["op"] == "vector"),
        "{report}"
    );
    for operation in &stream {
        assert_eq!(operation["where"], "card");
        numbers(operation, &["n", "batch", "cycles", "ratio"]);
        assert!(operation["reason"].is_null());
    }
    let whole = &report["whole"];
    numbers(whole, &["cycles", "copy_overlap", "engine_overlap", "key"]);
    numbers(&whole["host_to_card"], &["bytes", "witness", "commands"]);
    numbers(&whole["card_to_host"], &["bytes", "window_sums", "commands"]);
    // The witness, without the headers of its file.
    let witness = std::fs::metadata(&prove.wtns).unwrap().len() - 76;
    assert_eq!(whole["host_to_card"]["witness"], witness);
    assert!(whole["cycles"].as_u64() > g1[0]["cycles"].as_u64());
    for operation in operations {
        assert!(["msm", "ntt", "vector"].contains(&operation["op"].as_str().unwrap()));
    }

    // What was written is a proof, and the public signals of the witness.
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(artifact("public.json")).unwrap()).unwrap();
    let public: Value = serde_json::from_str(&std::fs::read_to_string(&prove.public).unwrap()).unwrap();
    assert_eq!(public, expected);
    let vkey = artifact("verification_key.json");
    let verify = [
        "groth16".as_ref(),
        "verify".as_ref(),
        vkey.as_os_str(),
        prove.public.as_os_str(),
        prove.proof.as_os_str(),
    ];
    succeed(verify);

    // The same proof with one public signal changed.
    let mut changed = public;
    changed[2] = "2027".into();
    std::fs::write(&prove.public, changed.to_string()).unwrap();
    assert!(fail(verify).contains("NOT valid"));
}

/// A card too small for the key: the caller allows the CPU, and the report says what ran there and why.
#[test]
fn prove_with_fallback() {
    let prove = Prove::new();
    let card = "sim:dram=128KiB";
    let report = json(&succeed(prove.args(&["--json", "--card", card, "--fallback", "any"])));
    let operations = report["operations"].as_array().unwrap();
    let g1: Vec<_> = operations.iter().filter(|o| o["group"] == "g1").collect();
    assert_eq!(g1.len(), 4);
    for operation in g1 {
        assert_eq!(operation["where"], "cpu");
        assert!(operation["reason"].as_str().unwrap().contains("memory"), "{operation}");
    }
    // Small inputs only: this key is not small, so the card's refusal stays an error.
    let message = prove.refused(&["--card", card, "--fallback", "small"]);
    assert!(message.contains("memory"), "{message}");
}

#[test]
fn prove_as_a_table() {
    let prove = Prove::new();
    let text = succeed(prove.args(&[]));
    let g1: Vec<&str> = text.lines().filter(|l| l.contains("G1")).collect();
    assert_eq!(g1.len(), 4, "{text}");
    assert!(g1.iter().all(|line| line.contains("card")), "{text}");
    assert!(text.lines().any(|l| l.contains("G2") && l.contains("card")), "{text}");
    for line in ["whole proof: ", "two engines at once: ", "host to card: ", "card to host: "] {
        assert!(text.lines().any(|l| l.starts_with(line)), "{text}");
    }
    assert!(!text.contains("cpu"), "{text}");
}

#[test]
fn bench_msm() {
    for (size, n, scalars, more) in [
        (["--log-n", "6"], 64, "uniform", &[][..]),
        (["--n", "100"], 100, "equal", &["--group", "g2"]),
        (["--n", "100"], 100, "zero", &[]),
        (["--n", "100"], 100, "sparse", &["--batch", "3"]),
        (["--n", "100"], 100, "clustered", &["--precompute", "4"]),
        (["--n", "100"], 100, "uniform", &["--bits", "64", "--window", "7"]),
        (["--n", "1"], 1, "small", &[]),
    ] {
        let args = ["bench", "msm", "--scalars", scalars, "--seed", "7", "--json"];
        let figures = json(&succeed(args.into_iter().chain(size).chain(more.iter().copied())));
        numbers(
            &figures,
            &[
                "cycles",
                "bound_additions",
                "clocks_per_addition",
                "bound_adder_cycles",
                "adders",
                "ratio",
                "accumulate_ratio",
                "work",
                "scalar_bits",
                "window_bits",
                "windows",
                "accumulate_cycles",
                "aggregate_cycles",
                "tail_cycles",
                "additions",
                "stall_feed",
                "stall_slot",
                "store_queue_depth",
                "dram_read_bytes",
                "dram_bytes_per_point",
                "simulated_clocks_per_second",
            ],
        );
        let asked = |option: &str, or: u64| -> u64 {
            more.iter().position(|a| *a == option).map_or(or, |i| more[i + 1].parse().unwrap())
        };
        assert_eq!(figures["checked"], true);
        assert_eq!(figures["n"], n);
        assert_eq!(figures["scalars"], scalars);
        assert_eq!(figures["seed"], 7);
        assert_eq!(figures["where"], "card");
        assert_eq!(figures["batch"], asked("--batch", 1));
        assert_eq!(figures["precompute"], asked("--precompute", 1));
        let g2 = more.contains(&"g2");
        assert_eq!(figures["group"], if g2 { "g2" } else { "g1" });
        assert_eq!(figures["clocks_per_addition"], if g2 { 3 } else { 1 });
        if let Some(bits) = figures["bits"].as_u64() {
            assert_eq!((bits, &figures["scalar_bits"], &figures["window_bits"]), (64, &64.into(), &7.into()));
            assert_eq!(figures["windows"], 64 / 7 + 1);
        }
        assert!(figures["cycles"].as_u64() > Some(0));
        // Scalars and bases are read at least once.
        let bytes = asked("--batch", 1) * asked("--precompute", 1) * if g2 { 160 } else { 96 };
        assert!(figures["dram_read_bytes"].as_u64() >= Some(bytes * n), "{figures}");
    }
}

#[test]
fn bench_copy() {
    for (size, bytes, more) in [
        ("16KiB", 16_384, &["--msm-log-n", "6", "--direction", "both"][..]),
        ("5000", 5000, &["--msm-log-n", "0", "--direction", "down", "--pinned"]),
    ] {
        let args = ["bench", "copy", "--bytes", size, "--seed", "7", "--json"];
        let figures = json(&succeed(args.into_iter().chain(more.iter().copied())));
        assert_eq!((&figures["bytes"], &figures["checked"]), (&bytes.into(), &true.into()));
        assert_eq!(figures["where"], "card");
        assert_eq!(figures["pinned"], more.contains(&"--pinned"));
        let both = more.contains(&"both");
        let directions = if both { &["up", "down"][..] } else { &["down"] };
        for list in ["transfers", "latency"] {
            let seen: Vec<&str> =
                figures[list].as_array().unwrap().iter().map(|t| t["direction"].as_str().unwrap()).collect();
            assert_eq!(seen, directions);
        }
        for transfer in figures["transfers"].as_array().unwrap() {
            let fields = [
                "cycles",
                "ratio",
                "bytes_per_cycle",
                "copy_busy",
                "gap_cycles",
                "commands",
                "host_bytes_ratio",
            ];
            numbers(transfer, &fields);
            assert_eq!(transfer["bound_cycles"], u64::div_ceil(bytes, 64));
            assert!(transfer["cycles"].as_u64() > transfer["bound_cycles"].as_u64());
            assert!(transfer["copy_busy"].as_u64() <= transfer["cycles"].as_u64());
        }
        for latency in figures["latency"].as_array().unwrap() {
            numbers(latency, &["cycles", "command_cycles"]);
            // 64 beats at least.
            assert!(latency["command_cycles"].as_u64() > Some(64) && latency["bytes"] == 4096);
        }
        assert_eq!(figures["overlap"].is_object(), both);
        if both {
            numbers(
                &figures["overlap"],
                &["msm_cycles", "copy_cycles", "both_cycles", "ratio", "copy_overlap"],
            );
            assert_eq!(figures["overlap"]["msm_points"], 64);
        }
    }
}

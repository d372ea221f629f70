//! The build cache and the model's ports, on small designs.

use permafrost_rtl::hdl::{Design, Module};
use permafrost_sim::{
    verilated::{build, BuildOptions, Model, Progress, ProgressSink},
    SimError,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::{
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
};

/// Options with a cache of the test's own and a counter of builds.
fn options(cache: &Path) -> (BuildOptions, Arc<AtomicUsize>) {
    let builds = Arc::new(AtomicUsize::new(0));
    let count = builds.clone();
    let progress = ProgressSink::new(move |step| {
        if matches!(step, Progress::Finished { .. }) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (BuildOptions { cache_dir: Some(cache.into()), progress, ..Default::default() }, builds)
}

/// `y` is `a ^ b` one clock later, `count` counts enabled clocks.
fn xor_counter(bits: usize) -> Design {
    let top = Module::new(format!("xor_counter_{bits}"))
        .clocked()
        .input("a", bits)
        .input("b", bits)
        .input("enable", 1)
        .output("y", bits)
        .output("count", bits)
        .body(
            "always @(posedge clk) begin\n\
             y <= a ^ b;\n\
             if (rst) count <= 0; else if (enable) count <= count + 1;\n\
             end",
        )
        .build();
    Design::elaborate(&top).unwrap()
}

fn mask(bits: usize, bytes: &mut [u8]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        for bit in 0..8 {
            if 8 * i + bit >= bits {
                *byte &= !(1 << bit);
            }
        }
    }
}

/// One input and one output of every width in `widths`; outputs are the registered complement of the inputs.
fn complement(widths: &[usize]) -> Design {
    let mut top = Module::new("complement").clocked();
    let mut body = String::from("always @(posedge clk) begin\n");
    for w in widths {
        top = top.input(format!("i{w}"), *w).output(format!("o{w}"), *w);
        body += &format!("o{w} <= ~i{w};\n");
    }
    Design::elaborate(&top.body(body + "end").build()).unwrap()
}

#[test]
fn ports_of_every_width() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let widths: Vec<usize> =
        (1..=70).chain([95, 96, 97, 127, 128, 129, 254, 255, 256, 257, 512, 599, 600]).collect();
    let mut m = Model::new(&complement(&widths)).unwrap();
    for round in 0..20 {
        let mut expected = Vec::new();
        for w in &widths {
            // More bytes than the port has: the surplus must be dropped.
            let mut value = [0u8; 80];
            rng.fill(&mut value[..]);
            let port = m.port(&format!("i{w}")).unwrap();
            assert_eq!(m.bits(port), *w);
            match round % 4 {
                0 => m.set_bytes(port, &value),
                1 => m.set_words(port, words(&value).as_slice()),
                2 => m.set_limbs(port, limbs(&value).as_slice()),
                _ => {
                    m.set(port, u64::from_le_bytes(value[..8].try_into().unwrap()));
                    value[8..].fill(0);
                }
            }
            let mut want = value.map(|b| !b);
            mask(*w, &mut want);
            expected.push(want);
        }
        m.tick(1).unwrap();
        for (w, want) in widths.iter().zip(&expected) {
            let port = m.port(&format!("o{w}")).unwrap();
            let mut seen = [0xaa; 80];
            m.get_bytes(port, &mut seen);
            assert_eq!(&seen, want, "width {w}, seed {seed}");
            assert_eq!(m.get(port), u64::from_le_bytes(want[..8].try_into().unwrap()), "width {w}");
            assert_eq!(m.get_limbs::<10>(port)[..], limbs(want)[..], "width {w}");
            assert_eq!(m.get_words(port)[..], words(want)[..w.div_ceil(32)], "width {w}");
        }
    }
}

fn words(bytes: &[u8; 80]) -> Vec<u32> {
    bytes.chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()
}

fn limbs(bytes: &[u8; 80]) -> Vec<u64> {
    bytes.chunks(8).map(|c| u64::from_le_bytes(c.try_into().unwrap())).collect()
}

#[test]
fn cache_builds_once_and_repairs_damage() {
    let cache = tempfile::tempdir().unwrap();
    let (options, builds) = options(cache.path());
    let design = xor_counter(254);
    let first = build(&design, &options).unwrap();
    assert_eq!(builds.load(Ordering::SeqCst), 1);
    build(&design, &options).unwrap();
    assert_eq!(builds.load(Ordering::SeqCst), 1, "a hit builds nothing");

    // A changed text is another entry; the first stays.
    build(&xor_counter(255), &options).unwrap();
    assert_eq!(builds.load(Ordering::SeqCst), 2);

    let mut bytes = std::fs::read(first.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(first.path(), bytes).unwrap();
    let repaired = build(&design, &options).unwrap();
    assert_eq!(builds.load(Ordering::SeqCst), 3, "a damaged entry is built again");

    // Two models of one library are independent.
    let (mut a, mut b) = (repaired.instantiate().unwrap(), repaired.instantiate().unwrap());
    let (enable, count) = (a.port("enable").unwrap(), a.port("count").unwrap());
    a.set(enable, 1);
    a.tick(100).unwrap();
    b.set(enable, 1);
    b.tick(3).unwrap();
    assert_eq!((a.get(count), b.get(count)), (100, 3), "the first edge counts too");
    assert_eq!((a.clocks(), b.clocks()), (100, 3));
    drop(a);
    b.rise().unwrap();
    b.fall().unwrap();
    assert_eq!(b.get(count), 4);

    let left: Vec<_> = std::fs::read_dir(cache.path().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn concurrent_builds_share_one() {
    let cache = tempfile::tempdir().unwrap();
    let (options, builds) = options(cache.path());
    // What a killed builder leaves behind.
    std::fs::create_dir_all(cache.path().join("tmp/dead-0123/obj")).unwrap();
    std::fs::create_dir_all(cache.path().join("locks")).unwrap();
    let design = xor_counter(65);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut m = build(&design, &options).unwrap().instantiate().unwrap();
                let (a, b, y) = (m.port("a").unwrap(), m.port("b").unwrap(), m.port("y").unwrap());
                m.set_limbs(a, &[7, 1]);
                m.set_limbs(b, &[u64::MAX, 1]);
                m.tick(1).unwrap();
                assert_eq!(m.get_limbs::<2>(y), [!7, 0]);
            });
        }
    });
    assert_eq!(builds.load(Ordering::SeqCst), 1);
    assert!(!cache.path().join("tmp/dead-0123").exists());
}

#[test]
fn missing_tools_are_named() {
    let cache = tempfile::tempdir().unwrap();
    let (mut options, _) = options(cache.path());
    options.verilator = "/nonexistent/verilator".into();
    let e = build(&xor_counter(8), &options).unwrap_err();
    assert!(matches!(&e, SimError::ToolMissing { tool, .. } if tool.contains("verilator")), "{e}");
    assert!(e.to_string().contains("apt-get install verilator"), "{e}");
}

#[test]
fn a_failed_build_keeps_its_log() {
    let cache = tempfile::tempdir().unwrap();
    let (options, _) = options(cache.path());
    let top = Module::new("broken").clocked().output("y", 1).body("always @(*) y = nowhere;").build();
    let e = build(&Design::elaborate(&top).unwrap(), &options).unwrap_err();
    let SimError::ToolFailed { log, tail, .. } = &e else { panic!("{e}") };
    assert!(tail.contains("nowhere"), "{e}");
    assert!(std::fs::read_to_string(log).unwrap().contains("nowhere"), "{}", log.display());
}

#[test]
fn unknown_ports_and_waveforms() {
    let dir = tempfile::tempdir().unwrap();
    let design = xor_counter(9);
    let mut m = Model::new(&design).unwrap();
    let e = m.port("nope").unwrap_err();
    assert!(e.to_string().contains("enable"), "{e}");
    let file = dir.path().join("wave.fst");
    assert!(matches!(m.trace_open(&file), Err(SimError::Trace { .. })));

    let traced = match build(&design, &BuildOptions { trace: true, ..Default::default() }) {
        Err(e @ SimError::ToolMissing { .. }) => return eprintln!("SKIPPED: no waveforms: {e}"),
        built => built.unwrap(),
    };
    let mut m = traced.instantiate().unwrap();
    m.trace_open(&file).unwrap();
    let enable = m.port("enable").unwrap();
    m.set(enable, 1);
    m.tick(50).unwrap();
    m.trace_close();
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size > 100, "{size}");
    m.tick(1).unwrap();
    let unwritable = m.trace_open(Path::new("/nonexistent/wave.fst")).unwrap_err();
    assert!(unwritable.to_string().contains("/nonexistent/wave.fst"), "{unwritable}");
}

#[test]
fn hardware_that_does_not_settle_is_an_error() {
    let top = Module::new("ring")
        .clocked()
        .input("enable", 1)
        .output("y", 1)
        .body("always @(*) y = enable ? !y : 1'b0;")
        .build();
    let mut m = Model::new(&Design::elaborate(&top).unwrap()).unwrap();
    let enable = m.port("enable").unwrap();
    m.tick(3).unwrap();
    m.set(enable, 1);
    let e = m.tick(1).unwrap_err();
    assert!(matches!(e, SimError::Hardware { clock: 4, .. }), "{e}");
}

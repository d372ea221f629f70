//! The card's Verilog passes `verilator --lint-only -Wall` with the crate's waivers, and yosys reads it.

mod common;

use common::stubs;
use permafrost_rtl::{
    card::{generate, generate_with, CardError},
    config::CardConfig,
    field::{inverse, Field},
    hdl::{Design, Module},
    msm::engine,
    ntt::{
        self,
        block::{block, Shape},
        butterfly::butterfly,
    },
    point::affine,
    stream::{reader, writer},
    target::Target,
    vector::{engine::engine as vector_engine, inverse as vector_inverse, lane, multipliers::alone, scan},
    LINT_WAIVERS,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

fn configs() -> Vec<CardConfig> {
    let sim = CardConfig::sim();
    let wide = CardConfig { name: "wide".into(), io_queues: 14, log2_queue_entries: 15, ..sim.clone() };
    let narrow = CardConfig { name: "narrow".into(), io_queues: 1, ..sim.clone() };
    let adders = |adders| CardConfig { name: format!("adders_{adders}"), adders, ..sim.clone() };
    let (two, three, four) = (adders(2), adders(3), adders(4));
    let engines = |name: &str, ntt_lanes, vector_lanes| CardConfig {
        name: name.into(),
        ntt_lanes,
        vector_lanes,
        ..sim.clone()
    };
    let (msm_only, ntt, vector, all) =
        (engines("msm_only", 0, 0), engines("ntt", 2, 0), engines("vector", 0, 1), engines("all", 1, 1));
    let largest = CardConfig { name: "largest".into(), ntt_log2_block: 16, ..engines("", 8, 1) };
    vec![sim, wide, narrow, two, three, four, msm_only, ntt, vector, all, largest]
}

/// Writes one file per module and returns the paths.
fn write(design: &Design, dir: &Path) -> Vec<PathBuf> {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).unwrap();
    let mut files = vec![];
    for (name, text) in &design.files {
        let path = dir.join(format!("{name}.v"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    files
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn run(command: &mut Command) {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && !text.contains("%Warning"), "{command:?}\n{text}");
}

fn lint(design: &Design, name: &str) {
    let dir = scratch(&format!("card_lint_{name}"));
    let files = write(design, &dir);
    let waivers = dir.join("lint.vlt");
    std::fs::write(&waivers, LINT_WAIVERS).unwrap();
    let mut lint = Command::new("verilator");
    lint.args(["--lint-only", "-Wall", "--top-module", &design.top]).arg(&waivers).args(&files);
    run(&mut lint);
}

#[test]
fn verilator_has_nothing_to_say() {
    for config in configs() {
        lint(&generate_with(&config, &stubs(&config)).unwrap(), &config.name);
    }
}

#[test]
fn engines_that_the_configuration_does_not_name_are_refused() {
    let all = CardConfig { ntt_lanes: 1, vector_lanes: 1, ..CardConfig::sim() };
    for (ntt_lanes, vector_lanes) in [(0, 1), (1, 0), (0, 0)] {
        let fewer = CardConfig { ntt_lanes, vector_lanes, ..all.clone() };
        for (config, engines) in [(&all, stubs(&fewer)), (&fewer, stubs(&all))] {
            let e = generate_with(config, &engines).unwrap_err();
            assert!(matches!(e, CardError::Engines { .. }), "{e}");
        }
    }
}

#[test]
fn verilator_has_nothing_to_say_about_the_preset_with_its_engine() {
    for name in CardConfig::PRESETS {
        lint(&generate(&CardConfig::preset(name).unwrap()).unwrap(), &format!("{name}_whole"));
    }
}

/// The engine's corners: numbers of adders, few slots, narrow windows.
#[test]
fn verilator_has_nothing_to_say_about_other_engines() {
    for (adders, log2_slots, max_window) in [(2, 18, 16), (3, 12, 8), (4, 16, 13)] {
        let config = CardConfig { adders, log2_slots, max_window, ..CardConfig::sim() };
        lint(&Design::elaborate(&engine(&config)).unwrap(), &format!("engine_{adders}"));
    }
}

#[test]
fn verilator_has_nothing_to_say_about_the_inverter() {
    for target in Target::ALL {
        let design = Design::elaborate(&inverse::inverter(target).module).unwrap();
        lint(&design, &format!("inverse_{}", target.name()));
    }
}

#[test]
fn verilator_has_nothing_to_say_about_the_point_adder() {
    for target in Target::ALL {
        let design = Design::elaborate(&affine::adder(target, 20).module).unwrap();
        lint(&design, &format!("affine_{}", target.name()));
    }
}

#[test]
fn verilator_has_nothing_to_say_about_the_butterfly() {
    for target in Target::ALL {
        let design = Design::elaborate(&butterfly(&Field::fr(), target).module()).unwrap();
        lint(&design, &format!("butterfly_{}", target.name()));
    }
}

#[test]
fn verilator_has_nothing_to_say_about_the_transform_engine() {
    for target in Target::ALL {
        for (max_log, lanes) in [(12, 1), (2, 1), (9, 2), (12, 4), (5, 8)] {
            let design = Design::elaborate(&block(&Shape::new(target, max_log, lanes))).unwrap();
            lint(&design, &format!("ntt_{}_{max_log}_{lanes}", target.name()));
        }
    }
}

/// The units of the vector operations, with multipliers of their own.
fn vectors(target: Target) -> [Arc<Module>; 3] {
    let units =
        [lane::lane(target).module, scan::scan(target).module, vector_inverse::inverse(target).module];
    units.map(|unit| alone(target, &unit))
}

#[test]
fn verilator_has_nothing_to_say_about_the_ntt_engine() {
    for (max_log, lanes) in [(12, 1), (4, 1), (16, 8)] {
        let design = Design::elaborate(&ntt::engine(&Shape::new(Target::Generic, max_log, lanes))).unwrap();
        lint(&design, &format!("ntt_engine_{max_log}_{lanes}"));
    }
}

#[test]
fn verilator_has_nothing_to_say_about_streams() {
    for module in [reader(), writer()] {
        lint(&Design::elaborate(&module).unwrap(), module.name());
    }
}

#[test]
fn verilator_has_nothing_to_say_about_vectors() {
    for target in Target::ALL {
        for module in vectors(target).iter().chain([&vector_engine(target)]) {
            lint(&Design::elaborate(module).unwrap(), &format!("{}_{}", module.name(), target.name()));
        }
    }
}

#[test]
fn yosys_reads_it_without_latches() {
    let config = CardConfig { ntt_lanes: 1, vector_lanes: 1, ..CardConfig::sim() };
    let card = generate_with(&config, &stubs(&config)).unwrap();
    let vectors = vectors(Target::Generic).map(|module| Design::elaborate(&module).unwrap());
    let ntt = ntt::engine(&Shape::new(Target::Generic, 4, 1));
    let others = [reader(), writer(), ntt, vector_engine(Target::Generic)];
    let others = others.map(|module| Design::elaborate(&module).unwrap());
    for design in [card].iter().chain(&vectors).chain(&others) {
        let dir = scratch(&format!("yosys_{}", design.top));
        let files: Vec<String> = write(design, &dir).iter().map(|p| p.display().to_string()).collect();
        let script = format!(
            "read_verilog -sv {}; hierarchy -check -top {}; proc; select -assert-none t:$dlatch; check -assert",
            files.join(" "),
            design.top
        );
        run(Command::new("yosys").args(["-q", "-p", &script]));
    }
}

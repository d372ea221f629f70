//! The card's Verilog passes `verilator --lint-only -Wall` with the crate's waivers, and yosys reads it.

#[path = "common/msm_stub.rs"]
mod msm_stub;

use permafrost_rtl::{
    card::{generate, generate_with},
    config::CardConfig,
    field::{inverse, Field},
    hdl::Design,
    msm::engine,
    ntt::{
        block::{block, Shape},
        butterfly::butterfly,
    },
    point::affine,
    target::Target,
    vector::{lane, scan},
    LINT_WAIVERS,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn configs() -> Vec<CardConfig> {
    let sim = CardConfig::sim();
    let wide = CardConfig { name: "wide".into(), io_queues: 14, log2_queue_entries: 15, ..sim.clone() };
    let narrow = CardConfig { name: "narrow".into(), io_queues: 1, ..sim.clone() };
    let adders = |adders| CardConfig { name: format!("adders_{adders}"), adders, ..sim.clone() };
    let (two, three, four) = (adders(2), adders(3), adders(4));
    vec![sim, wide, narrow, two, three, four]
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
        lint(&generate_with(&config, &msm_stub::msm_stub()).unwrap(), &config.name);
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
fn verilator_has_nothing_to_say_about_the_tile_core() {
    for target in Target::ALL {
        for (max_log, lanes) in [(12, 1), (2, 1), (9, 2), (12, 4), (5, 8)] {
            let design = Design::elaborate(&block(&Shape::new(target, max_log, lanes))).unwrap();
            lint(&design, &format!("ntt_{}_{max_log}_{lanes}", target.name()));
        }
    }
}

#[test]
fn verilator_has_nothing_to_say_about_vectors() {
    for target in Target::ALL {
        for module in [lane::lane(target).module, scan::scan(target).module] {
            lint(&Design::elaborate(&module).unwrap(), &format!("{}_{}", module.name(), target.name()));
        }
    }
}

#[test]
fn yosys_reads_it_without_latches() {
    let card = generate_with(&CardConfig::sim(), &msm_stub::msm_stub()).unwrap();
    let target = Target::Generic;
    let others = [lane::lane(target).module, scan::scan(target).module, block(&Shape::new(target, 9, 2))];
    let others = others.map(|module| Design::elaborate(&module).unwrap());
    for design in [card].iter().chain(&others) {
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

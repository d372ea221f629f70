//! The driver under a real kernel: boots of a virtual machine whose PCI device is the simulated card. `make test-qemu` runs
//! these; they need what `tests/qemu/fetch.sh` fetches, and take tens of seconds each.

mod initramfs;
mod machine;
mod qmp;

use machine::{Machine, Plan, Report, Rig};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

/// Longest time for a boot; on two busy cores one takes a minute.
const LIMIT: Duration = Duration::from_secs(180);

/// Longest time for an answer of the card; the Verilated card is slow.
const ANSWER: Duration = Duration::from_secs(60);

/// A boot with cards that map the guest's memory.
fn plan<'a>(name: &'a str, cards: usize, cases: &'a str) -> Plan<'a> {
    Plan { name, cards, cases, answer: ANSWER, limit: LIMIT }
}

/// Fetches and builds what is missing, once for all tests.
fn rig() -> &'static Rig {
    static RIG: OnceLock<(Rig, tempfile::TempDir)> = OnceLock::new();
    let (rig, _) = RIG.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu/fetch.sh");
        let fetched = Command::new(&script).stderr(std::process::Stdio::inherit()).output();
        let fetched = fetched.unwrap_or_else(|e| panic!("{}: {e}", script.display()));
        assert!(fetched.status.success(), "{} failed", script.display());
        let system = PathBuf::from(String::from_utf8_lossy(&fetched.stdout).trim());
        let folder = tempfile::tempdir().expect("a folder for the initramfs");
        let initramfs = folder.path().join("initramfs");
        let init = Path::new(env!("CARGO_BIN_EXE_permafrost-guest"));
        let kernel = std::env::var_os("PERMAFROST_QEMU_KERNEL").map_or_else(|| system.clone(), PathBuf::from);
        initramfs::write(&initramfs, init, &kernel.join("modules")).expect("the initramfs can be written");
        // Next to /init, where cargo puts every program of the workspace.
        let permafrost = init.with_file_name("permafrost");
        assert!(permafrost.exists(), "no {}; cargo build -p permafrost-cli", permafrost.display());
        (Rig { system, kernel, initramfs, permafrost }, folder)
    });
    rig
}

/// One machine at a time, however many tests cargo runs at once.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Checks that exactly the planned cases ran, and prints the figures.
fn report(plan: &Plan<'_>, report: &Report) {
    let ran: Vec<_> = report.outcomes.iter().map(|o| o.case.as_str()).collect();
    assert_eq!(ran.join(","), plan.cases, "boot `{}` ran other cases than planned", plan.name);
    println!("boot `{}`: {} cases, {:.1} s", plan.name, ran.len(), report.elapsed.as_secs_f64());
    for outcome in &report.outcomes {
        println!("  {:24} {:6} ms", outcome.case, outcome.ms);
    }
}

/// Everything that leaves the cards usable, in one boot with two cards.
#[test]
#[ignore = "a virtual machine: make test-qemu"]
fn cards_under_the_real_kernel() {
    let _alone = alone();
    let cases =
        "enumerate,registers,flr,bind,conformance,msm,two-cards,reset-in-flight,driver-killed,removal";
    let plan = plan("cards", 2, cases);
    report(&plan, &Machine::start(rig(), &plan).finish());
}

/// A fatal error on the link, injected by QEMU into the root port.
#[test]
#[ignore = "a virtual machine: make test-qemu"]
fn an_error_on_the_bus() {
    let _alone = alone();
    let plan = plan("bus error", 1, "bind,bus-error");
    let mut machine = Machine::start(rig(), &plan);
    assert_eq!(machine.asked(), "bus-error");
    // Data link protocol error.
    println!("QEMU: {}", qmp::monitor(&machine.qmp(), "pcie_aer_inject_error rp0 DLP").trim_end());
    report(&plan, &machine.finish());
}

/// The process behind the card dies.
#[test]
#[ignore = "a virtual machine: make test-qemu"]
fn a_card_that_dies() {
    let _alone = alone();
    let plan = plan("card killed", 1, "bind,card-killed");
    let mut machine = Machine::start(rig(), &plan);
    assert_eq!(machine.asked(), "kill-card");
    machine.cards[0].kill();
    report(&plan, &machine.finish());
}

/// The process behind the card stands still: an access hangs until QEMU has waited long enough.
#[test]
#[ignore = "a virtual machine: make test-qemu"]
fn a_card_that_hangs() {
    let _alone = alone();
    let plan = Plan { answer: Duration::from_secs(5), ..plan("card stopped", 1, "bind,card-stopped") };
    let mut machine = Machine::start(rig(), &plan);
    assert_eq!(machine.asked(), "stop-card");
    machine.cards[0].stop();
    report(&plan, &machine.finish());
}

/// What only the kernel's VFIO shows of the transport.
#[test]
#[ignore = "a virtual machine: make test-qemu"]
fn the_transport_under_the_real_kernel() {
    let _alone = alone();
    let cases =
        "bind,vfio-open,vfio-memory,vfio-unprivileged,vfio-reset,vfio-idle-removal,vfio-iommufd,vfio-no-memory";
    let plan = plan("vfio", 1, cases);
    report(&plan, &Machine::start(rig(), &plan).finish());
}

//! Operations of a card: list, bind, selftest, reset, top; on a card that is served, and on made-up systems.

mod common;

use common::serving::Serving;
use common::{fail, permafrost, root, says, succeed};
use permafrost_driver::{Card, CardOptions, VfioUser};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

/// One served card for all: selftest, reset, and looks at it while it is free and in use.
#[test]
fn a_served_card_is_tested_reset_and_watched() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    let path = socket.to_str().unwrap();
    let card = format!("vfio-user:{path}");
    let _serving = Serving::of("sim:dram=16MiB", &[&socket]);

    let report = json(&succeed(["card", "selftest", "--card", &card, "--seed", "7", "--json"]));
    assert_eq!(
        (&report["passed"], &report["seed"], &report["card"]),
        (&true.into(), &7.into(), &"vfio-user".into())
    );
    let tests = report["tests"].as_array().unwrap();
    let result =
        |name: &str| tests.iter().find(|test| test["test"] == name).expect(name)["result"].as_str().unwrap();
    for name in [
        "registers",
        "function level reset",
        "interrupts",
        "queues",
        "abort",
        "memory",
        "copies",
        "semaphores",
        "MSM in G1",
        "MSM in G2",
        "NTT",
        "VECTOR",
        "controller reset",
    ] {
        assert_eq!(result(name), "passed", "{name}");
    }

    for (args, rung) in [(&[][..], "controller"), (&["--function"], "function")] {
        let first = ["card", "reset", "--card", &card, "--json"];
        let reset = json(&succeed(first.iter().chain(args)));
        assert_eq!((&reset["rung"], &reset["was_fatal"]), (&rung.into(), &false.into()));
    }
    says(&succeed(["card", "reset", "--card", &card]), &["controller reset", "upload again"]);

    let listed = || json(&succeed(["card", "list", "--json", "--socket", path, "--sysfs", "/nowhere/sys"]));
    let top = |more: &[&str]| {
        let args = ["card", "top", "--card", &card, "--interval", "0.1"];
        succeed(args.iter().chain(more))
    };
    let metrics = || succeed(["card", "top", "--socket", path, "--metrics"]);
    assert_eq!(listed()[0]["state"], "free");
    says(&top(&["--count", "1"]), &["does not answer", "no process has it open"]);
    assert_eq!(json(&top(&["--count", "1", "--json"]))["answers"], false);
    assert!(metrics().lines().any(|line| line.starts_with("permafrost_card_up{") && line.ends_with(" 0")));

    // In use by this process.
    let open = Card::open(Arc::new(VfioUser::connect(&socket).unwrap()), CardOptions::default()).unwrap();
    let buffer = open.dram().alloc(64 << 10).unwrap();
    assert_eq!(listed()[0]["state"], "in-use");
    says(&fail(["card", "info", "--card", &card]), &["used by another client"]);
    let looks = std::thread::scope(|scope| {
        let looks = scope.spawn(|| top(&["--count", "4", "--json"]));
        while !looks.is_finished() {
            open.write(&buffer, 0, &[0x5a; 64 << 10]).unwrap();
        }
        looks.join().unwrap()
    });
    let looks: Vec<Value> = looks.lines().map(json).collect();
    assert_eq!(looks.len(), 4);
    for look in &looks {
        assert_eq!(
            (&look["answers"], &look["ready"], &look["was_reset"]),
            (&true.into(), &true.into(), &false.into())
        );
        assert!(look["dram_touched_bytes"].as_u64().unwrap() >= 64 << 10, "{look}");
        assert_eq!(look["engines"][0]["engine"], "copy");
    }
    // On a busy host there may be intervals in which nothing came to pass.
    let most = |path: &str| {
        let value = |look: &Value| look.pointer(path).and_then(Value::as_f64).expect(path);
        looks.iter().map(value).fold(0.0, f64::max)
    };
    assert!(most("/commands") >= 1.0 && most("/engines/0/busy") > 0.1, "{looks:?}");
    assert!(
        most("/bytes_per_clock/host_read") > 1.0 && most("/bytes_per_clock/dram_write") > 1.0,
        "{looks:?}"
    );
    let text = top(&["--count", "2"]);
    says(&text, &["ready", "copy", "DRAM write", "admin 0", "of 16 MiB touched", "interrupts"]);
    assert!(!text.contains('\x1b'), "no escape codes in a pipe");

    let file = folder.path().join("card.prom");
    succeed(["card", "top", "--socket", path, "--metrics", "--out", file.to_str().unwrap()]);
    let written = fs::read_to_string(&file).unwrap();
    let value = |text: &str, name: &str| -> f64 {
        let line =
            text.lines().find(|line| line.starts_with(&format!("permafrost_card_{name}{{"))).expect(name);
        line.rsplit(' ').next().unwrap().parse().expect("a number")
    };
    let counted = open.counters().unwrap();
    assert_eq!(value(&written, "up"), 1.0);
    assert_eq!(value(&written, "commands_total"), counted.commands as f64);
    assert_eq!(value(&written, "host_read_bytes_total"), counted.host_read_bytes as f64);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o644, "others may read it");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left beside the sockets and the file: {names:?}");
    // All of this looking has changed nothing for the one who uses the card.
    let mut seen = vec![0; 64 << 10];
    open.read(&buffer, 0, &mut seen).unwrap();
    assert!(seen.iter().all(|byte| *byte == 0x5a));
}

#[test]
fn cards_that_cannot_be_watched() {
    says(
        &fail(["card", "top", "--card", "sim", "--count", "1"]),
        &["`sim`", "nobody else can look", "vfio-user:SOCKET"],
    );
    says(&fail(["card", "top", "--card", "vfio:0000:zz", "--count", "1"]), &["`0000:zz`", "0000:01:00.0"]);
    let message =
        fail(["card", "top", "--card", "vfio:0000:41:00.0", "--sysfs", "/nowhere/sys", "--metrics"]);
    says(&message, &["resource0", "card list"]);
    says(
        &fail(["card", "top", "--socket", "/nowhere/card", "--count", "1"]),
        &["/nowhere/card.observe", "card serve"],
    );
    let long = format!("/tmp/{}", "x".repeat(110));
    says(&fail(["card", "top", "--socket", &long, "--count", "1"]), &["xxx.observe", "at most 107 bytes"]);
    says(&fail(["card", "info", "--card", &format!("vfio-user:{long}")]), &["at most 107 bytes"]);
    says(&fail(["card", "serve", "--socket", &long]), &["cannot listen on", "at most 107 bytes"]);
    says(
        &fail(["card", "serve", "--socket", "/tmp/x", "--observe", "a", "--observe", "b"]),
        &["once for each"],
    );
    for args in [&["--interval", "0"][..], &["--json", "--metrics"], &["--out", "x"], &["--count", "0"]] {
        let output = permafrost(["card", "top"].iter().chain(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

/// A made-up system: a card that `xdma` has, in a group with nothing else.
struct System(tempfile::TempDir);

const BDF: &str = "0000:41:00.0";

impl System {
    fn new() -> Self {
        let system = Self(tempfile::tempdir().unwrap());
        system.function(BDF, "0x4650", "0x5a52", "0x120000", "xdma", 17);
        system.driver("vfio-pci");
        system.file("sys/bus/pci/drivers_probe", "");
        system
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn driver(&self, name: &str) {
        self.file(&format!("sys/bus/pci/drivers/{name}/unbind"), "");
    }

    fn function(&self, bdf: &str, vendor: &str, device: &str, class: &str, driver: &str, group: u32) {
        let folder = format!("sys/bus/pci/devices/{bdf}");
        for (name, text) in [
            ("vendor", vendor),
            ("device", device),
            ("class", class),
            ("driver_override", "(null)"),
            ("numa_node", "-1"),
            ("resource", "0xfea00000 0xfea0ffff 0x40200"),
        ] {
            self.file(&format!("{folder}/{name}"), &format!("{text}\n"));
        }
        self.driver(driver);
        symlink(self.path(&format!("sys/bus/pci/drivers/{driver}")), self.path(&format!("{folder}/driver")))
            .unwrap();
        let members = self.path(&format!("sys/kernel/iommu_groups/{group}/devices"));
        fs::create_dir_all(&members).unwrap();
        symlink(self.path(&folder), members.join(bdf)).unwrap();
        symlink(members.parent().unwrap(), self.path(&format!("{folder}/iommu_group"))).unwrap();
    }

    fn args(&self, args: &[&str]) -> Vec<std::ffi::OsString> {
        let mut all: Vec<std::ffi::OsString> = ["card"].iter().chain(args).map(Into::into).collect();
        all.extend(["--sysfs".into(), self.path("sys").into()]);
        all
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("sys/bus/pci/devices/{BDF}/{name}"))).unwrap()
    }
}

#[test]
fn cards_are_listed_with_what_stands_in_the_way() {
    let empty = tempfile::tempdir().unwrap();
    let none = empty.path().join("sys");
    let none = none.to_str().unwrap();
    says(&succeed(["card", "list", "--sysfs", none]), &["no card on PCI", "--id", "card serve --socket"]);
    assert_eq!(succeed(["card", "list", "--json", "--sysfs", none]), "[]\n");

    let system = System::new();
    says(
        &succeed(system.args(&["list"])),
        &[BDF, "4650:5a52", "bound to xdma: permafrost card bind 0000:41:00.0"],
    );
    system.function("0000:42:00.0", "0x144d", "0xa808", "0x010802", "nvme", 17);
    system.function("0000:43:00.0", "0x10ee", "0x903f", "0x120000", "vfio-pci", 18);
    says(&succeed(system.args(&["list"])), &["group shared with 0000:42:00.0 (driver nvme)"]);
    let socket = system.path("none");
    let list = json(&succeed(system.args(&[
        "list",
        "--json",
        "--id",
        "10ee:903f",
        "--socket",
        socket.to_str().unwrap(),
    ])));
    let states: Vec<_> =
        list.as_array().unwrap().iter().map(|card| card["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["shared", "closed", "unreachable"]);
    assert_eq!(list[0]["group_others"][0]["driver"], "nvme");
    assert_eq!(
        (&list[1]["card"], &list[1]["bars"][0]["bytes"]),
        (&"vfio:0000:43:00.0".into(), &65536.into())
    );
}

#[test]
fn binding_changes_what_it_is_asked_to_or_nothing() {
    let system = System::new();
    let dry = succeed(system.args(&["bind", BDF, "--dry-run"]));
    says(&dry, &["would write `vfio-pci` to", "driver_override", "driver/unbind", "drivers_probe"]);
    assert_eq!(system.text("driver_override"), "(null)\n", "nothing is written");
    // Nobody acts on the writes here, so that the driver stays: everything is written back.
    let message = fail(system.args(&["bind", BDF]));
    says(&message, &["was to be bound to vfio-pci", "driver xdma", "everything before is undone"]);
    assert_eq!(system.text("driver_override"), "\n");
    says(&fail(system.args(&["unbind", BDF])), &["not bound to vfio-pci", "xdma"]);
    // What is no card is left alone, and so is a disk with ids that are asked for.
    system.function("0000:42:00.0", "0x144d", "0xa808", "0x010802", "nvme", 18);
    let disk = ["bind", "0000:42:00.0", "--dry-run"];
    says(&fail(system.args(&disk)), &["144d:a808", "not a card's", "left alone"]);
    says(&fail(system.args(&["bind", "0000:42:00.0", "--id", "144d:a808"])), &["storage", "left alone"]);
    says(&fail(system.args(&["bind", "0000:44:00.0"])), &["no PCI function 0000:44:00.0", "card list"]);
    // What is missing is an error of a dry run as well, after what would be written.
    fs::remove_dir_all(system.path("sys/bus/pci/drivers/vfio-pci")).unwrap();
    says(
        &fail(system.args(&["bind", BDF, "--dry-run", "--huge-pages", "8"])),
        &["modprobe vfio-pci", "no huge pages"],
    );
    assert_eq!(permafrost(["card", "bind", "nonsense"]).status.code(), Some(2));
}

/// Files that the manual names are there, and those that are there are named; the units call this program as it is.
#[test]
fn the_manual_names_what_there_is() {
    let text = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let links = text.split("](operations/").skip(1).map(|rest| rest.split(')').next().unwrap());
    let links: std::collections::BTreeSet<String> = links.map(str::to_owned).collect();
    let there = fs::read_dir(root().join("docs/operations")).unwrap();
    let there: std::collections::BTreeSet<String> =
        there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(links, there);
    // Commands in the units are those of this program.
    for unit in there.iter().filter(|name| name.ends_with(".service")) {
        let unit = fs::read_to_string(root().join("docs/operations").join(unit)).unwrap();
        for line in unit.lines().filter_map(|line| line.split_once("/permafrost card ").map(|(_, rest)| rest))
        {
            let words: Vec<_> = line.split(' ').collect();
            let help = succeed(["card", words[0], "--help"]);
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(option), "card {line}: there is no {option}");
            }
        }
    }
}

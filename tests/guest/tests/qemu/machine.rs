//! A virtual machine with simulated cards: started, watched and, whatever happens, ended.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a log that a failure shows.
const TAIL: usize = 6000;
/// Longest time for a card to be served; its model may have to be built.
const CARD_LIMIT: Duration = Duration::from_secs(600);

/// Time for a machine to power off once the guest has said how it went.
const GRACE: Duration = Duration::from_secs(3);

/// What is fetched or built before a machine can start.
#[derive(Debug)]
pub struct Rig {
    /// The folder of `tests/qemu/fetch.sh`.
    pub system: PathBuf,
    /// The folder with the guest's kernel: the same, or that of `tests/qemu/kernel.sh`.
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// The `permafrost` command, which serves the cards.
    pub permafrost: PathBuf,
}

/// What a machine is to do.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// In file names.
    pub name: &'a str,
    pub cards: usize,
    /// How long QEMU waits for an answer of the card's process.
    pub answer: Duration,
    /// Names of the guest's cases, separated by commas.
    pub cases: &'a str,
    /// The whole boot ends within it.
    pub limit: Duration,
}

/// A process that is killed with its owner.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    fn spawn(command: &mut Command) -> Self {
        let killed_with_parent = || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(Into::into)
        };
        // SAFETY: between fork and exec the closure makes one system call, and allocates nothing.
        unsafe { command.pre_exec(killed_with_parent) };
        let child =
            command.spawn().unwrap_or_else(|e| panic!("cannot start {:?}: {e}", command.get_program()));
        Self(child)
    }

    /// Kills it with a signal that it cannot handle.
    pub fn kill(&mut self) {
        let _ = self.0.kill(); // an error means that it has ended
        let _ = self.0.wait();
    }

    /// Stops it as a debugger would.
    pub fn stop(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it can be stopped");
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running machine.
pub struct Machine {
    name: String,
    start: Instant,
    limit: Duration,
    folder: tempfile::TempDir,
    qemu: Process,
    /// In the order of the cards; a test may kill one.
    pub cards: Vec<Process>,
    /// Bytes of the console that have been read.
    seen: usize,
}

/// What the console said of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub case: String,
    pub ms: u64,
}

/// A boot that has ended well.
#[derive(Debug)]
pub struct Report {
    pub outcomes: Vec<Outcome>,
    /// From the start of QEMU to the verdict.
    pub elapsed: Duration,
}

impl Machine {
    /// Serves the cards, and starts QEMU once they can be reached.
    pub fn start(rig: &Rig, plan: &Plan<'_>) -> Self {
        // A short path: sockets have at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("pf-qemu").tempdir_in("/tmp").expect("a folder in /tmp");
        let at = |name: &str| folder.path().join(name);
        let log = |name: &str| File::create(at(name)).expect("a log");
        let cards = (0..plan.cards)
            .map(|i| serve(&rig.permafrost, &at(&format!("card{i}")), log(&format!("card{i}.log"))))
            .collect();
        let start = Instant::now();
        let mut command = Command::new(rig.system.join("qemu"));
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-monitor",
            "none",
        ]);
        command.args([
            "-M",
            "q35,memory-backend=mem,kernel-irqchip=split,smm=off",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "1G",
        ]);
        // Never the default: where a machine has KVM without a usable CPU, QEMU starts and the guest stands still.
        command.args(["-accel", "tcg,thread=multi"]);
        // Shared, so that the card's process maps it: QEMU does not serve the card's accesses while it waits for a register.
        command.args(["-object", "memory-backend-memfd,id=mem,size=1G,share=on"]);
        command.args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
        for i in 0..plan.cards {
            let socket = at(&format!("card{i}"));
            command.args(["-device", &format!("pcie-root-port,id=rp{i},chassis={},slot={}", i + 1, i + 1)]);
            command.arg("-device").arg(format!(
                r#"{{"driver":"vfio-user-pci","id":"card{i}","bus":"rp{i}","x-msg-timeout":{},"socket":{{"type":"unix","path":"{}"}}}}"#,
                plan.answer.as_millis(),
                socket.display()
            ));
        }
        command.arg("-serial").arg(format!("file:{}", at("console.log").display()));
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", at("qmp").display()));
        command.arg("-kernel").arg(rig.kernel.join("vmlinuz")).arg("-initrd").arg(&rig.initramfs);
        // Without no_timer_check the kernel panics now and then on a host that is short of CPU time.
        let inside = plan.limit.as_secs().saturating_sub(15);
        command.arg("-append").arg(format!(
            "console=ttyS0 quiet no_timer_check panic=-1 intel_iommu=on iommu=nopt permafrost.cases={} permafrost.limit={inside}",
            plan.cases
        ));
        let output = log("qemu.log");
        command.stdin(Stdio::null()).stderr(output.try_clone().expect("a log")).stdout(output);
        let qemu = Process::spawn(&mut command);
        Self { name: plan.name.into(), start, limit: plan.limit, folder, qemu, cards, seen: 0 }
    }

    /// Where QEMU takes commands.
    pub fn qmp(&self) -> PathBuf {
        self.folder.path().join("qmp")
    }

    /// Waits for the guest to ask for something: the text of its next `HOST` line.
    ///
    /// # Panics
    /// When the machine ends or its time passes before.
    pub fn asked(&mut self) -> String {
        loop {
            let ended = self.qemu.has_ended();
            let console = self.log("console.log");
            let mut at = self.seen;
            for line in console[at..].split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                at += line.len();
                if let Some(text) = line.strip_prefix("HOST ") {
                    self.seen = at;
                    return text.trim_end().to_string();
                }
            }
            if ended || self.start.elapsed() > self.limit {
                self.fail("the guest asked for nothing");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end, which must be a good one: by the console's last line, not by how QEMU ends.
    ///
    /// # Panics
    /// When it is not; the logs are shown.
    pub fn finish(mut self) -> Report {
        let verdict = |line: &str| line.trim_end() == "GUEST-OK" || line.starts_with("GUEST-FAIL");
        let mut end = self.start + self.limit;
        let mut over = None;
        while !self.qemu.has_ended() {
            if over.is_none() && self.log("console.log").lines().any(verdict) {
                over = Some(self.start.elapsed());
                // A machine with a card that does not answer takes minutes to power off.
                end = end.min(Instant::now() + GRACE);
            }
            if Instant::now() > end {
                match over {
                    Some(_) => self.qemu.kill(),
                    None => self.fail(&format!("no verdict within {:?}", self.limit)),
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let elapsed = over.unwrap_or_else(|| self.start.elapsed());
        let console = self.log("console.log");
        let mut outcomes = Vec::new();
        for line in console.lines() {
            match line.trim_end().split(' ').collect::<Vec<_>>()[..] {
                ["CASE", case, "ok", ms, "ms"] => {
                    outcomes.push(Outcome { case: case.into(), ms: ms.parse().unwrap_or_default() });
                }
                ["CASE", ..] => self.fail("a case failed"),
                _ => {}
            }
        }
        if !console.lines().any(|line| line.trim_end() == "GUEST-OK") {
            self.fail("no GUEST-OK on the console");
        }
        if std::env::var_os("PERMAFROST_QEMU_LOGS").is_some() {
            println!("{}", self.logs(usize::MAX));
        }
        Report { outcomes, elapsed }
    }

    fn log(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join(name)).unwrap_or_default()).into_owned()
    }

    fn logs(&self, tail: usize) -> String {
        let mut names = vec!["qemu.log".to_string()];
        names.extend((0..self.cards.len()).map(|i| format!("card{i}.log")));
        names.push("console.log".into());
        let mut text = String::new();
        for name in names {
            let log = self.log(&name);
            let from = (log.len().saturating_sub(tail)..).find(|i| log.is_char_boundary(*i)).unwrap_or(0);
            text += &format!("--- {name}\n{}\n", log[from..].trim_end());
        }
        text
    }

    fn fail(&self, why: &str) -> ! {
        panic!("boot `{}`: {why}, after {:.1?}\n{}", self.name, self.start.elapsed(), self.logs(TAIL))
    }
}

/// Serves a card, and waits until it can be reached.
fn serve(permafrost: &Path, socket: &Path, log: File) -> Process {
    let mut command = Command::new(permafrost);
    command.args(["card", "serve", "--card", "sim:dram=64MiB", "--socket"]).arg(socket);
    command.env_remove("PERMAFROST_CARD").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut process = Process::spawn(&mut command);
    let lines = process.0.stdout.take().expect("piped");
    let (ready, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // One line says that it is served; the rest is read so that the pipe does not fill.
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            let _ = ready.send(line);
        }
    });
    match wait.recv_timeout(CARD_LIMIT) {
        Ok(line) if line.contains("is served") => process,
        other => panic!("{} does not serve a card: {other:?}", permafrost.display()),
    }
}

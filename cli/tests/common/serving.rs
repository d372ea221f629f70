//! `permafrost card serve` in a process of its own, and what it holds.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A serving process; killed when dropped, without a chance to clean up.
pub struct Serving {
    child: Child,
    resets: Arc<Resets>,
}

/// Function level resets of the served cards, as the server's log tells them.
#[derive(Debug, Default)]
pub struct Resets {
    all: AtomicU64,
    /// While the card was at work.
    running: AtomicU64,
    /// While an access to host memory was under way.
    dma: AtomicU64,
}

impl Resets {
    /// All, those of a card at work, those with DMA in flight.
    pub fn counts(&self) -> [u64; 3] {
        [&self.all, &self.running, &self.dma].map(|n| n.load(Ordering::Relaxed))
    }
}

impl Serving {
    /// Serves cards on these sockets, and waits until all can be reached.
    pub fn start(sockets: &[&Path]) -> Self {
        Self::of("sim:dram=64MiB", sockets)
    }

    /// [`start`](Self::start) with cards like that.
    pub fn of(card_text: &str, sockets: &[&Path]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_permafrost"));
        command.args(["card", "serve", "--card", card_text]).env_remove("PERMAFROST_CARD");
        command.env("PERMAFROST_LOG", "warn,permafrost_sim::card=debug");
        for socket in sockets {
            command.arg("--socket").arg(socket);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let log = BufReader::new(child.stderr.take().expect("piped"));
        let resets = Arc::new(Resets::default());
        let serving = Serving { child, resets: resets.clone() };
        std::thread::spawn(move || follow(log, &resets));
        for (socket, line) in sockets.iter().zip(lines) {
            let line = line.expect("a line");
            assert!(line.ends_with(&card(socket)), "{line}");
        }
        serving
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn resets(&self) -> &Resets {
        &self.resets
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs until it is killed");
        self.child.wait().expect("it has ended");
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    /// What it holds now.
    pub fn holds(&self) -> Holds {
        let proc = Path::new("/proc").join(self.pid().to_string());
        let entries = |name| std::fs::read_dir(proc.join(name)).expect("the server runs").count();
        let text = |name| std::fs::read_to_string(proc.join(name)).expect("the server runs");
        let maps = text("maps");
        let resident = text("status")
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        Holds {
            descriptors: entries("fd"),
            threads: entries("task"),
            mappings: maps.lines().count(),
            shared: maps.lines().filter(|line| line.contains("permafrost-dma")).count(),
            resident_kib: resident.expect("VmRSS"),
        }
    }

    /// What it holds when no client is there any more.
    pub fn at_rest(&self) -> Holds {
        let start = Instant::now();
        let mut before = self.holds();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.holds();
            let same = (now.descriptors, now.threads) == (before.descriptors, before.threads);
            if now.shared == 0 && same {
                return now;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not come to rest: {now:?}");
            before = now;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill(); // a test may have done so
        let _ = self.child.wait();
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Holds {
    pub descriptors: usize,
    pub threads: usize,
    pub mappings: usize,
    /// Mappings of a client's DMA memory.
    pub shared: usize,
    pub resident_kib: u64,
}

/// Counts resets in the server's log and passes on whatever else it says.
fn follow(log: impl BufRead, resets: &Resets) {
    for line in log.lines().map_while(Result::ok) {
        if !line.contains("function level reset") {
            eprintln!("server: {line}");
            continue;
        }
        resets.all.fetch_add(1, Ordering::Relaxed);
        for (mark, count) in [("running=true", &resets.running), ("dma=true", &resets.dma)] {
            if line.contains(mark) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// `--card` for the card that is served there.
pub fn card(socket: &Path) -> String {
    format!("vfio-user:{}", socket.display())
}

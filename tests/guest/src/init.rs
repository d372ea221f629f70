//! Process 1: file systems, kernel modules, huge pages, the power switch.

use crate::error::Error;
use rustix::mount::{mount, MountFlags};
use rustix::system::{init_module, reboot, RebootCommand};
use std::fs;
use std::time::Duration;

/// The order in which the modules of VFIO need each other; those that are built in have no file.
const MODULES: [&str; 5] = ["irqbypass", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci"];

/// What the kernel's command line asks for.
#[derive(Debug)]
pub struct Line {
    /// Names of the cases, in order.
    pub cases: Vec<String>,
    /// Huge pages of 2 MiB to reserve.
    huge_pages: u32,
    /// Seconds that everything may take.
    limit: u64,
}

impl Line {
    fn parse(text: &str) -> Result<Self, Error> {
        let value =
            |key: &str| text.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let number = |key: &str, default| match value(key) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| Error::Wrong(format!("kernel command line: {key}={text} is no number"))),
        };
        Ok(Self {
            cases: value("permafrost.cases").ok_or(Error::NoCases)?.split(',').map(str::to_string).collect(),
            huge_pages: number("permafrost.hugepages", 16)? as u32,
            limit: number("permafrost.limit", 160)?,
        })
    }
}

/// Makes the machine usable, and ends it after its time.
pub fn bring_up() -> Result<Line, Error> {
    for (what, at) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/tmp"),
        ("hugetlbfs", "/hugepages"),
    ] {
        mount(what, at, what, MountFlags::empty(), None).map_err(Error::file("mount", at))?;
    }
    let line = Line::parse(&read("/proc/cmdline")?)?;
    watch(line.limit);
    for module in MODULES {
        let path = format!("/modules/{module}.ko");
        match fs::read(&path) {
            Ok(image) => init_module(&image, c"").map_err(Error::file("load", &path))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::file("read", &path)(e)),
        }
    }
    write("/proc/sys/vm/nr_hugepages", &line.huge_pages.to_string())?;
    Ok(line)
}

/// Powers off after `limit` seconds, whatever hangs, so that the console says which case it was.
fn watch(limit: u64) {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(limit));
        println!("\nGUEST-FAIL the case that runs now has not ended within {limit} s of the start");
        power_off();
    });
}

/// Seconds since the kernel started.
pub fn uptime() -> f64 {
    read("/proc/uptime")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Ends the machine. Does not come back.
pub fn power_off() -> ! {
    use std::io::Write;
    let _ = std::io::stdout().flush();
    let _ = reboot(RebootCommand::PowerOff);
    // Refused, or under way.
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Reads a text file of the kernel, without the line end.
pub fn read(path: &str) -> Result<String, Error> {
    fs::read_to_string(path).map(|text| text.trim_end().to_string()).map_err(Error::file("read", path))
}

/// Writes one value to a file of the kernel.
pub fn write(path: &str, value: &str) -> Result<(), Error> {
    fs::write(path, value).map_err(Error::file("write", path))
}

//! `/init` of the guest: the driver under a real kernel, with VFIO, an IOMMU and MSI-X, on a simulated card that QEMU shows as
//! a PCI device. It brings the machine up, runs the cases that the kernel's command line names, says how each went, and
//! powers the machine off. `tests/qemu/README.md` says how it is started.
//!
//! What the console says, and the test on the host reads:
//!
//! ```text
//! CASE name ok 12 ms
//! CASE name FAILED 12 ms
//! HOST text            the host is to do something
//! GUEST-OK             the last line, or
//! GUEST-FAIL reason
//! ```

mod cases;
mod error;
mod init;
mod pci;
mod resource;
mod vfio_cases;

#[path = "../../../driver/tests/suite/mod.rs"]
mod suite;

use error::Error;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Instant;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(cases::worker::ARGUMENT) {
        let end = cases::worker::run();
        eprintln!("worker: {end:?}");
        std::process::exit(1);
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [vfio_cases::UNPRIVILEGED, bdf, expected] =
        arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        let end = vfio_cases::as_user(bdf, expected);
        println!("user {}: {end:?}", rustix::process::getuid().as_raw());
        std::process::exit(end.is_err().into());
    }
    // As an ordinary program it has no business with mounts and the power switch.
    if std::process::id() != 1 {
        eprintln!(
            "permafrost-guest is the /init of a virtual machine; run `make test-qemu`, which starts it"
        );
        std::process::exit(2);
    }
    // A panic must not end process 1, which would panic the kernel and leave no verdict.
    let verdict = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => "GUEST-OK".to_string(),
        Ok(Err(error)) => format!("GUEST-FAIL {error}"),
        Err(_) => "GUEST-FAIL panic".to_string(),
    };
    println!("\n{verdict}");
    init::power_off();
}

/// Brings the machine up and runs the cases; fails when one fails, after all have run.
fn run() -> Result<(), Error> {
    let start = Instant::now();
    let line = init::bring_up()?;
    println!("GUEST init after {:.1} s of uptime, up in {:.0?}", init::uptime(), start.elapsed());
    let mut failed = Vec::new();
    for name in &line.cases {
        let case = cases::find(name)?;
        let start = Instant::now();
        let good = match catch_unwind(AssertUnwindSafe(case)) {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                println!("{name}: {error}");
                false
            }
            Err(_) => false, // the panic has been shown
        };
        let (word, ms) = (if good { "ok" } else { "FAILED" }, start.elapsed().as_millis());
        println!("CASE {name} {word} {ms} ms");
        if !good {
            failed.push(name.as_str());
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::Cases(failed.join(", "))),
    }
}

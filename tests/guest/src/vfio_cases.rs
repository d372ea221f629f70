//! What only the kernel's VFIO shows of the driver's transport: who may open a card, what memory costs, a reset in the middle
//! of DMA, being asked to let go, and the other backend.

use crate::cases::{worker, Case};
use crate::error::{expect, Error};
use crate::init::{read, write};
use crate::{pci, suite};
use permafrost_abi::{reg, ABI_MAGIC};
use permafrost_driver::sysfs::Sysfs;
use permafrost_driver::{
    Bdf, Card, CardOptions, Error as DriverError, Transport, TransportError, Vfio, VfioBackend, VfioOptions,
};
use rustix::process::{getuid, setrlimit, Resource, Rlimit};
use std::fs;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The cases by name.
pub const CASES: &[(&str, Case)] = &[
    ("vfio-open", opening),
    ("vfio-memory", memory),
    ("vfio-unprivileged", unprivileged),
    ("vfio-reset", reset_during_dma),
    ("vfio-idle-removal", idle_removal),
    ("vfio-iommufd", iommufd),
    ("vfio-no-memory", no_memory),
];

/// The argument that makes `/init` the program of a user without privileges; the card's address follows.
pub const UNPRIVILEGED: &str = "--unprivileged";
/// That user, and its group.
const USER: u32 = 1000;
/// Locked memory that it may have.
const MEMLOCK: u64 = 1 << 20;
/// Longest time for the kernel to say that it wants a device back.
const NOTICE: Duration = Duration::from_secs(20);

fn vfio(card: Bdf, backend: VfioBackend) -> Result<Arc<Vfio>, Error> {
    Ok(Arc::new(Vfio::open(card, VfioOptions { backend, ..VfioOptions::default() })?))
}

/// Fails unless `result` is an error whose text has all of `parts`.
fn refused<T>(result: Result<T, TransportError>, parts: &[&str]) -> Result<(), Error> {
    let Err(error) = result else { return Err(Error::Wrong(format!("no error, expected {parts:?}"))) };
    let text = error.to_string();
    println!("refused: {text}");
    expect(parts.iter().all(|part| text.contains(part)), format!("`{text}` does not say {parts:?}"))
}

/// Opened twice, by nobody's driver, at a wrong address; and again at once after it is closed.
fn opening() -> Result<(), Error> {
    let bdf = pci::card(0)?;
    let open = |bdf| Vfio::open(bdf, VfioOptions::default());
    let known = Sysfs::default().functions()?;
    expect(known.iter().any(|f| f.bdf == bdf && f.group.is_some()), format!("{bdf} is not in {known:?}"))?;
    let first = open(bdf)?;
    refused(open(bdf), &[&bdf.to_string(), "/dev/vfio/", "another process"])?;
    expect(first.read32(reg::MAGIC)? == ABI_MAGIC, "the first one has suffered")?;
    expect(first.deadline_scale() > 1, "a simulated card takes longer than silicon")?;
    expect(
        matches!(first.read32(2), Err(TransportError::BadOffset { .. }))
            && matches!(first.write32(1 << 16, 0), Err(TransportError::BadOffset { .. })),
        "offsets that are no registers are refused",
    )?;
    refused(first.enable_irqs(u16::MAX), &["65534", "not enabled"])?;
    drop(first);
    let start = Instant::now();
    for _ in 0..5 {
        let again = open(bdf)?;
        again.enable_irqs(3)?;
        again.enable_irqs(9)?;
        again.enable_irqs(0)?;
        again.enable_irqs(1)?;
        expect(!again.wait_irq(0, Duration::from_millis(1))?, "an interrupt of nobody")?;
    }
    println!("opened and closed 5 times in {:.0?}", start.elapsed());
    let mut nowhere = bdf;
    nowhere.function = 7;
    refused(open(nowhere), &["no PCI function"])?;
    // Any function that belongs to no driver will do, such as the host bridge.
    if let Some(function) = known.iter().find(|f| f.driver.is_none()) {
        refused(open(function.bdf), &["bound to no driver", "permafrost card bind"])?;
    }
    write(&pci::file(bdf, "driver/unbind"), &bdf.to_string())?;
    let unbound = refused(open(bdf), &["bound to no driver", "permafrost card bind"]);
    pci::bind(bdf)?;
    unbound
}

/// Addresses and pages of what is allocated, memory of the caller, and what is given back.
fn memory() -> Result<(), Error> {
    let transport = vfio(pci::card(0)?, VfioBackend::Group)?;
    mapped(&transport)
}

fn mapped(transport: &Arc<Vfio>) -> Result<(), Error> {
    const HUGE: usize = 2 << 20;
    let free = || {
        read("/proc/meminfo")
            .map(|text| text.lines().find(|l| l.starts_with("HugePages_Free")).map(str::to_string))
    };
    let before = free()?;
    let mut kept = Vec::new();
    for len in [1, 4096, 65536, HUGE, 16 * HUGE] {
        let start = Instant::now();
        let region = transport.dma_alloc(len)?;
        println!(
            "{} bytes at {:#x}, {:?} pages: {:.1?}",
            region.len(),
            region.iova(),
            region.pages(),
            start.elapsed()
        );
        expect(
            region.iova() >= 1 << 32 && region.iova() % HUGE as u64 == 0,
            "an address below 4 GiB, or unaligned",
        )?;
        let mut ends = [1u8; 2];
        region.read(0, &mut ends[..1]);
        region.read(region.len() - 1, &mut ends[1..]);
        expect(ends == [0; 2], "memory that is not zeroed")?;
        kept.push(region);
    }
    for a in &kept {
        for b in kept.iter().filter(|b| b.iova() > a.iova()) {
            expect(a.iova() + a.len() as u64 + 4096 <= b.iova(), "regions without a gap between them")?;
        }
    }
    drop(kept);
    expect(before == free()?, "huge pages are not given back")?;

    /// Memory of the caller, which says when it is given back.
    struct Owner(Vec<u8>, Arc<AtomicBool>);
    impl Drop for Owner {
        fn drop(&mut self) {
            self.1.store(true, Ordering::Relaxed);
        }
    }
    let freed = Arc::new(AtomicBool::new(false));
    let owner = Box::new(Owner(vec![0; 3 * 4096], freed.clone()));
    let ptr = owner.0.as_ptr().cast_mut();
    let ptr = ptr.wrapping_add(ptr.align_offset(4096));
    // SAFETY: two whole pages inside the vector, which does not move, is dropped with the owner, and has no other references.
    let region = unsafe { transport.dma_map(ptr, 8192, owner) }?;
    region.write(0, &[7; 8192]);
    expect(!freed.load(Ordering::Relaxed), "memory of the caller is dropped while it is mapped")?;
    drop(region);
    expect(freed.load(Ordering::Relaxed), "memory of the caller is not dropped")?;
    // SAFETY: nothing is mapped, since the length is not whole pages.
    let odd = unsafe { transport.dma_map(std::ptr::null_mut(), 100, Box::new(())) };
    refused(odd.map(|_| ()), &["100 bytes", "4096"])
}

/// A user without privileges opens a card that it was given, and has as much memory as its limit allows. Its program also finds
/// the registers where they cannot be mapped.
fn unprivileged() -> Result<(), Error> {
    let bdf = pci::card(0)?;
    let group = fs::read_link(pci::file(bdf, "iommu_group")).map_err(Error::file("read", "iommu_group"))?;
    let file = Path::new("/dev/vfio").join(group.file_name().unwrap_or_default());
    let run = |expected: &str| {
        let status = Command::new("/proc/self/exe")
            .args([UNPRIVILEGED, &bdf.to_string(), expected])
            .uid(USER)
            .gid(USER)
            .status()
            .map_err(Error::file("start", "/proc/self/exe"))?;
        expect(status.success(), format!("the user's program ended with {status}"))
    };
    let own = |user| {
        let (user, group) = (rustix::process::Uid::from_raw(user), rustix::process::Gid::from_raw(user));
        rustix::fs::chown(&file, Some(user), Some(group)).map_err(Error::file("give away", &file))
    };
    run("refused")?;
    own(USER)?;
    let result = run("given");
    own(0)?;
    result
}

/// What that user's program does.
pub fn as_user(bdf: &str, expected: &str) -> Result<(), Error> {
    let bdf: Bdf = bdf.parse().map_err(|e| Error::Wrong(format!("{e}")))?;
    expect(getuid().as_raw() == USER, "this is another user")?;
    let open = || Vfio::open(bdf, VfioOptions::default());
    if expected == "refused" {
        return refused(open(), &["/dev/vfio/", "ermission denied", "udev"]);
    }
    let limit = Rlimit { current: Some(MEMLOCK), maximum: Some(MEMLOCK) };
    setrlimit(Resource::Memlock, limit).map_err(Error::file("limit", "locked memory"))?;
    let card = open()?;
    let small = card.dma_alloc(64 << 10)?;
    refused(
        card.dma_alloc(4 << 20),
        &["4194304 bytes", "RLIMIT_MEMLOCK", "is 1048576 bytes", "65536 bytes are pinned"],
    )?;
    drop(small);
    card.dma_alloc(512 << 10)?;
    drop(card);
    by_system_calls(bdf)
}

/// Registers where they cannot be mapped, here for lack of address space: they are reached by system calls.
fn by_system_calls(bdf: Bdf) -> Result<(), Error> {
    let space = |current| {
        let maximum = rustix::process::getrlimit(Resource::As).maximum;
        setrlimit(Resource::As, Rlimit { current, maximum })
            .map_err(Error::file("limit", "the address space"))
    };
    // A thread, whose stack is there already.
    let opened = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                space(Some(0))?;
                let opened = Vfio::open(bdf, VfioOptions::default());
                space(None)?;
                Ok::<_, Error>(opened?)
            })
            .join()
            .unwrap_or_else(|_| Err(Error::Wrong("opening panicked".into())))
    })?;
    let maps = read("/proc/self/maps")?;
    expect(!maps.contains("vfio-device"), "the registers are mapped")?;
    expect(opened.read32(reg::MAGIC)? == ABI_MAGIC, "MAGIC is read wrong")?;
    for value in [0x1234_5000, 0] {
        opened.write32(reg::ADMIN_SQ, value)?;
        expect(opened.read32(reg::ADMIN_SQ)? == value, "a register does not keep its value")?;
    }
    let mapped = Vfio::open(bdf, VfioOptions::default());
    drop(opened);
    refused(mapped, &["another process"])?;
    let _mapped = Vfio::open(bdf, VfioOptions::default())?;
    expect(read("/proc/self/maps")?.contains("vfio-device"), "the registers are not mapped")
}

/// The function is reset behind the driver's back in the middle of copies. The driver finds its way back, every copy ends, and
/// the card works as before.
fn reset_during_dma() -> Result<(), Error> {
    let transport = vfio(pci::card(0)?, VfioBackend::Group)?;
    let card = Card::open(transport.clone() as Arc<dyn Transport>, CardOptions::default())?;
    for round in 0..3u64 {
        let begun = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let copies: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| loop {
                        begun.store(true, Ordering::Relaxed);
                        if let Err(error) = worker::copies(&card, 4) {
                            return error;
                        }
                    })
                })
                .collect();
            while !begun.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(30 + 17 * round));
            let start = Instant::now();
            transport.reset()?;
            let reset = start.elapsed();
            card.reset()?;
            println!("function reset {reset:.0?}, driver back after {:.0?}", start.elapsed());
            for copy in copies {
                let error = copy.join().map_err(|_| Error::Wrong("a copying thread panicked".into()))?;
                println!("copy ended: {error}");
                expect(
                    !matches!(error, Error::Wrong(_) | Error::Driver(DriverError::CardLost { .. })),
                    format!("a copy ended wrongly: {error}"),
                )?;
            }
            Ok::<_, Error>(())
        })?;
        worker::copies(&card, 2)?;
    }
    Ok(())
}

/// The card is taken out while nothing runs on it: reading registers notices it.
fn idle_removal() -> Result<(), Error> {
    let bdf = pci::card(0)?;
    let transport = vfio(bdf, VfioBackend::Group)?;
    let region = transport.dma_alloc(8192)?;
    let file = pci::file(bdf, "remove");
    let start = Instant::now();
    let remover = std::thread::spawn(move || write(&file, "1"));
    let error = loop {
        match transport.read32(reg::MAGIC) {
            Ok(magic) => expect(magic == ABI_MAGIC, format!("MAGIC reads {magic:#010x}"))?,
            Err(error) => break error,
        }
        expect(start.elapsed() < NOTICE, format!("nothing is noticed within {NOTICE:?}"))?;
        std::thread::sleep(Duration::from_millis(10));
    };
    println!("after {:.0?}: {error}", start.elapsed());
    expect(
        matches!(&error, TransportError::Lost { detail, .. } if detail.contains("close the card")),
        format!("expected that the card is to be closed, not `{error}`"),
    )?;
    for result in [
        transport.write32(reg::CC, 0),
        transport.reset(),
        transport.enable_irqs(1),
        transport.dma_alloc(1).map(|_| ()),
    ] {
        expect(matches!(result, Err(TransportError::Lost { .. })), format!("a lost card: {result:?}"))?;
    }
    drop(transport);
    // What is still mapped keeps the device.
    std::thread::sleep(Duration::from_millis(200));
    expect(!remover.is_finished(), "the device is gone while its memory is mapped")?;
    drop(region);
    remover.join().unwrap_or_else(|_| Err(Error::Wrong("the removal panicked".into())))?;
    write("/sys/bus/pci/rescan", "1")?;
    pci::bind(bdf)?;
    expect(vfio(bdf, VfioBackend::Group)?.read32(reg::MAGIC)? == ABI_MAGIC, "the card does not come back")
}

/// The other backend: what a build or a kernel without it says; with it, all of the conformance suite.
fn iommufd() -> Result<(), Error> {
    let bdf = pci::card(0)?;
    let open = || Vfio::open(bdf, VfioOptions { backend: VfioBackend::Iommufd, ..VfioOptions::default() });
    if !cfg!(feature = "iommufd") {
        return refused(open(), &["feature `iommufd`", "backend=group"]);
    }
    if !Path::new("/dev/iommu").exists() {
        return refused(open(), &["/dev/iommu", "backend=group"]);
    }
    let transport = Arc::new(open()?);
    refused(open(), &["another process"])?;
    mapped(&transport)?;
    suite::conforms(&(transport as Arc<dyn Transport>));
    Ok(())
}

/// Every allocation of the kernel fails once, for the operations of an open card, and some of those of opening one: the error
/// reaches the caller, and nothing is left behind. For a kernel with fault injection.
fn no_memory() -> Result<(), Error> {
    const DEBUG: &str = "/sys/kernel/debug";
    const FILTER: &str = "/sys/kernel/debug/failslab/ignore-gfp-wait";
    if !Path::new("/proc/thread-self/fail-nth").exists() {
        println!("this kernel injects no faults");
        return Ok(());
    }
    if !Path::new(FILTER).exists() {
        rustix::mount::mount("debugfs", DEBUG, "debugfs", rustix::mount::MountFlags::empty(), None)
            .map_err(Error::file("mount", DEBUG))?;
    }
    write(FILTER, "N")?;
    let bdf = pci::card(0)?;
    let card = vfio(bdf, VfioBackend::Group)?;
    failing("mapping memory", 1, || card.dma_alloc(64 << 10).map(drop))?;
    failing("mapping huge pages", 1, || card.dma_alloc(4 << 20).map(drop))?;
    failing("enabling interrupts", 1, || card.enable_irqs(3))?;
    failing("resetting", 1, || card.reset())?;
    drop(card);
    failing("opening", 7, || Vfio::open(bdf, VfioOptions::default()).map(drop))?;
    let card = vfio(bdf, VfioBackend::Group)?;
    card.enable_irqs(3)?;
    worker::copies(&Card::open(card, CardOptions::default())?, 1)
}

/// Runs `act` with its first allocation in the kernel failing, the one `step` later, and so on, until none fails any more; then
/// it must succeed.
fn failing(what: &str, step: usize, act: impl Fn() -> Result<(), TransportError>) -> Result<(), Error> {
    const NTH: &str = "/proc/thread-self/fail-nth";
    // Open all the time: to open it takes memory.
    let file = fs::File::options().read(true).write(true).open(NTH).map_err(Error::file("open", NTH))?;
    let set = |nth: usize| file.write_at(nth.to_string().as_bytes(), 0).map_err(Error::file("write", NTH));
    let (start, mut errors, mut texts) = (Instant::now(), 0, std::collections::BTreeSet::new());
    for nth in (1..).step_by(step) {
        set(nth)?;
        let result = act();
        // What is left to count, 0 when the failure has happened.
        let mut left = [0; 16];
        let len = file.read_at(&mut left, 0).map_err(Error::file("read", NTH))?;
        set(0)?;
        if let Err(error) = &result {
            errors += 1;
            texts.insert(error.to_string());
        }
        if left[..len].trim_ascii() != b"0" {
            println!("{what}: {nth} runs, {errors} errors, {:.0?}: {texts:#?}", start.elapsed());
            return Ok(result?);
        }
        act()?;
    }
    Ok(())
}

//! What needs no driver: the kernel's own view of the card.

use crate::error::{expect, Error};
use crate::init::{read, write};
use crate::pci;
use crate::resource::Resource;
use permafrost_abi::pci::{BAR_BYTES, CLASS, COMMAND, COMMAND_BUS_MASTER};
use permafrost_abi::{reg, ABI_MAGIC};
use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The kernel's PCI code has found the card: class, BAR sizes, MSI-X, FLR, and an IOMMU group of its own.
pub fn enumerate() -> Result<(), Error> {
    let card = pci::card(0)?;
    let class = read(&pci::file(card, "class"))?;
    expect(class == format!("{CLASS:#08x}"), format!("class {class}"))?;
    let sizes: Vec<u32> = read(&pci::file(card, "resource"))?.lines().take(6).map(bar_bytes).collect();
    expect(sizes == BAR_BYTES, format!("BARs of {sizes:x?} bytes, expected {BAR_BYTES:x?}"))?;
    let methods = read(&pci::file(card, "reset_method"))?;
    expect(methods.split(' ').next() == Some("flr"), format!("reset methods `{methods}`"))?;
    let group = pci::file(card, "iommu_group/devices");
    let members: Vec<_> = fs::read_dir(&group)
        .map_err(Error::file("list", &group))?
        .filter_map(|e| Some(e.ok()?.file_name()))
        .collect();
    println!("{card}: class {class}, group of {members:?}, resets by {methods}");
    expect(pci::driver(card).is_none(), "a driver of the kernel has taken it")
}

/// Bytes of a line `start end flags` of sysfs.
fn bar_bytes(line: &str) -> u32 {
    let mut numbers =
        line.split_whitespace().map(|n| u64::from_str_radix(n.trim_start_matches("0x"), 16).unwrap_or(0));
    match (numbers.next(), numbers.next()) {
        (Some(start), Some(end)) if end > start => (end - start + 1) as u32,
        _ => 0,
    }
}

/// Loads of every width from the BAR: 4 and 8 bytes reach the card, narrower ones read all ones, and nothing is disturbed.
pub fn registers() -> Result<(), Error> {
    let card = pci::card(0)?;
    write(&pci::file(card, "enable"), "1")?;
    let bar = Resource::open(card)?;
    let magic: u32 = bar.read(reg::MAGIC);
    expect(magic == ABI_MAGIC, format!("MAGIC {magic:#x}, expected {ABI_MAGIC:#x}"))?;
    let (two, next): (u64, u32) = (bar.read(reg::MAGIC), bar.read(reg::MAGIC + 4));
    expect(two == u64::from(next) << 32 | u64::from(magic), format!("8 bytes read {two:#x}"))?;
    let narrow: (u8, u16) = (bar.read(reg::MAGIC), bar.read(reg::MAGIC));
    println!("narrow loads read {narrow:x?}");
    let magic: u32 = bar.read(reg::MAGIC);
    expect(magic == ABI_MAGIC, format!("MAGIC {magic:#x} afterwards"))?;
    drop(bar);
    write(&pci::file(card, "enable"), "0")
}

/// Function level reset by the kernel: the kernel puts config space back, and the card answers.
pub fn flr() -> Result<(), Error> {
    let card = pci::card(0)?;
    write(&pci::file(card, "enable"), "1")?;
    let path = pci::file(card, "config");
    let config =
        fs::OpenOptions::new().read(true).write(true).open(&path).map_err(Error::file("open", &path))?;
    let command = || -> Result<u16, Error> {
        let mut bytes = [0; 2];
        config.read_exact_at(&mut bytes, COMMAND as u64).map_err(Error::file("read", &path))?;
        Ok(u16::from_le_bytes(bytes))
    };
    let set = command()? | COMMAND_BUS_MASTER;
    config.write_all_at(&set.to_le_bytes(), COMMAND as u64).map_err(Error::file("write", &path))?;
    write(&pci::file(card, "reset"), "1")?;
    expect(
        command()? == set,
        format!("the command register is {:#x} after the reset, was {set:#x}", command()?),
    )?;
    let bar = Resource::open(card)?;
    let seen: (u32, u32) = (bar.read(reg::MAGIC), bar.read(reg::CC));
    expect(seen == (ABI_MAGIC, 0), format!("MAGIC and CC after the reset: {seen:x?}"))?;
    drop(bar);
    config
        .write_all_at(&(set & !COMMAND_BUS_MASTER).to_le_bytes(), COMMAND as u64)
        .map_err(Error::file("write", &path))?;
    write(&pci::file(card, "enable"), "0")
}

/// Every card goes to vfio-pci, and its group appears.
pub fn bind() -> Result<(), Error> {
    for card in pci::cards()? {
        pci::bind(card)?;
        let group = fs::read_link(pci::file(card, "iommu_group"))
            .map_err(Error::file("read", pci::file(card, "iommu_group")))?;
        let node = format!("/dev/vfio/{}", group.file_name().unwrap_or_default().to_string_lossy());
        pci::wait(Duration::from_secs(5), &node, || fs::exists(&node).unwrap_or(false))?;
    }
    Ok(())
}

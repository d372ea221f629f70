//! `permafrost card bind` and `permafrost card unbind`

use permafrost_driver::sysfs::{self, Plan, SysfsError};
use permafrost_driver::Bdf;

use super::args::{Bind, Unbind};
use crate::error::Error;
use crate::out;

pub fn bind(args: &Bind) -> Result<(), Error> {
    let plan = sysfs::bind(&args.pci.sysfs(), args.bdf, &args.pci.id, args.huge_pages)?;
    carry_out(&plan, args.bdf, args.dry_run)?;
    match args.dry_run {
        true => Ok(()),
        false => out::text(&format!("{0} is bound to vfio-pci; use it with --card vfio:{0}\n", args.bdf)),
    }
}

pub fn unbind(args: &Unbind) -> Result<(), Error> {
    let plan = sysfs::unbind(&args.pci.sysfs(), args.bdf, &args.pci.id)?;
    carry_out(&plan, args.bdf, args.dry_run)?;
    match args.dry_run {
        true => Ok(()),
        false => out::text(&format!("{} is not bound to vfio-pci any more\n", args.bdf)),
    }
}

/// Says what there is to know, and makes the writes unless this is a dry run; what is missing is an error either way.
fn carry_out(plan: &Plan, bdf: Bdf, dry_run: bool) -> Result<(), Error> {
    let mut text = String::new();
    for note in plan.notes() {
        text += &format!("note: {note}\n");
    }
    let verb = if dry_run { "would write" } else { "write" };
    if dry_run || plan.missing().is_empty() {
        for write in plan.writes() {
            text += &format!("{verb} `{}` to {}\n", write.value, write.path.display());
        }
    }
    if dry_run && plan.writes().is_empty() {
        text += "nothing would be written\n";
    }
    out::text(&text)?;
    if !plan.missing().is_empty() {
        return Err(SysfsError::NotReady { bdf, missing: plan.missing().to_vec() }.into());
    }
    match dry_run {
        true => Ok(()),
        false => Ok(plan.apply()?),
    }
}

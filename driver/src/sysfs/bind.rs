//! Giving a card to `vfio-pci`, and back.
//!
//! First a [`Plan`] is made, which only reads: what is missing, and which writes there would be. Carrying it out makes these
//! writes; when one fails, those before it are undone.

use super::{HugePages, Ids, PciFunction, Sysfs, SysfsError, VFIO_PCI};
use crate::Bdf;
use rustix::fs::{access, Access};
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// One write to a file of `/sys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The file.
    pub path: PathBuf,
    /// What goes there; empty clears it.
    pub value: String,
    /// What helps when the kernel refuses it.
    fix: &'static str,
    /// What undoes it.
    undo: Option<(PathBuf, String)>,
}

/// What binding or unbinding a card would do.
#[derive(Clone, Debug)]
pub struct Plan {
    sysfs: Sysfs,
    function: PciFunction,
    /// In order.
    writes: Vec<Write>,
    missing: Vec<String>,
    notes: Vec<String>,
    /// The driver afterwards is (`true`) or is not `vfio-pci`.
    bound: bool,
    /// Free huge pages wanted.
    pages: Option<(u64, HugePages)>,
}

/// Classes that are never touched, by the upper byte of the class code.
const OTHERS: [(u32, &str); 5] =
    [(0x01, "storage"), (0x02, "network"), (0x03, "display"), (0x06, "bridge"), (0x0c, "serial bus")];

/// Plans to bind the card at `bdf` to `vfio-pci`, and to have `pages` free huge pages near to it. `more` are ids that stand for
/// a card besides [`Ids::CARD`].
///
/// # Errors
/// `NoFunction`; `NotACard` and `WrongClass` for a function that is not to be touched; `Read`, `Content`.
pub fn bind(sysfs: &Sysfs, bdf: Bdf, more: &[Ids], pages: Option<u64>) -> Result<Plan, SysfsError> {
    let function = card(sysfs, bdf, more)?;
    let mut plan = Plan::new(sysfs, function, true);
    if let Some(wanted) = pages {
        plan.want_pages(wanted)?;
    }
    match sysfs.group(&plan.function)? {
        None => plan.missing.push(
            "there is no IOMMU: switch it on in the firmware (VT-d, AMD-Vi) and boot Linux with intel_iommu=on or amd_iommu=on"
                .into(),
        ),
        Some(group) => {
            for member in group.in_the_way(bdf) {
                let driver = member.driver.as_deref().unwrap_or_default();
                plan.missing.push(format!(
                    "IOMMU group {} is shared with {}, whose driver is {driver}: put the card into another slot",
                    group.id, member.bdf
                ));
            }
        }
    }
    if plan.function.driver.as_deref() == Some(VFIO_PCI) {
        plan.notes.push("bound to vfio-pci already".into());
    } else {
        if !sysfs.has_vfio_pci() {
            plan.missing.push("the driver vfio-pci is not loaded: modprobe vfio-pci".into());
        }
        plan.hand_over(Some(VFIO_PCI));
    }
    plan.look_around()?;
    plan.check_permissions();
    Ok(plan)
}

/// Plans to take the card at `bdf` from `vfio-pci`, for the driver that Linux would choose, if there is one.
///
/// # Errors
/// As [`bind()`], and `NotBound`.
pub fn unbind(sysfs: &Sysfs, bdf: Bdf, more: &[Ids]) -> Result<Plan, SysfsError> {
    let function = card(sysfs, bdf, more)?;
    if function.driver.as_deref() != Some(VFIO_PCI) {
        return Err(SysfsError::NotBound { bdf, driver: function.driver });
    }
    let mut plan = Plan::new(sysfs, function, false);
    plan.hand_over(None);
    plan.check_permissions();
    Ok(plan)
}

/// The function, if it is one that may be touched.
fn card(sysfs: &Sysfs, bdf: Bdf, more: &[Ids]) -> Result<PciFunction, SysfsError> {
    let function = sysfs.function(bdf)?;
    if !function.is_card(more) {
        let known: Vec<_> = [Ids::CARD].iter().chain(more).map(Ids::to_string).collect();
        return Err(SysfsError::NotACard { bdf, seen: function.ids, known: known.join(", ") });
    }
    let class = function.class;
    match OTHERS.iter().find(|(base, _)| *base == class >> 16) {
        Some((_, what)) => Err(SysfsError::WrongClass { bdf, class, what }),
        None => Ok(function),
    }
}

impl Plan {
    fn new(sysfs: &Sysfs, function: PciFunction, bound: bool) -> Self {
        let (writes, missing, notes) = Default::default();
        Self { sysfs: sysfs.clone(), function, writes, missing, notes, bound, pages: None }
    }

    /// The writes, in order; none when everything is as it should be.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// What has to be done first, and how.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What else there is to know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn want_pages(&mut self, wanted: u64) -> Result<(), SysfsError> {
        let Some(pages) = self.sysfs.huge_pages(self.function.numa_node)? else {
            self.missing.push("the kernel has no huge pages of 2 MiB: leave --huge-pages away".into());
            return Ok(());
        };
        if pages.free < wanted {
            self.writes.push(Write {
                path: pages.path.clone(),
                value: (pages.total + (wanted - pages.free)).to_string(),
                fix: "ask for fewer",
                undo: Some((pages.path.clone(), pages.total.to_string())),
            });
            self.pages = Some((wanted, pages));
        }
        Ok(())
    }

    /// The writes that let `driver` alone take the function, or whoever wants it.
    fn hand_over(&mut self, driver: Option<&str>) {
        let bdf = self.function.bdf.to_string();
        let folder = self.sysfs.function_path(self.function.bdf);
        let probe = self.sysfs.path("bus/pci/drivers_probe");
        let choice = folder.join("driver_override");
        let before = self.function.driver_override.clone().unwrap_or_default();
        self.writes.push(Write {
            path: choice.clone(),
            value: driver.unwrap_or_default().into(),
            fix: "this needs Linux 3.16 or newer, and root",
            undo: Some((choice, before)),
        });
        if self.function.driver.is_some() {
            self.writes.push(Write {
                path: folder.join("driver/unbind"),
                value: bdf.clone(),
                fix: "end the processes that use the card",
                undo: Some((probe.clone(), bdf.clone())),
            });
        }
        let fix = "see `dmesg` for what the driver says";
        self.writes.push(Write { path: probe, value: bdf, fix, undo: None });
    }

    /// Notes about what a user needs besides.
    fn look_around(&mut self) -> Result<(), SysfsError> {
        if let Some(limit) = self.sysfs.memlock()?.and_then(|memlock| memlock.soft) {
            self.notes.push(format!(
                "this process may lock {} MiB of memory (RLIMIT_MEMLOCK), of which all that the card reaches is a part; root may lock any",
                limit >> 20
            ));
        }
        if let Some(pages) = self.sysfs.huge_pages(self.function.numa_node)? {
            self.notes.push(format!("{} of {} huge pages of 2 MiB are free", pages.free, pages.total));
        }
        if let Some(group) = self.function.group {
            let file = self.sysfs.group_file(group);
            match file.owner {
                Some(_) => self.notes.push(file.to_string()),
                None => self.notes.push(format!(
                    "{} will be root's alone, unless a udev rule gives it to others",
                    file.path.display()
                )),
            }
        }
        Ok(())
    }

    /// What this process may not write is missing.
    fn check_permissions(&mut self) {
        let shut = |write: &&Write| matches!(access(&write.path, Access::WRITE_OK), Err(e) if e != rustix::io::Errno::NOENT);
        let files: Vec<_> = self.writes.iter().filter(shut).map(|w| w.path.display().to_string()).collect();
        if !files.is_empty() {
            self.missing.push(format!("this process may not write {}: run it as root", files.join(", ")));
        }
    }

    /// Makes the writes, and looks whether they had their effect.
    ///
    /// # Errors
    /// `NotReady` when something is missing, and nothing was written; `Write`, `NotTaken`, `FewPages`: everything written
    /// before is undone, or the error says what could not be.
    pub fn apply(&self) -> Result<(), SysfsError> {
        self.apply_with(&mut write)
    }

    fn apply_with(&self, write: &mut dyn FnMut(&Path, &str) -> io::Result<()>) -> Result<(), SysfsError> {
        let bdf = self.function.bdf;
        if !self.missing.is_empty() {
            return Err(SysfsError::NotReady { bdf, missing: self.missing.clone() });
        }
        for (done, step) in self.writes.iter().enumerate() {
            if let Err(error) = write(&step.path, &step.value) {
                let undone = self.undo(done, write);
                let (path, value, fix) = (step.path.clone(), step.value.clone(), step.fix.to_owned());
                return Err(SysfsError::Write { path, value, detail: error.to_string(), fix, undone });
            }
            if let Some((wanted, pages)) = self.pages.as_ref().filter(|(_, pages)| pages.path == step.path) {
                let free = self.sysfs.huge_pages(self.function.numa_node)?.map_or(0, |pages| pages.free);
                if free < *wanted {
                    let undone = self.undo(done + 1, write);
                    let (wanted, path) = (*wanted, pages.path.clone());
                    return Err(SysfsError::FewPages { wanted, free, path, undone });
                }
            }
        }
        let seen = self.sysfs.function(bdf)?.driver;
        if (seen.as_deref() == Some(VFIO_PCI)) != self.bound {
            let undone = self.undo(self.writes.len(), write);
            let wanted = if self.bound { VFIO_PCI } else { "another driver than vfio-pci, or none" };
            return Err(SysfsError::NotTaken { bdf, wanted: wanted.into(), seen, undone });
        }
        Ok(())
    }

    /// Undoes the first `done` writes, in their own order: the choice of the driver comes before the driver. What became
    /// of it, for the error.
    fn undo(&self, done: usize, write: &mut dyn FnMut(&Path, &str) -> io::Result<()>) -> String {
        let undo: Vec<_> = self.writes[..done].iter().filter_map(|step| step.undo.as_ref()).collect();
        let failed = undo.iter().filter_map(|(path, value)| {
            let error = write(path, value).err()?;
            Some(format!("`{value}` could not be written back to {}: {error}", path.display()))
        });
        let failed: Vec<_> = failed.collect();
        match (undo.is_empty(), failed.is_empty()) {
            (true, _) => String::new(),
            (_, true) => "everything before is undone".into(),
            _ => failed.join(", "),
        }
    }
}

/// Writes to a file that is there. An empty value is a line end: the kernel takes no empty writes.
fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(format!("{value}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::tree::{link, Tree};

    const BDF: &str = "0000:41:00.0";

    /// A system that is ready, with a card that `xdma` has.
    fn tree() -> Tree {
        let tree = Tree::new();
        tree.add_driver(VFIO_PCI);
        tree.card(BDF).driver("xdma").group(17);
        tree
    }

    fn bdf() -> Bdf {
        BDF.parse().unwrap()
    }

    /// What Linux does on a write: `xdma` takes what nothing else is chosen for.
    fn kernel<'a>(tree: &Tree, fail: &'a str) -> impl FnMut(&Path, &str) -> io::Result<()> + 'a {
        let root = tree.sysfs();
        let folder = root.function_path(bdf());
        move |path, value| {
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == fail {
                return Err(io::Error::from_raw_os_error(5));
            }
            write(path, value)?;
            match name {
                "unbind" => std::fs::remove_file(folder.join("driver"))?,
                "drivers_probe" => {
                    let choice = root.function(bdf()).unwrap().driver_override;
                    let driver = choice.unwrap_or("xdma".into());
                    if driver != fail {
                        link(&root.path(format!("bus/pci/drivers/{driver}")), &folder.join("driver"));
                    }
                }
                _ => {}
            }
            Ok(())
        }
    }

    fn state(tree: &Tree) -> (Option<String>, Option<String>) {
        let function = tree.sysfs().function(bdf()).unwrap();
        (function.driver, function.driver_override)
    }

    fn names(plan: &Plan) -> Vec<String> {
        let name = |w: &Write| format!("{}={}", w.path.file_name().unwrap().to_str().unwrap(), w.value);
        plan.writes().iter().map(name).collect()
    }

    #[test]
    fn a_card_is_bound_and_given_back() {
        let tree = tree();
        let plan = bind(&tree.sysfs(), bdf(), &[], None).unwrap();
        assert!(plan.missing().is_empty(), "{:?}", plan.missing());
        let steps = ["driver_override=vfio-pci", "unbind=0000:41:00.0", "drivers_probe=0000:41:00.0"];
        assert_eq!(names(&plan), steps);
        plan.apply_with(&mut kernel(&tree, "")).unwrap();
        assert_eq!(state(&tree), (Some(VFIO_PCI.into()), Some(VFIO_PCI.into())));
        let again = bind(&tree.sysfs(), bdf(), &[], None).unwrap();
        assert!(again.writes().is_empty() && again.notes()[0].contains("already"));
        again.apply().unwrap();

        let plan = unbind(&tree.sysfs(), bdf(), &[]).unwrap();
        assert_eq!(names(&plan), ["driver_override=", "unbind=0000:41:00.0", "drivers_probe=0000:41:00.0"]);
        plan.apply_with(&mut kernel(&tree, "")).unwrap();
        assert_eq!(state(&tree), (Some("xdma".into()), None));
        let error = unbind(&tree.sysfs(), bdf(), &[]).unwrap_err();
        assert_eq!(error, SysfsError::NotBound { bdf: bdf(), driver: Some("xdma".into()) });
    }

    /// Whatever fails, the card is where it was, and the error names file, value and fix.
    #[test]
    fn nothing_is_left_half_done() {
        for (fail, parts) in [
            ("driver_override", &["`vfio-pci`", "driver_override", "Input/output"][..]),
            ("unbind", &["`0000:41:00.0`", "unbind", "end the processes", "everything before is undone"]),
            // The kernel takes the writes and the driver refuses the card.
            (VFIO_PCI, &["was to be bound to vfio-pci", "no driver", "dmesg", "everything before is undone"]),
        ] {
            let tree = tree();
            let plan = bind(&tree.sysfs(), bdf(), &[], None).unwrap();
            let message = plan.apply_with(&mut kernel(&tree, fail)).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{fail}: expected `{part}` in: {message}");
            }
            assert_eq!(state(&tree), (Some("xdma".into()), None), "{fail}");
        }
        // The card cannot be given back either: that is said.
        let tree = tree();
        let plan = bind(&tree.sysfs(), bdf(), &[], None).unwrap();
        let message = plan.apply_with(&mut kernel(&tree, "drivers_probe")).unwrap_err().to_string();
        assert!(message.contains("could not be written back"), "{message}");
        assert_eq!(state(&tree), (None, None));
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_written() {
        let tree = Tree::new();
        tree.card(BDF).driver("xdma");
        let plan = bind(&tree.sysfs(), bdf(), &[], Some(4)).unwrap();
        let missing = plan.missing().join("\n");
        for part in ["no IOMMU", "modprobe vfio-pci", "no huge pages"] {
            assert!(missing.contains(part), "expected `{part}` in: {missing}");
        }
        let mut writes = 0;
        let error = plan.apply_with(&mut |_, _| {
            writes += 1;
            Ok(())
        });
        assert!(matches!(error, Err(SysfsError::NotReady { .. })));
        assert_eq!(writes, 0);

        tree.add_driver(VFIO_PCI);
        tree.card(BDF).group(17);
        tree.function("0000:42:00.0", "0x144d", "0xa808", "0x010802").driver("nvme").group(17);
        let plan = bind(&tree.sysfs(), bdf(), &[], None).unwrap();
        let [reason] = plan.missing() else { panic!("{:?}", plan.missing()) };
        assert!(reason.contains("0000:42:00.0") && reason.contains("nvme"), "{reason}");
    }

    #[test]
    fn other_functions_are_left_alone() {
        let tree = tree();
        tree.function("0000:42:00.0", "0x144d", "0xa808", "0x010802").driver("nvme").group(18);
        tree.function("0000:43:00.0", "0x10ee", "0x903f", "0x120000").group(19);
        let (disk, board) = ("0000:42:00.0".parse().unwrap(), "0000:43:00.0".parse().unwrap());
        let sysfs = tree.sysfs();
        assert!(matches!(bind(&sysfs, disk, &[], None), Err(SysfsError::NotACard { .. })));
        let ids = ["144d:a808".parse().unwrap(), "10ee:903f".parse().unwrap()];
        let wrong = bind(&sysfs, disk, &ids, None).unwrap_err();
        assert!(wrong.to_string().contains("010802 (storage)"), "{wrong}");
        assert!(matches!(unbind(&sysfs, disk, &ids), Err(SysfsError::WrongClass { .. })));
        let unknown = bind(&sysfs, board, &[], None).unwrap_err().to_string();
        assert!(unknown.contains("--id 10ee:903f"), "{unknown}");
        assert!(bind(&sysfs, board, &ids, None).unwrap().missing().is_empty());
    }

    #[test]
    fn huge_pages_are_added_to_those_in_use() {
        let tree = tree();
        tree.pages("sys/kernel/mm", 8, 3);
        let enough = bind(&tree.sysfs(), bdf(), &[], Some(3)).unwrap();
        assert_eq!(enough.writes().len(), 3, "there are three");
        let plan = bind(&tree.sysfs(), bdf(), &[], Some(16)).unwrap();
        assert_eq!(names(&plan)[0], "nr_hugepages=21");
        // This kernel finds no memory.
        let error = plan.apply_with(&mut kernel(&tree, "")).unwrap_err();
        assert!(matches!(error, SysfsError::FewPages { wanted: 16, free: 3, .. }));
        assert_eq!(tree.sysfs().huge_pages(None).unwrap().unwrap().total, 8);
        assert_eq!(state(&tree), (Some("xdma".into()), None));
    }
}

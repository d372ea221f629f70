//! The guest's file system: `/init` with its shared libraries, and the kernel's modules, as a cpio archive (format `newc`,
//! Documentation/driver-api/early-userspace/buffer-format.rst of the kernel), written without root.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: u32 = 0o40755;
const PROGRAM: u32 = 0o100755;
const CHARACTER_DEVICE: u32 = 0o20600;
/// Where the kernel's messages go.
const CONSOLE: (u32, u32) = (5, 1);

/// Writes the archive: `init` as it was built, what it is linked with at the places where the loader looks for it, and
/// the modules of the folder `modules`, if there is one.
pub fn write(out: &Path, init: &Path, modules: &Path) -> io::Result<()> {
    let mut archive =
        Archive { out: BufWriter::new(File::create(out)?), entries: 0, folders: BTreeSet::new() };
    for folder in ["dev", "proc", "sys", "tmp", "hugepages"] {
        archive.folder(Path::new(folder))?;
    }
    archive.entry("dev/console", CHARACTER_DEVICE, CONSOLE, &[])?;
    archive.file(Path::new("init"), init)?;
    for library in libraries(init)? {
        archive.file(library.strip_prefix("/").unwrap_or(&library), &library)?;
    }
    let modules = if modules.exists() { Some(fs::read_dir(modules)?) } else { None };
    for module in modules.into_iter().flatten() {
        let module = module?;
        archive.file(&Path::new("modules").join(module.file_name()), &module.path())?;
    }
    archive.entry("TRAILER!!!", 0, (0, 0), &[])?;
    archive.out.flush()
}

/// The shared libraries of a program, the loader among them.
fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.contains("not found") {
        return Err(io::Error::other(format!("ldd {}: {text}", program.display())));
    }
    // `name => /path (address)`, `/path (address)`, or the kernel's own without a path.
    let paths = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(PathBuf::from).collect())
}

struct Archive {
    out: BufWriter<File>,
    entries: u32,
    folders: BTreeSet<PathBuf>,
}

impl Archive {
    fn file(&mut self, path: &Path, from: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            self.folder(folder)?;
        }
        let data = fs::read(from).map_err(|e| io::Error::other(format!("{}: {e}", from.display())))?;
        self.entry(&path.to_string_lossy(), PROGRAM, (0, 0), &data)
    }

    /// A folder and those above it, once.
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.folders.contains(path) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        self.folders.insert(path.to_owned());
        self.entry(&path.to_string_lossy(), FOLDER, (0, 0), &[])
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), data: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let size = u32::try_from(data.len()).map_err(|_| io::Error::other(format!("{name} is too large")))?;
        // Inode, mode, user, group, links, time, size, device, device of a node, length of the name, no checksum.
        let numbers =
            [self.entries, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name.len() as u32 + 1, 0];
        let mut head = b"070701".to_vec();
        for number in numbers {
            write!(head, "{number:08X}")?;
        }
        head.extend_from_slice(name.as_bytes());
        head.push(0);
        head.resize(head.len().next_multiple_of(4), 0);
        self.out.write_all(&head)?;
        self.out.write_all(data)?;
        self.out.write_all(&[0; 3][..data.len().next_multiple_of(4) - data.len()])
    }
}

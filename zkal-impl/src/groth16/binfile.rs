//! iden3's binary container, which `.zkey` and `.wtns` files share: four bytes of magic, a version, a number of
//! sections, then each section as id (u32), length (u64) and data. All numbers are little-endian.
//! Source: `@iden3/binfileutils`.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// An open container whose section table lies within the file.
pub(crate) struct BinFile {
    path: PathBuf,
    file: BufReader<File>,
    len: u64,
    sections: Vec<Entry>,
}

struct Entry {
    id: u32,
    offset: u64,
    len: u64,
}

impl BinFile {
    /// Opens a container of the given kind (`zkey`, `wtns`: also its magic) and checks its version and its section
    /// table.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotThatFile`], [`Error::Truncated`].
    pub(crate) fn open(
        path: &Path,
        kind: &'static str,
        versions: std::ops::RangeInclusive<u32>,
    ) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), action: "open", source };
        // Before it is opened, which would wait for the other end of a pipe.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            let found = "it is not a regular file".to_owned();
            return Err(Error::NotThatFile { path: path.to_owned(), expected: kind, found });
        }
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let file = BufReader::with_capacity(CHUNK, file);
        let mut this = BinFile { path: path.to_owned(), file, len, sections: Vec::new() };

        let magic: [u8; 4] = this.read_at(0, "file header")?;
        if magic != kind.as_bytes() {
            let found = match std::str::from_utf8(&magic) {
                Ok(text) if text.chars().all(|c| c.is_ascii_graphic()) => {
                    format!("it begins with \"{text}\"")
                }
                _ => format!("it begins with the bytes {magic:02x?}"),
            };
            return Err(Error::NotThatFile { path: this.path, expected: kind, found });
        }
        let version = u32::from_le_bytes(this.read_at(4, "file header")?);
        if !versions.contains(&version) {
            let found =
                format!("it has version {version}, supported are {} to {}", versions.start(), versions.end());
            return Err(Error::NotThatFile { path: this.path, expected: kind, found });
        }
        let count = u32::from_le_bytes(this.read_at(8, "file header")?);
        let mut at = 12;
        for index in 0..count {
            let what = || format!("header of section {index} of {count}");
            let id = u32::from_le_bytes(this.read_at(at, what())?);
            let len = u64::from_le_bytes(this.read_at(at + 4, what())?);
            let offset = at + 12;
            this.check_within(offset, len, || format!("section {id}"))?;
            this.sections.push(Entry { id, offset, len });
            at = offset + len;
        }
        Ok(this)
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An [`Error::Damaged`] about this file.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> Error {
        Error::Damaged { path: self.path.clone(), what: what.into() }
    }

    /// Starts reading the only section of an id.
    ///
    /// # Errors
    /// [`Error::Damaged`] when there is none, or more than one.
    pub(crate) fn section(&mut self, id: u32, name: &'static str) -> Result<Section<'_>> {
        let mut matching = self.sections.iter().filter(|s| s.id == id);
        let (offset, len) = match (matching.next(), matching.next()) {
            (Some(entry), None) => (entry.offset, entry.len),
            (None, _) => return Err(self.damaged(format!("it has no section {id} ({name})"))),
            (Some(_), Some(_)) => return Err(self.damaged(format!("it has several sections {id} ({name})"))),
        };
        self.seek(offset)?;
        Ok(Section { file: self, id, name, len, read: 0 })
    }

    fn check_within(&self, offset: u64, needed: u64, what: impl FnOnce() -> String) -> Result<()> {
        if offset.checked_add(needed).is_some_and(|end| end <= self.len) {
            Ok(())
        } else {
            Err(Error::Truncated { path: self.path.clone(), what: what(), offset, needed, len: self.len })
        }
    }

    fn seek(&mut self, offset: u64) -> Result<()> {
        // Relative, so that the buffer is kept while the section table is walked.
        let io = |source| Error::Io { path: self.path.clone(), action: "read", source };
        let here = self.file.stream_position().map_err(io)?;
        let io = |source| Error::Io { path: self.path.clone(), action: "read", source };
        self.file.seek_relative(offset as i64 - here as i64).map_err(io)
    }

    fn read_at<const N: usize>(&mut self, offset: u64, what: impl Into<String>) -> Result<[u8; N]> {
        self.check_within(offset, N as u64, || what.into())?;
        self.seek(offset)?;
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.file.read_exact(bytes).map_err(|source| Error::Io {
            path: self.path.clone(),
            action: "read",
            source,
        })
    }
}

/// A section being read from its start.
pub(crate) struct Section<'a> {
    file: &'a mut BinFile,
    id: u32,
    name: &'static str,
    len: u64,
    read: u64,
}

impl Section<'_> {
    /// Number and name, for messages.
    pub(crate) fn title(&self) -> String {
        format!("section {} ({})", self.id, self.name)
    }

    /// An [`Error::Damaged`] about this section.
    pub(crate) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        self.file.damaged(format!("{}: {what}", self.title()))
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Checks that exactly `bytes` bytes are left, before memory for them is allocated.
    ///
    /// # Errors
    /// [`Error::Damaged`] otherwise.
    pub(crate) fn expect_left(&self, bytes: u64, what: impl FnOnce() -> String) -> Result<()> {
        let left = self.len - self.read;
        if left == bytes {
            Ok(())
        } else {
            Err(self.damaged(format!("{} need {bytes} bytes, the section has {left} left", what())))
        }
    }

    /// Fills `bytes` from the section.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the section is shorter.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let left = self.len - self.read;
        if (bytes.len() as u64) > left {
            return Err(
                self.damaged(format!("{} more bytes expected, the section has {left} left", bytes.len()))
            );
        }
        self.read += bytes.len() as u64;
        self.file.fill(bytes)
    }

    /// `N` bytes.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A number.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }
}

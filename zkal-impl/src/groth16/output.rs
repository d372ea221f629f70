//! `proof.json` and `public.json`: both appear, complete, or neither does.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Two output files that are not there yet. Made before the proof, so that an unwritable place is found before the
/// work is done; nothing is left behind when dropped.
pub struct Outputs {
    proof: Output,
    publics: Output,
}

/// An output file under a temporary name beside its final one, made before the work that fills it; dropped, it leaves
/// nothing behind.
pub struct Output {
    path: PathBuf,
    file: NamedTempFile,
}

impl Outputs {
    /// Prepares both files.
    ///
    /// # Errors
    /// [`Error::Output`] when a path is a directory or special file, when both are the same file, or when their
    /// directory does not admit new files.
    pub fn prepare(proof: impl AsRef<Path>, publics: impl AsRef<Path>) -> Result<Self> {
        let outputs =
            Outputs { proof: Output::new(proof.as_ref())?, publics: Output::new(publics.as_ref())? };
        if outputs.proof.path == outputs.publics.path {
            let what = "the proof and the public signals cannot go to the same file".to_owned();
            return Err(Error::Output { path: outputs.proof.path, what });
        }
        Ok(outputs)
    }

    /// Writes both files and gives them their names. Files already there are replaced; when the second cannot be
    /// named, the first is undone.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn commit(self, proof_json: &str, public_json: &str) -> Result<()> {
        let Outputs { mut proof, mut publics } = self;
        proof.write(proof_json)?;
        publics.write(public_json)?;
        let backup = proof.backup()?;
        let first = proof.path.clone();
        proof.rename()?;
        publics.rename().inspect_err(|_| {
            // What matters is the error that made this necessary; a failing undo leaves a complete proof file.
            let _ = match backup {
                Some(old) => old.persist(&first).map(drop).map_err(|e| e.error),
                None => fs::remove_file(&first),
            };
        })
    }
}

impl Output {
    /// Prepares the file.
    ///
    /// # Errors
    /// [`Error::Output`] when the path is a directory, a special or a protected file, or when its directory does not admit
    /// new files.
    pub fn prepare(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(path.as_ref())
    }

    /// Where the file will be; links are resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file and gives it its name. A file already there is replaced.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn commit(mut self, contents: impl AsRef<[u8]>) -> Result<()> {
        self.write(contents)?;
        self.rename()
    }

    fn new(path: &Path) -> Result<Self> {
        let refuse = |what: String| Error::Output { path: path.to_owned(), what };
        // A link is followed: the file it names is replaced, not the link.
        let path = match fs::canonicalize(path) {
            Ok(existing) if existing.is_dir() => return Err(refuse("it is a directory".into())),
            Ok(existing) if !existing.is_file() => return Err(refuse("it is not a regular file".into())),
            Ok(existing) if fs::metadata(&existing).is_ok_and(|m| m.permissions().readonly()) => {
                return Err(refuse("it is write-protected".into()))
            }
            Ok(existing) => existing,
            Err(_) => {
                let name = path.file_name().ok_or_else(|| refuse("it names no file".into()))?;
                let parent = match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                let parent = fs::canonicalize(parent)
                    .map_err(|e| refuse(format!("its directory {} cannot be used: {e}", parent.display())))?;
                parent.join(name)
            }
        };
        let directory = path.parent().unwrap_or(Path::new("/"));
        let file =
            temporary(directory).map_err(|e| refuse(format!("its directory takes no new file: {e}")))?;
        Ok(Output { path, file })
    }

    fn write(&mut self, contents: impl AsRef<[u8]>) -> Result<()> {
        let file = self.file.as_file_mut();
        file.write_all(contents.as_ref()).and_then(|()| file.sync_all()).map_err(|source| Error::Io {
            path: self.path.clone(),
            action: "write",
            source,
        })
    }

    /// A second name for what is at the path now, if anything is.
    fn backup(&self) -> Result<Option<tempfile::TempPath>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        tempfile::Builder::new()
            .prefix(".permafrost-")
            .make_in(directory, |name| {
                // Not every file system has hard links.
                fs::hard_link(&self.path, name).or_else(|_| fs::copy(&self.path, name).map(drop))
            })
            .map(|file| Some(file.into_temp_path()))
            .map_err(|source| Error::Io { path: self.path.clone(), action: "keep a copy of", source })
    }

    fn rename(self) -> Result<()> {
        let Output { path, file } = self;
        match file.persist(&path) {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::Io { path, action: "write", source: e.error }),
        }
    }
}

/// A temporary file with the permissions of an ordinary new file.
fn temporary(directory: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".permafrost-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

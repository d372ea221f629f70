//! The readers of proving keys and witnesses: any bytes as a file.

use permafrost_zkal::groth16::{ProvingKey, Witness};
use rustix::fs::{memfd_create, MemfdFlags};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// Runs `f` on the path of a file with these bytes.
fn as_file(data: &[u8], f: impl FnOnce(&str)) {
    static FILE: OnceLock<(File, String)> = OnceLock::new();
    let (file, path) = FILE.get_or_init(|| {
        // What the readers do in parallel is done by this thread: a pool has its own locks and wakes.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
        let file = File::from(memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("a file"));
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        (file, path)
    });
    file.set_len(data.len() as u64).expect("its size");
    file.write_all_at(data, 0).expect("its bytes");
    f(path);
}

/// A proving key; one that is taken can be handed to arkworks.
pub fn zkey(data: &[u8]) {
    as_file(data, |path| match ProvingKey::open(path) {
        Ok(key) => {
            assert!(key.num_public() < key.num_variables());
            // An error is an answer too.
            let _ = key.to_ark();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

/// A witness.
pub fn wtns(data: &[u8]) {
    as_file(data, |path| match Witness::open(path) {
        Ok(witness) => assert!(witness.len() * 32 < data.len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

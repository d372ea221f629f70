//! A loaded model: ports of any width, clocks, waveforms.

use super::{build, BuildOptions, Compiled};
use crate::SimError;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use permafrost_rtl::hdl::Design;
use std::{
    ffi::{c_char, c_int, c_void, CStr, CString},
    path::Path,
};

type Handle = *mut c_void;

/// A port of one design, valid for every model of that design. Found by [`Model::port`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortId(usize);

/// A simulated module. Belongs to the thread that made it (it is neither `Send` nor `Sync`): Verilator keeps
/// per-thread state.
///
/// Values are unsigned integers of the port's width. Setting a port drops bits beyond its width and zeroes the bits
/// that the given value does not reach; Verilator relies on unused storage bits being zero.
/// A set input takes effect at the next [`Model::eval`], [`Model::tick`], [`Model::rise`] or [`Model::fall`].
#[derive(Debug)]
pub struct Model {
    handle: Handle,
    functions: Functions,
    ports: Vec<Slot>,
    top: String,
    clocks: u64,
    /// Last, so that it is unloaded after the model is gone.
    _library: Library,
}

#[derive(Debug)]
struct Functions {
    delete: unsafe extern "C" fn(Handle),
    half: unsafe extern "C" fn(Handle, c_int) -> c_int,
    eval: unsafe extern "C" fn(Handle) -> c_int,
    tick: unsafe extern "C" fn(Handle, u64) -> c_int,
    error: unsafe extern "C" fn(Handle) -> *const c_char,
    trace_open: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    trace_close: unsafe extern "C" fn(Handle),
}

#[derive(Debug)]
struct Slot {
    name: String,
    bits: usize,
    data: *mut u8,
}

impl Slot {
    /// Bytes of Verilator's storage: the smallest of 1, 2, 4, 8, or whole 32-bit words.
    fn storage(&self) -> usize {
        match self.bits {
            0..=8 => 1,
            9..=16 => 2,
            17..=32 => 4,
            33..=64 => 8,
            bits => bits.div_ceil(32) * 4,
        }
    }
}

impl Model {
    /// Builds `design` with default options where the cache does not have it, and makes one model.
    pub fn new(design: &Design) -> Result<Model, SimError> {
        build(design, &BuildOptions::default())?.instantiate()
    }

    pub(super) fn load(compiled: &Compiled) -> Result<Model, SimError> {
        let failed = |reason: String| SimError::Load { path: compiled.library.clone(), reason };
        // SAFETY: the library was built by us from the shim in shim.rs, whose functions have exactly these types,
        // and its contents were checked against the checksum of that build. Its initialisers only set up statics.
        unsafe {
            let library = Library::open(Some(&compiled.library), RTLD_NOW | RTLD_LOCAL)
                .map_err(|e| failed(e.to_string()))?;
            macro_rules! function {
                ($name:literal) => {
                    *library.get($name).map_err(|e| failed(e.to_string()))?
                };
            }
            let functions = Functions {
                delete: function!(b"pf_delete"),
                half: function!(b"pf_half"),
                eval: function!(b"pf_eval"),
                tick: function!(b"pf_tick"),
                error: function!(b"pf_error"),
                trace_open: function!(b"pf_trace_open"),
                trace_close: function!(b"pf_trace_close"),
            };
            let new: unsafe extern "C" fn() -> Handle = function!(b"pf_new");
            let port: unsafe extern "C" fn(Handle, c_int) -> *mut u8 = function!(b"pf_port");
            let handle = new();
            if handle.is_null() {
                return Err(failed("the model does not settle at start".into()));
            }
            let ports = (0..)
                .zip(&compiled.ports)
                .map(|(i, p)| Slot { name: p.name.clone(), bits: p.bits, data: port(handle, i) })
                .collect();
            Ok(Model { handle, functions, ports, top: compiled.top.clone(), clocks: 0, _library: library })
        }
    }

    /// The port called `name`.
    pub fn port(&self, name: &str) -> Result<PortId, SimError> {
        self.ports.iter().position(|p| p.name == name).map(PortId).ok_or_else(|| SimError::NoSuchPort {
            top: self.top.clone(),
            port: name.into(),
            known: self.ports.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Width of `port` in bits.
    pub fn bits(&self, port: PortId) -> usize {
        self.ports[port.0].bits
    }

    /// Sets `port` to `value`.
    pub fn set(&mut self, port: PortId, value: u64) {
        let slot = &self.ports[port.0];
        let masked = if slot.bits < 64 { value & ((1 << slot.bits) - 1) } else { value };
        // SAFETY: `data` points to storage of the size and alignment that Verilator documents for this width, alive
        // as long as the model.
        unsafe {
            match slot.bits {
                0..=8 => *slot.data = masked as u8,
                9..=16 => *slot.data.cast::<u16>() = masked as u16,
                17..=32 => *slot.data.cast::<u32>() = masked as u32,
                33..=64 => *slot.data.cast::<u64>() = masked,
                _ => self.set_bytes(port, &value.to_le_bytes()),
            }
        }
    }

    /// The low 64 bits of `port`.
    pub fn get(&self, port: PortId) -> u64 {
        let slot = &self.ports[port.0];
        // SAFETY: as in `set`.
        unsafe {
            match slot.bits {
                0..=8 => u64::from(*slot.data),
                9..=16 => u64::from(*slot.data.cast::<u16>()),
                17..=32 => u64::from(*slot.data.cast::<u32>()),
                33..=64 => *slot.data.cast::<u64>(),
                _ => u64::from(*slot.data.cast::<u32>()) | u64::from(*slot.data.cast::<u32>().add(1)) << 32,
            }
        }
    }

    /// Sets `port` to the little-endian integer in `bytes`.
    pub fn set_bytes(&mut self, port: PortId, bytes: &[u8]) {
        let slot = &self.ports[port.0];
        let used = slot.bits.div_ceil(8);
        let given = bytes.len().min(used);
        // SAFETY: `storage()` bytes at `data` belong to the port, given <= used <= storage; `bytes` cannot overlap
        // because no reference into the model's storage is ever handed out.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), slot.data, given);
            std::ptr::write_bytes(slot.data.add(given), 0, slot.storage() - given);
            if slot.bits % 8 != 0 {
                *slot.data.add(used - 1) &= (1 << (slot.bits % 8)) - 1;
            }
        }
    }

    /// Copies `port` as a little-endian integer; bytes of `out` beyond the port's width become zero.
    pub fn get_bytes(&self, port: PortId, out: &mut [u8]) {
        let slot = &self.ports[port.0];
        let taken = out.len().min(slot.bits.div_ceil(8));
        // SAFETY: as in `set_bytes`.
        unsafe { std::ptr::copy_nonoverlapping(slot.data, out.as_mut_ptr(), taken) };
        out[taken..].fill(0);
    }

    /// Sets `port` to the integer of little-endian 64-bit limbs.
    pub fn set_limbs(&mut self, port: PortId, limbs: &[u64]) {
        let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        self.set_bytes(port, &bytes);
    }

    /// `port` as `N` little-endian 64-bit limbs; bits beyond `64 * N` are dropped.
    pub fn get_limbs<const N: usize>(&self, port: PortId) -> [u64; N] {
        std::array::from_fn(|i| {
            let slot = &self.ports[port.0];
            let mut limb = [0; 8];
            let taken = slot.bits.div_ceil(8).saturating_sub(8 * i).min(8);
            // SAFETY: 8*i + taken <= storage.
            unsafe { std::ptr::copy_nonoverlapping(slot.data.wrapping_add(8 * i), limb.as_mut_ptr(), taken) };
            u64::from_le_bytes(limb)
        })
    }

    /// Sets `port` to the integer of little-endian 32-bit words.
    pub fn set_words(&mut self, port: PortId, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.set_bytes(port, &bytes);
    }

    /// `port` as little-endian 32-bit words, as many as its width needs.
    pub fn get_words(&self, port: PortId) -> Vec<u32> {
        let mut bytes = vec![0; self.bits(port).div_ceil(32) * 4];
        self.get_bytes(port, &mut bytes);
        bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()
    }

    /// The storage of `port`: little-endian, its unused high bits must stay zero. For beats of memory data that are
    /// copied without an intermediate; valid as long as the model.
    pub fn storage(&self, port: PortId) -> *mut u8 {
        self.ports[port.0].data
    }

    /// Settles combinational logic; no clock edge.
    pub fn eval(&mut self) -> Result<(), SimError> {
        // SAFETY: `handle` is alive and used by this thread only.
        let status = unsafe { (self.functions.eval)(self.handle) };
        self.check(status)
    }

    /// `n` clocks: rising edge with the inputs as they are, falling edge, outputs settled.
    pub fn tick(&mut self, n: u64) -> Result<(), SimError> {
        self.clocks += n;
        // SAFETY: as in `eval`.
        let status = unsafe { (self.functions.tick)(self.handle, n) };
        self.check(status)
    }

    /// The rising edge of a clock. Inputs for the next clock may be set before [`Model::fall`], which settles them:
    /// two evaluations a clock instead of three.
    pub fn rise(&mut self) -> Result<(), SimError> {
        self.clocks += 1;
        // SAFETY: as in `eval`.
        let status = unsafe { (self.functions.half)(self.handle, 1) };
        self.check(status)
    }

    /// The falling edge that ends a clock begun by [`Model::rise`].
    pub fn fall(&mut self) -> Result<(), SimError> {
        // SAFETY: as in `eval`.
        let status = unsafe { (self.functions.half)(self.handle, 0) };
        self.check(status)
    }

    /// Clocks simulated since the model was made.
    pub fn clocks(&self) -> u64 {
        self.clocks
    }

    /// Writes a waveform of everything from now on; one time unit is half a clock.
    /// The design must have been built with [`BuildOptions::trace`].
    pub fn trace_open(&mut self, path: &Path) -> Result<(), SimError> {
        let failed = |reason: &str| SimError::Trace { path: path.into(), reason: reason.into() };
        let file = CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| failed("the path has a NUL byte"))?;
        // Verilator does not say why it cannot write, so the file is created here first.
        std::fs::File::create(path).map_err(|e| failed(&e.to_string()))?;
        // SAFETY: as in `eval`; `file` outlives the call.
        match unsafe { (self.functions.trace_open)(self.handle, file.as_ptr()) } {
            0 => Ok(()),
            _ => Err(failed("the simulator was built without waveform support")),
        }
    }

    /// Ends the waveform; the file is complete afterwards. Dropping the model does the same.
    pub fn trace_close(&mut self) {
        // SAFETY: as in `eval`.
        unsafe { (self.functions.trace_close)(self.handle) }
    }

    fn check(&self, status: c_int) -> Result<(), SimError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the shim returns a NUL-terminated text that lives until the next call.
        let text = unsafe { CStr::from_ptr((self.functions.error)(self.handle)) };
        Err(SimError::Hardware { clock: self.clocks, reason: text.to_string_lossy().into_owned() })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the handle came from pf_new and is not used again; the library is still loaded.
        unsafe { (self.functions.delete)(self.handle) }
    }
}

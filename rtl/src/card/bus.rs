//! The buses of the card as bundles of ports: the internal memory port, AXI4 masters, AXI4-Lite.
//!
//! Internal memory port, seen from the client (`p` is a prefix such as `f_`):
//! - read request  `rd_addr` (64-byte aligned), `rd_beats` (beats - 1), `rd_valid` / `rd_ready`
//! - read data     `rdat_data`, `rdat_last`, `rdat_err`, `rdat_valid` / `rdat_ready`, in request order
//! - write request `wr_addr` (16-byte granular for single strobed beats), `wr_beats`, `wr_valid` / `wr_ready`
//! - write data    `wdat_data`, `wdat_strb`, `wdat_valid` / `wdat_ready`, in request order
//! - write answer  `wack_valid` (one pulse per burst, always accepted), `wack_err`
//!
//! A burst never crosses a 4 KiB boundary: that is the client's duty. A client always ends what it has begun: it
//! accepts every beat it asked for and supplies every beat it announced, also while it is being aborted.

use crate::hdl::Module;

/// Bytes of one beat.
pub const BEAT_BYTES: usize = 64;
/// Bits of one beat.
pub const BEAT_BITS: usize = 8 * BEAT_BYTES;

/// (name, bits, true when the client drives it)
type Signal = (&'static str, usize, bool);

const READ: [Signal; 9] = [
    ("rd_addr", 64, true),
    ("rd_beats", 8, true),
    ("rd_valid", 1, true),
    ("rd_ready", 1, false),
    ("rdat_data", BEAT_BITS, false),
    ("rdat_last", 1, false),
    ("rdat_err", 1, false),
    ("rdat_valid", 1, false),
    ("rdat_ready", 1, true),
];

const WRITE: [Signal; 10] = [
    ("wr_addr", 64, true),
    ("wr_beats", 8, true),
    ("wr_valid", 1, true),
    ("wr_ready", 1, false),
    ("wdat_data", BEAT_BITS, true),
    ("wdat_strb", BEAT_BYTES, true),
    ("wdat_valid", 1, true),
    ("wdat_ready", 1, false),
    ("wack_valid", 1, false),
    ("wack_err", 1, false),
];

const AXI_READ: [Signal; 13] = [
    ("arid", 4, true),
    ("araddr", 64, true),
    ("arlen", 8, true),
    ("arsize", 3, true),
    ("arburst", 2, true),
    ("arvalid", 1, true),
    ("arready", 1, false),
    ("rid", 4, false),
    ("rdata", BEAT_BITS, false),
    ("rresp", 2, false),
    ("rlast", 1, false),
    ("rvalid", 1, false),
    ("rready", 1, true),
];

const AXI_WRITE: [Signal; 16] = [
    ("awid", 4, true),
    ("awaddr", 64, true),
    ("awlen", 8, true),
    ("awsize", 3, true),
    ("awburst", 2, true),
    ("awvalid", 1, true),
    ("awready", 1, false),
    ("wdata", BEAT_BITS, true),
    ("wstrb", BEAT_BYTES, true),
    ("wlast", 1, true),
    ("wvalid", 1, true),
    ("wready", 1, false),
    ("bid", 4, false),
    ("bresp", 2, false),
    ("bvalid", 1, false),
    ("bready", 1, true),
];

// The last column says what the master drives.
const AXI_LITE: [Signal; 17] = [
    ("awaddr", 16, true),
    ("awvalid", 1, true),
    ("awready", 1, false),
    ("wdata", 32, true),
    ("wstrb", 4, true),
    ("wvalid", 1, true),
    ("wready", 1, false),
    ("bresp", 2, false),
    ("bvalid", 1, false),
    ("bready", 1, true),
    ("araddr", 16, true),
    ("arvalid", 1, true),
    ("arready", 1, false),
    ("rdata", 32, false),
    ("rresp", 2, false),
    ("rvalid", 1, false),
    ("rready", 1, true),
];

/// A group of signals with one direction of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    Read,
    Write,
    AxiRead,
    AxiWrite,
    AxiLite,
}

/// Which end of a [`Bus`] a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The side that asks: memory client, AXI master.
    Client,
    /// The side that serves: arbiter, AXI slave.
    Server,
}

impl Bus {
    fn signals(self) -> &'static [Signal] {
        match self {
            Bus::Read => &READ,
            Bus::Write => &WRITE,
            Bus::AxiRead => &AXI_READ,
            Bus::AxiWrite => &AXI_WRITE,
            Bus::AxiLite => &AXI_LITE,
        }
    }

    /// Adds the ports of this bus, each name prefixed with `prefix`.
    pub fn ports(self, mut m: Module, end: End, prefix: &str) -> Module {
        for &(name, bits, client_drives) in self.signals() {
            let name = format!("{prefix}{name}");
            m = match client_drives == (end == End::Client) {
                true => m.output(name, bits),
                false => m.input(name, bits),
            };
        }
        m
    }

    /// Connects bus `client_prefix` of child `client` with bus `server_prefix` of child `server`.
    pub fn link(self, mut m: Module, client: (&str, &str), server: (&str, &str)) -> Module {
        for &(name, _, client_drives) in self.signals() {
            let (c, s) = (format!("{}{name}", client.1), format!("{}{name}", server.1));
            m = match client_drives {
                true => m.connect(server.0, &s, format!("{}${c}", client.0)),
                false => m.connect(client.0, &c, format!("{}${s}", server.0)),
            };
        }
        m
    }

    /// Connects bus `child_prefix` of `child`, which is `end` of it, with our own ports of the same direction.
    pub fn export(self, mut m: Module, end: End, child: (&str, &str), own_prefix: &str) -> Module {
        for &(name, _, client_drives) in self.signals() {
            let (inner, outer) = (format!("{}{name}", child.1), format!("{own_prefix}{name}"));
            m = match client_drives == (end == End::Client) {
                true => m.body(format!("always @(*) {outer} = {}${inner};", child.0)),
                false => m.connect(child.0, &inner, outer),
            };
        }
        m
    }
}

//! The shell side of the card's AXI ports: memories that answer AXI4 masters, and an AXI4-Lite master for MMIO.
//!
//! A clock has two halves. With all signals settled, `sample` looks at handshakes and checks the master's protocol;
//! after the rising edge, `drive` sets what the slave shows in the next clock. Slave outputs depend on registered
//! state only, so a clock costs two evaluations of the model:
//!
//! ```text
//! slave.sample(&model)?;  model.rise()?;  slave.drive(&mut model);  model.fall()?;
//! ```

/// A struct of the model's ports `{prefix}_{field}`.
macro_rules! port_struct {
    ($name:ident: $($port:ident)*) => {
        #[derive(Debug)]
        struct $name { $($port: crate::verilated::PortId),* }
        impl $name {
            fn find(model: &crate::verilated::Model, prefix: &str) -> Result<Self, crate::SimError> {
                Ok($name { $($port: model.port(&format!("{prefix}_{}", stringify!($port)))?),* })
            }
        }
    };
}

mod fault;
mod lite;
mod memory;
mod pace;
mod rules;
mod slave;

pub use fault::{Access, Fault};
pub use lite::{LiteMaster, LiteOp};
pub use memory::{Beat, Dram, Memory, BEAT_BYTES};
pub use slave::{Slave, Traffic};

/// How an AXI response ends, in the encoding of `BRESP` and `RRESP`. Ordered by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Response {
    Okay = 0,
    /// The address is decoded, the access failed.
    SlaveError = 2,
    /// Nothing is at the address.
    DecodeError = 3,
}

/// How fast a memory answers. All times are clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the acceptance of a read burst to its first beat.
    pub read_latency: u32,
    /// From the last beat of a write burst to its response.
    pub write_latency: u32,
    /// Up to this much is added to each latency, at random.
    pub jitter: u32,
    /// Probability, in 1/256, that a channel is held up in a clock: each of AR, AW, W `ready` and R, B `valid`.
    pub stall: u8,
    /// Bursts that are accepted before the oldest is answered, reads and writes each.
    pub outstanding: usize,
}

impl Timing {
    /// Host memory behind PCIe: about a microsecond at 250 MHz.
    pub const HOST: Timing =
        Timing { read_latency: 220, write_latency: 60, jitter: 24, stall: 0, outstanding: 64 };
    /// One DRAM channel.
    pub const DRAM: Timing =
        Timing { read_latency: 40, write_latency: 20, jitter: 12, stall: 0, outstanding: 64 };
    /// A DRAM controller and the way to it, without the DRAM's own time: what comes on top of [`Slave::with_dram`].
    pub const CONTROLLER: Timing =
        Timing { read_latency: 16, write_latency: 4, jitter: 0, stall: 0, outstanding: 64 };
}

/// SplitMix64 (Steele, Lea, Flood 2014): stall patterns need speed and a seed, nothing else.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

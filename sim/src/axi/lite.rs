//! An AXI4-Lite master with 32-bit data: one MMIO access at a time.

use crate::{verilated::Model, SimError};

/// An MMIO access; offsets are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiteOp {
    Read(u32),
    Write(u32, u32),
}

/// The master behind the model's `{prefix}_*` slave port.
#[derive(Debug)]
pub struct LiteMaster {
    ports: Ports,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// Channels that still wait for their `ready`.
    Write {
        aw: bool,
        w: bool,
    },
    Read {
        ar: bool,
    },
}

port_struct! {
    Ports:
    awaddr awvalid awready wdata wstrb wvalid wready bvalid bready
    araddr arvalid arready rdata rresp rvalid rready
}

impl LiteMaster {
    pub fn new(model: &Model, prefix: &str) -> Result<Self, SimError> {
        Ok(LiteMaster { ports: Ports::find(model, prefix)?, state: State::Idle })
    }

    /// Whether no access is in progress.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Begins an access. To be called between the rising and the falling edge (where slaves `drive`), when idle.
    pub fn start(&mut self, model: &mut Model, op: LiteOp) {
        let p = &self.ports;
        match op {
            LiteOp::Read(offset) => {
                model.set(p.araddr, u64::from(offset));
                model.set(p.arvalid, 1);
                model.set(p.rready, 1);
                self.state = State::Read { ar: true };
            }
            LiteOp::Write(offset, value) => {
                model.set(p.awaddr, u64::from(offset));
                model.set(p.awvalid, 1);
                model.set(p.wdata, u64::from(value));
                model.set(p.wstrb, 0xf);
                model.set(p.wvalid, 1);
                model.set(p.bready, 1);
                self.state = State::Write { aw: true, w: true };
            }
        }
    }

    /// Looks at the settled signals before the rising edge. `Some`: the access ended, with the value read (0 for a
    /// write); an error response reads as all ones, as a failed read over PCIe does.
    pub fn sample(&mut self, model: &Model) -> Option<u32> {
        let p = &self.ports;
        let set = |port| model.get(port) != 0;
        match &mut self.state {
            State::Idle => None,
            State::Read { ar } => {
                *ar &= !set(p.arready);
                if !set(p.rvalid) {
                    return None;
                }
                self.state = State::Idle;
                Some(if model.get(p.rresp) == 0 { model.get(p.rdata) as u32 } else { u32::MAX })
            }
            State::Write { aw, w } => {
                *aw &= !set(p.awready);
                *w &= !set(p.wready);
                if !set(p.bvalid) {
                    return None;
                }
                self.state = State::Idle;
                Some(0)
            }
        }
    }

    /// Sets the outputs for the next clock. To be called after the rising edge.
    pub fn drive(&mut self, model: &mut Model) {
        let (aw, w, ar) = match self.state {
            State::Idle => (false, false, false),
            State::Read { ar } => (false, false, ar),
            State::Write { aw, w } => (aw, w, false),
        };
        let p = &self.ports;
        model.set(p.awvalid, u64::from(aw));
        model.set(p.wvalid, u64::from(w));
        model.set(p.arvalid, u64::from(ar));
        if self.is_idle() {
            model.set(p.bready, 0);
            model.set(p.rready, 0);
        }
    }

    /// Drops the access in progress.
    pub fn reset(&mut self, model: &mut Model) {
        self.state = State::Idle;
        self.drive(model);
    }
}

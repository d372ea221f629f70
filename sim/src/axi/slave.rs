//! An AXI4 slave with 512-bit data: answers one master of the model from a [`Memory`], in order, with configurable
//! latency and stalls, and checks the master's protocol.

use super::{
    fault::{Access, Fault, Faults},
    pace::Pace,
    rules::{Address, Stable},
    Beat, Memory, Random, Response, Timing, BEAT_BYTES,
};
use crate::{
    dram::{Preset, Stats},
    verilated::Model,
    SimError,
};
use std::collections::VecDeque;

/// Beats that are taken before their address is known.
const EARLY_BEATS: usize = 32;

/// What went through a slave since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub read_bursts: u64,
    pub read_beats: u64,
    pub write_bursts: u64,
    pub write_beats: u64,
}

/// The slave behind one AXI4 master of the model. See the module documentation for the order of calls.
#[derive(Debug)]
pub struct Slave<M> {
    interface: String,
    ports: Ports,
    timing: Timing,
    random: Random,
    memory: M,
    pace: Option<Pace>,
    faults: Faults,
    traffic: Traffic,
    clock: u64,
    // Rules of the master's channels.
    ar: Stable<Address>,
    aw: Stable<Address>,
    w: Stable<WriteBeat>,
    // What the slave shows in this clock.
    ar_ready: bool,
    aw_ready: bool,
    w_ready: bool,
    r_valid: bool,
    b_valid: bool,
    // Work in progress.
    reads: VecDeque<Burst>,
    writes: VecDeque<Burst>,
    early: VecDeque<WriteBeat>,
    answers: VecDeque<Answer>,
}

/// A burst that has been accepted; for reads `due` is when the first beat may be shown.
#[derive(Debug)]
struct Burst {
    at: Address,
    done: u32,
    due: u64,
    response: Response,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct WriteBeat {
    data: Beat,
    strobe: u64,
    last: bool,
}

#[derive(Debug)]
struct Answer {
    id: u64,
    response: Response,
    due: u64,
    /// What [`Pace::written`] has to reach first.
    written: u64,
}

port_struct! {
    Ports:
    awid awaddr awlen awsize awburst awvalid awready wdata wstrb wlast wvalid wready bid bresp bvalid bready
    arid araddr arlen arsize arburst arvalid arready rid rdata rresp rlast rvalid rready
}

impl<M: Memory> Slave<M> {
    /// The slave behind the model's ports `{prefix}_awaddr`, … `seed` decides jitter and stalls.
    pub fn new(model: &Model, prefix: &str, memory: M, timing: Timing, seed: u64) -> Result<Self, SimError> {
        Ok(Slave {
            interface: prefix.into(),
            ports: Ports::find(model, prefix)?,
            timing,
            random: Random(seed),
            memory,
            pace: None,
            faults: Faults::default(),
            traffic: Traffic::default(),
            clock: 0,
            ar: Stable::new("AR"),
            aw: Stable::new("AW"),
            w: Stable::new("W"),
            ar_ready: false,
            aw_ready: false,
            w_ready: false,
            r_valid: false,
            b_valid: false,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            early: VecDeque::new(),
            answers: VecDeque::new(),
        })
    }

    /// The same with a DRAM model between the latencies and the answers: a read burst reaches it after the read
    /// latency, a write is answered when it has taken all beats, and not before the write latency has passed.
    /// `clock_khz` is the clock of the model's ports.
    pub fn with_dram(self, preset: Preset, clock_khz: u32) -> Self {
        Slave { pace: Some(Pace::new(preset, clock_khz)), ..self }
    }

    /// Looks at the settled signals before the rising edge: takes what is handed over, checks the rules.
    pub fn sample(&mut self, model: &Model) -> Result<(), SimError> {
        let p = &self.ports;
        if self.r_valid && model.get(p.rready) != 0 {
            self.r_valid = false;
            self.pop_read_beat();
        }
        let p = &self.ports;
        if self.b_valid && model.get(p.bready) != 0 {
            self.b_valid = false;
            self.answers.pop_front();
        }
        self.sample_requests(model).map_err(|rule| SimError::Protocol {
            interface: self.interface.clone(),
            clock: model.clocks(),
            rule,
        })
    }

    fn sample_requests(&mut self, model: &Model) -> Result<(), String> {
        let p = &self.ports;
        let ar = self.ar.sample(model.get(p.arvalid) != 0, self.ar_ready, || Address {
            address: model.get(p.araddr),
            beats: model.get(p.arlen) as u32 + 1,
            size: model.get(p.arsize),
            burst: model.get(p.arburst),
            id: model.get(p.arid),
        })?;
        let aw = self.aw.sample(model.get(p.awvalid) != 0, self.aw_ready, || Address {
            address: model.get(p.awaddr),
            beats: model.get(p.awlen) as u32 + 1,
            size: model.get(p.awsize),
            burst: model.get(p.awburst),
            id: model.get(p.awid),
        })?;
        let w = self.w.sample(model.get(p.wvalid) != 0, self.w_ready, || {
            let mut data = [0; BEAT_BYTES];
            model.get_bytes(p.wdata, &mut data);
            WriteBeat { data, strobe: model.get(p.wstrb), last: model.get(p.wlast) != 0 }
        })?;
        if let Some(at) = ar {
            at.check().map_err(|rule| format!("AR: {rule}"))?;
            if at.address % BEAT_BYTES as u64 != 0 {
                return Err(format!("AR: {:#x} is not a multiple of 64", at.address));
            }
            let due = self.due(self.timing.read_latency);
            if let Some(pace) = &mut self.pace {
                pace.read(at.address, at.beats, due);
            }
            self.traffic.read_bursts += 1;
            self.reads.push_back(Burst { at, done: 0, due, response: Response::Okay });
        }
        if let Some(at) = aw {
            at.check().map_err(|rule| format!("AW: {rule}"))?;
            self.traffic.write_bursts += 1;
            self.writes.push_back(Burst { at, done: 0, due: 0, response: Response::Okay });
            while !self.writes.is_empty() {
                let Some(beat) = self.early.pop_front() else { break };
                self.take_write_beat(&beat)?;
            }
        }
        match w {
            Some(beat) if self.writes.is_empty() => {
                self.early.push_back(beat);
                Ok(())
            }
            Some(beat) => self.take_write_beat(&beat),
            None => Ok(()),
        }
    }

    /// Sets the slave's outputs for the next clock. To be called after the rising edge.
    pub fn drive(&mut self, model: &mut Model) {
        self.clock += 1;
        if let Some(pace) = &mut self.pace {
            pace.clock(self.clock);
        }
        let room = self.timing.outstanding;
        let ar_ready = self.reads.len() < room && !self.stalled();
        let aw_ready = self.writes.len() + self.answers.len() < room && !self.stalled();
        let w_room = !self.writes.is_empty() || self.early.len() < EARLY_BEATS;
        let w_ready = w_room && self.pace.as_ref().is_none_or(Pace::writable) && !self.stalled();
        let p = &self.ports;
        for (port, shown, now) in [
            (p.arready, &mut self.ar_ready, ar_ready),
            (p.awready, &mut self.aw_ready, aw_ready),
            (p.wready, &mut self.w_ready, w_ready),
        ] {
            if *shown != now {
                *shown = now;
                model.set(port, u64::from(now));
            }
        }
        self.drive_read(model);
        self.drive_answer(model);
    }

    /// Forgets everything in progress, as the other side of a reset. To be called while `rst` is high, instead of
    /// `sample`.
    pub fn reset(&mut self, model: &mut Model) {
        self.reads.clear();
        self.writes.clear();
        self.early.clear();
        self.answers.clear();
        self.ar = Stable::new("AR");
        self.aw = Stable::new("AW");
        self.w = Stable::new("W");
        self.ar_ready = false;
        self.aw_ready = false;
        self.w_ready = false;
        self.r_valid = false;
        self.b_valid = false;
        if let Some(pace) = &mut self.pace {
            pace.reset();
        }
        let p = &self.ports;
        for port in [p.arready, p.awready, p.wready, p.rvalid, p.bvalid] {
            model.set(port, 0);
        }
    }

    /// Whether nothing is outstanding.
    pub fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.answers.is_empty() && self.early.is_empty()
    }

    /// Adds an error to be injected.
    pub fn inject(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// What the DRAM model has done, if there is one.
    pub fn dram_stats(&self) -> Option<Stats> {
        self.pace.as_ref().map(Pace::stats)
    }

    pub fn memory(&mut self) -> &mut M {
        &mut self.memory
    }

    fn drive_read(&mut self, model: &mut Model) {
        if self.r_valid {
            return;
        }
        let due = self.reads.front().is_some_and(|burst| burst.due <= self.clock)
            && self.pace.as_ref().is_none_or(Pace::readable);
        if !due || self.stalled() {
            model.set(self.ports.rvalid, 0);
            return;
        }
        let burst = &self.reads[0];
        let (id, last) = (burst.at.id, burst.done + 1 == burst.at.beats);
        let address = burst.at.address + u64::from(burst.done) * BEAT_BYTES as u64;
        let mut beat = [0; BEAT_BYTES];
        let response = match self.faults.take(Access::Read, address) {
            Some(response) => response,
            None => self.memory.read(address, &mut beat),
        };
        let p = &self.ports;
        model.set_bytes(p.rdata, &beat);
        model.set(p.rid, id);
        model.set(p.rresp, response as u64);
        model.set(p.rlast, u64::from(last));
        model.set(p.rvalid, 1);
        self.r_valid = true;
    }

    fn pop_read_beat(&mut self) {
        self.traffic.read_beats += 1;
        if let Some(pace) = &mut self.pace {
            pace.pop_read();
        }
        if let Some(burst) = self.reads.front_mut() {
            burst.done += 1;
            if burst.done == burst.at.beats {
                self.reads.pop_front();
            }
        }
    }

    fn drive_answer(&mut self, model: &mut Model) {
        if self.b_valid {
            return;
        }
        let written = self.pace.as_ref().map_or(0, Pace::written);
        let due = self.answers.front().is_some_and(|a| a.due <= self.clock && a.written <= written);
        let p = &self.ports;
        if !due {
            model.set(p.bvalid, 0);
        } else if self.stalled() {
            model.set(self.ports.bvalid, 0);
        } else {
            let answer = &self.answers[0];
            model.set(self.ports.bid, answer.id);
            model.set(self.ports.bresp, answer.response as u64);
            model.set(self.ports.bvalid, 1);
            self.b_valid = true;
        }
    }

    /// A write beat of the oldest burst that still wants data.
    fn take_write_beat(&mut self, beat: &WriteBeat) -> Result<(), String> {
        let Some(burst) = self.writes.front() else { return Ok(()) };
        let at = burst.at;
        let last = burst.done + 1 == at.beats;
        if beat.last != last {
            let seen = u64::from(beat.last);
            return Err(format!(
                "WLAST is {seen} in beat {} of the burst of {} beats at {:#x}",
                burst.done + 1,
                at.beats,
                at.address
            ));
        }
        let below = at.address % BEAT_BYTES as u64;
        if burst.done == 0 && beat.strobe & ((1 << below) - 1) != 0 {
            return Err(format!(
                "WSTRB {:#018x} selects bytes below the address {:#x}",
                beat.strobe, at.address
            ));
        }
        let address = (at.address - below) + u64::from(burst.done) * BEAT_BYTES as u64;
        let response = match self.faults.take(Access::Write, address) {
            Some(response) => response,
            None => self.memory.write(address, &beat.data, beat.strobe),
        };
        self.traffic.write_beats += 1;
        let written = self.pace.as_mut().map_or(0, |pace| pace.write(address));
        let due = self.due(self.timing.write_latency);
        let burst = &mut self.writes[0];
        burst.done += 1;
        burst.response = burst.response.max(response);
        if last {
            self.answers.push_back(Answer { id: at.id, response: burst.response, due, written });
            self.writes.pop_front();
        }
        Ok(())
    }

    fn due(&mut self, latency: u32) -> u64 {
        let jitter = match self.timing.jitter {
            0 => 0,
            most => self.random.next() % (u64::from(most) + 1),
        };
        self.clock + u64::from(latency) + jitter
    }

    fn stalled(&mut self) -> bool {
        self.timing.stall != 0 && (self.random.next() & 0xff) < u64::from(self.timing.stall)
    }
}

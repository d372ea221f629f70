//! When each net has its value: the structure alone, without a bound on the number of clocks.
//!
//! A value that depends on inputs of different clocks, or on itself, has no time.

use super::net::{Contract, Driver, Net, Source, Time};
use super::rtlil::{Cell, Spec, SpecBit};

impl Net {
    /// When `wire` has its value: all of its bits, and all that each depends on, agree.
    ///
    /// # Errors
    /// What does not agree, or depends on itself.
    pub fn time(&self, wire: usize) -> Result<Time, String> {
        if let Some(known) = &self.times.borrow()[wire] {
            return known.clone();
        }
        let name = &self.module.wires[wire].name;
        if std::mem::replace(&mut self.open.borrow_mut()[wire], true) {
            return Err(format!("`{name}` depends on itself"));
        }
        let mut last = None;
        let mut time = Ok(None);
        for driver in &self.drivers[wire] {
            // All bits of a cell's port, or of a decision, are there at once.
            let same = match (last, driver) {
                (Some(Driver::Cell(c, p, _)), Driver::Cell(d, q, _)) => c == *d && p == *q,
                (Some(Driver::Decision(c, _)), Driver::Decision(d, _)) => c == *d,
                _ => false,
            };
            last = Some(*driver);
            if !same {
                time = time.and_then(|time| agree(time, self.driver_time(wire, driver)?, name));
            }
        }
        self.open.borrow_mut()[wire] = false;
        self.times.borrow_mut()[wire] = Some(time.clone());
        time
    }

    fn driver_time(&self, wire: usize, driver: &Driver) -> Result<Time, String> {
        let name = &self.module.wires[wire].name;
        match driver {
            Driver::Nothing => Err(format!("nothing drives `{name}`")),
            Driver::Input if Some(wire) == self.clock => Err("the clock is read as data".into()),
            Driver::Input => Ok(Some(self.input_time(name))),
            Driver::Alias(from) => self.bit_time(*from),
            Driver::Register(from) => Ok(self.bit_time(*from)?.map(|t| t + 1)),
            Driver::Cell(cell, port, _) => self.cell_time(*cell, *port),
            Driver::Decision(at, _) => self.source_time(&Source::Decision(*at)),
        }
    }

    /// When this module's own input is read.
    fn input_time(&self, name: &str) -> usize {
        let own = self.contracts.get(&self.module.name);
        own.and_then(|c| c.inputs.iter().find(|(n, _)| n == name)).map_or(0, |(_, at)| *at)
    }

    fn bit_time(&self, bit: SpecBit) -> Result<Time, String> {
        match bit {
            SpecBit::Const(_) => Ok(None),
            SpecBit::Net(wire, _) => self.time(wire),
        }
    }

    fn spec_time(&self, spec: &Spec, what: &str) -> Result<Time, String> {
        let (mut time, mut last) = (None, None);
        for bit in spec {
            let wire = if let SpecBit::Net(wire, _) = bit { Some(*wire) } else { None };
            if wire.is_some() && wire != last {
                time = agree(time, self.bit_time(*bit)?, what)?;
                last = wire;
            }
        }
        Ok(time)
    }

    fn source_time(&self, source: &Source) -> Result<Time, String> {
        match source {
            Source::Nothing => Err("a case that leaves its value open".into()),
            Source::Spec(spec) => self.spec_time(spec, "an assignment"),
            Source::Decision(at) => {
                let decision = &self.decisions[*at];
                if let Some(taken) = self.decided(decision) {
                    return self.source_time(&taken);
                }
                let mut time = self.spec_time(&decision.selector, "a selector")?;
                for (patterns, source) in &decision.arms {
                    time = agree(time, self.source_time(source)?, "a selection")?;
                    if patterns.is_empty() {
                        break;
                    }
                }
                Ok(time)
            }
        }
    }

    fn cell_time(&self, at: usize, port: usize) -> Result<Time, String> {
        let cell = &self.module.cells[at];
        let Some(contract) = self.contracts.get(&cell.kind) else {
            let mut time = None;
            for (name, spec) in cell.ports.iter().filter(|(name, _)| name != "Y") {
                let what = format!("{} {}: {name}", cell.kind, cell.name);
                time = agree(time, self.spec_time(spec, &what)?, &what)?;
            }
            return Ok(time);
        };
        let start = self.start(cell, contract)?;
        let (name, _) = &cell.ports[port];
        let offset = contract.outputs.iter().find(|(n, _)| n == name).map_or(0, |(_, offset)| *offset);
        Ok(start.map(|t| t + offset))
    }

    /// The clock that an instance's first inputs are read in.
    fn start(&self, cell: &Cell, contract: &Contract) -> Result<Time, String> {
        let clock = cell.port("clk").map(|spec| self.alias_of(&self.module, spec));
        if self.clock.is_none_or(|c| clock != Some(vec![SpecBit::Net(c, 0)])) {
            return Err(format!("instance `{}` has another clock", cell.name));
        }
        let mut start = None;
        for (name, offset) in &contract.inputs {
            let what = format!("instance `{}`: {name}", cell.name);
            let spec = cell.port(name).ok_or_else(|| format!("{what} is open"))?;
            let time = match self.spec_time(spec, &what)? {
                Some(time) => {
                    Some(time.checked_sub(*offset).ok_or_else(|| format!("{what} comes too early"))?)
                }
                None => None,
            };
            start = agree(start, time, &what)?;
        }
        Ok(start)
    }
}

fn agree(a: Time, b: Time, what: &str) -> Result<Time, String> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(format!("`{what}`: a value of clock {a} and one of clock {b}")),
        (a, b) => Ok(a.or(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::net::Bit;
    use super::super::rtlil::parse;
    use super::*;
    use std::collections::HashMap;

    /// `y` of a module with an adder of `left` and `right`, a register `r` that loads `load` at `edge`.
    fn net(left: &str, right: &str, load: &str, edge: &str) -> Result<Net, String> {
        let text = format!(
            r"module \m
  wire input 1 \clk
  wire width 4 input 2 \a
  wire width 4 output 3 \y
  wire width 4 \r
  wire width 4 $0
  cell $add $1
    parameter \A_SIGNED 0
    connect \A {left}
    connect \B {right}
    connect \Y \y
  end
  process $2
    assign $0 {load}
    switch \a [3]
      case 1'1
      case
    end
    sync {edge}
      update \r $0
  end
end
"
        );
        Net::new(parse(&text)?.remove(0), HashMap::new())
    }

    fn time(left: &str, right: &str, load: &str) -> Result<Time, String> {
        let net = net(left, right, load, r"posedge \clk")?;
        net.time(net.module.wire("y").unwrap())
    }

    #[test]
    fn times_agree_or_are_refused() {
        assert_eq!(time(r"\a", "4'0001", r"\a"), Ok(Some(0)));
        assert_eq!(time(r"\r", r"{ 2'01 \r [3:2] }", r"\a"), Ok(Some(1)));
        assert_eq!(time("4'0001", "4'1", r"\a"), Ok(None));
        let refused = [
            (time(r"\a", r"\r", r"\a"), "clock 0 and one of clock 1"),
            (time(r"\r", "4'0", r"\r"), "depends on itself"),
            (time(r"\r", "4'0", r"\y"), "depends on itself"),
            (time(r"\y", "4'0", r"\a"), "depends on itself"),
            (time(r"{ 3'0 \clk }", "4'0", r"\a"), "the clock is read"),
        ];
        for (found, expected) in refused {
            assert!(found.as_ref().is_err_and(|e| e.contains(expected)), "{found:?}: {expected}");
        }
    }

    #[test]
    fn other_registers_are_refused() {
        for edge in [r"negedge \clk", r"posedge \a [0]", r"high \clk", "init"] {
            assert!(net(r"\a", r"\a", r"\a", edge).is_err(), "{edge}");
        }
        assert!(net(r"\a", r"\a", r"\a", "always").is_ok());
        assert!(parse("module \\m\n  memory width 4 size 2 \\x\nend\n").is_err());
    }

    #[test]
    fn values_are_seen_through_registers_and_slices() {
        let net = net(r"\r", r"{ \r [0] 3'10x }", r"{ \a [2:0] 1'1 }", r"posedge \clk").unwrap();
        let (a, cell) = (net.module.wire("a").unwrap(), &net.module.cells[0]);
        let bits = net.bits(cell.port("A").unwrap());
        assert_eq!(bits, [Bit::Const(true), Bit::Leaf(a, 0), Bit::Leaf(a, 1), Bit::Leaf(a, 2)]);
        let bits = net.bits(cell.port("B").unwrap());
        assert_eq!(bits, [Bit::Unknown, Bit::Const(false), Bit::Const(true), Bit::Const(true)]);
    }
}

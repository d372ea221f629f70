//! A module as drivers of its nets: what each net is as a function of others, registers and aliases seen through.

use super::rtlil::{Body, Cell, Module, Port, Process, Spec, SpecBit, State};
use std::cell::RefCell;
use std::collections::HashMap;

/// What gives a bit its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    Nothing,
    /// The module's environment.
    Input,
    Alias(SpecBit),
    /// A register, by what it loads.
    Register(SpecBit),
    /// Bit of an output of a cell: cell, port (by place), bit.
    Cell(usize, usize, usize),
    /// Bit of a decision.
    Decision(usize, usize),
}

/// A value seen through aliases and registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bit {
    Const(bool),
    /// Not a value: nothing drives it, or an x does.
    Unknown,
    /// Bit of an input, or of a wire that was cut.
    Leaf(usize, usize),
    /// Bit of a cell's output: cell, port, bit.
    Cell(usize, usize, usize),
    /// Bit of a decision.
    Decision(usize, usize),
}

/// A `case` or `if` as it drives one wire.
#[derive(Clone, Debug)]
pub struct Decision {
    pub selector: Spec,
    /// The first arm one of whose patterns is the selector; an arm without patterns is always taken.
    pub arms: Vec<(Vec<Spec>, Source)>,
}

/// What an arm assigns.
#[derive(Clone, Debug)]
pub enum Source {
    Spec(Spec),
    Decision(usize),
    /// No value: a latch, which nothing here may be.
    Nothing,
}

/// When an instance's ports are read and written, in clocks after its first input.
#[derive(Clone, Debug)]
pub struct Contract {
    pub inputs: Vec<(String, usize)>,
    pub outputs: Vec<(String, usize)>,
}

/// Clocks after the module's inputs; nothing for what never changes.
pub type Time = Option<usize>;

/// A module's nets.
#[derive(Debug)]
pub struct Net {
    pub module: Module,
    pub(super) drivers: Vec<Vec<Driver>>,
    pub decisions: Vec<Decision>,
    /// Of the modules that this one instantiates, by name.
    pub(super) contracts: HashMap<String, Contract>,
    /// Wires whose value is not looked behind.
    cut: Vec<bool>,
    pub(super) clock: Option<usize>,
    pub(super) times: RefCell<Vec<Option<Result<Time, String>>>>,
    pub(super) open: RefCell<Vec<bool>>,
}

impl Net {
    /// The drivers of `module`, with `contracts` for the modules it instantiates.
    ///
    /// # Errors
    /// What is driven twice, or is not understood.
    pub fn new(module: Module, contracts: HashMap<String, Contract>) -> Result<Net, String> {
        let drivers = module
            .wires
            .iter()
            .map(|w| vec![if w.port == Some(Port::Input) { Driver::Input } else { Driver::Nothing }; w.width])
            .collect();
        let wires = module.wires.len();
        let mut net = Net {
            clock: module.wire("clk"),
            module: Module::default(),
            drivers,
            decisions: vec![],
            contracts,
            cut: vec![false; wires],
            times: RefCell::new(vec![None; wires]),
            open: RefCell::new(vec![false; wires]),
        };
        for (left, right) in &module.connects {
            for (to, from) in left.iter().zip(right) {
                net.drive(&module, *to, Driver::Alias(*from))?;
            }
        }
        for (at, cell) in module.cells.iter().enumerate() {
            for (port, (name, spec)) in cell.ports.iter().enumerate() {
                if net.is_output(cell, name) {
                    for (bit, to) in spec.iter().enumerate() {
                        net.drive(&module, *to, Driver::Cell(at, port, bit))?;
                    }
                }
            }
        }
        for process in &module.processes {
            net.process(&module, process)?;
        }
        net.module = module;
        Ok(net)
    }

    fn drive(&mut self, module: &Module, to: SpecBit, driver: Driver) -> Result<(), String> {
        let SpecBit::Net(wire, bit) = to else { return Err("a constant is driven".into()) };
        let old = std::mem::replace(&mut self.drivers[wire][bit], driver);
        if old != Driver::Nothing {
            return Err(format!("`{}` is driven twice", module.wires[wire].name));
        }
        Ok(())
    }

    fn is_output(&self, cell: &Cell, port: &str) -> bool {
        match self.contracts.get(&cell.kind) {
            Some(contract) => contract.outputs.iter().any(|(name, _)| name == port),
            None => cell.kind.starts_with('$') && port == "Y",
        }
    }

    fn process(&mut self, module: &Module, process: &Process) -> Result<(), String> {
        let mut targets = vec![];
        let mut bodies = vec![&process.body];
        while let Some(body) = bodies.pop() {
            targets.extend(body.assigns.iter().map(|(to, _)| to.clone()).filter(|to| !to.is_empty()));
            bodies.extend(body.switches.iter().flat_map(|s| s.cases.iter().map(|(_, body)| body)));
        }
        targets
            .sort_by_key(|t| t.first().map(|b| if let SpecBit::Net(w, b) = b { (*w, *b) } else { (0, 0) }));
        targets.dedup();
        for target in targets {
            let source = self.assigned(&process.body, &target, Source::Nothing);
            for (bit, to) in target.iter().enumerate() {
                let driver = match &source {
                    Source::Spec(spec) => Driver::Alias(spec[bit]),
                    Source::Decision(at) => Driver::Decision(*at, bit),
                    Source::Nothing => Driver::Nothing,
                };
                // Targets that overlap in part are driven twice: refused.
                self.drive(module, *to, driver)?;
            }
        }
        if let Some(clock) = &process.clock {
            let own = self.clock.is_some_and(|c| self.alias_of(module, clock) == [SpecBit::Net(c, 0)]);
            if !own || process.falling {
                return Err("a register with another clock".into());
            }
        }
        for (to, from) in &process.updates {
            for (to, from) in to.iter().zip(from) {
                let driver =
                    if process.clock.is_some() { Driver::Register(*from) } else { Driver::Alias(*from) };
                self.drive(module, *to, driver)?;
            }
        }
        Ok(())
    }

    /// What `body` leaves in `target`, which holds `before`.
    fn assigned(&mut self, body: &Body, target: &Spec, before: Source) -> Source {
        let mut now = before;
        for (to, from) in &body.assigns {
            if to == target {
                now = Source::Spec(from.clone());
            }
        }
        for switch in &body.switches {
            let arms: Vec<_> = switch
                .cases
                .iter()
                .map(|(patterns, body)| (patterns.clone(), self.assigned(body, target, now.clone())))
                .collect();
            let touched = |body: &Body| {
                let mut bodies = vec![body];
                while let Some(body) = bodies.pop() {
                    if body.assigns.iter().any(|(to, _)| to == target) {
                        return true;
                    }
                    bodies.extend(body.switches.iter().flat_map(|s| s.cases.iter().map(|(_, body)| body)));
                }
                false
            };
            if switch.cases.iter().any(|(_, body)| touched(body)) {
                let mut arms = arms;
                arms.push((vec![], now.clone()));
                self.decisions.push(Decision { selector: switch.selector.clone(), arms });
                now = Source::Decision(self.decisions.len() - 1);
            }
        }
        now
    }

    /// Through aliases only, before the module's own are all known to be without a loop.
    pub(super) fn alias_of(&self, module: &Module, spec: &Spec) -> Spec {
        spec.iter()
            .map(|bit| {
                let mut bit = *bit;
                // A loop of aliases is longer than there are wires.
                for _ in 0..=module.wires.len() {
                    match bit {
                        SpecBit::Net(w, b) => match self.drivers[w][b] {
                            Driver::Alias(next) => bit = next,
                            _ => return bit,
                        },
                        SpecBit::Const(_) => return bit,
                    }
                }
                SpecBit::Const(State::X)
            })
            .collect()
    }

    /// `spec` when it is a constant.
    fn constant(&self, spec: &Spec) -> Option<Vec<bool>> {
        let states = self.alias_of(&self.module, spec);
        states
            .iter()
            .map(|b| match b {
                SpecBit::Const(State::Zero) => Some(false),
                SpecBit::Const(State::One) => Some(true),
                _ => None,
            })
            .collect()
    }

    /// The arm that a constant selector takes; nothing when the selector is none.
    pub fn decided(&self, decision: &Decision) -> Option<Source> {
        let value = self.constant(&decision.selector)?;
        let taken = decision.arms.iter().find(|(patterns, _)| {
            patterns.is_empty() || patterns.iter().any(|p| self.constant(p).as_ref() == Some(&value))
        });
        Some(taken.map_or(Source::Nothing, |(_, source)| source.clone()))
    }

    /// Stops looking behind `wire`.
    pub fn cut(&mut self, wire: usize) {
        self.cut[wire] = true;
    }

    /// The values of `spec`. Only for modules whose [`Net::time`]s exist: there is no loop then.
    pub fn bits(&self, spec: &Spec) -> Vec<Bit> {
        spec.iter().map(|bit| self.bit(*bit)).collect()
    }

    fn bit(&self, bit: SpecBit) -> Bit {
        match bit {
            SpecBit::Const(State::X) => Bit::Unknown,
            SpecBit::Const(state) => Bit::Const(state == State::One),
            SpecBit::Net(wire, at) if self.cut[wire] => Bit::Leaf(wire, at),
            SpecBit::Net(wire, at) => self.behind(wire, at),
        }
    }

    fn behind(&self, wire: usize, at: usize) -> Bit {
        match self.drivers[wire][at] {
            Driver::Nothing => Bit::Unknown,
            Driver::Input => Bit::Leaf(wire, at),
            Driver::Alias(from) | Driver::Register(from) => self.bit(from),
            Driver::Cell(cell, port, bit) => Bit::Cell(cell, port, bit),
            Driver::Decision(mut decision, bit) => loop {
                match self.decided(&self.decisions[decision]) {
                    None => return Bit::Decision(decision, bit),
                    Some(Source::Nothing) => return Bit::Unknown,
                    Some(Source::Spec(spec)) => return self.bit(spec[bit]),
                    Some(Source::Decision(next)) => decision = next,
                }
            },
        }
    }

    /// What drives `wire`, itself not cut.
    pub fn drive_of(&self, wire: usize) -> Vec<Bit> {
        (0..self.module.wires[wire].width).map(|at| self.behind(wire, at)).collect()
    }
}

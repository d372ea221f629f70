//! Reader of RTLIL, the text form of yosys' internal representation, as its Verilog front end writes it.
//!
//! What the emitted modules do not need (memories, resets that are not synchronous) is refused.
//!
//! Beside [`crate::symbolic::netlist`], which reads JSON: JSON has no processes, so it would need yosys' passes that turn them into
//! cells, and here only the front end (and `flatten`, where instances are opened) is to be trusted.

use std::collections::HashMap;

/// A bit of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Zero,
    One,
    /// Unknown: x, z or a do-not-care.
    X,
}

/// One bit of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecBit {
    Const(State),
    /// A bit of a wire.
    Net(usize, usize),
}

/// An expression of wires, slices, constants and concatenations; the lowest bit first.
pub type Spec = Vec<SpecBit>;

/// Direction of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Input,
    Output,
}

/// A net; names are without RTLIL's leading backslash, internal ones keep their dollar sign.
#[derive(Clone, Debug)]
pub struct Wire {
    pub name: String,
    pub width: usize,
    pub port: Option<Port>,
}

/// A cell or an instance.
#[derive(Clone, Debug)]
pub struct Cell {
    pub kind: String,
    pub name: String,
    /// Parameters that are numbers.
    pub parameters: HashMap<String, u64>,
    pub ports: Vec<(String, Spec)>,
}

impl Cell {
    /// What is connected to `port`.
    pub fn port(&self, port: &str) -> Option<&Spec> {
        self.ports.iter().find(|(name, _)| name == port).map(|(_, spec)| spec)
    }
}

/// The statements of a process or of one case of it.
#[derive(Clone, Debug, Default)]
pub struct Body {
    pub assigns: Vec<(Spec, Spec)>,
    pub switches: Vec<Switch>,
}

/// The first case whose patterns have the selector; no pattern is any value.
#[derive(Clone, Debug)]
pub struct Switch {
    pub selector: Spec,
    pub cases: Vec<(Vec<Spec>, Body)>,
}

/// An `always` block.
#[derive(Clone, Debug)]
pub struct Process {
    pub body: Body,
    /// The clock, when it is clocked; nothing when it is combinational.
    pub clock: Option<Spec>,
    /// Clocked by the negative edge.
    pub falling: bool,
    pub updates: Vec<(Spec, Spec)>,
}

/// One module.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub name: String,
    pub wires: Vec<Wire>,
    pub cells: Vec<Cell>,
    pub processes: Vec<Process>,
    pub connects: Vec<(Spec, Spec)>,
    by_name: HashMap<String, usize>,
}

impl Module {
    /// The wire of this name.
    pub fn wire(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

/// The modules of `text`.
///
/// # Errors
/// The line that is not understood.
pub fn parse(text: &str) -> Result<Vec<Module>, String> {
    let mut lines = Lines { lines: text.lines().enumerate(), at: 0 };
    let mut modules = vec![];
    while let Some(words) = lines.next() {
        match words[0] {
            "autoidx" => {}
            "module" => modules.push(lines.module(unescaped(words.get(1).copied().unwrap_or("")))?),
            _ => return Err(lines.bad(words[0])),
        }
    }
    Ok(modules)
}

fn unescaped(name: &str) -> String {
    name.strip_prefix('\\').unwrap_or(name).to_string()
}

struct Lines<'t> {
    lines: std::iter::Enumerate<std::str::Lines<'t>>,
    at: usize,
}

impl<'t> Lines<'t> {
    /// The next line that says something, in words.
    fn next(&mut self) -> Option<Vec<&'t str>> {
        for (at, line) in self.lines.by_ref() {
            let line = line.trim_start();
            if !line.is_empty() && !line.starts_with('#') && !line.starts_with("attribute ") {
                self.at = at + 1;
                return Some(line.split_whitespace().collect());
            }
        }
        None
    }

    fn bad(&self, what: &str) -> String {
        format!("RTLIL line {}: `{what}`", self.at)
    }

    fn module(&mut self, name: String) -> Result<Module, String> {
        let mut m = Module { name, ..Module::default() };
        loop {
            let words = self.next().ok_or("RTLIL ends within a module")?;
            match words[0] {
                "end" => return Ok(m),
                "parameter" => {}
                "wire" => {
                    let wire = self.wire(&words)?;
                    m.by_name.insert(wire.name.clone(), m.wires.len());
                    m.wires.push(wire);
                }
                "cell" => {
                    let [_, kind, name] = words[..] else { return Err(self.bad("cell")) };
                    let cell = self.cell(&m, unescaped(kind), unescaped(name))?;
                    m.cells.push(cell);
                }
                "process" => {
                    let process = self.process(&m)?;
                    m.processes.push(process);
                }
                "connect" => {
                    let (left, right) = self.pair(&m, &words[1..])?;
                    m.connects.push((left, right));
                }
                other => return Err(self.bad(other)),
            }
        }
    }

    fn wire(&self, words: &[&str]) -> Result<Wire, String> {
        let mut wire = Wire { name: unescaped(words[words.len() - 1]), width: 1, port: None };
        let mut rest = words[1..words.len() - 1].iter();
        let number = |word: Option<&&str>| word.and_then(|w| w.parse().ok()).ok_or_else(|| self.bad("wire"));
        while let Some(word) = rest.next() {
            match *word {
                "width" => wire.width = number(rest.next())?,
                "input" | "output" => {
                    wire.port = Some(if *word == "input" { Port::Input } else { Port::Output });
                    number(rest.next())?;
                }
                // How a declaration extends its own operands; the cells say it of theirs.
                "signed" => {}
                other => return Err(self.bad(other)),
            }
        }
        Ok(wire)
    }

    fn cell(&mut self, m: &Module, kind: String, name: String) -> Result<Cell, String> {
        let mut cell = Cell { kind, name, parameters: HashMap::new(), ports: vec![] };
        loop {
            let words = self.next().ok_or("RTLIL ends within a cell")?;
            match words[0] {
                "end" => return Ok(cell),
                "parameter" => {
                    let (value, name) = (words[words.len() - 1], words[words.len() - 2]);
                    if let Ok(value) = value.parse() {
                        cell.parameters.insert(unescaped(name), value);
                    }
                }
                "connect" => {
                    let spec = self.whole(m, &words[2..])?;
                    cell.ports.push((unescaped(words[1]), spec));
                }
                other => return Err(self.bad(other)),
            }
        }
    }

    fn process(&mut self, m: &Module) -> Result<Process, String> {
        let (body, mut words) = self.body(m)?;
        let mut process = Process { body, clock: None, falling: false, updates: vec![] };
        let mut synchronised = false;
        while words[0] != "end" {
            match words[0] {
                "sync" if synchronised => return Err(self.bad("a second sync")),
                "sync" => {
                    synchronised = true;
                    match words.get(1) {
                        Some(&"always") => {}
                        Some(edge @ (&"posedge" | &"negedge")) => {
                            process.clock = Some(self.whole(m, &words[2..])?);
                            process.falling = *edge == "negedge";
                        }
                        _ => return Err(self.bad("sync")),
                    }
                }
                "update" => process.updates.push(self.pair(m, &words[1..])?),
                other => return Err(self.bad(other)),
            }
            words = self.next().ok_or("RTLIL ends within a process")?;
        }
        Ok(process)
    }

    /// Statements, up to the first line that is none: that line too.
    fn body(&mut self, m: &Module) -> Result<(Body, Vec<&'t str>), String> {
        let mut body = Body::default();
        loop {
            let words = self.next().ok_or("RTLIL ends within a process")?;
            match words[0] {
                "assign" => {
                    // All assignments of a case come before its switches.
                    if !body.switches.is_empty() {
                        return Err(self.bad("assign behind switch"));
                    }
                    body.assigns.push(self.pair(m, &words[1..])?);
                }
                "switch" => {
                    let selector = self.whole(m, &words[1..])?;
                    let switch = self.switch(m, selector)?;
                    body.switches.push(switch);
                }
                _ => return Ok((body, words)),
            }
        }
    }

    fn switch(&mut self, m: &Module, selector: Spec) -> Result<Switch, String> {
        let mut switch = Switch { selector, cases: vec![] };
        let mut words = self.next().ok_or("RTLIL ends within a switch")?;
        while words[0] == "case" {
            let mut patterns = vec![];
            for pattern in words[1..].split(|w| *w == ",").filter(|p| !p.is_empty()) {
                patterns.push(self.whole(m, pattern)?);
            }
            let (body, next) = self.body(m)?;
            switch.cases.push((patterns, body));
            words = next;
        }
        if words[0] != "end" {
            return Err(self.bad(words[0]));
        }
        Ok(switch)
    }

    /// Two expressions of the same width.
    fn pair(&self, m: &Module, words: &[&str]) -> Result<(Spec, Spec), String> {
        let mut words = words;
        let left = self.spec(m, &mut words)?;
        let right = self.whole(m, words)?;
        if left.len() != right.len() {
            return Err(self.bad("widths differ"));
        }
        Ok((left, right))
    }

    fn whole(&self, m: &Module, words: &[&str]) -> Result<Spec, String> {
        let mut words = words;
        let spec = self.spec(m, &mut words)?;
        if words.is_empty() {
            Ok(spec)
        } else {
            Err(self.bad(words[0]))
        }
    }

    fn spec(&self, m: &Module, words: &mut &[&str]) -> Result<Spec, String> {
        let (first, rest) = words.split_first().ok_or_else(|| self.bad("expression"))?;
        *words = rest;
        let mut spec = match first.as_bytes()[0] {
            b'{' => {
                let mut parts = vec![];
                while *words.first().ok_or_else(|| self.bad("{"))? != "}" {
                    parts.push(self.spec(m, words)?);
                }
                *words = &words[1..];
                parts.into_iter().rev().flatten().collect()
            }
            b'\\' | b'$' => {
                let wire =
                    m.wire(first.strip_prefix('\\').unwrap_or(first)).ok_or_else(|| self.bad(first))?;
                (0..m.wires[wire].width).map(|bit| SpecBit::Net(wire, bit)).collect()
            }
            _ => self.constant(first)?,
        };
        if let Some(slice) = words.first().and_then(|w| w.strip_prefix('[')).and_then(|w| w.strip_suffix(']'))
        {
            *words = &words[1..];
            let (high, low) = slice.split_once(':').unwrap_or((slice, slice));
            let (Ok(high), Ok(low)) = (high.parse::<usize>(), low.parse::<usize>()) else {
                return Err(self.bad(slice));
            };
            spec = spec.get(low..=high).ok_or_else(|| self.bad(slice))?.to_vec();
        }
        Ok(spec)
    }

    fn constant(&self, word: &str) -> Result<Spec, String> {
        let bit = |one: bool| SpecBit::Const(if one { State::One } else { State::Zero });
        // Without a width it is 32 bits.
        if let Ok(number) = word.parse::<i32>() {
            return Ok((0..32).map(|at| bit(number >> at & 1 == 1)).collect());
        }
        let (width, bits) = word.split_once('\'').ok_or_else(|| self.bad(word))?;
        let width: usize = width.parse().map_err(|_| self.bad(word))?;
        let state = |c: char| match c {
            '0' | '1' => Ok(bit(c == '1')),
            'x' | 'z' | '-' => Ok(SpecBit::Const(State::X)),
            _ => Err(self.bad(word)),
        };
        let mut spec = bits.chars().rev().map(state).collect::<Result<Spec, _>>()?;
        // Digits that are left out are zero, or unknown when the highest is.
        let fill = match spec.last() {
            Some(SpecBit::Const(State::X)) | None => SpecBit::Const(State::X),
            _ => bit(false),
        };
        if spec.len() > width {
            return Err(self.bad(word));
        }
        spec.resize(width, fill);
        Ok(spec)
    }
}

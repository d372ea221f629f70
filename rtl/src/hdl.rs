//! Modules: the bridge between run-time-sized hardware and `rust-hdl`.
//!
//! Contract: a [`Module`] has named ports of run-time width, named child instances and a clocked Verilog body.
//! Hierarchy, port declarations, stub signals and instances are emitted by `rust-hdl`; the body is ours, because
//! `rust-hdl` has no wide multiplication, concatenation, ternary or nonblocking assignment.
//! Each distinct module is emitted once, in a file of its own name, and shared by all its instances.
//!
//! Inside a body
//! - inputs are wires, outputs are `reg`s (drive them from an `always` block),
//! - port `p` of child `c` is the signal `c$p`: drive it with [`Module::connect`] when it is an input of the child,
//!   read it when it is an output.

use rust_hdl_core::{
    ast::{BlackBox, Verilog, VerilogLiteral},
    atom::{Atom, AtomKind},
    block::Block,
    constraint::PinConstraint,
    logic::Logic,
    module_defines::ModuleDefines,
    probe::Probe,
    synth::VCDValue,
    type_descriptor::{TypeDescriptor, TypeKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

/// Direction of a port, seen from inside the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    In,
    Out,
}

/// A port: name, width in bits (1 or more), direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub bits: usize,
    pub dir: Dir,
}

/// What can go wrong while a design is assembled. All of these are mistakes in a generator, not in user input.
#[derive(Debug, thiserror::Error)]
pub enum HdlError {
    #[error("module `{module}`: port `{port}` is declared twice; rename one of the two")]
    DuplicatePort { module: String, port: String },
    #[error(
        "module `{module}`: child input `{signal}` is never driven; add .connect() for it in the parent"
    )]
    Undriven { module: String, signal: String },
    #[error("two different modules are both named `{0}`; put the distinguishing parameter into the name")]
    NameClash(String),
}

/// A hardware module of run-time shape. Build with [`Module::new`], share with [`Arc`].
#[derive(Debug)]
pub struct Module {
    name: String,
    doc: String,
    ports: Vec<Port>,
    children: Vec<(String, Arc<Module>)>,
    body: String,
    /// The whole text of the module, when it does not come from `rust-hdl` (arithmetic pipelines, vendor wrappers).
    verbatim: Option<String>,
}

impl Module {
    /// A module named `name` without ports. Clocked modules take the ports `clk` and `rst` (synchronous, active high).
    pub fn new(name: impl Into<String>) -> Self {
        Module {
            name: name.into(),
            doc: String::new(),
            ports: vec![],
            children: vec![],
            body: String::new(),
            verbatim: None,
        }
    }

    /// One paragraph that becomes the header comment of the emitted file.
    pub fn doc(mut self, text: impl Into<String>) -> Self {
        self.doc = text.into();
        self
    }

    pub fn input(mut self, name: impl Into<String>, bits: usize) -> Self {
        self.ports.push(Port { name: name.into(), bits, dir: Dir::In });
        self
    }

    pub fn output(mut self, name: impl Into<String>, bits: usize) -> Self {
        self.ports.push(Port { name: name.into(), bits, dir: Dir::Out });
        self
    }

    /// `clk` and `rst`, the same names in every clocked module.
    pub fn clocked(self) -> Self {
        self.input("clk", 1).input("rst", 1)
    }

    /// Instantiates `module` under the name `inst`; its `clk` and `rst`, where it has them, are connected to ours.
    pub fn child(self, inst: impl Into<String>, module: &Arc<Module>) -> Self {
        self.child_reset_by(inst, module, "rst")
    }

    /// [`Module::child`], its `rst` driven with the expression `reset`.
    pub fn child_reset_by(self, inst: impl Into<String>, module: &Arc<Module>, reset: &str) -> Self {
        self.child_driven(inst, module, "clk", reset)
    }

    /// [`Module::child`], its `clk` driven with the expression `clock`.
    pub fn child_clocked_by(self, inst: impl Into<String>, module: &Arc<Module>, clock: &str) -> Self {
        self.child_driven(inst, module, clock, "rst")
    }

    fn child_driven(
        mut self,
        inst: impl Into<String>,
        module: &Arc<Module>,
        clock: &str,
        reset: &str,
    ) -> Self {
        let inst = inst.into();
        for (common, expr) in [("clk", clock), ("rst", reset)] {
            if module.ports.iter().any(|p| p.name == common) {
                self = self.connect(&inst, common, expr);
            }
        }
        self.children.push((inst, module.clone()));
        self
    }

    /// Drives input `port` of child `inst` with the expression `expr`.
    pub fn connect(mut self, inst: &str, port: &str, expr: impl AsRef<str>) -> Self {
        writeln!(self.body, "always @(*) {inst}${port} = {};", expr.as_ref()).expect("String");
        self
    }

    /// [`Module::connect`] for several ports of one child.
    pub fn connect_all(mut self, inst: &str, wires: &[(&str, &str)]) -> Self {
        for (port, expr) in wires {
            self = self.connect(inst, port, expr);
        }
        self
    }

    /// Appends Verilog to the body.
    pub fn body(mut self, text: impl AsRef<str>) -> Self {
        self.body.push_str(text.as_ref().trim_matches('\n'));
        self.body.push('\n');
        self
    }

    /// Uses `text` as the whole module definition; ports must have been declared to match it.
    pub fn verbatim(mut self, text: impl Into<String>) -> Self {
        self.verbatim = Some(text.into());
        self
    }

    /// Names a module that a [`Module::verbatim`] text instantiates, so that it is emitted too.
    pub fn uses(mut self, module: &Arc<Module>) -> Self {
        if !self.children.iter().any(|(_, m)| m.name == module.name) {
            self.children.push((String::new(), module.clone()));
        }
        self
    }

    pub fn build(self) -> Arc<Module> {
        Arc::new(self)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// Instances of the modules `names` in the whole hierarchy, this one included. Pipelines count as leaves: what their
    /// [`Module::verbatim`] text instantiates is known as a set only.
    pub fn instances_of(&self, names: &[&str]) -> usize {
        let below = if self.verbatim.is_some() { &[][..] } else { &self.children };
        usize::from(names.contains(&self.name()))
            + below.iter().map(|(_, child)| child.instances_of(names)).sum::<usize>()
    }

    fn check(&self) -> Result<(), HdlError> {
        let mut seen = BTreeSet::new();
        for p in &self.ports {
            if !seen.insert(&p.name) {
                return Err(HdlError::DuplicatePort { module: self.name.clone(), port: p.name.clone() });
            }
        }
        if self.verbatim.is_some() {
            return Ok(());
        }
        for (inst, module) in &self.children {
            for p in module.ports.iter().filter(|p| p.dir == Dir::In) {
                let signal = format!("{inst}${}", p.name);
                let driven = self.body.match_indices(&signal).any(|(at, _)| {
                    let rest = self.body[at + signal.len()..].trim_start();
                    rest.starts_with('=') || rest.starts_with("<=") || rest.starts_with('[')
                });
                if !driven {
                    return Err(HdlError::Undriven { module: self.name.clone(), signal });
                }
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for line in self.doc.trim().lines() {
            writeln!(out, "// {}", line.trim()).expect("String");
        }
        if let Some(text) = &self.verbatim {
            out.push_str(text);
            return out;
        }
        let mut defines = ModuleDefines::default();
        Shell { module: self, reference: false }.accept(&self.name, &mut defines);
        out.push_str(defines.defines().trim_start());
        out.push('\n');
        out
    }
}

/// A whole design: one text per module, the top's ports.
#[derive(Clone, Debug)]
pub struct Design {
    pub top: String,
    pub ports: Vec<Port>,
    /// Module name to Verilog text.
    pub files: BTreeMap<String, String>,
}

impl Design {
    /// Collects `top` and everything below it.
    pub fn elaborate(top: &Arc<Module>) -> Result<Design, HdlError> {
        let mut files = BTreeMap::new();
        let mut stack = vec![top.clone()];
        let mut visited: BTreeSet<*const Module> = BTreeSet::new();
        while let Some(m) = stack.pop() {
            if !visited.insert(Arc::as_ptr(&m)) {
                continue;
            }
            m.check()?;
            let text = m.text();
            match files.get(&m.name) {
                Some(old) if *old != text => return Err(HdlError::NameClash(m.name.clone())),
                _ => files.insert(m.name.clone(), text),
            };
            stack.extend(m.children.iter().map(|(_, c)| c.clone()));
        }
        Ok(Design { top: top.name.clone(), ports: top.ports.clone(), files })
    }

    /// The design as one text, modules in name order.
    pub fn text(&self) -> String {
        self.files.values().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// `rust-hdl`'s view of a module: its ports and, unless it is only referenced, its children and body.
struct Shell<'a> {
    module: &'a Module,
    reference: bool,
}

impl Logic for Shell<'_> {
    fn update(&mut self) {}
    fn hdl(&self) -> Verilog {
        if self.reference {
            Verilog::Blackbox(BlackBox { code: String::new(), name: self.module.name.clone() })
        } else {
            Verilog::Custom(self.module.body.clone())
        }
    }
}

impl Block for Shell<'_> {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        for port in &self.module.ports {
            probe.visit_atom(&port.name, &Wire { bits: port.bits, dir: port.dir });
        }
        if !self.reference {
            for (inst, module) in &self.module.children {
                Shell { module, reference: true }.accept(inst, probe);
            }
        }
        probe.visit_end_scope(name, self);
    }
}

/// A port as a `rust-hdl` atom of run-time width.
struct Wire {
    bits: usize,
    dir: Dir,
}

impl Atom for Wire {
    fn bits(&self) -> usize {
        self.bits
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        match self.dir {
            Dir::In => AtomKind::InputParameter,
            Dir::Out => AtomKind::OutputParameter,
        }
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor { name: format!("Bits::<{}>", self.bits), kind: TypeKind::Bits(self.bits) }
    }
    fn vcd(&self) -> VCDValue {
        VCDValue::Single(vcd::Value::X)
    }
    fn id(&self) -> usize {
        0
    }
    fn verilog(&self) -> VerilogLiteral {
        0u64.into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(bits: usize) -> Arc<Module> {
        Module::new(format!("reg_{bits}"))
            .clocked()
            .input("d", bits)
            .output("q", bits)
            .body("always @(posedge clk) q <= rst ? 0 : d;")
            .build()
    }

    #[test]
    fn shared_modules_are_emitted_once_and_wide_ports_work() {
        let r = register(254);
        let top = Module::new("top")
            .doc("Two stages.")
            .clocked()
            .input("a", 254)
            .output("y", 254)
            .child("s0", &r)
            .child("s1", &r)
            .connect("s0", "d", "a")
            .connect("s1", "d", "s0$q")
            .body("always @(*) y = s1$q;")
            .build();
        let d = Design::elaborate(&top).unwrap();
        assert_eq!(d.files.len(), 2);
        let text = &d.files["top"];
        assert!(text.starts_with("// Two stages."), "{text}");
        assert!(text.contains("reg_254 s1("), "{text}");
        assert!(text.contains("output reg  [253:0] y;"), "{text}");
        assert_eq!(["reg_254", "top", "reg"].map(|name| top.instances_of(&[name])), [2, 1, 0]);
    }

    #[test]
    fn undriven_child_input_is_refused() {
        let top = Module::new("top").clocked().child("s0", &register(3)).build();
        let e = Design::elaborate(&top).unwrap_err();
        assert!(matches!(e, HdlError::Undriven { .. }), "{e}");
    }
}

//! The manifest: `formal/properties/*.toml`, one file a block or a family, read into what the runner runs.
//!
//! A *harness* is an emitted design with a text of assumptions, assertions and covers put before the `endmodule` of one of its
//! modules; assertions and covers are told apart by their labels. Labels that begin with `inv_` are invariants that help an
//! induction; they are proved with the rest but are no rows of the table. A *check* is a proof in Rust ([`crate::check`]).

use crate::Error;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// One file of the manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default)]
    pub harness: Vec<Harness>,
    #[serde(default)]
    pub check: Vec<Check>,
}

/// How assertions are proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// k-induction, k = `depth`, by yosys-smtbmc with bitwuzla. Unbounded.
    Induction,
    /// Property directed reachability by yosys-abc, which finds the invariant. Unbounded.
    Pdr,
    /// Every execution of `depth` clocks after reset, by yosys-smtbmc with bitwuzla.
    Bmc,
}

/// Who looks for the execution that refutes a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// yosys-smtbmc with bitwuzla.
    Smt,
    /// yosys-abc's bmc3, on bits.
    Abc,
}

/// What is expected of a property; anything else ends the runner with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Proved, or with the method `bmc` no counterexample within the bound.
    #[default]
    Holds,
    /// Listed as not proved: the solver does not end in time.
    Unknown,
}

/// An emitted design and what is claimed of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harness {
    /// Unique in the manifest.
    pub name: String,
    /// The hardware block that it counts for in the table.
    pub block: String,
    /// A name of [`crate::designs::design`].
    pub design: String,
    /// More designs of which the same is proved, each as a harness `name (design)` without covers and mutants.
    #[serde(default)]
    pub designs: Vec<String>,
    /// Macros of the text.
    #[serde(default)]
    pub define: BTreeMap<String, String>,
    /// The module that takes the text; the top if absent.
    pub inside: Option<String>,
    /// File beside the manifest with the text, then values of its keys: `FILE KEY=VALUE…`.
    pub text: String,
    /// Further texts: module to file beside the manifest. All see what is below them through `(* hierconn *)` wires.
    #[serde(default)]
    pub also: BTreeMap<String, String>,
    /// Modules that are replaced by the text of a file beside the manifest, named as in `text`: abstractions, to be proved elsewhere.
    #[serde(default)]
    pub replace: BTreeMap<String, String>,
    /// Modules that lose their body, so that their outputs are free but for what the text assumes of them.
    #[serde(default)]
    pub free: Vec<String>,
    pub method: Method,
    pub depth: usize,
    /// The clock is a signal of the model that the harness' text drives or leaves free, so that clock edges can be told apart; a
    /// step of the model is then no clock.
    #[serde(default)]
    pub multiclock: bool,
    /// For an induction: the step of each assertion is a run of bitwuzla of its own, all assertions being assumed before it. For
    /// harnesses whose assertions together are too much for one.
    #[serde(default)]
    pub split: bool,
    /// Memories become registers in the model of words: one that is searched and read in one clock looks like a loop otherwise.
    #[serde(default)]
    pub registers: bool,
    /// Commands of abc between `fold; strash` and `pdr`.
    #[serde(default)]
    pub prepare: String,
    /// Clocks within which every cover must be reached.
    pub cover_depth: usize,
    /// Clocks within which every mutant must be refuted.
    pub mutant_depth: usize,
    pub search: Option<Search>,
    /// Seconds for each run of a tool.
    #[serde(default = "minutes")]
    pub timeout: u64,
    /// Belongs to the set of `make test`.
    #[serde(default)]
    pub quick: bool,
    /// What the reader of the table has to know: sizes that were shrunk, assumptions on the surroundings.
    #[serde(default)]
    pub note: String,
    pub property: Vec<Property>,
    pub cover: Vec<Cover>,
    pub mutant: Vec<Mutant>,
}

fn minutes() -> u64 {
    120
}

/// An assertion: its label and what it says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    pub name: String,
    pub states: String,
    #[serde(default)]
    pub expected: Expected,
}

/// A state that must be reachable: its label and what it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    pub name: String,
    pub states: String,
}

/// A wrong design: `from`, which occurs once in the module `module`, becomes `to`; property `kills` must notice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    pub name: String,
    /// The module that takes the text of the harness, if absent.
    pub module: Option<String>,
    pub from: String,
    pub to: String,
    pub kills: String,
}

/// A proof in Rust, by its name in [`crate::check::CHECKS`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub name: String,
    pub block: String,
    pub states: String,
    pub method: String,
    pub tool: String,
    #[serde(default)]
    pub quick: bool,
    #[serde(default)]
    pub note: String,
}

impl File {
    /// Reads all files `*.toml` of `folder`, in the order of their names, and checks that names are unique, that each property has a
    /// mutant and each harness a cover, and that checks exist.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Manifest`] with the file and the name.
    pub fn read_all(folder: &Path) -> Result<File, Error> {
        let io = |source| Error::Io { path: folder.display().to_string(), source };
        let mut paths = vec![];
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut all = File { harness: vec![], check: vec![] };
        for path in paths {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| Error::Io { path: path.display().to_string(), source })?;
            let file: File =
                toml::from_str(&text).map_err(|e| Error::Manifest(format!("{}: {e}", path.display())))?;
            all.harness.extend(file.harness);
            all.check.extend(file.check);
        }
        all.validate().map_err(Error::Manifest)?;
        all.harness = all.harness.iter().flat_map(Harness::each_design).collect();
        Ok(all)
    }

    fn validate(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for name in self.harness.iter().map(|h| &h.name).chain(self.check.iter().map(|c| &c.name)) {
            if !names.insert(name) {
                return Err(format!("two entries are named `{name}`; rename one"));
            }
        }
        for harness in &self.harness {
            harness.validate().map_err(|e| format!("harness `{}`: {e}", harness.name))?;
        }
        for check in &self.check {
            if !crate::check::CHECKS.iter().any(|(name, _)| *name == check.name) {
                return Err(format!("check `{}` is not in formal/src/check.rs", check.name));
            }
        }
        Ok(())
    }

    /// That no check is left out: the manifest of the repository has them all.
    ///
    /// # Errors
    /// [`Error::Manifest`] names one that is.
    pub fn complete(&self) -> Result<(), Error> {
        match crate::check::CHECKS.iter().find(|(name, _)| !self.check.iter().any(|c| c.name == *name)) {
            Some((name, _)) => Err(Error::Manifest(format!("check `{name}` is in no file of the manifest"))),
            None => Ok(()),
        }
    }
}

impl Harness {
    /// This harness and those of the further designs.
    fn each_design(&self) -> Vec<Harness> {
        let more = self.designs.iter().map(|design| Harness {
            name: format!("{} ({design})", self.name),
            design: design.clone(),
            designs: vec![],
            mutant: vec![],
            note: String::new(),
            ..self.clone()
        });
        std::iter::once(self.clone()).chain(more).collect()
    }

    fn validate(&self) -> Result<(), String> {
        let labels: Vec<_> = self.property.iter().map(|p| &p.name).collect();
        for label in &labels {
            if !self.mutant.iter().any(|m| m.kills == **label) {
                return Err(format!("property `{label}` has no mutant that it must refute"));
            }
        }
        if let Some(mutant) = self.mutant.iter().find(|m| !labels.contains(&&m.kills)) {
            return Err(format!(
                "mutant `{}` names the property `{}`, which is not there",
                mutant.name, mutant.kills
            ));
        }
        if self.cover.is_empty() {
            return Err("no cover".into());
        }
        let names: BTreeSet<_> = self.mutant.iter().map(|m| &m.name).collect();
        if names.len() != self.mutant.len() {
            return Err("two mutants of one name".into());
        }
        Ok(())
    }
}

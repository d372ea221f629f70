//! The checks about the emitted pipelines: the proof of a unit, and its mutants.

use super::mutate::{self, Mutant};
use super::mutate_tile;
use super::solver::{Answer, Solver};
use super::tile;
use super::unit::{self, Examined, Finding};
use super::{read, Source};
use crate::check::Report;
use crate::tools::Tools;
use crate::Error;
use permafrost_rtl::card::{engines::Engines, top::top};
use permafrost_rtl::config::CardConfig;
use permafrost_rtl::field::{koala_bear, units, Field};
use permafrost_rtl::graph::Pipeline;
use permafrost_rtl::hdl::{Design, Module};
use permafrost_rtl::ntt::butterfly::butterfly;
use permafrost_rtl::target::Target;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds for all of a check's queries.
const SECONDS: u64 = 300;

/// A pipeline: of the card, or of the library beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    FqMul,
    FrMul,
    FqDemont,
    FrDemont,
    FrButterfly,
    KbMul,
    KbAdd,
    KbSub,
}

impl Unit {
    fn pipeline(self, target: Target) -> Arc<Pipeline> {
        match self {
            Unit::FqMul => units::mul(&Field::fq(), target),
            Unit::FrMul => units::mul(&Field::fr(), target),
            Unit::FqDemont => units::demont(&Field::fq(), target),
            Unit::FrDemont => units::demont(&Field::fr(), target),
            Unit::FrButterfly => butterfly(&Field::fr(), target),
            Unit::KbMul => koala_bear::mul(target),
            Unit::KbAdd => koala_bear::add(target),
            Unit::KbSub => koala_bear::sub(target),
        }
    }
}

/// What is to be held against a text: the structure's findings and the solver's queries.
type Examine<'a> = dyn Fn(&str) -> Result<Examined, Error> + 'a;

/// The text of the module `name`, as the card for `target` has it; of `pipeline` itself when the card has none.
fn text(name: &str, target: Target, pipeline: &Pipeline) -> Result<String, Error> {
    let config = CardConfig { target, ..CardConfig::sim() };
    let mut files = files(&top(&config, &Engines::new(&config)))?;
    if !files.contains_key(name) {
        files = self::files(&pipeline.module())?;
    }
    files.remove(name).ok_or_else(|| Error::Manifest(format!("`{name}` is not emitted")))
}

/// The texts of `module` and of all below it, by name.
fn files(module: &Arc<Module>) -> Result<BTreeMap<String, String>, Error> {
    Ok(Design::elaborate(module).map_err(|e| Error::Manifest(e.to_string()))?.files)
}

/// `text` read by yosys and looked at by `examine`, which takes the module `name`.
fn look(
    tools: &Tools,
    source: &Source,
    name: &str,
    examine: impl Fn(super::rtlil::Module) -> Examined,
) -> Result<Examined, Error> {
    let unreadable = |what| Examined {
        unreadable: true,
        findings: vec![Finding { node: None, what }],
        ..Examined::default()
    };
    Ok(match read(tools, source)? {
        Ok(read) => match read.modules.into_iter().find(|m| m.name == name) {
            Some(module) => {
                let mut examined = examine(module);
                examined.findings.extend(read.warnings.map(|what| Finding { node: None, what }));
                examined
            }
            None => unreadable(format!("no module `{name}`")),
        },
        Err(what) => unreadable(what),
    })
}

/// The proof of `text` and its mutants.
fn report(tools: &Tools, text: &str, mutants: &[Mutant], examine: &Examine) -> Result<Report, Error> {
    let mut solver = Solver::default();
    let design = examine(text)?;
    let unproved = |why| Report { proved: Err(why), killed: 0, equivalent: vec![], alive: vec![] };
    // Before that is proved, a mutant that is refuted says nothing.
    if let Some(finding) = design.findings.first() {
        return Ok(unproved(finding.to_string()));
    }
    let all = mutants.iter().map(|m| examine(&m.text)).collect::<Result<Vec<_>, _>>()?;
    let queries = std::iter::once(&design).chain(&all).flat_map(|e| e.queries.iter().map(|(_, q)| q));
    solver.ask(tools, queries.chain(design.given.iter().map(|(_, given)| given)), SECONDS)?;
    // What is assumed of a node's operands can be so: otherwise anything would hold of it.
    let possible = match design.given.iter().find(|(_, given)| solver.answer(given) != Answer::Fails) {
        Some((node, _)) => Err(format!("node {node}: what is assumed of its operands cannot be")),
        None => Ok(()),
    };
    if let Err(why) = verdict(&design, &solver).and(possible) {
        return Ok(unproved(why));
    }
    let mut report = Report { proved: Ok(()), killed: 0, equivalent: vec![], alive: vec![] };
    for (mutant, examined) in mutants.iter().zip(&all) {
        let unknown = examined.queries.iter().any(|(_, q)| solver.answer(q) == Answer::Unknown);
        match verdict(examined, &solver) {
            // What is no Verilog, or was not decided, has not been refuted.
            _ if examined.unreadable || unknown => {
                report.alive.push(format!("{} ({:?})", mutant.what, examined.findings));
            }
            Err(_) => report.killed += 1,
            Ok(()) => match mutate::same(mutant) {
                Some(why) => report.equivalent.push(format!("{}: {why}", mutant.what)),
                None => report.alive.push(mutant.what.clone()),
            },
        }
    }
    Ok(report)
}

fn verdict(examined: &Examined, solver: &Solver) -> Result<(), String> {
    if let Some(finding) = examined.findings.first() {
        return Err(finding.to_string());
    }
    match examined.queries.iter().find(|(_, q)| solver.answer(q) != Answer::Holds) {
        Some((node, query)) => Err(format!("node {node}: {:?}", solver.answer(query))),
        None => Ok(()),
    }
}

/// The emitted text of `unit` computes its graph, node by node.
///
/// # Errors
/// A tool failed.
pub fn netlist(tools: &Tools, unit: Unit, target: Target) -> Result<Report, Error> {
    of(tools, unit, target, true)
}

/// The outputs of `unit` as emitted depend on the inputs `latency` clocks earlier, and on nothing else.
///
/// # Errors
/// A tool failed.
pub fn timing(tools: &Tools, unit: Unit, target: Target) -> Result<Report, Error> {
    of(tools, unit, target, false)
}

fn of(tools: &Tools, unit: Unit, target: Target, values: bool) -> Result<Report, Error> {
    let pipeline = unit.pipeline(target);
    let name = &pipeline.graph.name;
    let text = text(name, target, &pipeline)?;
    let mutants = if values { mutate::values(&text) } else { mutate::times(&text) };
    let examine = |text: &str| {
        let source = Source { text, with: &[], defines: &[], flatten: None };
        look(tools, &source, name, |module| unit::examine(&pipeline, module, values))
    };
    report(tools, &text, &mutants, &examine)
}

/// A body of the chain of `n` tiles, the one for synthesis or the other, is the product that its users take it for.
///
/// # Errors
/// A tool failed.
pub fn tile(tools: &Tools, n: usize, synthesis: bool) -> Result<Report, Error> {
    let name = unit::tile_name(n);
    // The card's, or those of the smaller field's multiplier.
    let text = text(&name, Target::Xcup, &koala_bear::mul(Target::Xcup))?;
    let examine = |text: &str| {
        let with: &[&str] = if synthesis { &[tile::DSP48E2] } else { &[] };
        let defines: &[&str] = if synthesis { &["SYNTHESIS"] } else { &[] };
        let source = Source { text, with, defines, flatten: Some(&name) };
        look(tools, &source, &name, |module| tile::examine(n, module))
    };
    let mutants = mutate_tile::mutants(&text, synthesis);
    report(tools, &text, &mutants, &examine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pipeline and every tile in the card is one that has a check.
    #[test]
    fn nothing_is_left_out() {
        for target in Target::ALL {
            let config = CardConfig { target, ..CardConfig::sim() };
            let mut proved: Vec<String> = unit::CHAINS.map(unit::tile_name).to_vec();
            for unit in [Unit::FqMul, Unit::FrMul, Unit::FrDemont, Unit::FrButterfly] {
                proved.push(unit.pipeline(target).graph.name.clone());
            }
            let files = files(&top(&config, &Engines::new(&config))).unwrap();
            // Only pipelines and tiles are not written by `rust-hdl`.
            let pipelines = files.iter().filter(|(name, text)| {
                text.contains("one result a clock, no reset and no enable") || name.starts_with("pf_tile")
            });
            let mut found = 0;
            for (name, _) in pipelines {
                assert!(proved.contains(name), "{target:?}: {name}");
                found += 1;
            }
            assert_eq!(found, if target == Target::Xcup { 6 } else { 4 });
            assert!(files.values().all(|text| !text.contains("DSP48E2") || text.starts_with("// Chain of")));
        }
    }
}

//! The proof engines: yosys makes the model, yosys-smtbmc with bitwuzla or yosys-abc decide.
//!
//! Whatever is not a clear answer is [`Verdict::Unknown`]: a time limit, an error, an induction that does not close.

use crate::{
    manifest::{Harness, Method, Search},
    source::Source,
    tools::Tools,
    Error,
};
use std::{collections::BTreeSet, fmt::Write as _, path::Path};

/// What an engine found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Holds, within the bound if the method has one.
    Holds,
    /// There is an execution against it; the engine's words.
    Refuted(String),
    Unknown(String),
}

/// Labels of the assertions and covers of a model, without the instance they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pub asserts: BTreeSet<String>,
    pub covers: BTreeSet<String>,
}

/// Which of them stay in a model.
#[derive(Clone, Copy, Debug)]
enum Keep<'a> {
    Asserts,
    Assert(&'a str),
    Covers,
}

/// An engine at work in a folder of its own.
pub struct Engine<'a> {
    pub tools: &'a Tools,
    pub harness: &'a Harness,
    pub folder: &'a Path,
}

impl Engine<'_> {
    /// Proves all assertions; also says which labels the model has.
    ///
    /// # Errors
    /// A tool that is missing, fails, or says what cannot be read.
    pub fn prove(&self, source: &Source) -> Result<(Verdict, Labels), Error> {
        let depth = self.harness.depth.to_string();
        match self.harness.method {
            Method::Pdr => {
                let labels = self.bits(source, Keep::Asserts)?;
                let prepare = match self.harness.prepare.as_str() {
                    "" => String::new(),
                    commands => format!("{commands}; "),
                };
                let command =
                    format!("read_aiger model.aig; fold; strash; {prepare}pdr -T {}", self.harness.timeout);
                Ok((self.abc(&command)?, labels))
            }
            Method::Bmc => {
                let labels = self.words(source, Keep::Asserts)?;
                Ok((self.smtbmc(&["--presat", "-t", &depth])?, labels))
            }
            Method::Induction => {
                let labels = self.words(source, Keep::Asserts)?;
                // The base covers the clocks that the step starts from.
                let base = self.smtbmc(&["--presat", "-t", &depth])?;
                if base != Verdict::Holds {
                    return Ok((base, labels));
                }
                let step = if self.harness.split {
                    self.steps()?
                } else {
                    match self.smtbmc(&["-i", "-t", &depth])? {
                        Verdict::Refuted(_) => Verdict::Unknown(format!("not inductive with k = {depth}")),
                        other => other,
                    }
                };
                // The step starts from any state; whether one that is reached is against it, a search from reset says.
                let step = match step {
                    Verdict::Unknown(why) => match self.search(source, Keep::Asserts)? {
                        Verdict::Refuted(found) => Verdict::Refuted(found),
                        _ => Verdict::Unknown(why),
                    },
                    other => other,
                };
                Ok((step, labels))
            }
        }
    }

    /// The step of the induction, assertion by assertion: `depth` clocks in which all of them hold are never followed by one
    /// in which this one does not.
    fn steps(&self) -> Result<Verdict, Error> {
        let io = |source| Error::Io { path: self.folder.display().to_string(), source };
        let model = std::fs::read_to_string(self.folder.join("model.smt2")).map_err(io)?;
        let unread = || Error::Tool { tool: "yosys", said: "model.smt2 names no top module".into() };
        let top =
            model.lines().find_map(|l| l.strip_prefix("; yosys-smt2-topmod ")).ok_or_else(unread)?.trim();
        let k = self.harness.depth;
        let mut before = format!("(set-logic ALL)\n{model}\n");
        for i in 0..=k {
            writeln!(
                before,
                "(declare-fun s{i} () |{top}_s|)\n(assert (|{top}_u| s{i}))\n(assert (|{top}_h| s{i}))"
            )
            .expect("String");
        }
        for i in 0..k {
            writeln!(before, "(assert (|{top}_t| s{i} s{}))\n(assert (|{top}_a| s{i}))", i + 1)
                .expect("String");
        }
        let asserts: Vec<_> = model
            .lines()
            .filter_map(|l| l.strip_prefix("; yosys-smt2-assert "))
            .filter_map(|l| l.split_once(' '))
            .collect();
        if asserts.is_empty() {
            return Err(Error::Tool { tool: "yosys", said: "model.smt2 has no assertion".into() });
        }
        for (number, label) in asserts {
            let text = format!("{before}(assert (not (|{top}_a {number}| s{k})))\n(check-sat)\n");
            std::fs::write(self.folder.join("step.smt2"), text).map_err(io)?;
            let said =
                match self.tools.run(self.folder, "bitwuzla", &["step.smt2"], None, self.harness.timeout) {
                    Ok(said) => said.text,
                    Err(timeout @ Error::Timeout { .. }) => {
                        return Ok(Verdict::Unknown(format!("{label}: {timeout}")))
                    }
                    Err(other) => return Err(other),
                };
            match said.trim() {
                "unsat" => {}
                "sat" => return Ok(Verdict::Unknown(format!("{label}: not inductive with k = {k}"))),
                _ => return Err(Error::Tool { tool: "bitwuzla", said: tail_of(&said) }),
            }
        }
        Ok(Verdict::Holds)
    }

    /// The covers that were reached.
    ///
    /// # Errors
    /// As [`Engine::prove`].
    pub fn cover(&self, source: &Source) -> Result<BTreeSet<String>, Error> {
        self.words(source, Keep::Covers)?;
        let depth = self.harness.cover_depth.to_string();
        let said = self.say(&["-c", "-t", &depth])?;
        Ok(said
            .lines()
            .filter_map(|line| line.split("Reached cover statement at ").nth(1))
            .filter_map(|rest| rest.split(" in step").next())
            .map(|name| last(name).to_string())
            .collect())
    }

    /// Looks for an execution against assertion `label` alone.
    ///
    /// # Errors
    /// As [`Engine::prove`].
    pub fn refute(&self, source: &Source, label: &str) -> Result<Verdict, Error> {
        self.search(source, Keep::Assert(label))
    }

    /// Looks for an execution of at most `mutant_depth` clocks against what is kept.
    fn search(&self, source: &Source, keep: Keep) -> Result<Verdict, Error> {
        let depth = self.harness.mutant_depth;
        let search = self.harness.search.unwrap_or(match self.harness.method {
            Method::Pdr => Search::Abc,
            Method::Induction | Method::Bmc => Search::Smt,
        });
        match search {
            Search::Smt => {
                self.words(source, keep)?;
                self.smtbmc(&["-t", &depth.to_string()])
            }
            Search::Abc => {
                self.bits(source, keep)?;
                let seconds = self.harness.timeout;
                self.abc(&format!("read_aiger model.aig; fold; strash; bmc3 -F {depth} -T {seconds}"))
            }
        }
    }

    /// Has yosys read the design and leave what is asked for; `tail` makes the model of it.
    fn yosys(&self, source: &Source, keep: Keep, tail: &str) -> Result<Labels, Error> {
        let write = |name: &str, text: &str| {
            let path = self.folder.join(name);
            std::fs::write(&path, text)
                .map_err(|source| Error::Io { path: path.display().to_string(), source })
        };
        write("design.v", &source.text())?;
        let mut script = format!(
            "read_verilog -formal -sv design.v\nprep -top {} -flatten\n\
             tee -q -o asserts.txt select -list t:$assert\ntee -q -o covers.txt select -list t:$cover\n",
            source.top
        );
        match keep {
            Keep::Asserts => script += "delete t:$cover\n",
            Keep::Covers => script += "delete t:$assert\n",
            Keep::Assert(label) => {
                writeln!(script, "delete t:$cover\ndelete t:$assert n:{label} n:*.{label} %u %d")
                    .expect("String");
            }
        }
        script += "chformal -assume -early\n";
        script += tail;
        write("model.ys", &script)?;
        let said =
            self.tools.run(self.folder, "yosys", &["-q", "-s", "model.ys"], None, self.harness.timeout)?;
        if !said.success {
            return Err(Error::Tool { tool: "yosys", said: tail_of(&said.text) });
        }
        let read = |name: &str| {
            let path = self.folder.join(name);
            std::fs::read_to_string(&path)
                .map_err(|source| Error::Io { path: path.display().to_string(), source })
        };
        let labels = |text: String| {
            text.lines().filter_map(|l| l.split_once('/')).map(|(_, n)| last(n).to_string()).collect()
        };
        Ok(Labels { asserts: labels(read("asserts.txt")?), covers: labels(read("covers.txt")?) })
    }

    /// The model of words, for smtbmc.
    fn words(&self, source: &Source, keep: Keep) -> Result<Labels, Error> {
        let memories = if self.harness.registers {
            "memory_map\nopt_clean\n"
        } else {
            "memory_map -rom-only\nmemory_nordff\n"
        };
        self.yosys(
            source,
            keep,
            &format!(
                "{memories}{}\ndelete -output\nopt_clean\nsetundef -undriven -anyseq\ndffunmap\nwrite_smt2 -wires model.smt2\n",
                self.clocks()
            ),
        )
    }

    /// The model of bits, for abc.
    fn bits(&self, source: &Source, keep: Keep) -> Result<Labels, Error> {
        self.yosys(
            source,
            keep,
            &format!(
                "delete -output\nopt_clean\nmemory_map\n{}\nsetundef -undriven -anyseq\nopt -full\ntechmap\nopt -fast\n\
             dffunmap\nabc -g AND -fast\nopt_clean\nwrite_aiger -I -B -zinit model.aig\n",
                self.clocks()
            ),
        )
    }

    /// What makes every flip-flop one of the model's own steps.
    fn clocks(&self) -> &'static str {
        if self.harness.multiclock {
            "clk2fflogic"
        } else {
            "async2sync"
        }
    }

    fn say(&self, args: &[&str]) -> Result<String, Error> {
        let mut all = vec!["-s", "bitwuzla", "--noprogress"];
        all.extend(args);
        all.push("model.smt2");
        Ok(self.tools.run(self.folder, "yosys-smtbmc", &all, None, self.harness.timeout)?.text)
    }

    fn smtbmc(&self, args: &[&str]) -> Result<Verdict, Error> {
        let said = match self.say(args) {
            Ok(said) => said,
            Err(timeout @ Error::Timeout { .. }) => return Ok(Verdict::Unknown(timeout.to_string())),
            Err(other) => return Err(other),
        };
        let status = said.lines().rev().find_map(|l| l.split("Status: ").nth(1)).map(str::trim);
        match status {
            Some("PASSED" | "passed") => Ok(Verdict::Holds),
            Some("FAILED" | "failed") => {
                let failed =
                    said.lines().find_map(|l| l.split("Assert failed in ").nth(1)).unwrap_or("failed");
                Ok(Verdict::Refuted(failed.trim().to_string()))
            }
            Some("PREUNSAT" | "preunsat") => {
                Ok(Verdict::Unknown("the assumptions contradict each other".into()))
            }
            _ => Err(Error::Tool { tool: "yosys-smtbmc", said: tail_of(&said) }),
        }
    }

    fn abc(&self, command: &str) -> Result<Verdict, Error> {
        // Its own time limit is not always kept.
        let said =
            match self.tools.run(self.folder, "yosys-abc", &["-c", command], None, self.harness.timeout + 10)
            {
                Ok(said) => said.text,
                Err(timeout @ Error::Timeout { .. }) => return Ok(Verdict::Unknown(timeout.to_string())),
                Err(other) => return Err(other),
            };
        if said.contains("Property proved.") {
            Ok(Verdict::Holds)
        } else if let Some(line) = said.lines().find(|l| l.contains("was asserted in frame")) {
            Ok(Verdict::Refuted(line.trim().to_string()))
        } else if said.contains("No output") || said.contains("UNDECIDED") || said.contains("timeout") {
            Ok(Verdict::Unknown(tail_of(&said)))
        } else {
            Err(Error::Tool { tool: "yosys-abc", said: tail_of(&said) })
        }
    }
}

/// The label without the path of instances before it.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The last lines of what a tool said, as one.
fn tail_of(said: &str) -> String {
    let lines: Vec<_> = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
}

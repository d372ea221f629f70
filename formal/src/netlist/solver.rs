//! Queries to bitwuzla: many in one process, equal ones once.

use crate::tools::Tools;
use crate::Error;
use std::collections::HashMap;
use std::fs;

/// What the solver said of a statement's negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has no model: the statement holds.
    Holds,
    /// It has one: the statement does not.
    Fails,
    /// Neither.
    Unknown,
}

/// Statements that were asked about, by their text.
#[derive(Debug, Default)]
pub struct Solver {
    known: HashMap<String, Answer>,
    /// Seconds that solving took.
    pub seconds: f64,
}

impl Solver {
    /// Asks about all of `queries` (declarations, definitions and assertions each) that are new.
    ///
    /// # Errors
    /// The solver could not be run, or did not answer every one.
    pub fn ask<'q>(
        &mut self,
        tools: &Tools,
        queries: impl IntoIterator<Item = &'q String>,
        seconds: u64,
    ) -> Result<(), Error> {
        let mut new: Vec<&String> = queries.into_iter().filter(|q| !self.known.contains_key(*q)).collect();
        new.sort();
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        let folder =
            tempfile::tempdir().map_err(|source| Error::Io { path: "a temporary folder".into(), source })?;
        let path = folder.path().join("queries.smt2");
        let mut text = String::from("(set-logic QF_BV)\n");
        for query in &new {
            text += "(push 1)\n";
            text += query;
            text += "(check-sat)\n(pop 1)\n";
        }
        fs::write(&path, text).map_err(|source| Error::Io { path: path.display().to_string(), source })?;
        let said = tools.run(folder.path(), "bitwuzla", &["queries.smt2"], None, seconds)?;
        self.seconds += said.seconds;
        let answers: Vec<_> = said
            .text
            .lines()
            .map(|line| match line.trim() {
                "unsat" => Ok(Answer::Holds),
                "sat" => Ok(Answer::Fails),
                "unknown" => Ok(Answer::Unknown),
                other => Err(Error::Tool { tool: "bitwuzla", said: other.to_string() }),
            })
            .collect::<Result<_, _>>()?;
        if !said.success || answers.len() != new.len() {
            let said = format!("{} answers to {} queries", answers.len(), new.len());
            return Err(Error::Tool { tool: "bitwuzla", said });
        }
        self.known.extend(new.into_iter().cloned().zip(answers));
        Ok(())
    }

    /// What is known of `query`.
    pub fn answer(&self, query: &str) -> Answer {
        self.known.get(query).copied().unwrap_or(Answer::Unknown)
    }
}

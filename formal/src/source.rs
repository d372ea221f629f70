//! From an emitted design to the text that the tools read: the harness' text in its module, abstractions, a mutant's change.

use crate::{
    designs,
    manifest::{Harness, Mutant},
    Error,
};
use permafrost_rtl::hdl::{Design, Dir};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A design ready to be read: module name to text, and the name of the top.
#[derive(Clone, Debug)]
pub struct Source {
    pub top: String,
    pub files: BTreeMap<String, String>,
    /// The module that has the harness' text.
    pub inside: String,
    /// The macros of the harness.
    defines: String,
}

/// What an emitted module has between its ports and its body.
const BODY: &str = "// Update code (custom)";
/// What stands before the children, if it has any.
const CHILDREN: &str = "// Stub signals";
/// Before the text of every harness. `f_started` is low in the first clock only, in which the block is reset.
const PRELUDE: &str = "\n// The harness.\nreg f_started = 1'b0;\nalways @(posedge clk) f_started <= 1'b1;\n";
const RESET: &str = "always @(*) if (!f_started) assume (rst);\n";

fn read(folder: &Path, name: &str) -> Result<String, Error> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|source| Error::Io { path: path.display().to_string(), source })
}

/// The text that `named`, `FILE KEY=VALUE…`, stands for: that of the file with each `@KEY@` replaced. A line `include FILE KEY=VALUE…`
/// in it does the same, so that the rules of a bus are written once.
fn text_of(folder: &Path, named: &str) -> Result<String, Error> {
    let mut words = named.split_whitespace();
    let mut part = read(folder, words.next().unwrap_or_default())?;
    for word in words {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| Error::Manifest(format!("`{named}`: `{word}` is not KEY=VALUE")))?;
        part = part.replace(&format!("@{key}@"), value);
    }
    let key = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if let Some(open) = part.split('@').find(key) {
        return Err(Error::Manifest(format!("`{named}`: @{open}@ has no value")));
    }
    let mut text = String::new();
    for line in part.lines() {
        match line.strip_prefix("include ") {
            None => text += line,
            Some(other) => text += &text_of(folder, other)?,
        }
        text.push('\n');
    }
    Ok(text)
}

/// For the declaration of an output: a free value for it.
fn any_output(line: &str) -> Option<String> {
    let (width, name) =
        match line.trim().strip_prefix("output reg")?.trim().trim_end_matches(';').rsplit_once(' ') {
            Some((width, name)) => (width.trim(), name),
            None => ("", line.trim().trim_end_matches(';').rsplit_once(' ')?.1),
        };
    Some(format!("(* anyseq *) wire {width} any_{name};\nalways @(*) {name} = any_{name};\n"))
}

/// Leaves the modules that `top` is made of: large ones below freed ones would only cost time.
fn drop_unused(files: &mut BTreeMap<String, String>, top: &str) {
    let (mut used, mut new) = (BTreeSet::new(), vec![top.to_string()]);
    while let Some(name) = new.pop() {
        let Some(text) = files.get(&name) else { continue };
        let words = text.lines().filter_map(|l| l.split_whitespace().next());
        new.extend(words.filter(|w| files.contains_key(*w) && !used.contains(*w)).map(str::to_string));
        used.insert(name);
    }
    files.retain(|name, _| used.contains(name));
}

impl Source {
    /// Emits the design of `harness` and puts the text from `folder` into it.
    ///
    /// # Errors
    /// [`Error::Manifest`] for a design, module or file that is not there.
    pub fn new(harness: &Harness, folder: &Path) -> Result<Source, Error> {
        let wrong = |what: String| Error::Manifest(format!("harness `{}`: {what}", harness.name));
        let module = designs::design(&harness.design)
            .ok_or_else(|| wrong(format!("design `{}` is not in formal/src/designs", harness.design)))?;
        let design = Design::elaborate(&module).map_err(|e| wrong(e.to_string()))?;
        let mut files = design.files;
        for (name, file) in &harness.replace {
            let text = files.get_mut(name).ok_or_else(|| wrong(format!("no module `{name}` to replace")))?;
            *text = text_of(folder, file)?;
        }
        for name in &harness.free {
            let text = files.get_mut(name).ok_or_else(|| wrong(format!("no module `{name}` to free")))?;
            let body = text.find(BODY).ok_or_else(|| wrong(format!("`{name}` has no body to drop")))?;
            let free: String = text.lines().filter_map(any_output).collect();
            let children = text.find(CHILDREN).unwrap_or(body);
            text.replace_range(children.min(body).., &format!("{free}endmodule\n"));
        }
        drop_unused(&mut files, &design.top);
        let inside = harness.inside.clone().unwrap_or_else(|| design.top.clone());
        let mut added = BTreeMap::from([(inside.clone(), text_of(folder, &harness.text)?)]);
        for (name, file) in &harness.also {
            added.insert(name.clone(), text_of(folder, file)?);
        }
        if module.ports().iter().any(|p| p.name == "rst" && p.dir == Dir::In) {
            added.entry(design.top.clone()).or_default().insert_str(0, RESET);
        }
        for (name, new) in added {
            let text = files.get_mut(&name).ok_or_else(|| wrong(format!("no module `{name}`")))?;
            let end = text.rfind("endmodule").ok_or_else(|| wrong(format!("`{name}` has no endmodule")))?;
            text.insert_str(end, &format!("{PRELUDE}{new}\n"));
        }
        let define = |(name, value)| format!("`define {name} {value}\n");
        Ok(Source { top: design.top, files, inside, defines: harness.define.iter().map(define).collect() })
    }

    /// The same with the change of `mutant`.
    ///
    /// # Errors
    /// [`Error::Manifest`] when what is to be changed does not occur exactly once.
    pub fn mutated(&self, mutant: &Mutant) -> Result<Source, Error> {
        let wrong = |what: String| Error::Manifest(format!("mutant `{}`: {what}", mutant.name));
        let name = mutant.module.as_ref().unwrap_or(&self.inside);
        let mut new = self.clone();
        let text = new.files.get_mut(name).ok_or_else(|| wrong(format!("no module `{name}`")))?;
        // Of the harness' own text nothing is changed.
        let design = text.find("// The harness.").unwrap_or(text.len());
        match text[..design].matches(mutant.from.as_str()).count() {
            1 => *text = text.replacen(mutant.from.as_str(), &mutant.to, 1),
            n => return Err(wrong(format!("`{}` occurs {n} times in `{name}`, expected once", mutant.from))),
        }
        Ok(new)
    }

    pub fn text(&self) -> String {
        let files = self.files.values().map(String::as_str);
        std::iter::once(self.defines.as_str()).chain(files).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::File;

    /// What a harness loses with the modules that are not used is named nowhere in what is left of it.
    #[test]
    fn dropped_modules_are_not_needed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("properties");
        for harness in File::read_all(&folder).expect("manifest").harness {
            let source = Source::new(&harness, &folder).expect("source");
            let module = designs::design(&harness.design).expect("design");
            let all = Design::elaborate(&module).expect("elaborated").files;
            let text = source.text();
            let code: String =
                text.lines().filter_map(|l| l.split("//").next()).collect::<Vec<_>>().join("\n");
            let words: BTreeSet<&str> =
                code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).collect();
            for name in all.keys().filter(|n| !source.files.contains_key(*n)) {
                assert!(!words.contains(name.as_str()), "{}: `{name}` was dropped", harness.name);
            }
        }
    }
}

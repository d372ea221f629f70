//! The command's errors, and how they are shown.

use std::error::Error as StdError;
use std::path::PathBuf;

/// Everything that ends the command with exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no card `{name}`; known cards: {known}")]
    UnknownCard { name: String, known: &'static str },

    #[error("the card option `{key}` is unknown; known options: {known}")]
    UnknownCardOption { key: String, known: &'static str },

    #[error(
        "no socket is named; expected vfio-user:SOCKET, the path given to `permafrost card serve --socket`"
    )]
    NoSocket,

    #[error(transparent)]
    Address(#[from] permafrost_driver::BdfError),

    #[error(
        "the card at {place} has {seen} {what}, {wanted} are asked for; take such a card, or ask for {seen}"
    )]
    OtherCard { what: &'static str, wanted: u32, seen: u32, place: String },

    #[error("only a simulated card can be served, `{card}` is a card outside this process already; expected --card sim or sim:OPTIONS")]
    NotServable { card: String },

    #[error("--observe is given {observe} times and --socket {sockets} times; give it once for each, or not at all")]
    ObserveSockets { observe: usize, sockets: usize },

    #[error(
        "`{card}` is a card of one process, in which nobody else can look; expected vfio-user:SOCKET of `permafrost card serve`, \
         or vfio:BDF of a card on PCI"
    )]
    NotObservable { card: String },

    #[error("the card did not pass: {}", failed.join(", "))]
    Selftest { failed: Vec<String> },

    #[error("{what} did not end within {limit:?}; {hint}")]
    Slow { what: String, limit: std::time::Duration, hint: &'static str },

    #[error("{what} ended with {status}, expected {expected}")]
    Status { what: String, status: String, expected: &'static str },

    #[error("card option {key}={value}: expected {expected}")]
    CardOptionValue { key: String, value: String, expected: &'static str },

    #[error("there is no target `{name}`; known targets: {known}")]
    UnknownTarget { name: String, known: String },

    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },

    #[error("the proof {} is NOT valid for these public signals and this verification key", proof.display())]
    InvalidProof { proof: PathBuf },

    #[error(
        "the card's result is wrong: an MSM of {n} points (scalars: {scalars}, seed {seed}) differs from arkworks'; \
         no figures are printed. Please report it with this line"
    )]
    WrongResult { n: usize, scalars: String, seed: u64 },

    #[error(
        "the card's result is wrong: {what} elements (seed {seed}) differs from arkworks'; no figures are printed. \
         Please report it with this line"
    )]
    WrongElements { what: String, seed: u64 },

    #[error("the card's result is wrong: {what} of {bytes} bytes (seed {seed}) differs from what was sent; no figures are printed. Please report it with this line")]
    WrongBytes { what: String, bytes: usize, seed: u64 },

    #[error("{batch} transform(s) of 2^{log_n}: a measurement holds at most {max} elements on the host; fewer or shorter ones")]
    TooManyElements { log_n: u32, batch: u32, max: usize },

    #[error("there are no sizes from 2^{from} to 2^{to}: --from is at most --to")]
    NoSizes { from: u32, to: u32 },

    #[error(
        "{n} points and {batch} MSMs are {scalars} scalars; a measurement holds at most {max} on the host: fewer points or MSMs"
    )]
    TooManyScalars { n: usize, batch: usize, scalars: usize, max: usize },

    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },

    #[error("cannot read {}: it is {what}, expected a regular file", path.display())]
    NotAFile { path: PathBuf, what: &'static str },

    #[error("{} has {bytes} bytes, expected at most {limit}: {what} is never larger; pass that file", path.display())]
    TooLarge { path: PathBuf, what: &'static str, bytes: u64, limit: u64 },

    #[error(
        "{} has {bytes} bytes, which is no multiple of 4; expected words of 32 bits, little-endian: pad the last with zeros",
        path.display()
    )]
    OddLength { path: PathBuf, bytes: usize },

    #[error("{}: {source}", path.display())]
    Riscv { path: PathBuf, source: permafrost_zkvm::error::Error },

    #[error("{source}: {option}")]
    Run { source: permafrost_zkvm::error::Error, option: &'static str },

    #[error("{} is a proof (it starts with PFRVPROF), expected the program: the ELF file that was proved", path.display())]
    ProofNotProgram { path: PathBuf },

    #[error("{} is an ELF file, expected a proof: the file that `permafrost riscv prove --out` wrote", path.display())]
    ProgramNotProof { path: PathBuf },

    #[error(
        "proving RISC-V programs on a card is not there yet: `{card}` has no engine for it; expected --card none, which proves on the CPU"
    )]
    NotOnCard { card: String },

    #[error("the proof and the output words cannot go to the same file {}; give --out and --output different ones", path.display())]
    SameFile { path: PathBuf },

    #[error(
        "{} is a proof of program {proved}, {} is program {given}; verify with the ELF file that was proved",
        proof.display(), elf.display()
    )]
    OtherProgram { proof: PathBuf, elf: PathBuf, proved: String, given: String },

    #[error("the proof {} is NOT valid: {source}", proof.display())]
    InvalidRun { proof: PathBuf, source: permafrost_zkvm::error::Error },

    #[error("the proof is valid, but not of this {what}: its digest is {proved}, the {count} words given have {given}{hint}")]
    OtherWords { what: &'static str, proved: String, given: String, count: usize, hint: String },

    #[error("{} exists already; give --out a folder that does not", path.display())]
    Exists { path: PathBuf },

    #[error("there is no segment {number}: the run has {count}, numbered from 0; give --segment one of those, or shorter segments")]
    NoSegment { number: u32, count: u32 },

    #[error("the proof is valid, but the program ended with exit code {proved}, expected {expected}")]
    OtherExit { proved: u32, expected: u32 },

    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),

    #[error(transparent)]
    Config(#[from] permafrost_rtl::config::ConfigError),

    #[error(transparent)]
    Rtl(#[from] permafrost_rtl::card::CardError),

    #[error(transparent)]
    Report(#[from] permafrost_rtl::report::ReportError),

    #[error(transparent)]
    Sim(#[from] permafrost_sim::SimError),

    #[error(transparent)]
    Server(#[from] permafrost_sim::vfio_user::ServerError),

    #[error(transparent)]
    Sysfs(#[from] permafrost_driver::sysfs::SysfsError),

    #[error(transparent)]
    Driver(#[from] permafrost_driver::Error),

    #[error(transparent)]
    Zkal(#[from] permafrost_zkal::Error),

    #[error(transparent)]
    Zkvm(#[from] permafrost_zkvm::error::Error),
}

/// An error and its causes in one line. A cause that the text already says is not said again.
pub fn explain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> Option<Box<Link>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Link { text, source: chain(rest) }))
    }

    #[test]
    fn every_cause_is_said_once() {
        let error = chain(&["cannot open a.zkey: no such file", "no such file", "code 2"]).unwrap();
        assert_eq!(explain(&*error), "cannot open a.zkey: no such file: code 2");
    }
}

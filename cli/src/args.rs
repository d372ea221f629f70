//! The command line, as data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::ops::args::{Bind, List, Reset, Selftest, Top, Unbind};
use crate::riscv::args::Riscv;

/// An open SNARK accelerator: proofs on a card, simulated from its Verilog.
#[derive(Debug, Parser)]
#[command(name = "permafrost", version, propagate_version = true, subcommand_required = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Groth16 proofs over BN254 in the formats of circom and snarkjs
    #[command(subcommand)]
    Groth16(Groth16),
    /// RISC-V programs (RV32IM): run, proved on the CPU, verified
    #[command(subcommand)]
    Riscv(Riscv),
    /// The card itself
    #[command(subcommand)]
    Card(Card),
    /// Measurements, in clock cycles of the card; every result is checked before a figure is printed
    #[command(subcommand)]
    Bench(Bench),
    /// The generated Verilog
    #[command(subcommand)]
    Rtl(Rtl),
}

#[derive(Debug, Subcommand)]
pub enum Groth16 {
    /// Prove: proving key and witness in, proof and public signals out (JSON, as snarkjs writes them)
    Prove(Prove),
    /// Verify a proof against a verification key; exit code 0 only if it is valid
    Verify(Verify),
}

#[derive(Debug, Args)]
pub struct Prove {
    /// Proving key, made by `snarkjs groth16 setup` and `snarkjs zkey contribute`
    pub zkey: PathBuf,
    /// Witness, made by circom's witness calculator
    pub wtns: PathBuf,
    /// Where to write the proof (JSON)
    pub proof: PathBuf,
    /// Where to write the public signals (JSON)
    pub public: PathBuf,
    #[command(flatten)]
    pub card: CardArgs,
    /// When the CPU may do what the card is able to do
    #[arg(long, value_enum, default_value_t = Fallback::Never)]
    pub fallback: Fallback,
    /// Print the report as one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fallback {
    /// Never: what the card can do runs on the card, or the command fails
    Never,
    /// Small inputs only, where moving them costs more than computing
    Small,
    /// Small inputs, and anything that the card refuses or fails at
    Any,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Verification key (JSON), made by `snarkjs zkey export verificationkey`
    pub vkey: PathBuf,
    /// Public signals (JSON)
    pub public: PathBuf,
    /// Proof (JSON)
    pub proof: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Card {
    /// What the card says about itself: version, engines, memory
    Info(CardInfo),
    /// The cards on PCI, and how far each is from being used
    List(List),
    /// Check registers, memory, copies, interrupts and every engine of the card; exit code 0 only if all is well
    Selftest(Selftest),
    /// Reset the card. What is in its memory is lost
    Reset(Reset),
    /// What a card does that another process uses: engines, memory, queues, errors; it only looks
    Top(Top),
    /// Give a card on PCI to the driver vfio-pci, through which programs use it
    Bind(Bind),
    /// Take a card from vfio-pci
    Unbind(Unbind),
    /// Serve a simulated card as a PCI device on a vfio-user socket, for `--card vfio-user:SOCKET` and for virtual machines,
    /// until killed
    Serve(CardServe),
}

#[derive(Debug, Args)]
pub struct CardServe {
    /// Where to listen; given several times, that many cards, one on each. A socket left over there is replaced
    #[arg(long, value_name = "SOCKET", required = true)]
    pub socket: Vec<PathBuf>,
    /// Where observers (`permafrost card top`) connect, one for each --socket; SOCKET.observe when not given
    #[arg(long, value_name = "SOCKET")]
    pub observe: Vec<PathBuf>,
    #[command(flatten)]
    pub card: CardArgs,
}

#[derive(Debug, Args)]
pub struct CardInfo {
    #[command(flatten)]
    pub card: CardArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct CardArgs {
    /// Which card: `sim` (the Verilog, simulated), or with options `sim:key=value,…`; or `vfio-user:SOCKET`, the card behind a
    /// socket of `permafrost card serve`; or `vfio:ADDRESS`, the card at this address of the PCI bus, as in vfio:0000:01:00.0.
    ///
    /// Options of `vfio`: scale=N (deadlines N times as long), backend=NAME (group or iommufd).
    ///
    /// Options of `sim`: dram=SIZE (memory of the card, e.g. 64MiB), memory=KIND (its timing: fixed, ddr4, hbm2), adders=N (curve
    /// adders, 1 to 4), lanes=N (butterflies a clock: 1, 2, 4 or 8), target=NAME (pipelines of `generic` or of `xcup`, which are several times as long),
    /// trace=FILE.fst (waveform of the whole run; large), preset=NAME (configuration of the card).
    #[arg(long, env = "PERMAFROST_CARD", default_value = "sim", value_name = "CARD")]
    pub card: String,
}

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// One multi-scalar multiplication, or a batch over the same bases, uploaded beforehand
    Msm(BenchMsm),
    /// Multi-scalar multiplications of many sizes and distributions: a list of what `bench msm --json` prints
    Sweep(BenchSweep),
    /// One transform over BN254 Fr, or a batch, of vectors in card memory
    Ntt(BenchNtt),
    /// One operation on vectors in card memory
    Vector(BenchVector),
    /// Data to the card and back, beside an MSM, and the latency of a small command
    Copy(BenchCopy),
}

#[derive(Debug, Args)]
pub struct BenchCopy {
    /// Bytes to move, with KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = copy_bytes)]
    pub bytes: u64,
    /// Which way
    #[arg(long, value_enum, default_value_t = CopyDirection::Both)]
    pub direction: CopyDirection,
    /// The card reaches the caller's memory, instead of staging copies
    #[arg(long)]
    pub pinned: bool,
    /// log2 of the points of the MSM beside which the first direction runs again; 0: none
    #[arg(long, value_name = "K", default_value_t = 13, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub msm_log_n: u32,
    /// Seed of the random data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub card: CardArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Bytes of a measurement of copies.
fn copy_bytes(text: &str) -> Result<u64, String> {
    const MOST: u64 = 1 << 32;
    crate::card::parse_size(text)
        .filter(|bytes| *bytes <= MOST)
        .ok_or_else(|| "expected a size such as 16MiB, at most 4GiB".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CopyDirection {
    /// Host to card
    Up,
    /// Card to host
    Down,
    /// Up, then down
    Both,
}

#[derive(Debug, Args)]
pub struct BenchNtt {
    /// log2 of the elements of a transform
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(0..=63))]
    pub log_n: u32,
    /// Transforms, one after the other in memory
    #[arg(long, value_name = "B", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// What is transformed into what
    #[arg(long, value_enum, default_value_t = Direction::Forward)]
    pub direction: Direction,
    /// On the coset of this field's generator instead of the subgroup
    #[arg(long)]
    pub coset: bool,
    /// Order of the elements in memory before
    #[arg(long, value_enum, default_value_t = Order::Natural)]
    pub input: Order,
    /// Order of the elements in memory afterwards
    #[arg(long, value_enum, default_value_t = Order::Natural)]
    pub output: Order,
    /// Butterflies a clock of the simulated card, whatever --card says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub lanes: Option<u32>,
    /// Seed of the random elements
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub card: CardArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Coefficients to values
    Forward,
    /// Values to coefficients
    Inverse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    Natural,
    BitReversed,
}

#[derive(Debug, Args)]
pub struct BenchVector {
    /// What is computed
    #[arg(long, value_enum, default_value_t = VectorOp::Product)]
    pub op: VectorOp,
    /// log2 of the elements
    #[arg(long, value_name = "K", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=22))]
    pub log_n: u32,
    /// Seed of the random elements
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub card: CardArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VectorOp {
    /// a·s: a vector times a scalar
    Scale,
    /// a·b, element by element
    Product,
    /// a + c
    Sum,
    /// a·b - c
    MulSub,
    /// s, s·g, s·g², …
    Powers,
    /// The sum of all elements
    Total,
    /// The sum of all a·b
    InnerProduct,
    /// The value of a polynomial at a point
    Evaluate,
    /// The product of each element and all before it
    PrefixProduct,
    /// 1/a, element by element
    Inverse,
    /// b at given indices, in random order
    Gather,
}

#[derive(Debug, Args)]
pub struct BenchMsm {
    #[arg(long, value_enum, default_value_t = Group::G1)]
    pub group: Group,
    #[command(flatten)]
    pub size: Size,
    /// Distribution of the scalars
    #[arg(long, value_enum, default_value_t = Scalars::Uniform)]
    pub scalars: Scalars,
    /// Multi-scalar multiplications over the same bases
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub batch: u32,
    /// Scalars below 2^B, handed over as field elements with the promise of B bits
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..=254))]
    pub bits: Option<u32>,
    /// Multiples of each base in card memory: fewer windows for F times the memory
    #[arg(long, value_name = "F", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub precompute: u32,
    /// Window width in bits instead of the best one
    #[arg(long, value_name = "C")]
    pub window: Option<u32>,
    /// Curve adders of the simulated card, whatever --card says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub adders: Option<u32>,
    /// Seed of the random points and scalars
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub card: CardArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BenchSweep {
    /// log2 of the smallest number of points
    #[arg(long, value_name = "K", default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub from: u32,
    /// log2 of the largest number of points
    #[arg(long, value_name = "K", default_value_t = 15, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub to: u32,
    /// Curve adders of the simulated card, whatever --card says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub adders: Option<u32>,
    /// Seed of the random points and scalars
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub card: CardArgs,
    /// Where to write the list (JSON); standard output when not given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Group {
    G1,
    G2,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Size {
    /// log2 of the number of points
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(0..=26))]
    pub log_n: Option<u32>,
    /// Number of points
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    pub n: Option<u32>,
}

impl Size {
    /// The number of points; clap has seen to it that one of the two is given.
    pub fn points(&self) -> usize {
        match (self.n, self.log_n) {
            (Some(n), _) => n as usize,
            (None, log_n) => 1 << log_n.unwrap_or(0),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scalars {
    /// Uniform in the field
    Uniform,
    /// One uniform scalar for all points
    Equal,
    /// All zero
    Zero,
    /// One in sixteen uniform, the others zero
    Sparse,
    /// Sixteen different values, each point one of them
    Clustered,
    /// Zero or one, like the bits in a witness
    Small,
}

#[derive(Debug, Subcommand)]
pub enum Rtl {
    /// Write the card's Verilog
    Emit(RtlEmit),
    /// What one module takes of a target, synthesised with yosys (minutes for the larger ones)
    Report(RtlReport),
}

#[derive(Debug, Args)]
pub struct RtlEmit {
    /// Configuration of the card
    #[arg(long, default_value = "sim")]
    pub preset: String,
    /// Technology to emit for; the preset's own when not given
    #[arg(long)]
    pub target: Option<String>,
    /// Folder to write to; created when absent
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct RtlReport {
    /// Module, e.g. fq-mul, fq-inverse, g1-adder; an unknown name lists all
    #[arg(long)]
    pub module: String,
    /// Technology to synthesise for
    #[arg(long, default_value = "xcup")]
    pub target: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

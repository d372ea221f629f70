//! The `permafrost` command: proofs, measurements and Verilog from the command line.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod card;
mod error;
mod groth16;
mod info;
mod ops;
mod out;
mod progress;
mod riscv;
mod rtl;
mod selftest;
mod serve;
mod table;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use args::{Bench, Card, Cli, Command, Groth16, Rtl};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PERMAFROST_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();

    let result = match &cli.command {
        Command::Groth16(Groth16::Prove(args)) => groth16::prove(args),
        Command::Groth16(Groth16::Verify(args)) => groth16::verify(args),
        Command::Riscv(command) => riscv::command(command),
        Command::Card(Card::Info(args)) => info::info(args),
        Command::Card(Card::List(args)) => ops::list(args),
        Command::Card(Card::Selftest(args)) => selftest::selftest(args),
        Command::Card(Card::Reset(args)) => ops::reset(args),
        Command::Card(Card::Top(args)) => ops::top(args),
        Command::Card(Card::Bind(args)) => ops::bind(args),
        Command::Card(Card::Unbind(args)) => ops::unbind(args),
        Command::Card(Card::Serve(args)) => serve::serve(args),
        Command::Bench(Bench::Msm(args)) => bench::msm(args),
        Command::Bench(Bench::Sweep(args)) => bench::sweep(args),
        Command::Bench(Bench::Ntt(args)) => bench::ntt(args),
        Command::Bench(Bench::Copy(args)) => bench::copy(args),
        Command::Bench(Bench::Vector(args)) => bench::vector(args),
        Command::Rtl(Rtl::Emit(args)) => rtl::emit(args),
        Command::Rtl(Rtl::Report(args)) => rtl::report(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error::explain(&error));
            ExitCode::FAILURE
        }
    }
}

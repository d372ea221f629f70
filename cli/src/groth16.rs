//! `permafrost groth16 prove` and `permafrost groth16 verify`

use std::collections::BTreeSet;

use permafrost_zkal::engine::{Engine, Fallback, Op, Operation, Place, Policy, Report, Whole};
use permafrost_zkal::groth16::{self, Blinding, Outputs, Prover, ProvingKey, Step, Witness};

use crate::args::{self, Prove, Verify};
use crate::card;
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::{thousands, Table};

/// Points below which `--fallback small` and `any` use the CPU: there the fixed work of an MSM command, the sums over
/// the buckets, outweighs the additions of the points.
const SMALL: usize = 64;

pub fn prove(args: &Prove) -> Result<(), Error> {
    let progress = Progress::start("read the proving key");
    let key = ProvingKey::open(&args.zkey)?;
    progress.stage("read the witness");
    let witness = Witness::open(&args.wtns)?;
    let outputs = Outputs::prepare(&args.proof, &args.public)?;
    drop(progress);

    let open = card::open(&args.card.card)?;
    let engine = Engine::new(open.card.clone(), policy(args.fallback))?;
    let progress = Progress::start("prove");
    let mut show = |step| progress.stage(describe(step));
    let prover = Prover::new(&engine, &key, &mut show)?;
    let proved = prover.prove(&witness, Blinding::random(), &mut show)?;
    outputs.commit(&groth16::proof_to_json(&proved.proof), &groth16::publics_to_json(&proved.publics))?;
    drop(progress);

    if args.json {
        return out::json(&proved.report);
    }
    out::text(&table(&proved.report))
}

pub fn verify(args: &Verify) -> Result<(), Error> {
    let key = groth16::read_verifying_key(&args.vkey)?;
    let publics = groth16::read_publics(&args.public)?;
    let proof = groth16::read_proof(&args.proof)?;
    if !groth16::verify(&key, &publics, &proof)? {
        return Err(Error::InvalidProof { proof: args.proof.clone() });
    }
    out::text("the proof is valid\n")
}

fn policy(fallback: args::Fallback) -> Policy {
    let msm = match fallback {
        args::Fallback::Never => Fallback::Never,
        args::Fallback::Small => Fallback::Small { below: SMALL },
        args::Fallback::Any => Fallback::Any { below: SMALL },
    };
    // What no card has an engine for yet runs on the CPU and is reported as such.
    Policy { msm, ..Policy::default() }
}

fn describe(step: Step) -> String {
    match step {
        Step::Upload { points } => format!("upload {points} points of the key"),
        Step::Map { constraints } => format!("upload the coefficients of {constraints} constraints"),
        Step::List { steps } => format!("the whole proof on the card, {steps} steps"),
        Step::Msm { label, points } => format!("MSM {label}, {points} points, on the card"),
        Step::G2 { points } => format!("MSM B2, {points} points of G2"),
        Step::Verify => "verify the proof".to_owned(),
    }
}

/// The report as text: one line an operation, then why some ran on the CPU.
fn table(report: &Report) -> String {
    let mut table = Table::new(&["operation", ">size", "where", ">clock cycles", ">ratio to bound"]);
    for operation in &report.operations {
        let none = || "-".to_owned();
        table.row(vec![
            name(operation),
            thousands(operation.n as u64),
            operation.place.to_string(),
            operation.cycles.map_or_else(none, thousands),
            operation.ratio.map_or_else(none, |r| format!("{r:.3}")),
        ]);
    }
    let mut text = table.render();
    if let Some(whole) = &report.whole {
        text.push_str(&summary(whole));
    }
    let on_cpu = report.operations.iter().filter(|o| o.place == Place::Cpu);
    let reasons: BTreeSet<String> =
        on_cpu.filter_map(|o| o.reason.as_ref()).map(ToString::to_string).collect();
    for reason in reasons {
        text.push_str(&format!("cpu: {reason}\n"));
    }
    text
}

/// What the card took for a whole proof.
fn summary(whole: &Whole) -> String {
    let Whole { host_to_card: up, card_to_host: down, .. } = whole;
    let lines = [
        ("whole proof", format!("{} clock cycles", thousands(whole.cycles))),
        ("two engines at once", format!("{} clock cycles", thousands(whole.engine_overlap))),
        ("transfer beside an engine", format!("{} clock cycles", thousands(whole.copy_overlap))),
        (
            "host to card",
            format!(
                "{} bytes: witness {}, commands {}",
                thousands(up.bytes),
                thousands(up.witness),
                thousands(up.commands)
            ),
        ),
        (
            "card to host",
            format!(
                "{} bytes: window sums {}, completions {}",
                thousands(down.bytes),
                thousands(down.window_sums),
                thousands(down.commands)
            ),
        ),
        ("the key, once before", format!("{} bytes", thousands(whole.key))),
    ];
    lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn name(operation: &Operation) -> String {
    let mut name = match operation.op {
        Op::Msm => "MSM".to_owned(),
        Op::Ntt => "NTT".to_owned(),
        Op::Vector => "vector".to_owned(),
    };
    if let Some(group) = operation.group {
        name.push_str(&format!(" {group:?}"));
    }
    if let Some(label) = operation.label {
        name.push_str(&format!(" {label}"));
    }
    name
}

//! What ends a command early: it is named, nothing stays behind, and the next command is a whole one.

use super::{check, command, element, memory, pass, rng, Bench, Command, BYTES, DESTINATION, PARAMS, SOURCE};
use crate::{ports::Memory, root};
use num_bigint::BigUint;
use permafrost_abi::Status;
use permafrost_rtl::{
    field::Field,
    ntt::{block::Shape, model::Residues},
    target::Target,
};
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;

/// A command of any kind on `b`, with its memory.
fn any(rng: &mut ChaCha8Rng, b: &mut Bench) -> Command {
    let kind = [[0, 5, 0], [0, 3, 0], [0, 0, 0], [0, 4, 5], [2, 3, 2], [4, 4, 0]][rng.gen_range(0..6)];
    let (reversed, batch) = ([rng.gen(), rng.gen()], rng.gen_range(1..=5));
    let pass = pass(rng, kind, reversed);
    command(rng, b, pass, batch)
}

fn bench(rng: &mut ChaCha8Rng) -> (Bench, Residues) {
    (Bench::new(&Shape::new(Target::Generic, 6, 1), BYTES, rng.gen()), Residues::new(Field::fr()))
}

/// The engine does its work after whatever it was.
fn still_works(rng: &mut ChaCha8Rng, b: &mut Bench, golden: &Residues) {
    let (cmd, m) = (any(rng, b), memory(rng));
    check(b, golden, &cmd, &m);
}

/// Runs `cmd`, which must be refused for the parameter at `offset`, and write nothing.
fn refused(rng: &mut ChaCha8Rng, b: &mut Bench, cmd: &Command, offset: u64) {
    let before = b.memory.clone();
    let o = b.run(cmd, &memory(rng));
    assert_eq!((o.status, o.addr, o.info), (Status::BadParameter as u64, 0, offset), "{cmd:?}");
    assert!(o.beats_written == 0 && before == b.memory, "something is written");
}

#[test]
fn parameters_out_of_range() {
    let rng = &mut rng();
    let (mut b, golden) = bench(rng);
    let p = Field::fr().p;
    for round in 0..36 {
        let cmd = any(rng, &mut b);
        let at = round % 6;
        let good = element(rng);
        let bad = match round / 6 {
            0 => p.clone(),
            1 => (BigUint::from(1u32) << 254) - 1u32,
            // The bits that the chip has no place for.
            2 => good + (BigUint::from(1u32) << 254),
            3 => good + (BigUint::from(1u32) << 255),
            4 => (BigUint::from(1u32) << 256) - 1u32,
            _ => &p + rng.gen::<u32>(),
        };
        b.put(PARAMS + 32 * at, &bad);
        // The first bad one is named.
        b.put(PARAMS + 32 * rng.gen_range(at..6), &bad);
        refused(rng, &mut b, &cmd, 32 * at);
        still_works(rng, &mut b, &golden);
    }
}

#[test]
fn roots_of_another_order() {
    let rng = &mut rng();
    let (mut b, golden) = bench(rng);
    for _ in 0..20 {
        let cmd = any(rng, &mut b);
        let len = cmd.pass.log_len;
        let other = match rng.gen_range(0..4) {
            0 => root(len + 1),
            1 if len > 0 => root(len - 1),
            2 => BigUint::ZERO,
            _ => root(28) + 1u32,
        };
        b.put(PARAMS, &other);
        refused(rng, &mut b, &cmd, 0);
        still_works(rng, &mut b, &golden);
    }
}

#[test]
fn memory_errors() {
    let rng = &mut rng();
    let (mut b, golden) = bench(rng);
    for round in 0..48 {
        let cmd = any(rng, &mut b);
        let bytes = 32 << (cmd.pass.log_before + cmd.pass.log_len + cmd.pass.log_after);
        let within = rng.gen_range(0..u64::from(cmd.batch)) * cmd.stride + rng.gen_range(0..bytes);
        let m = memory(rng);
        match round % 3 {
            0 => {
                let beat = (SOURCE + within) / 64 * 64;
                let o = b.run(&cmd, &Memory { bad_read: Some(beat), ..m });
                assert_eq!((o.status, o.addr, o.info), (Status::DramReadError as u64, beat, 0), "{cmd:?}");
            }
            1 => {
                let (before, beat) = (b.memory.clone(), PARAMS + 64 * rng.gen_range(0..3));
                let o = b.run(&cmd, &Memory { bad_read: Some(beat), ..m });
                assert_eq!((o.status, o.addr, o.info), (Status::DramReadError as u64, beat, 0), "{cmd:?}");
                assert!(o.beats_written == 0 && before == b.memory, "something is written");
            }
            _ => {
                let beat = (cmd.destination + within) / 64 * 64;
                let o = b.run(&cmd, &Memory { bad_write: Some(beat), ..m });
                assert_eq!((o.status, o.info), (Status::DramWriteError as u64, 0), "{cmd:?}");
                // The burst is named.
                assert!(o.addr <= beat && beat < o.addr + 1024, "{:#x} for {beat:#x}", o.addr);
            }
        }
        still_works(rng, &mut b, &golden);
    }
}

#[test]
fn cancel() {
    let rng = &mut rng();
    let (mut b, golden) = bench(rng);
    for round in 0..60 {
        let (cmd, m) = (any(rng, &mut b), memory(rng));
        // What the command may touch.
        let bytes = u64::from(cmd.batch) * cmd.stride.max(32 << 9);
        let written = cmd.destination as usize..(cmd.destination + bytes) as usize;
        let before = b.memory.clone();
        b.begin(&cmd, &m);
        // Some at once, some amid the parameters, some amid the work.
        for _ in 0..rng.gen_range(0..[3, 150, 1500][round % 3]) {
            if b.get("busy") == 0 {
                break;
            }
            b.step(&m);
        }
        b.cancel(&m);
        assert!(before[..written.start] == b.memory[..written.start], "written in front of the destination");
        assert!(before[written.end..] == b.memory[written.end..], "written behind the destination");
        still_works(rng, &mut b, &golden);
    }
}

/// While nothing runs, `cancel` holds commands back and disturbs nothing.
#[test]
fn cancel_while_idle() {
    let rng = &mut rng();
    let (mut b, golden) = bench(rng);
    b.set("cancel", 1);
    b.set("cmd_valid", 1);
    for _ in 0..10 {
        b.step(&Memory::latency(1));
        assert_eq!((b.get("cmd_ready"), b.get("busy")), (0, 0));
    }
    b.set("cmd_valid", 0);
    b.set("cancel", 0);
    rng.fill_bytes(&mut b.memory[..DESTINATION as usize]);
    still_works(rng, &mut b, &golden);
}

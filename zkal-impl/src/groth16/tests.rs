//! Proofs from synthetic keys against arkworks, and every kind of damage against its message.

use std::fs;

use ark_bn254::{Bn254, Fr};
use ark_ff::{BigInt, PrimeField, UniformRand};
use ark_groth16::{Groth16, Proof};
use ark_serialize::CanonicalSerialize;
use rand::Rng;
use tempfile::TempDir;

use super::testing::{Circuit, Container};
use super::*;
use crate::engine::testing::{rng, TestDevice};
use crate::engine::{Engine, Fallback, Op, Place, Policy};
use crate::Error;

fn engine(policy: Policy) -> Engine {
    Engine::on_device(TestDevice::new(1 << 24).0, policy).expect("layout")
}

fn bytes(proof: &Proof<Bn254>) -> Vec<u8> {
    let mut out = Vec::new();
    proof.serialize_uncompressed(&mut out).expect("memory");
    out
}

/// A directory with a small circuit's files, and the files' contents.
fn fixture() -> (TempDir, Container, Container) {
    let (mut rng, _) = rng();
    let circuit = Circuit::random(2, 5, &mut rng);
    let (zkey, wtns) = circuit.files(&circuit.setup(&mut rng));
    (TempDir::new().expect("temporary directory"), zkey, wtns)
}

#[test]
fn proof_bytes_equal_arkworks() {
    let (mut rng, seed) = rng();
    let dir = TempDir::new().expect("temporary directory");
    // 5 + 3 rows fill a domain of 8; 0 public signals; a single constraint.
    for (publics, products) in [(2, 5), (2, 6), (0, 3), (1, 1), (4, 21)] {
        let circuit = Circuit::random(publics, products, &mut rng);
        let ark_key = circuit.setup(&mut rng);
        let (zkey, wtns) = circuit.files(&ark_key);
        let key = ProvingKey::open(zkey.write(&dir, "key.zkey")).expect("key");
        let witness = Witness::open(wtns.write(&dir, "witness.wtns")).expect("witness");
        let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));

        let proved =
            prove(&engine(Policy::default()), &key, &witness, Blinding::explicit(r, s)).expect("proves");

        let (matrices, values) = circuit.synthesised();
        let from_ark = Groth16::<Bn254, CircomReduction>::create_proof_with_reduction_and_matrices(
            &ark_key,
            r,
            s,
            &matrices,
            publics + 1,
            products,
            &values,
        )
        .expect("arkworks proves");
        assert_eq!(
            bytes(&proved.proof),
            bytes(&from_ark),
            "{publics} publics, {products} products, seed {seed}"
        );
        assert_eq!(proved.publics, values[1..=publics]);

        let ark = key.to_ark().expect("converts");
        assert_eq!(ark.key, ark_key);
        assert_eq!((ark.num_inputs, ark.num_constraints), (publics + 1, products));
        assert_eq!(ark.matrices, matrices[..2]);
    }
}

#[test]
fn a_key_larger_than_the_card_is_refused_or_falls_back() {
    let (dir, zkey, wtns) = fixture();
    let key = ProvingKey::open(zkey.write(&dir, "key.zkey")).expect("key");
    let witness = Witness::open(wtns.write(&dir, "witness.wtns")).expect("witness");
    let small = |msm| {
        let policy = Policy { msm, ..Policy::default() };
        Engine::on_device(TestDevice::new(600).0, policy).expect("layout")
    };
    let error = prove(&small(Fallback::Never), &key, &witness, Blinding::random()).unwrap_err();
    assert!(matches!(error, Error::OutOfCardMemory { .. }), "{error}");
    let proved =
        prove(&small(Fallback::Any { below: 0 }), &key, &witness, Blinding::random()).expect("falls back");
    assert_eq!(proved.report.count(Op::Msm, Place::Cpu), 5);
}

#[test]
fn damaged_keys_are_refused_with_their_own_message() {
    type Damage = fn(&mut Container);
    // The header: two primes of 36 bytes, three words, then the points.
    const COUNTS: usize = 72;
    let cases: &[(&str, Damage)] = &[
        ("is not a zkey file: it begins with \"wtns\"", |k| k.magic = *b"wtns"),
        ("it has version 3, supported are 1 to 2", |k| k.version = 3),
        ("is a key for PLONK (protocol 2)", |k| k.section(1)[0] = 2),
        ("an unknown protocol (7)", |k| k.section(1)[0] = 7),
        ("has no section 5 (A points)", |k| k.sections.retain(|s| s.0 != 5)),
        ("has several sections 1 (protocol)", |k| k.sections.push((1, vec![1, 0, 0, 0]))),
        ("its base field prime is that of no curve known here", |k| k.section(2)[4] ^= 2),
        ("base field prime is said to have 0 bytes", |k| k.section(2)[0] = 0),
        ("0 variables cannot include 1 and 2 public", |k| k.section(2)[COUNTS..][..4].fill(0)),
        ("the domain size 9 is not a power of two", |k| k.section(2)[COUNTS + 8] = 9),
        ("larger than the largest supported, 2^27", |k| {
            k.section(2)[COUNTS + 8..][..4].copy_from_slice(&(1u32 << 28).to_le_bytes())
        }),
        ("section 3 (IC points): 4 points need 256 bytes, the section has 192 left", |k| {
            k.section(2)[COUNTS + 4] = 3
        }),
        ("section 2 (header), point 1: it is not on the curve", |k| k.section(2)[COUNTS + 12 + 64] ^= 1),
        ("section 3 (IC points), point 0: it is not on the curve", |k| k.section(3)[0] ^= 1),
        ("section 9 (H points), point 7: it is not on the curve", |k| k.section(9)[7 * 64 + 32] ^= 1),
        ("section 8 (C points), point 2: a coordinate is not below", |k| {
            k.section(8)[2 * 64..][..32].fill(0xff)
        }),
        ("section 9 (H points): 8 points need 512 bytes, the section has 511 left", |k| {
            k.section(9).pop();
        }),
        ("section 4 (coefficients): 16777216 coefficients need", |k| {
            k.section(4)[..4].copy_from_slice(&[0, 0, 0, 1])
        }),
        ("coefficient 0: matrix 2, expected 0 (A) or 1 (B)", |k| k.section(4)[4] = 2),
        ("coefficient 0: row 8 lies outside the domain of 8", |k| k.section(4)[8] = 8),
        ("coefficient 0: signal 10 of a circuit with 10 variables", |k| k.section(4)[12] = 10),
        ("coefficient 0: its value is not below r", |k| k.section(4)[16..][..32].fill(0xff)),
    ];
    let (dir, zkey, _) = fixture();
    ProvingKey::open(zkey.write(&dir, "whole.zkey")).expect("the undamaged key is accepted");
    for (message, damage) in cases {
        let mut damaged = zkey.clone();
        damage(&mut damaged);
        let error = ProvingKey::open(damaged.write(&dir, "key.zkey")).unwrap_err().to_string();
        assert!(error.contains(message), "expected: {message}\nfound: {error}");
    }
}

#[test]
fn a_point_outside_the_subgroup_of_g2_is_refused() {
    let (dir, mut zkey, _) = fixture();
    // Any x on the twist whose point is not in the subgroup: nearly all of them.
    let outside = (0u64..)
        .filter_map(|x| ark_bn254::G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false))
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .expect("the twist has a large cofactor");
    let raw = [outside.x.c0, outside.x.c1, outside.y.c0, outside.y.c1];
    let raw: Vec<u8> = raw.iter().flat_map(|c| c.0 .0).flat_map(u64::to_le_bytes).collect();
    zkey.section(7)[128..256].copy_from_slice(&raw);
    let error = ProvingKey::open(zkey.write(&dir, "key.zkey")).unwrap_err().to_string();
    assert!(
        error.contains("section 7 (B2 points), point 1: it is not in the subgroup of order r"),
        "{error}"
    );
}

#[test]
fn other_curves_are_named() {
    let (dir, mut zkey, mut wtns) = fixture();
    let bls = "4002409555221667393417789825735904156556882819939007885332058136124031650490837864442687629129015664037894272559787";
    let q: num_bigint::BigUint = bls.parse().expect("a number");
    *zkey.section(2) = [vec![48, 0, 0, 0], q.to_bytes_le()].concat();
    let error = ProvingKey::open(zkey.write(&dir, "key.zkey")).unwrap_err();
    assert!(matches!(error, Error::OtherCurve { .. }), "{error}");
    assert!(error.to_string().contains("the base field of BLS12-381, 40024"), "{error}");
    *wtns.section(1) = [vec![8, 0, 0, 0], 0xffff_ffff_0000_0001u64.to_le_bytes().to_vec()].concat();
    let error = Witness::open(wtns.write(&dir, "witness.wtns")).unwrap_err().to_string();
    assert!(error.contains("its scalar field prime is that of Goldilocks"), "{error}");
}

#[test]
fn every_truncation_is_noticed() {
    let (dir, zkey, wtns) = fixture();
    for (container, name) in [(zkey, "key.zkey"), (wtns, "witness.wtns")] {
        let whole = container.bytes();
        let path = dir.path().join(name);
        for len in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
            fs::write(&path, &whole[..len]).expect("writes");
            let error = match name {
                "key.zkey" => ProvingKey::open(&path).map(drop),
                _ => Witness::open(&path).map(drop),
            }
            .unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{name} cut to {len} bytes: {error}");
        }
    }
}

#[test]
fn damage_anywhere_is_an_error_or_an_unsatisfied_proof() {
    let (mut rng, seed) = rng();
    let (dir, zkey, wtns) = fixture();
    let engine = engine(Policy::default());
    let whole = (zkey.write(&dir, "whole.zkey"), wtns.write(&dir, "whole.wtns"));
    let raw = (zkey.bytes(), wtns.bytes());
    // The last section, contributions, is not read.
    let read = raw.0.len() - 80;
    for round in 0..200 {
        let (mut key, mut witness) = raw.clone();
        let target = if round % 2 == 0 { &mut key[..read] } else { &mut witness[..] };
        let at = rng.gen_range(0..target.len());
        target[at] ^= 1 << rng.gen_range(0..8);
        let paths = (dir.path().join("damaged.zkey"), dir.path().join("damaged.wtns"));
        fs::write(&paths.0, key).expect("writes");
        fs::write(&paths.1, witness).expect("writes");
        let (zkey, wtns) = if round % 2 == 0 { (&paths.0, &whole.1) } else { (&whole.0, &paths.1) };
        let outcome = ProvingKey::open(zkey)
            .and_then(|key| prove(&engine, &key, &Witness::open(wtns)?, Blinding::random()).map(drop));
        assert!(outcome.is_err(), "round {round}, byte {at}, seed {seed}");
    }
}

#[test]
fn a_section_that_claims_more_than_the_file_allocates_nothing() {
    let (dir, wtns) = (TempDir::new().expect("temporary directory"), fixture().2);
    let mut raw = wtns.bytes();
    // Length of the second section.
    let at = 12 + 12 + wtns.sections[0].1.len() + 4;
    raw[at..at + 8].copy_from_slice(&(u64::MAX - 8).to_le_bytes());
    let path = dir.path().join("witness.wtns");
    fs::write(&path, raw).expect("writes");
    let error = Witness::open(&path).unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
}

#[test]
fn wrong_witnesses_are_refused_with_their_own_message() {
    let (dir, zkey, wtns) = fixture();
    let key = ProvingKey::open(zkey.write(&dir, "key.zkey")).expect("key");
    let open = |damage: fn(&mut Container)| {
        let mut damaged = wtns.clone();
        damage(&mut damaged);
        Witness::open(damaged.write(&dir, "witness.wtns"))
    };
    let message = |damage| open(damage).unwrap_err().to_string();
    assert!(message(|w| w.magic = *b"zkey").contains("is not a wtns file: it begins with \"zkey\""));
    assert!(message(|w| w.version = 1).contains("version 1, supported are 2 to 2"));
    assert!(message(|w| w.section(2)[0] = 2).contains("value 0, the constant signal, is not 1"));
    assert!(message(|w| w.section(2)[32..64].fill(0xff)).contains("value 1 is not below r"));
    assert!(
        message(|w| w.section(2).truncate(32)).contains("10 values need 320 bytes, the section has 32 left")
    );

    let engine = engine(Policy::default());
    let shorter = open(|w| {
        w.section(1)[36] -= 1;
        let len = w.section(2).len();
        w.section(2).truncate(len - 32);
    })
    .expect("a witness");
    let error = prove(&engine, &key, &shorter, Blinding::random()).unwrap_err().to_string();
    assert!(
        error.contains("witness of another circuit: it has 9 values, the key's circuit has 10"),
        "{error}"
    );
    let unsatisfied = open(|w| {
        // The lowest bit of the last value, which stays below r.
        let at = w.section(2).len() - 32;
        w.section(2)[at] ^= 1;
    })
    .expect("a witness");
    let error = prove(&engine, &key, &unsatisfied, Blinding::random()).unwrap_err();
    assert!(matches!(error, Error::Unsatisfied), "{error}");
}

#[test]
fn json_round_trip_and_verification() {
    let (dir, zkey, wtns) = fixture();
    let key = ProvingKey::open(zkey.write(&dir, "key.zkey")).expect("key");
    let witness = Witness::open(wtns.write(&dir, "witness.wtns")).expect("witness");
    let proved = prove(&engine(Policy::default()), &key, &witness, Blinding::random()).expect("proves");
    let (proof, publics) = (dir.path().join("proof.json"), dir.path().join("public.json"));
    let outputs = Outputs::prepare(&proof, &publics).expect("writable");
    outputs.commit(&proof_to_json(&proved.proof), &publics_to_json(&proved.publics)).expect("writes");
    assert_eq!(read_proof(&proof).expect("reads"), proved.proof);
    let mut signals = read_publics(&publics).expect("reads");
    assert_eq!(signals, proved.publics);
    assert!(verify(key.verifying_key(), &signals, &proved.proof).expect("right number"));
    signals[0] += Fr::from(1u64);
    assert!(!verify(key.verifying_key(), &signals, &proved.proof).expect("right number"));
    let error = verify(key.verifying_key(), &signals[1..], &proved.proof).unwrap_err();
    assert!(matches!(error, Error::PublicCount { found: 1, expected: 2 }), "{error}");

    let text = fs::read_to_string(&proof).expect("reads");
    assert!(text.starts_with("{\n \"pi_a\": [\n  \""), "snarkjs' indentation: {text}");
    let edit = |from: &str, to: &str| {
        fs::write(&proof, text.replacen(from, to, 1)).expect("writes");
        read_proof(&proof).unwrap_err().to_string()
    };
    let x = num_bigint::BigUint::from(proved.proof.a.x.into_bigint()).to_string();
    assert!(edit(&x, "7").contains("pi_a is not a point of the curve"));
    assert!(edit(&x, &"9".repeat(77)).contains("pi_a[0] is not below the field's prime"));
    assert!(edit(&x, &"9".repeat(100)).contains("pi_a[0] has 100 characters"));
    assert!(edit(&x, "-1").contains("pi_a[0] is \"-1\", not a whole number"));
    assert!(edit("groth16", "plonk").contains("protocol is \"plonk\", only \"groth16\""));
    assert!(edit("bn128", "bls12381").contains("curve is \"bls12381\", only \"bn128\""));
    assert!(edit("pi_c", "pi_d").contains("the document has no field \"pi_c\""));
    assert!(edit("}", "").contains("not valid JSON"));
}

#[test]
fn outputs_appear_both_or_not_at_all() {
    let dir = TempDir::new().expect("temporary directory");
    let at = |name: &str| dir.path().join(name);
    let entries = || fs::read_dir(dir.path()).expect("lists").count();

    drop(Outputs::prepare(at("proof.json"), at("public.json")).expect("writable"));
    assert_eq!(entries(), 0, "nothing is left behind");
    for (proof, publics, message) in [
        (at("no/such/proof.json"), at("public.json"), "its directory"),
        (at("proof.json"), dir.path().to_owned(), "it is a directory"),
        (at("same.json"), at("./same.json"), "cannot go to the same file"),
    ] {
        let error = Outputs::prepare(proof, publics).map(drop).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(entries(), 0);

    // The second name is taken by a directory between preparation and commit: the first is restored or removed.
    for old in [Some("old"), None] {
        if let Some(old) = old {
            fs::write(at("proof.json"), old).expect("writes");
        }
        let outputs = Outputs::prepare(at("proof.json"), at("public.json")).expect("writable");
        fs::create_dir(at("public.json")).expect("creates");
        assert!(outputs.commit("proof", "publics").is_err());
        assert_eq!(fs::read_to_string(at("proof.json")).ok().as_deref(), old);
        fs::remove_dir(at("public.json")).expect("removes");
        let _ = fs::remove_file(at("proof.json"));
        assert_eq!(entries(), 0);
    }

    fs::write(at("proof.json"), "old").expect("writes");
    let outputs = Outputs::prepare(at("proof.json"), at("public.json")).expect("writable");
    outputs.commit("proof", "publics").expect("writes");
    assert_eq!(fs::read_to_string(at("proof.json")).expect("reads"), "proof");
    assert_eq!(fs::read_to_string(at("public.json")).expect("reads"), "publics");
    assert_eq!(entries(), 2);
}

#[test]
fn blinding_of_zero_is_still_a_proof() {
    let (dir, zkey, wtns) = fixture();
    let key = ProvingKey::open(zkey.write(&dir, "key.zkey")).expect("key");
    let witness = Witness::open(wtns.write(&dir, "witness.wtns")).expect("witness");
    let zero = Fr::from(BigInt::from(0u64));
    let proved = prove(&engine(Policy::default()), &key, &witness, Blinding::explicit(zero, zero))
        .expect("proves and verifies");
    assert!(verify(key.verifying_key(), &proved.publics, &proved.proof).expect("right number"));
}

//! The contract's tables agree with themselves and with the committed manual.

use permafrost_abi::command::BODIES;
use permafrost_abi::define::{Access, Field};
use permafrost_abi::registers::{
    AdminSize, CapEngines, CapMsm, CapNtt, CapQueues, CapVector, ErrSource, Version, COUNTERS, REGISTERS,
};
use permafrost_abi::*;
use std::collections::BTreeMap;

/// Every byte of `base..end` belongs to exactly one field.
fn assert_covers(what: &str, fields: &[Field], base: usize, end: usize) {
    let mut at = base;
    for f in fields {
        assert_eq!(f.offset, at, "{what}: field {} leaves a gap or overlaps", f.name);
        at += f.bytes;
    }
    assert_eq!(at, end, "{what}: fields do not reach the end");
}

#[test]
fn fields_cover_their_structures() {
    assert_covers("command", Command::FIELDS, 0, COMMAND_BYTES as usize);
    assert_covers("completion", Completion::FIELDS, 0, COMPLETION_BYTES as usize);
    assert_covers("sg entry", SgEntry::FIELDS, 0, SG_ENTRY_BYTES as usize);
    assert_covers("point", AffinePoint::FIELDS, 0, 64);
    assert_covers("scalar", Scalar::FIELDS, 0, 32);
    assert_covers("element", Element::FIELDS, 0, ELEMENT_BYTES as usize);
    assert_covers("NTT parameters", NttParameters::FIELDS, 0, ntt::NTT_PARAMS_BYTES as usize);
    assert_covers("VECTOR parameters", VectorParameters::FIELDS, 0, vector::VECTOR_PARAMS_BYTES as usize);
    assert_covers("affine point of G2", AffinePointG2::FIELDS, 0, 128);
    for (opcode, body) in BODIES {
        assert_covers(opcode.name(), body, 16, 64);
    }
}

#[test]
fn every_opcode_has_one_body() {
    let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
    for (opcode, _) in BODIES {
        *seen.entry(*opcode as u8).or_default() += 1;
    }
    assert!(seen.values().all(|n| *n == 1));
    let listed: Vec<u64> = Opcode::TABLE.iter().map(|v| v.value).collect();
    assert_eq!(listed, seen.keys().map(|k| *k as u64).collect::<Vec<_>>());
}

#[test]
fn registers_do_not_overlap_and_stay_in_page_zero() {
    let mut owner: BTreeMap<u64, &str> = BTreeMap::new();
    for r in REGISTERS.iter().chain(COUNTERS) {
        assert!(r.bits == 32 || r.bits == 64, "{}", r.name);
        assert_eq!(r.offset % (r.bits as u64 / 8), 0, "{} is unaligned", r.name);
        assert!(r.offset + r.bits as u64 / 8 <= DOORBELL_BASE as u64, "{} is outside page 0", r.name);
        for word in (r.offset..r.offset + r.bits as u64 / 8).step_by(4) {
            if let Some(other) = owner.insert(word, r.name) {
                panic!("{} and {other} overlap at {word:#x}", r.name);
            }
        }
        let mut bits = 0u32;
        for f in r.fields {
            assert!(f.lsb <= f.msb && f.msb < 32, "{}.{}", r.name, f.name);
            let mask = (((1u64 << (f.msb - f.lsb + 1)) - 1) << f.lsb) as u32;
            assert_eq!(bits & mask, 0, "{}.{} overlaps another field", r.name, f.name);
            bits |= mask;
        }
    }
    assert!(COUNTERS.iter().all(|c| c.access == Access::Ro && c.bits == 64));
}

#[test]
fn doorbells_fit_bar0_and_are_distinct() {
    let mut all = Vec::new();
    for queue in 0..=MAX_IO_QUEUES as u16 {
        assert_eq!(sq_doorbell(queue), 0x1000 * (queue as u64 + 1));
        assert_eq!(cq_doorbell(queue), sq_doorbell(queue) + 8);
        assert!(cq_doorbell(queue) + 4 <= BAR0_BYTES as u64);
        all.extend([sq_doorbell(queue), cq_doorbell(queue)]);
    }
    all.dedup();
    assert_eq!(all.len(), 2 * (MAX_IO_QUEUES as usize + 1));
}

#[test]
fn words_round_trip() {
    assert_eq!(&ABI_MAGIC.to_le_bytes(), b"PFRZ");
    let v = Version(ABI_VERSION);
    assert_eq!((v.major(), v.minor(), v.patch()), (0, 4, 0));
    let q = CapQueues::from_fields(2, 10, 64);
    assert_eq!((q.0, q.io_queues(), q.log2_entries(), q.semaphores()), (0x0040_0a02, 2, 10, 64));
    let m = CapMsm::from_fields(1, 2, 13, 17);
    assert_eq!((m.adders(), m.min_window(), m.max_window(), m.log2_slots()), (1, 2, 13, 17));
    assert_eq!(CapNtt::from_fields(2, 12).0, 0x0c02);
    assert_eq!(CapVector::from_fields(1).lanes(), 1);
    let e = CapEngines::from_fields(true, true, true, false, false, false, false);
    assert_eq!(e.0, 7);
    assert!(e.msm_g1() && !e.msm_g2());
    assert_eq!(AdminSize::from_fields(16, 32).0, 16 << 16 | 32);
    assert_eq!(ErrSource::from_fields(3, 0x1_2345).0, 3 << 16 | 0x2345, "values are cut to their field");
}

#[test]
fn completion_packs_status_and_phase() {
    for v in Status::TABLE {
        let status = Status::try_from(v.value as u16).expect("listed");
        for phase in [false, true] {
            let c = Completion { status_phase: Completion::pack_status(status, phase), ..Default::default() };
            assert_eq!((c.status(), c.phase()), (Ok(status), phase));
        }
    }
    assert_eq!(Status::try_from(15), Err(15));
    assert_eq!(Completion { status_phase: 0x7fff << 1, ..Default::default() }.status(), Err(0x7fff));
}

#[test]
fn command_bytes_are_where_the_manual_says() {
    let msm = MsmCommand {
        bases: 0x1111_1111_1111_1111,
        scalars: 0x2222,
        result: 0x3333,
        n: 0x0102_0304,
        window_bits: 13,
        windows: 20,
        group: Group::G1 as u8,
        format: MSM_FORMAT_MONTGOMERY,
        ..Default::default()
    };
    let mut command = Command::new(&msm).wait(5, 0x0a0b_0c0d).signal(6, 7);
    command.cid = 0xbeef;
    let bytes: &[u8] = bytemuck::bytes_of(&command);
    assert_eq!(bytes.len(), 64);
    assert_eq!(&bytes[..16], &[0x20, 3, 0xef, 0xbe, 5, 6, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 7, 0, 0, 0]);
    assert_eq!(&bytes[40..48], &[4, 3, 2, 1, 13, 20, 0, 1]);
    assert!(bytes[48..].iter().all(|b| *b == 0));
    assert_eq!(command.body_as::<MsmCommand>(), Some(msm));
    assert_eq!(command.body_as::<FillCommand>(), None);
}

#[test]
fn transforms_and_vectors_are_where_the_manual_says() {
    let ntt = NttCommand {
        source: 0x11,
        destination: 0x22,
        params: 0x33,
        stride: 0x44,
        batch: 0x0102_0304,
        log_before: 5,
        log_len: 6,
        log_after: 7,
        order: NTT_REVERSED_IN | NTT_REVERSED_OUT,
        ..Default::default()
    };
    let command = Command::new(&ntt);
    let bytes: &[u8] = bytemuck::bytes_of(&command);
    assert_eq!((bytes[0], bytes[16], bytes[24], bytes[32], bytes[40]), (33, 0x11, 0x22, 0x33, 0x44));
    assert_eq!(&bytes[48..64], &[4, 3, 2, 1, 5, 6, 7, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    let vector = VectorCommand {
        a: 0x11,
        b: 0x22,
        c: 0x33,
        d: 0x44,
        params: 0x55,
        n: 0x0102_0304,
        operation: VectorOperation::PrefixProduct as u8,
        flags: VECTOR_EXCLUSIVE,
        kinds: 0x3f,
        ..Default::default()
    };
    let command = Command::new(&vector);
    let bytes: &[u8] = bytemuck::bytes_of(&command);
    assert_eq!(
        (bytes[0], bytes[16], bytes[24], bytes[32], bytes[40], bytes[48]),
        (34, 0x11, 0x22, 0x33, 0x44, 0x55)
    );
    assert_eq!(&bytes[56..64], &[4, 3, 2, 1, 2, 4, 0x3f, 0]);
}

#[test]
fn every_window_width_has_room_for_a_scalar() {
    for c in 1..=16 {
        let w = msm::windows(msm::MSM_SCALAR_BITS, c);
        assert!(w * c > msm::MSM_SCALAR_BITS, "no room for the carry at c = {c}");
        assert!(w * c <= msm::MSM_MAX_SPAN, "c = {c} spans {} bits", w * c);
    }
    assert_eq!(msm::windows(254, 13), 20);
    assert_eq!(msm::bucket_slots(20, 13), 20 << 12);
}

#[test]
fn manual_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/abi.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, manual()).expect("docs/abi.md is writable");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == manual(),
        "docs/abi.md is not what the contract says; run UPDATE_DOCS=1 cargo test -p permafrost-abi and commit it"
    );
}

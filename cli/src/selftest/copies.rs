//! Copies of odd sizes between host and card, copies within the card, fills, lists of pieces; and the card after a reset.

use permafrost_abi::CopyKind;
use permafrost_driver::{Card, DmaPiece, Error as Driver};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::memory::differs;
use super::{passed, told, Checked};

/// Bytes of a transfer: round the 64 bytes of a unit, the 4 KiB of a page, and a longer one.
const SIZES: [usize; 12] = [1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 10_007, 65_537];
/// What is around a transfer, and has to stay.
const BORDER: usize = 64;

pub fn check(card: &Card, seed: u64) -> Checked {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for size in SIZES {
        sized(card, size, &mut rng).map_err(|e| format!("{size} bytes: {e}"))?;
    }
    within(card, &mut rng).map_err(|e| format!("within card memory: {e}"))?;
    pieces(card, &mut rng).map_err(|e| format!("list of pieces: {e}"))?;
    passed(format!(
        "{} sizes from 1 to {} bytes, within the card, fill, lists",
        SIZES.len(),
        SIZES[SIZES.len() - 1]
    ))
}

fn random(len: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut data = vec![0; len];
    rng.fill_bytes(&mut data);
    data
}

fn same(at: u64, seen: &[u8], expected: &[u8]) -> Result<(), String> {
    if seen == expected {
        Ok(())
    } else {
        Err(differs(at, seen, expected))
    }
}

/// A transfer with a border on both sides that does not change.
fn sized(card: &Card, size: usize, rng: &mut ChaCha8Rng) -> Result<(), String> {
    let units = size.next_multiple_of(BORDER);
    let buffer = card.dram().alloc((units + 2 * BORDER) as u64).map_err(told)?;
    let mut expected = random(units + 2 * BORDER, rng);
    card.write(&buffer, 0, &expected).map_err(told)?;
    let data = random(size, rng);
    card.write(&buffer, BORDER as u64, &data).map_err(told)?;
    expected[BORDER..BORDER + size].copy_from_slice(&data);
    // The last unit is filled up with zeros.
    expected[BORDER + size..BORDER + units].fill(0);
    let mut seen = vec![0; expected.len()];
    card.read(&buffer, 0, &mut seen).map_err(told)?;
    same(buffer.address(), &seen, &expected)?;
    let mut seen = vec![0; size];
    card.read(&buffer, BORDER as u64, &mut seen).map_err(told)?;
    same(buffer.address() + BORDER as u64, &seen, &data)
}

fn within(card: &Card, rng: &mut ChaCha8Rng) -> Result<(), String> {
    const LEN: usize = 8192;
    let buffer = card.dram().alloc(3 * LEN as u64).map_err(told)?;
    let data = random(LEN, rng);
    card.fill(&buffer, 0, 3 * LEN as u64, 0x0123_4567_89ab_cdef).map_err(told)?;
    card.write(&buffer, 64, &data[..LEN - 64]).map_err(told)?;
    card.copy(&buffer, 2 * LEN as u64 - 64, &buffer, 64, LEN as u64 - 64).map_err(told)?;
    let mut expected = 0x0123_4567_89ab_cdef_u64.to_le_bytes().repeat(3 * LEN / 8);
    expected[64..LEN].copy_from_slice(&data[..LEN - 64]);
    expected[2 * LEN - 64..3 * LEN - 128].copy_from_slice(&data[..LEN - 64]);
    let mut seen = vec![0; 3 * LEN];
    card.read(&buffer, 0, &mut seen).map_err(told)?;
    same(buffer.address(), &seen, &expected)
}

/// Pieces of host memory in no order, there and back.
fn pieces(card: &Card, rng: &mut ChaCha8Rng) -> Result<(), String> {
    const LENS: [usize; 4] = [64, 4096, 192, 1024];
    let total: usize = LENS.iter().sum();
    let buffer = card.dram().alloc(total as u64).map_err(told)?;
    let memory = card.dma_alloc(2 * total).map_err(told)?;
    let data = random(total, rng);
    // In memory the pieces lie from the last to the first, with gaps.
    let (mut at, mut from, mut list) = (2 * total, 0, Vec::new());
    for len in LENS {
        at -= len + 64;
        memory.write(at, &data[from..from + len]);
        from += len;
        list.push(DmaPiece { buffer: memory.clone(), offset: at, len });
    }
    let run =
        |kind| card.submit_pieces(1, kind, &buffer, 0, &list).and_then(|ticket| ticket.wait()).map_err(told);
    run(CopyKind::HostToCard)?;
    let mut seen = vec![0; total];
    card.read(&buffer, 0, &mut seen).map_err(told)?;
    same(buffer.address(), &seen, &data)?;
    memory.zero(0, memory.len());
    run(CopyKind::CardToHost)?;
    let mut back = Vec::new();
    for piece in &list {
        let mut bytes = vec![0; piece.len];
        memory.read(piece.offset, &mut bytes);
        back.extend(bytes);
    }
    same(0, &back, &data)
}

/// After a controller reset, buffers of before are refused and the card works.
pub fn after_reset(card: &Card, seed: u64) -> Checked {
    let old = card.dram().alloc(4096).map_err(told)?;
    card.reset().map_err(told)?;
    match card.read(&old, 0, &mut [0; 64]) {
        Err(Driver::DataLost { .. }) => {}
        seen => return Err(format!("a buffer of before the reset is read with {seen:?}, expected DataLost")),
    }
    sized(card, 4097, &mut ChaCha8Rng::seed_from_u64(!seed))?;
    passed("buffers of before are refused, the card works")
}

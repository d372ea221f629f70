//! The memory at a segment's boundary: the blocks it touched, and the tree above them.
//!
//! **Every word once.** [`bus::NODE`] carries (level, index, digest before, digest after) from a child to its parent. Each real row
//! sends itself upwards once. Only the segment table takes without sending, (0, 0, root before, root after), once; a node takes
//! from each touched child once, at (level + 1, 2 index) and (level + 1, 2 index + 1). So every row has one parent, and the way
//! up ends at the root (levels fall by one a step and a segment has fewer rows than the field elements). From
//! the root down, by induction: one row has level 0 and index 0; of the rows at a level each has an index of its own, below 2^level, since
//! its parent has and takes each child once. A leaf sends level 28 only, so its index is that of a block of the tree. (A node may
//! stand at level 28 or below it. No leaf is under it, so it can say only that nothing changed.)
//!
//! **Every address once.** Eight times 2^28 words are more than the field has elements: the addresses of the last blocks would be those
//! of the first over again. A node at (1, 1) therefore cannot have a touched right child, which leaves the addresses below 2^30 + 2^29.
//!
//! **Digests bind.** For each node the digests before are the hash of the children's before, and after of after; for a child that is
//! not touched they are equal. The hash of a leaf resists collisions ([`crate::hash::leaf`]), so the words of the tree with
//! the root before are those of the statement, and the root after is that of the same tree with the touched words replaced.
//!
//! **Halves need no range check here.** The words in the first segment's tree are the program's image, hashed by the verifier from
//! 32-bit words. The words in a later one's are what the segment before left, and those are what it started with or what an access
//! produced, range-checked by the table that wrote it. A single segment's proof so speaks of a memory of 32-bit words only with the chain
//! from the image to it.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, Builder};
use super::columns::columns;
use super::{frame, trace, Chip};
use crate::record::{self, Segment, BLOCK, LEVELS};
use crate::{hash, Digest, F};

columns! {
    /// A word of a block.
    pub struct LeafWord {
        /// Halves before the first access.
        initial: [T; 2],
        /// The time that the first access finds.
        start: T,
        /// Halves after the last access.
        last: [T; 2],
        /// The time of the last access.
        end: T,
    }
}

columns! {
    /// A row of the leaf table.
    pub struct LeafRow {
        real: T,
        /// Word address of the block divided by 8.
        index: T,
        words: [LeafWord<T>; 8],
        /// Digest of the initial words.
        before: [T; 8],
        /// Digest of the last words.
        after: [T; 8],
    }
}

columns! {
    /// Digests of a node's children.
    pub struct Children {
        left: [T; 8],
        right: [T; 8],
    }
}

columns! {
    /// A row of the node table.
    pub struct NodeRow {
        level: T,
        index: T,
        /// Touched below: only the left child, only the right one, both.
        touched: [T; 3],
        /// Where the right child is touched: the inverse of what is zero at (1, 1) only.
        inverse: T,
        /// The children's digests before.
        before: Children<T>,
        /// The children's digests after.
        after: Children<T>,
        /// The node's digest before.
        digest_before: [T; 8],
        /// The node's digest after.
        digest_after: [T; 8],
    }
}

/// The table of blocks: a row a touched block.
#[derive(Clone, Copy, Debug)]
pub struct Leaf;

/// The table of the tree: a row a node above a touched block.
#[derive(Clone, Copy, Debug)]
pub struct Node;

/// A message on [`bus::NODE`].
fn node<B: Builder>(
    level: B::Expr,
    index: B::Expr,
    before: [B::Var; 8],
    after: [B::Var; 8],
) -> impl Iterator<Item = B::Expr> {
    [level, index].into_iter().chain(before.into_iter().chain(after).map(Into::into))
}

impl Chip for Leaf {
    fn width(&self) -> usize {
        LeafRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        LeafRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = LeafRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        let real: B::Expr = row.real.into();
        for (i, word) in row.words.iter().enumerate() {
            let address = row.index * F::from_usize(BLOCK) + F::from_usize(i);
            let [low, high] = word.initial.map(Into::into);
            bus::send(b, bus::MEMORY, [address.clone(), word.start.into(), low, high], real.clone());
            let [low, high] = word.last.map(Into::into);
            bus::receive(b, bus::MEMORY, [address, word.end.into(), low, high], real.clone());
        }
        let sides =
            [(row.words.map(|word| word.initial), row.before), (row.words.map(|word| word.last), row.after)];
        for (halves, digest) in sides {
            let halves = halves.as_flattened();
            // The digest is the permutation's output plus its input.
            let output = digest.iter().zip(halves).map(|(&digest, &half)| digest - half);
            bus::send(b, bus::COMPRESS, halves.iter().map(|&half| half.into()).chain(output), real.clone());
        }
        let message = node::<B>(bus::constant::<B>(LEVELS), row.index.into(), row.before, row.after);
        bus::send(b, bus::NODE, message, real);
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let blocks = &segment.blocks;
        trace::padded(blocks.len(), self.width(), |i, cells| {
            let block = &blocks[i];
            let row = LeafRow {
                real: F::ONE,
                index: F::from_u32(block.index),
                words: core::array::from_fn(|i| LeafWord {
                    initial: frame::halves(block.initial[i].0),
                    start: F::from_u32(block.initial[i].1),
                    last: frame::halves(block.last[i].0),
                    end: F::from_u32(block.last[i].1),
                }),
                before: hash::leaf(&block.initial.map(|(word, _)| word)),
                after: hash::leaf(&block.last.map(|(word, _)| word)),
            };
            row.to_cells(cells);
        })
    }
}

/// Zero at level 1 and index 1, and at no other node above the leaves.
fn at_one_one<E: PrimeCharacteristicRing>(level: E, index: E) -> E {
    (level - E::ONE) * E::from_u32(1 << 28) + index - E::ONE
}

impl Chip for Node {
    fn width(&self) -> usize {
        NodeRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        NodeRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = NodeRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.touched);
        let [left, right, both] = row.touched;
        for i in 0..8 {
            b.when(left).assert_eq(row.before.right[i], row.after.right[i]);
            b.when(right).assert_eq(row.before.left[i], row.after.left[i]);
        }
        let (level, index): (B::Expr, B::Expr) = (row.level.into(), row.index.into());
        b.when(right + both).assert_one(at_one_one(level.clone(), index.clone()) * row.inverse);

        let below = level.clone() + F::ONE;
        let twice = index.double();
        let message = node::<B>(below.clone(), twice.clone(), row.before.left, row.after.left);
        bus::receive(b, bus::NODE, message, left + both);
        let message = node::<B>(below, twice + F::ONE, row.before.right, row.after.right);
        bus::receive(b, bus::NODE, message, right + both);
        for (children, digest) in [(row.before, row.digest_before), (row.after, row.digest_after)] {
            let fields = children.left.into_iter().chain(children.right).chain(digest).map(Into::into);
            bus::send(b, bus::COMPRESS, fields, real.clone());
        }
        bus::send(b, bus::NODE, node::<B>(level, index, row.digest_before, row.digest_after), real);
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let nodes = &segment.nodes;
        trace::padded(nodes.len(), self.width(), |i, cells| node_row(&nodes[i]).to_cells(cells))
    }
}

fn node_row(node: &record::Node) -> NodeRow<F> {
    let (level, index) = (F::from_u32(node.level), F::from_u32(node.index));
    let [left, right] = node.touched;
    let inverse = if right { at_one_one(level, index).try_inverse().unwrap_or_default() } else { F::ZERO };
    let children = |[left, right]: [Digest; 2]| Children { left, right };
    NodeRow {
        level,
        index,
        touched: [left && !right, right && !left, left && right].map(F::from_bool),
        inverse,
        before: children(node.before),
        after: children(node.after),
        digest_before: hash::compress(&node.before[0], &node.before[1]),
        digest_after: hash::compress(&node.after[0], &node.after[1]),
    }
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeField32;

    use super::*;
    use crate::air::{check, Kind};
    use crate::record::Block;
    use crate::testing::{refused, refused_in, sums, Machine};

    fn segment() -> Segment {
        Machine::new(&sums()).segment(12)
    }

    #[test]
    fn every_cell_of_a_real_row_counts() {
        let segment = segment();
        let traces = trace::build(&segment);
        for (kind, rows) in [(Kind::Leaf, segment.blocks.len()), (Kind::Node, segment.nodes.len())] {
            let place = traces.iter().position(|(table, _)| table.kind() == kind).expect("the table is used");
            let (names, width) = (traces[place].0.names(), traces[place].1.width);
            for row in [0, rows - 1] {
                for (column, name) in names.iter().enumerate() {
                    let cells = &traces[place].1.values[row * width..(row + 1) * width];
                    if name == "inverse" && cells[column] == F::ZERO {
                        continue; // Nothing asks for it.
                    }
                    for change in [F::ONE, F::NEG_ONE, cells[column] + F::TWO] {
                        let mut traces = traces.clone();
                        traces[place].1.values[row * width + column] += change;
                        assert_ne!(
                            refused_in(&traces, &segment),
                            Vec::<String>::new(),
                            "{name} of row {row}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_not_real_send_nothing() {
        let segment = segment();
        for (kind, flags) in [(Kind::Leaf, 0..1), (Kind::Node, 2..5)] {
            for flag in flags {
                let mut traces = trace::build(&segment);
                let (_, trace) = traces.iter_mut().find(|(table, _)| table.kind() == kind).expect("used");
                let last = trace.values.len() - trace.width;
                assert!(trace.values[last..].iter().all(|cell| *cell == F::ZERO), "a row of padding");
                trace.values[last + flag] = F::ONE;
                assert_ne!(refused_in(&traces, &segment), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn other_roots_are_refused() {
        for side in 0..2 {
            let mut other = segment();
            other.statement.memory[side][3] += F::ONE;
            let wrong = refused(&other);
            assert!(wrong.iter().any(|line| line.starts_with("node [0, 0")), "{wrong:?}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        let good = segment();
        for (block, word) in [(0, 0), (0, 1), (1, 7), (2, 3)] {
            let mut other = good.clone();
            other.blocks[block].initial[word].0 ^= 1 << 16;
            assert_ne!(refused(&other), Vec::<String>::new(), "initial");
            let mut other = good.clone();
            other.blocks[block].last[word].0 ^= 1;
            assert_ne!(refused(&other), Vec::<String>::new(), "last");
            let mut other = good.clone();
            other.blocks[block].initial[word].1 += 1;
            assert_ne!(refused(&other), Vec::<String>::new(), "time");
            // Words that nothing accessed, changed on both sides alike: only the digests tell.
            let mut other = good.clone();
            other.blocks[block].initial[word].0 ^= 1;
            other.blocks[block].last[word].0 ^= 1;
            assert_ne!(refused(&other), Vec::<String>::new(), "both");
        }
    }

    #[test]
    fn rows_missing_or_twice_are_refused() {
        let good = segment();
        for i in [0, good.blocks.len() - 1] {
            let mut other = good.clone();
            other.blocks.push(good.blocks[i]);
            assert_ne!(refused(&other), Vec::<String>::new(), "block {i} twice");
            other.blocks.truncate(good.blocks.len());
            other.blocks.remove(i);
            assert_ne!(refused(&other), Vec::<String>::new(), "block {i} missing");
        }
        for i in 0..good.nodes.len() {
            let mut other = good.clone();
            other.nodes.push(good.nodes[i]);
            assert_ne!(refused(&other), Vec::<String>::new(), "node {i} twice");
            other.nodes.truncate(good.nodes.len());
            other.nodes.remove(i);
            assert_ne!(refused(&other), Vec::<String>::new(), "node {i} missing");
        }
    }

    #[test]
    fn a_child_that_is_not_touched_cannot_change() {
        let good = segment();
        let (i, side) = (0..)
            .zip(&good.nodes)
            .find_map(|(i, node)| Some((i, node.touched.iter().position(|t| !t)?)))
            .unwrap();
        // Up to the root, so that nothing else is wrong.
        let mut other = good.clone();
        other.nodes[i].after[side][0] += F::ONE;
        let mut child = other.nodes[i];
        while child.level > 0 {
            let digest = hash::compress(&child.after[0], &child.after[1]);
            let parent = other
                .nodes
                .iter_mut()
                .find(|n| n.level + 1 == child.level && n.index == child.index / 2)
                .unwrap();
            parent.after[child.index as usize % 2] = digest;
            child = *parent;
        }
        other.statement.memory[1] = hash::compress(&child.after[0], &child.after[1]);
        let wrong = refused(&other);
        assert!(!wrong.is_empty() && wrong.iter().all(|line| line.starts_with("node row")), "{wrong:?}");
    }

    #[test]
    fn children_in_the_other_order_are_refused() {
        let good = segment();
        for i in 0..good.nodes.len() {
            let mut other = good.clone();
            other.nodes[i].touched.swap(0, 1);
            other.nodes[i].before.swap(0, 1);
            other.nodes[i].after.swap(0, 1);
            assert_ne!(refused(&other), Vec::<String>::new(), "node {i}");
        }
    }

    /// The block at 2^28 - 2^21 holds word address p - 1 and those after it: 0 to 6 in the field, which are other words of memory.
    #[test]
    fn addresses_beyond_the_field_are_refused() {
        let mut machine = Machine::new(&sums());
        let mut segment = machine.segment(12);
        let index = (F::ORDER_U32 - 1) / 8;
        let words = [(0, 5); BLOCK];
        let mut blocks = segment.blocks.clone();
        blocks.push(Block { index, initial: words, last: words });
        let mut tree = Machine::new(&sums()).tree;
        segment.nodes = tree.update(&blocks);
        segment.blocks = blocks;
        let wrong = refused(&segment);
        assert!(!wrong.is_empty() && wrong.iter().all(|line| line.starts_with("node row")), "{wrong:?}");
        // The last block allowed, and another one.
        for index in [(1 << 27) + (1 << 26) - 1, (1 << 27) - 1, 0] {
            let mut segment = Machine::new(&sums()).segment(12);
            segment.blocks.push(Block { index, initial: words, last: words });
            segment.nodes = Machine::new(&sums()).tree.update(&segment.blocks);
            assert_eq!(refused(&segment), Vec::<String>::new(), "block {index:#x}");
        }
        let root = segment.statement.memory[1];
        assert_eq!(machine.tree.root(), root);
    }

    #[test]
    fn only_one_node_is_at_one_one() {
        for level in 0..LEVELS {
            let at = |index: u32| at_one_one(F::from_u32(level), F::from_u32(index));
            // The one index of this level where it is zero, in the field.
            let zero = -at(0);
            assert_eq!(at(zero.as_canonical_u32()), F::ZERO);
            assert_eq!(zero.as_canonical_u32() < 1 << level, level == 1, "level {level}");
        }
        assert_eq!(at_one_one(F::ONE, F::ONE), F::ZERO);
    }

    #[test]
    fn nothing_touched_is_no_table() {
        let mut segment = segment();
        segment.blocks.clear();
        segment.nodes.clear();
        assert!(Leaf.trace(&segment).is_none() && Node.trace(&segment).is_none());
    }

    #[test]
    fn flags_are_bits() {
        let segment = segment();
        let table = crate::air::Table::of(Kind::Node, &segment.program);
        let trace = table.trace(&segment).expect("nodes");
        for flags in [[F::TWO, F::NEG_ONE, F::ZERO], [F::ONE, F::ONE, F::ZERO], [F::ONE, F::ONE, F::NEG_ONE]]
        {
            let mut trace = trace.clone();
            trace.values[2..5].copy_from_slice(&flags);
            assert_ne!(check::broken(&table, &trace, &[]), Vec::<String>::new(), "{flags:?}");
        }
    }
}

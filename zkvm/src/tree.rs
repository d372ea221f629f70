//! The memory's tree: 2^28 blocks of 8 words under a binary tree of 28 levels, kept sparse.
//!
//! Memory is the lower half of the leaves, registers are at the start of the upper half ([`crate::record::REGISTER_BASE`]). What is
//! not stored is zero: the digests of all-zero subtrees are known once. What is stored grows with the blocks that were ever not
//! zero, 28 nodes each at most.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::hash::{compress, leaf};
use crate::record::{Block, Node, BLOCK, LEVELS};
use crate::Digest;

/// Digests of subtrees of zeros by the level of their root; the last is that of a block.
static ZEROS: LazyLock<[Digest; LEVELS as usize + 1]> = LazyLock::new(|| {
    let mut digests = [leaf(&[0; BLOCK]); LEVELS as usize + 1];
    for level in (0..LEVELS as usize).rev() {
        digests[level] = compress(&digests[level + 1], &digests[level + 1]);
    }
    digests
});

/// The digest of a subtree of zeros whose root is at `level`, 0 to [`LEVELS`].
pub fn zeros(level: u32) -> Digest {
    ZEROS[level as usize]
}

/// The tree.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Words of the blocks that are not all zero, by index.
    blocks: HashMap<u32, [u32; BLOCK]>,
    /// Digests that differ from those of zeros, by level and index. The last level is that of the blocks.
    digests: Vec<HashMap<u32, Digest>>,
}

impl Tree {
    /// The tree of a memory that holds these words (by word address) and zeros.
    ///
    /// # Panics
    ///
    /// If an address is not below 2^31.
    pub fn new(image: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut tree = Self { blocks: HashMap::new(), digests: vec![HashMap::new(); LEVELS as usize + 1] };
        let mut blocks = BTreeMap::<u32, [u32; BLOCK]>::new();
        for (address, word) in image {
            blocks.entry(block(address)).or_default()[address as usize % BLOCK] = word;
        }
        tree.write(&blocks);
        tree
    }

    /// The root.
    pub fn root(&self) -> Digest {
        self.digest(0, 0)
    }

    /// The words of a block.
    pub fn words(&self, index: u32) -> [u32; BLOCK] {
        self.blocks.get(&index).copied().unwrap_or_default()
    }

    /// Moves the blocks, in any order, from their initial words to their last and returns all nodes above them, those nearest to the
    /// leaves first. Without blocks there are no nodes.
    ///
    /// # Panics
    ///
    /// If a block's initial words are not those of the tree, if it comes twice, or if its index is not below 2^28: the run that
    /// the blocks were recorded from did not start from this memory.
    pub fn update(&mut self, blocks: &[Block]) -> Vec<Node> {
        let mut after = BTreeMap::new();
        for block in blocks {
            assert_eq!(block.index >> LEVELS, 0, "block {:#x} is beyond the memory", block.index);
            let initial = block.initial.map(|(word, _)| word);
            let present = self.words(block.index);
            assert_eq!(
                initial, present,
                "block {:#x} starts with words that the memory does not hold",
                block.index
            );
            let twice = after.insert(block.index, block.last.map(|(word, _)| word));
            assert!(twice.is_none(), "block {:#x} comes twice", block.index);
        }
        self.write(&after)
    }

    fn digest(&self, level: u32, index: u32) -> Digest {
        self.digests[level as usize].get(&index).copied().unwrap_or_else(|| zeros(level))
    }

    /// Replaces a digest and returns the one before.
    fn set(&mut self, level: u32, index: u32, digest: Digest) -> Digest {
        let level_digests = &mut self.digests[level as usize];
        let before = if digest == zeros(level) {
            level_digests.remove(&index)
        } else {
            level_digests.insert(index, digest)
        };
        before.unwrap_or_else(|| zeros(level))
    }

    fn write(&mut self, blocks: &BTreeMap<u32, [u32; BLOCK]>) -> Vec<Node> {
        // Indices of the level below with their digests before; ascending, so siblings are neighbours.
        let mut below: Vec<(u32, Digest)> = Vec::with_capacity(blocks.len());
        for (&index, words) in blocks {
            if words == &[0; BLOCK] {
                self.blocks.remove(&index);
            } else {
                self.blocks.insert(index, *words);
            }
            below.push((index, self.set(LEVELS, index, leaf(words))));
        }
        let mut nodes = Vec::new();
        for level in (0..LEVELS).rev() {
            let mut here = Vec::with_capacity(below.len());
            for siblings in below.chunk_by(|a, b| a.0 / 2 == b.0 / 2) {
                let index = siblings[0].0 / 2;
                let after = [0, 1].map(|side| self.digest(level + 1, 2 * index + side));
                let mut before = after;
                let mut touched = [false; 2];
                for &(child, digest) in siblings {
                    let side = child as usize % 2;
                    before[side] = digest;
                    touched[side] = true;
                }
                here.push((index, self.set(level, index, compress(&after[0], &after[1]))));
                nodes.push(Node { level, index, touched, before, after });
            }
            below = here;
        }
        nodes
    }
}

/// The block of a word.
///
/// # Panics
///
/// If there is none.
fn block(address: u32) -> u32 {
    let index = address / BLOCK as u32;
    assert_eq!(index >> LEVELS, 0, "word {address:#x} is beyond the memory");
    index
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngCore, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::record::REGISTER_BASE;

    /// The root from the definition: block by block, subtrees without words by doubling.
    fn root(words: &BTreeMap<u32, u32>) -> Digest {
        subtree(words, 0, 0, 1 << (LEVELS + 3))
    }

    fn subtree(words: &BTreeMap<u32, u32>, level: u32, start: u64, end: u64) -> Digest {
        let mut inside = words.range(start as u32..=(end - 1) as u32);
        if level == LEVELS {
            return leaf(&core::array::from_fn(|i| {
                words.get(&(start as u32 + i as u32)).copied().unwrap_or(0)
            }));
        }
        if inside.next().is_none() {
            return (level..LEVELS).fold(leaf(&[0; 8]), |below, _| compress(&below, &below));
        }
        let middle = (start + end) / 2;
        compress(&subtree(words, level + 1, start, middle), &subtree(words, level + 1, middle, end))
    }

    fn block_of(index: u32, initial: [u32; 8], last: [u32; 8]) -> Block {
        Block { index, initial: initial.map(|word| (word, 0)), last: last.map(|word| (word, 5)) }
    }

    const CORNERS: [u32; 9] =
        [0, 1, 7, 8, 0x1000, REGISTER_BASE - 1, REGISTER_BASE, REGISTER_BASE + 32, (1 << 31) - 1];

    #[test]
    fn roots_are_those_of_the_definition() {
        let mut words = BTreeMap::new();
        assert_eq!(Tree::new(std::iter::empty()).root(), root(&words));
        for (i, address) in CORNERS.into_iter().enumerate() {
            words.insert(address, 0xffff_ffff - i as u32);
            let tree = Tree::new(words.iter().map(|(&a, &w)| (a, w)));
            assert_eq!(tree.root(), root(&words), "with {address:#x}");
        }
    }

    #[test]
    fn zero_words_are_no_words() {
        let tree = Tree::new(CORNERS.into_iter().map(|address| (address, 0)));
        assert_eq!(tree.root(), Tree::new(std::iter::empty()).root());
        assert_eq!(tree.digests.iter().map(HashMap::len).sum::<usize>() + tree.blocks.len(), 0);
    }

    #[test]
    fn updates_reach_the_fresh_tree_in_any_order() {
        let seed = 0x7ee;
        println!("seed {seed:#x}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tree = Tree::new([(3, 9), (REGISTER_BASE + 2, 1)].into_iter());
        let mut words = BTreeMap::from([(3, 9), (REGISTER_BASE + 2, 1)]);
        for step in 0..12 {
            let mut blocks = Vec::new();
            for index in [0, 1, 2, 5, 1 << 20, (1 << 27) - 1, 1 << 27, (1 << 27) + 1, (1 << 28) - 1] {
                if rng.next_u32() % 2 == 0 {
                    continue;
                }
                let initial = tree.words(index);
                // Zero now and then, so that blocks return to nothing.
                let last = if rng.next_u32() % 4 == 0 { [0; 8] } else { rng.gen() };
                for (i, word) in last.into_iter().enumerate() {
                    words.insert(index * 8 + i as u32, word);
                }
                blocks.push(block_of(index, initial, last));
            }
            let before = tree.root();
            let mut reversed = tree.clone();
            let nodes = tree.update(&blocks);
            assert_eq!(tree.root(), root(&words), "step {step}");
            assert_eq!(tree.root(), Tree::new(words.iter().map(|(&a, &w)| (a, w))).root());
            blocks.reverse();
            reversed.update(&blocks);
            assert_eq!(reversed.root(), tree.root());
            consistent(&nodes, &blocks, &before, &tree.root());
        }
        let nodes = tree.update(&[]);
        assert!(nodes.is_empty());
        assert_eq!(tree.root(), root(&words));
        let stored = tree.digests.iter().map(HashMap::len).sum::<usize>();
        assert!(stored <= 10 * (LEVELS as usize + 1), "{stored} digests");
    }

    /// The nodes are exactly the ancestors of the blocks, and each touched child is what is below it.
    fn consistent(nodes: &[Node], blocks: &[Block], before: &Digest, after: &Digest) {
        let mut below: BTreeMap<(u32, u32), (Digest, Digest)> = blocks
            .iter()
            .map(|b| ((LEVELS, b.index), (leaf(&b.initial.map(|w| w.0)), leaf(&b.last.map(|w| w.0)))))
            .collect();
        for node in nodes {
            for side in 0..2 {
                let child = below.remove(&(node.level + 1, 2 * node.index + side as u32));
                assert_eq!(child.is_some(), node.touched[side]);
                let (b, a) = child.unwrap_or((node.after[side], node.after[side]));
                assert_eq!((b, a), (node.before[side], node.after[side]));
            }
            assert!(node.touched[0] || node.touched[1]);
            let digests =
                (compress(&node.before[0], &node.before[1]), compress(&node.after[0], &node.after[1]));
            assert!(below.insert((node.level, node.index), digests).is_none());
        }
        if !blocks.is_empty() {
            assert_eq!(below.into_iter().collect::<Vec<_>>(), [((0, 0), (*before, *after))]);
        }
    }

    #[test]
    #[should_panic(expected = "words that the memory does not hold")]
    fn blocks_from_another_memory_are_refused() {
        Tree::new([(8, 1)].into_iter()).update(&[block_of(1, [2, 0, 0, 0, 0, 0, 0, 0], [0; 8])]);
    }

    #[test]
    #[should_panic(expected = "comes twice")]
    fn a_block_twice_is_refused() {
        let block = block_of(1, [0; 8], [1; 8]);
        Tree::new(std::iter::empty()).update(&[block, block]);
    }

    #[test]
    #[should_panic(expected = "beyond the memory")]
    fn addresses_beyond_the_memory_are_refused() {
        Tree::new([(1 << 31, 1)].into_iter());
    }
}

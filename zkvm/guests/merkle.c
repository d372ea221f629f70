// Membership proofs: that leaves are at their places in a tree of Poseidon2 digests.
// Input: the root (8 words), depth (at most 30), how many leaves; for each its index and digest (8 words). Hints: for each leaf its
// siblings, the lowest first. Output: the root, if all are in it. Exit code 1: one is not; 2: a word is out of range.
// The leaves' digests must be those of a hash that resists collisions: a node's is a permutation cut short, which alone does not.
#include "tree.h"

int main(void) {
    static uint32_t siblings[MAX_DEPTH][8];
    uint32_t expected[8], leaf[8], root[8];
    read_elements(expected, 8);
    uint32_t depth = read_word(), leaves = read_word();
    if (depth > MAX_DEPTH) return MALFORMED;
    while (leaves--) {
        uint32_t index = read_word();
        if (index >> depth) return MALFORMED;
        read_elements(leaf, 8);
        hint_elements(siblings[0], 8 * depth);
        climb(root, leaf, index, siblings, depth);
        if (!equal8(root, expected)) return MISMATCH;
    }
    write_words(expected, 8);
    return 0;
}

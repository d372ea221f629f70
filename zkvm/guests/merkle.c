// Membership proofs: that leaves are at their places in a tree of Poseidon2 digests.
// Input: the root (8 words), depth (at most 30), how many leaves; for each its index and digest (8 words). Hints: for each leaf its
// siblings, the lowest first. Output: the root that was computed last. Exit code 1: a root differs; 2: a word is out of range.
#include "tree.h"

int main(void) {
    static uint32_t siblings[MAX_DEPTH][8];
    uint32_t expected[8], leaf[8], root[8];
    read_elements(expected, 8);
    uint32_t depth = read_word(), leaves = read_word();
    if (depth > MAX_DEPTH) return MALFORMED;
    copy8(root, expected);
    while (leaves--) {
        uint32_t index = read_word();
        if (index >> depth) return MALFORMED;
        read_elements(leaf, 8);
        hint_elements(siblings[0], 8 * depth);
        climb(root, leaf, index, siblings, depth);
        if (!equal8(root, expected)) {
            write_words(root, 8);
            return MISMATCH;
        }
    }
    write_words(root, 8);
    return 0;
}

// Merkle trees of Poseidon2 digests: a node is the first 8 elements of Poseidon2-16(left, right).
#pragma once
#include "permafrost.h"

enum { P = 0x7f000001, MAX_DEPTH = 30 };

// The exit codes of guests that check trees.
enum { MISMATCH = 1, MALFORMED = 2 };

// n field elements from the hints.
static inline void hint_elements(uint32_t *to, int n) {
    while (n--) {
        uint32_t word = hint_word();
        if (word >= P) exit(MALFORMED);
        *to++ = word;
    }
}

// n field elements from the input.
static inline void read_elements(uint32_t *to, int n) {
    while (n--) {
        uint32_t word = read_word();
        if (word >= P) exit(MALFORMED);
        *to++ = word;
    }
}

static inline void copy8(uint32_t *restrict to, const uint32_t *restrict from) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) to[i] = from[i];
}

static inline int equal8(const uint32_t *a, const uint32_t *b) {
    uint32_t differ = 0;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) differ |= a[i] ^ b[i];
    return differ == 0;
}

// From the leaf at `index` to the root, over `depth` siblings of 8 words each, the lowest first.
static void climb(uint32_t root[8], const uint32_t leaf[8], uint32_t index, const uint32_t (*siblings)[8], uint32_t depth) {
    copy8(root, leaf);
    for (uint32_t level = 0; level < depth; level++) {
        uint32_t pair[16], right = (index >> level & 1) * 8;
        copy8(pair + right, root);
        copy8(pair + (8 - right), siblings[level]);
        poseidon2(pair);
        copy8(root, pair);
    }
}

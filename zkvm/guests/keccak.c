// Input: n. Output: the first 8 words of Keccak-f[1600] applied n times to the zero state.
#include "permafrost.h"

#ifndef PRECOMPILE
static const uint64_t RC[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotl(uint64_t x, int n) { return n == 0 ? x : x << n | x >> (64 - n); }

static void permute(uint64_t a[25]) {
    // Lane 5y + x goes to lane 5(2x + 3y mod 5) + y, turned by the offset.
    static const uint8_t OFFSET[25] = {0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14};
    for (int round = 0; round < 24; round++) {
        uint64_t c[5], b[25];
#pragma GCC unroll 5
        for (int x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma GCC unroll 5
        for (int x = 0; x < 5; x++) {
            uint64_t d = c[(x + 4) % 5] ^ rotl(c[(x + 1) % 5], 1);
#pragma GCC unroll 5
            for (int y = 0; y < 5; y++) b[5 * ((2 * x + 3 * y) % 5) + y] = rotl(a[5 * y + x] ^ d, OFFSET[5 * y + x]);
        }
        for (int y = 0; y < 25; y += 5)
#pragma GCC unroll 5
            for (int x = 0; x < 5; x++) a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
        a[0] ^= RC[round];
    }
}
#else
#define permute keccak_f
#endif

int main(void) {
    static uint64_t state[25];
    for (uint32_t n = read_word(); n != 0; n--) permute(state);
    write_words((const uint32_t *)state, 8);
    return 0;
}

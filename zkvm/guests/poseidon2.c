// Input: n. Output: the first 8 elements of Poseidon2-16 over KoalaBear applied n times to 0, 1, ..., 15.
#include "permafrost.h"

#ifndef PRECOMPILE
// The permutation of https://eprint.iacr.org/2023/323 with alpha = 3, 8 full and 20 partial rounds. Its numbers, from Plonky3's crate
// p3-koala-bear 0.9: round constants by the Grain LFSR for (n = 31, t = 16, R_F = 8, R_P = 20); the diagonal is
// [-2, 1, 2, 1/2, 3, 4, -1/2, -3, -4, 1/2^8, 1/8, 1/2^24, -1/2^8, -1/8, -1/16, -1/2^24].
enum { P = 0x7f000001 };

// Elements are kept as x 2^32 mod P (Montgomery); M turns a constant into that.
#define M(x) (uint32_t)(((uint64_t)(x) << 32) % P)
#define HALVED(k) M((P - 1) / (1u << (k)) * ((1u << (k)) - 1) + 1)  // 2^-k, for k at most 24
#define MINUS(m) (P - (m))

static const uint32_t FULL[8][16] = {
    {M(0x7ee56a48), M(0x11367045), M(0x12e41941), M(0x7ebbc12b), M(0x1970b7d5), M(0x662b60e8), M(0x3e4990c6), M(0x679f91f5),
     M(0x350813bb), M(0x00874ad4), M(0x28a0081a), M(0x18fa5872), M(0x5f25b071), M(0x5e5d5998), M(0x5e6fd3e7), M(0x5b2e2660)},
    {M(0x6f1837bf), M(0x3fe6182b), M(0x1edd7ac5), M(0x57470d00), M(0x43d486d5), M(0x1982c70f), M(0x0ea53af9), M(0x61d6165b),
     M(0x51639c00), M(0x2dec352c), M(0x2950e531), M(0x2d2cb947), M(0x08256cef), M(0x1a0109f6), M(0x1f51faf3), M(0x5cef1c62)},
    {M(0x3d65e50e), M(0x33d91626), M(0x133d5a1e), M(0x0ff49b0d), M(0x38900cd1), M(0x2c22cc3f), M(0x28852bb2), M(0x06c65a02),
     M(0x7b2cf7bc), M(0x68016e1a), M(0x15e16bc0), M(0x5248149a), M(0x6dd212a0), M(0x18d6830a), M(0x5001be82), M(0x64dac34e)},
    {M(0x5902b287), M(0x426583a0), M(0x0c921632), M(0x3fe028a5), M(0x245f8e49), M(0x43bb297e), M(0x7873dbd9), M(0x3cc987df),
     M(0x286bb4ce), M(0x640a8dcd), M(0x512a8e36), M(0x03a4cf55), M(0x481837a2), M(0x03d6da84), M(0x73726ac7), M(0x760e7fdf)},
    {M(0x43e7dc24), M(0x259a5d61), M(0x27e85a3b), M(0x1b9133fa), M(0x343e5628), M(0x485cd4c2), M(0x16e269f5), M(0x165b60c6),
     M(0x25f683d9), M(0x124f81f9), M(0x174331f9), M(0x77344dc5), M(0x5a821dba), M(0x5fc4177f), M(0x54153bf5), M(0x5e3f1194)},
    {M(0x3bdbf191), M(0x088c84a3), M(0x68256c9b), M(0x3c90bbc6), M(0x6846166a), M(0x03f4238d), M(0x463335fb), M(0x5e3d3551),
     M(0x6e59ae6f), M(0x32d06cc0), M(0x596293f3), M(0x6c87edb2), M(0x08fc60b5), M(0x34bcca80), M(0x24f007f3), M(0x62731c6f)},
    {M(0x1e1db6c6), M(0x0ca409bb), M(0x585c1e78), M(0x56e94edc), M(0x16d22734), M(0x18e11467), M(0x7b2c3730), M(0x770075e4),
     M(0x35d1b18c), M(0x22be3db5), M(0x4fb1fbb7), M(0x477cb3ed), M(0x7d5311c6), M(0x5b62ae7d), M(0x559c5fa8), M(0x77f15048)},
    {M(0x3211570b), M(0x490fef6a), M(0x77ec311f), M(0x2247171b), M(0x4e0ac711), M(0x2edf69c9), M(0x3b5a8850), M(0x65809421),
     M(0x5619b4aa), M(0x362019a7), M(0x6bf9d4ed), M(0x5b413dff), M(0x617e181e), M(0x5e7ab57b), M(0x33ad7833), M(0x3466c7ca)},
};
static const uint32_t PARTIAL[20] = {
    M(0x54dfeb5d), M(0x7d40afd6), M(0x722cb316), M(0x106a4573), M(0x45a7ccdb), M(0x44061375), M(0x154077a5), M(0x45744faa),
    M(0x4eb5e5ee), M(0x3794e83f), M(0x47c7093c), M(0x5694903c), M(0x69cb6299), M(0x373df84c), M(0x46a0df58), M(0x46b8758a),
    M(0x3241ebcb), M(0x0b09d233), M(0x1af42357), M(0x1e66cec2),
};
static const uint32_t DIAGONAL[16] = {
    MINUS(M(2)), M(1), M(2), HALVED(1), M(3), M(4), MINUS(HALVED(1)), MINUS(M(3)), MINUS(M(4)), HALVED(8), HALVED(3), HALVED(24),
    MINUS(HALVED(8)), MINUS(HALVED(3)), MINUS(HALVED(4)), MINUS(HALVED(24)),
};

static inline uint32_t add(uint32_t a, uint32_t b) {
    uint32_t sum = a + b;
    return sum < P ? sum : sum - P;
}

// a b / 2^32.
static inline uint32_t mul(uint32_t a, uint32_t b) {
    uint64_t product = (uint64_t)a * b;
    uint32_t q = (uint32_t)product * 0x81000001u; // 1 / P modulo 2^32
    uint32_t r = (product >> 32) - (uint32_t)((uint64_t)q * P >> 32);
    return (int32_t)r < 0 ? r + P : r;
}

static inline uint32_t cube(uint32_t x) { return mul(x, mul(x, x)); }

// Each four elements times the circulant of (2, 3, 1, 1); then to each element the sum of those at its place in the fours.
static void external(uint32_t s[16]) {
    uint32_t sums[4] = {0};
    for (uint32_t *x = s; x < s + 16; x += 4) {
        uint32_t a = add(x[0], x[1]), b = add(x[1], x[2]), c = add(x[2], x[3]), d = add(x[3], x[0]), all = add(a, c);
        uint32_t y[4] = {add(add(all, a), x[1]), add(add(all, b), x[2]), add(add(all, c), x[3]), add(add(all, d), x[0])};
        for (int i = 0; i < 4; i++) {
            x[i] = y[i];
            sums[i] = add(sums[i], y[i]);
        }
    }
    for (int i = 0; i < 16; i++) s[i] = add(s[i], sums[i % 4]);
}

static void full_rounds(uint32_t s[16], const uint32_t (*constants)[16]) {
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 16; i++) s[i] = cube(add(s[i], constants[round][i]));
        external(s);
    }
}

static void permute(uint32_t s[16]) {
    for (int i = 0; i < 16; i++) s[i] = mul(s[i], M(M(1)));
    external(s);
    full_rounds(s, FULL);
    for (int round = 0; round < 20; round++) {
        uint32_t sum = 0;
        s[0] = cube(add(s[0], PARTIAL[round]));
        for (int i = 0; i < 16; i++) sum = add(sum, s[i]);
        for (int i = 0; i < 16; i++) s[i] = add(sum, mul(s[i], DIAGONAL[i]));
    }
    full_rounds(s, FULL + 4);
    for (int i = 0; i < 16; i++) s[i] = mul(s[i], 1);
}
#else
#define permute poseidon2
#endif

int main(void) {
    uint32_t state[16];
    for (uint32_t i = 0; i < 16; i++) state[i] = i;
    for (uint32_t n = read_word(); n != 0; n--) permute(state);
    write_words(state, 8);
    return 0;
}

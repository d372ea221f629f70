// The services of the machine: `ecall` with the service's number in a7. The numbers are those of zkvm/src/isa.rs.
#pragma once
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);

enum { EXIT = 93, READ = 1, WRITE = 2, HINT = 3, POSEIDON2 = 16, SHA256 = 17, KECCAK = 18 };

static inline uint32_t service(uint32_t number, uint32_t first, uint32_t second) {
    register uint32_t a7 __asm__("a7") = number;
    register uint32_t a0 __asm__("a0") = first;
    register uint32_t a1 __asm__("a1") = second;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1) : "memory");
    return a0;
}

// A service that touches no memory and looks at no second operand.
static inline uint32_t simple(uint32_t number, uint32_t value) {
    register uint32_t a7 __asm__("a7") = number;
    register uint32_t a0 __asm__("a0") = value;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7));
    return a0;
}

// Ends the program.
static inline _Noreturn void exit(uint32_t code) {
    simple(EXIT, code);
    __builtin_unreachable();
}

// The next word of the public input.
static inline uint32_t read_word(void) { return simple(READ, 0); }

// The next word of the private hints: whatever the prover likes, to be checked.
static inline uint32_t hint_word(void) { return simple(HINT, 0); }

// Appends a word to the public output.
static inline void write_word(uint32_t word) { simple(WRITE, word); }

static inline void write_words(const uint32_t *words, size_t n) {
    for (size_t i = 0; i < n; i++) write_word(words[i]);
}

// Poseidon2 over 16 KoalaBear elements (words below p), in place.
static inline void poseidon2(uint32_t state[16]) { service(POSEIDON2, (uint32_t)state, 0); }

// One block of SHA-256: the state in place, the block as 16 words (big-endian bytes already turned into numbers).
static inline void sha256_compress(uint32_t state[8], const uint32_t block[16]) {
    service(SHA256, (uint32_t)state, (uint32_t)block);
}

// Keccak-f[1600] in place: 25 lanes.
static inline void keccak_f(uint64_t state[25]) { service(KECCAK, (uint32_t)state, 0); }

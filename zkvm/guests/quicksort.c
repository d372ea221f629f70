// Input: n (at most 8192) and a seed. Sorts n words of a xorshift generator. Output: their sum before, and the sum of each times
// its place (from 1) after, both modulo 2^32. Exit code 1: not sorted, or not the same words by their sum; 2: n is too large.
#include "permafrost.h"

static uint32_t words[8192];

static void sort(uint32_t *from, uint32_t *to) { // from the first to the last
    while (from < to) {
        uint32_t pivot = from[(to - from) / 2], *i = from, *j = to;
        for (;;) {
            while (*i < pivot) i++;
            while (*j > pivot) j--;
            if (i >= j) break;
            uint32_t t = *i;
            *i++ = *j;
            *j-- = t;
        }
        // The shorter part on the stack, the longer part in this loop.
        if (j - from < to - j) {
            sort(from, j);
            from = j + 1;
        } else {
            sort(j + 1, to);
            to = j;
        }
    }
}

int main(void) {
    uint32_t n = read_word(), x = read_word(), before = 0, after = 0, weighted = 0;
    if (n > 8192) return 2;
    for (uint32_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        words[i] = x;
        before += x;
    }
    if (n > 1) sort(words, words + n - 1);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && words[i - 1] > words[i]) return 1;
        after += words[i];
        weighted += (i + 1) * words[i];
    }
    if (before != after) return 1;
    write_word(before);
    write_word(weighted);
    return 0;
}

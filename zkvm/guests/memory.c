// What gcc may call although nobody wrote it.
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((((uintptr_t)t | (uintptr_t)f) & 3) == 0)
        for (; n >= 4; n -= 4, t += 4, f += 4) *(uint32_t *)t = *(const uint32_t *)f;
    while (n--) *t++ = *f++;
    return to;
}

void *memset(void *to, int byte, size_t n) {
    uint8_t *t = to;
    uint32_t word = (uint8_t)byte * 0x01010101u;
    if (((uintptr_t)t & 3) == 0)
        for (; n >= 4; n -= 4, t += 4) *(uint32_t *)t = word;
    while (n--) *t++ = (uint8_t)byte;
    return to;
}

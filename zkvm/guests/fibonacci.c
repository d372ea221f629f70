// Input: n. Output: the n-th Fibonacci number modulo 10^9 + 7.
#include "permafrost.h"

int main(void) {
    uint32_t a = 0, b = 1;
    for (uint32_t n = read_word(); n != 0; n--) {
        uint32_t next = (a + b) % 1000000007u;
        a = b;
        b = next;
    }
    write_word(a);
    return 0;
}

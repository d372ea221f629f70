// A state transition function: transfers between accounts that are the leaves of a tree of Poseidon2 digests. Who may order a
// transfer (signatures) is not checked here.
// Input: the root before (8 words), depth (at most 30), how many transfers; for each: from, to, amount, nonce. Hints: for each
// transfer the account of `from` (balance, nonce) and its siblings, then the account of `to` and its siblings in the tree after the
// withdrawal. Output: the root after. Exit codes: 1 an account is not in the tree, 2 a word is out of range, 3 overdraft,
// 4 wrong nonce, 5 a balance reaches 2^30.
#include "tree.h"

enum { OVERDRAFT = 3, NONCE = 4, OVERFLOW = 5, LIMIT = 1 << 30 };

typedef struct {
    uint32_t balance, nonce;
} Account;

static uint32_t root[8], siblings[MAX_DEPTH][8], depth;

// The digest of an account: Poseidon2-16(balance, nonce, 0, ...). The 14 zeros make it resist collisions.
static void digest(uint32_t to[8], Account account) {
    uint32_t state[16] = {account.balance, account.nonce};
    poseidon2(state);
    copy8(to, state);
}

// The account at `index` as the hints tell it, checked against the root.
static Account open(uint32_t index) {
    Account account;
    account.balance = hint_word();
    account.nonce = hint_word();
    if (index >> depth || account.balance >= LIMIT || account.nonce >= LIMIT) exit(MALFORMED);
    hint_elements(siblings[0], 8 * depth);
    uint32_t leaf[8], computed[8];
    digest(leaf, account);
    climb(computed, leaf, index, siblings, depth);
    if (!equal8(computed, root)) exit(MISMATCH);
    return account;
}

// Writes the account just opened.
static void close(uint32_t index, Account account) {
    uint32_t leaf[8];
    digest(leaf, account);
    climb(root, leaf, index, siblings, depth);
}

int main(void) {
    read_elements(root, 8);
    depth = read_word();
    if (depth > MAX_DEPTH) return MALFORMED;
    for (uint32_t transfers = read_word(); transfers != 0; transfers--) {
        uint32_t from = read_word(), to = read_word(), amount = read_word(), nonce = read_word();
        Account account = open(from);
        if (account.nonce != nonce) return NONCE;
        if (account.balance < amount) return OVERDRAFT;
        account.balance -= amount;
        account.nonce++;
        close(from, account);
        account = open(to);
        account.balance += amount;
        if (account.balance >= LIMIT) return OVERFLOW;
        close(to, account);
    }
    write_words(root, 8);
    return 0;
}

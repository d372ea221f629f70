// Poseidon over the scalar field of BN254, x^5, t = 3, 8 full and 57 partial rounds (128-bit security).
//
// Written from the paper (Grassi, Khovratovich, Rechberger, Roy, Schofnegger: "Poseidon", USENIX Security 2021,
// appendix on the Grain LFSR). Both the circuit's constants and the witness' hashes come from this file:
//   node poseidon.js   prints poseidon_constants.circom
"use strict";

const P = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const FIELD_BITS = 254;
const T = 3;
const FULL_ROUNDS = 8;
const PARTIAL_ROUNDS = 57;

const mod = (x) => ((x % P) + P) % P;

function power(base, exponent) {
    let result = 1n;
    for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) {
        if (e & 1n) result = mod(result * b);
    }
    return result;
}

const inverse = (x) => power(x, P - 2n);

// The self-shrinking Grain LFSR, seeded with the parameters of the instance.
function* grain() {
    const state = [];
    const seed = (value, bits) => {
        for (let i = bits - 1; i >= 0; i--) state.push((value >> i) & 1);
    };
    seed(1, 2); // prime field
    seed(0, 4); // S-box x^alpha
    seed(FIELD_BITS, 12);
    seed(T, 12);
    seed(FULL_ROUNDS, 10);
    seed(PARTIAL_ROUNDS, 10);
    for (let i = 0; i < 30; i++) state.push(1);
    const step = () => {
        const bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0];
        state.shift();
        state.push(bit);
        return bit;
    };
    for (let i = 0; i < 160; i++) step();
    for (;;) {
        const keep = step();
        const bit = step();
        if (keep) yield bit;
    }
}

function parameters() {
    const bits = grain();
    const integer = () => {
        let value = 0n;
        for (let i = 0; i < FIELD_BITS; i++) value = (value << 1n) | BigInt(bits.next().value);
        return value;
    };
    const roundConstants = [];
    while (roundConstants.length < T * (FULL_ROUNDS + PARTIAL_ROUNDS)) {
        const value = integer();
        if (value < P) roundConstants.push(value);
    }
    // A Cauchy matrix from 2t distinct elements.
    const list = Array.from({ length: 2 * T }, () => mod(integer()));
    if (new Set(list).size !== list.length) throw new Error("Poseidon: the Cauchy elements are not distinct");
    const matrix = [];
    for (let i = 0; i < T; i++) {
        matrix.push(Array.from({ length: T }, (_, j) => inverse(list[i] + list[T + j])));
    }
    return { roundConstants, matrix };
}

const { roundConstants, matrix } = parameters();

// The two-to-one hash: capacity element 0 first, output is the first element.
function poseidon2(left, right) {
    let state = [0n, mod(left), mod(right)];
    for (let round = 0; round < FULL_ROUNDS + PARTIAL_ROUNDS; round++) {
        const full = round < FULL_ROUNDS / 2 || round >= FULL_ROUNDS / 2 + PARTIAL_ROUNDS;
        state = state.map((x, i) => mod(x + roundConstants[T * round + i]));
        state = state.map((x, i) => (full || i === 0 ? power(x, 5n) : x));
        state = matrix.map((row) => mod(row.reduce((sum, m, j) => sum + m * state[j], 0n)));
    }
    return state[0];
}

// Published value of this instance, an independent check of the constants and of the round order.
const KNOWN = 7853200120776062878684798364095072458815029376092732009249414926327459813530n;
if (poseidon2(1n, 2n) !== KNOWN) throw new Error("Poseidon: hash of (1, 2) is not the published value");

function constantsCircom() {
    const hex = (x) => "0x" + x.toString(16);
    const lines = [
        "// Written by poseidon.js; do not edit.",
        "pragma circom 2.0.0;",
        "",
        `function POSEIDON_ROUND_CONSTANTS() {`,
        `    return [`,
        roundConstants.map((c) => "        " + hex(c)).join(",\n"),
        "    ];",
        "}",
        "",
        "function POSEIDON_MATRIX() {",
        "    return [",
        matrix.map((row) => "        [" + row.map(hex).join(",\n         ") + "]").join(",\n"),
        "    ];",
        "}",
    ];
    return lines.join("\n") + "\n";
}

module.exports = { P, poseidon2 };
if (require.main === module) process.stdout.write(constantsCircom());

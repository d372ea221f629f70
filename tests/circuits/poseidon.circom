pragma circom 2.0.0;

include "poseidon_constants.circom";

template FifthPower() {
    signal input in;
    signal output out;
    signal square <== in * in;
    signal fourth <== square * square;
    out <== fourth * in;
}

// Two-to-one Poseidon: t = 3, 8 full rounds around 57 partial ones, capacity element 0 first.
// 243 multiplications; the linear layers cost no constraint.
template Poseidon2() {
    signal input left;
    signal input right;
    signal output out;

    var T = 3;
    var FULL = 8;
    var PARTIAL = 57;
    var ROUNDS = FULL + PARTIAL;
    var C[195] = POSEIDON_ROUND_CONSTANTS();
    var M[3][3] = POSEIDON_MATRIX();

    component power[65][3];
    signal state[66][3];
    state[0][0] <== 0;
    state[0][1] <== left;
    state[0][2] <== right;

    for (var round = 0; round < ROUNDS; round++) {
        var full = round < FULL / 2 || round >= FULL / 2 + PARTIAL;
        var boxed[3];
        for (var i = 0; i < T; i++) {
            if (full || i == 0) {
                power[round][i] = FifthPower();
                power[round][i].in <== state[round][i] + C[T * round + i];
                boxed[i] = power[round][i].out;
            } else {
                boxed[i] = state[round][i] + C[T * round + i];
            }
        }
        for (var i = 0; i < T; i++) {
            state[round + 1][i] <== M[i][0] * boxed[0] + M[i][1] * boxed[1] + M[i][2] * boxed[2];
        }
    }
    out <== state[ROUNDS][0];
}

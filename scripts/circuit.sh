#!/bin/sh
# Compiles the test circuit and makes its proving key, verification key and witness with circom and snarkjs (npm).
#
#   scripts/circuit.sh [OUT]     OUT: default tests/circuits/build
#
# The setup is a TEST SETUP. Both of its "contributions" are beacons with the constants below, so that anybody gets the
# same files byte for byte, and so that anybody can compute its toxic waste and forge proofs. Never use it in production.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/tests/circuits
out=${1:-$here/build}
power=12    # 2^12 points: the circuit has 3384 constraints and 4 public wires
beacon1=7065726d6166726f7374207465737420706f77657273206f66207461752e2e2e
beacon2=7065726d6166726f7374207465737420636972637569742070686173652e2e2e

say() { echo "circuit: $*"; }
# The tools' own chatter goes to a log that is shown when one of them fails.
quietly() {
    if ! "$@" >"$out/tool.log" 2>&1; then
        cat "$out/tool.log" >&2
        echo "circuit: failed: $*" >&2
        exit 1
    fi
}

mkdir -p "$out"
out=$(cd "$out" && pwd)
"$root/scripts/npm.sh"
bin=$here/node_modules/.bin
snarkjs() { quietly "$bin/snarkjs" "$@"; }

say "compile membership.circom"
# The compiler runs in a sandbox that sees its working directory only.
cp "$here"/*.circom "$out/"
cd "$out"
node "$here/poseidon.js" >poseidon_constants.circom
quietly "$bin/circom2" membership.circom --r1cs --wasm --O2 -o .

say "powers of tau, 2^$power (test setup)"
snarkjs powersoftau new bn128 $power tau_0.ptau
snarkjs powersoftau beacon tau_0.ptau tau_1.ptau $beacon1 10
snarkjs powersoftau prepare phase2 tau_1.ptau tau.ptau

say "groth16 keys (test setup)"
snarkjs groth16 setup membership.r1cs tau.ptau membership_0.zkey
snarkjs zkey beacon membership_0.zkey membership.zkey $beacon2 10
snarkjs zkey verify membership.r1cs tau.ptau membership.zkey
snarkjs zkey export verificationkey membership.zkey verification_key.json

say "witness"
node "$here/input.js" input.json public.json
snarkjs wtns calculate membership_js/membership.wasm input.json membership.wtns
snarkjs wtns check membership.r1cs membership.wtns
rm -f tool.log tau_0.ptau tau_1.ptau membership_0.zkey
say "written to $out"

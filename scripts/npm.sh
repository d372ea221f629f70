#!/bin/sh
# Installs the pinned npm packages of the test circuits (circom compiler, snarkjs) when they are not there yet.
set -eu
here=$(cd "$(dirname "$0")/../tests/circuits" && pwd)
stamp=$here/node_modules/.installed
if [ -f "$stamp" ] && cmp -s "$stamp" "$here/package-lock.json"; then
    exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
    echo "npm: not found. The circuit tools need Node.js 18 or newer; on Debian: scripts/setup.sh --tests" >&2
    exit 1
fi
echo "npm: install the circuit tools into tests/circuits/node_modules"
cd "$here"
npm ci --no-audit --no-fund --loglevel=error
cp package-lock.json "$stamp"

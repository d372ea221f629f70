#!/bin/sh
# Installs what `make formal` needs besides Debian's packages and prints the folder to put into PATH.
#
# A Python environment with bitwuzla and z3 in the cache (PERMAFROST_CACHE, otherwise ~/.cache/permafrost), and a wrapper that makes
# bitwuzla, which is published as a Python module only, a program that reads SMT-LIB. Silent when it is all there.
set -eu

bitwuzla=0.9.1
z3=5.4.0.0
cache=${PERMAFROST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/permafrost}/formal
env=$cache/bitwuzla-$bitwuzla-z3-$z3

if [ ! -x "$env/bin/bitwuzla" ]; then
    command -v python3 >/dev/null 2>&1 || { echo "formal: python3 not found; on Debian: apt-get install python3-venv" >&2; exit 1; }
    echo "formal: install bitwuzla $bitwuzla and z3 $z3 into $env" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    # Not `--copies`: the environment is moved, so programs are called by the interpreter's new path below.
    python3 -m venv "$new/env" >&2 || { echo "formal: python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 1; }
    "$new/env/bin/python3" -m pip install --quiet --disable-pip-version-check "bitwuzla==$bitwuzla" "z3-solver==$z3" >&2
    cat >"$new/env/bin/bitwuzla" <<EOF
#!$env/bin/python3
import ctypes
import sys

import bitwuzla

# Replies must reach the pipe line by line.
libc = ctypes.CDLL(None)
libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, 1, 0)
if "--help" in sys.argv:
    print("--lang --time-limit")
    sys.exit()
if "--version" in sys.argv:
    print(bitwuzla.version())
    sys.exit()
files = [a for a in sys.argv[1:] if not a.startswith("-") and a != "smt2"]
bitwuzla.Parser(bitwuzla.TermManager(), bitwuzla.Options()).parse(files[0] if files else "<stdin>", False, True)
EOF
    chmod +x "$new/env/bin/bitwuzla"
    rm -rf "$env"
    mv "$new/env" "$env"
fi
echo "$env/bin"

#!/bin/sh
# Makes sure that the tools which cargo cannot bring are there.
#
#   scripts/setup.sh           what `make demo` needs: Rust, g++, make, Verilator, ccache, zlib's header
#   scripts/setup.sh --tests   also what `make test` needs: yosys, Node.js and npm, Python's venv
#   scripts/setup.sh --guests  only what `make guests` needs: the RISC-V compiler, make, Python
#
# Silent when nothing is missing. On Debian and its relatives it installs what is missing with apt-get, as root or
# through sudo; anywhere else, or when it may not, it names what is missing and stops.
set -eu

tests=no
guests=no
case ${1:-} in
    "") ;;
    --tests) tests=yes ;;
    --guests) guests=yes ;;
    *) echo "usage: scripts/setup.sh [--tests | --guests]" >&2; exit 2 ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }
missing=
need() { # tool, package
    have "$1" || missing="$missing $2"
}

if [ $guests = yes ]; then
    need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
    need make make
    need python3 python3
else
    need g++ g++
    need make make
    need verilator verilator
    need ccache ccache
    # Verilator's waveform writer includes it.
    echo '#include <zlib.h>' | g++ -fsyntax-only -x c++ - 2>/dev/null || missing="$missing zlib1g-dev"
fi
if [ $tests = yes ]; then
    need yosys yosys
    need node nodejs
    need npm npm
    # The solvers of the formal proofs live in a Python environment: scripts/formal.sh.
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
fi

by_hand() {
    echo "setup: $1" >&2
    echo "setup: please install:$missing" >&2
    if have dnf; then echo "setup: for example: dnf install$missing" >&2
    elif have pacman; then echo "setup: for example: pacman -S$missing" >&2
    elif have brew; then echo "setup: for example: brew install$missing" >&2
    else echo "setup: the names are those of the Debian 12 packages" >&2; fi
    exit 1
}

if [ -n "$missing" ]; then
    have apt-get || by_hand "this system has no apt-get"
    if [ "$(id -u)" = 0 ]; then as_root=
    elif have sudo && sudo -n true 2>/dev/null; then as_root="sudo -n"
    else
        echo "setup: missing:$missing" >&2
        echo "setup: not root and no password-less sudo; please run:" >&2
        echo "    sudo apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "setup: install with apt-get:$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086  # the lists are meant to be split
    if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get failed; the whole log is $log" >&2
        exit 1
    fi
    rm -f "$log"
fi

# The rest is about what builds the project itself.
[ $guests = no ] || exit 0

# Versions: the oldest ones this project is built with.
at_least() { # name, found, wanted, advice
    lowest=$(printf '%s\n%s\n' "$2" "$3" | sort -V | head -n 1)
    if [ "$lowest" != "$3" ]; then
        echo "setup: $1 $2 is too old; $3 or newer is needed. $4" >&2
        exit 1
    fi
}
if ! have cargo; then
    echo "setup: cargo not found: install Rust 1.85 or newer with rustup" >&2
    exit 1
fi
at_least rustc "$(rustc --version | cut -d' ' -f2)" 1.85.0 "Update it with: rustup update"
at_least verilator "$(verilator --version | cut -d' ' -f2)" 5.006 "Debian 12 and later have it."
if [ $tests = yes ]; then
    at_least node "$(node --version | tr -d v)" 18.0.0 "Debian 12 and later have it."
fi

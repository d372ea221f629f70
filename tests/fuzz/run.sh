#!/bin/sh
# Builds one fuzz target with coverage counters and runs it: tests/fuzz/run.sh TARGET [libFuzzer options], or [inputs] to run again.
# Needs the stable toolchain and a C++ compiler, not cargo-fuzz. PERMAFROST_ASAN=1: with AddressSanitizer.
set -eu
target=${1:?usage: run.sh TARGET [libFuzzer options, for example -runs=100000]}
shift
here=$(cd "$(dirname "$0")" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
out=${CARGO_TARGET_DIR:-$here/../../target}/fuzz
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions -Cdebuginfo=1"
if [ -n "${PERMAFROST_ASAN:-}" ]; then
    # The sanitizer is in the stable toolchain; only its switch is not stable.
    export RUSTC_BOOTSTRAP=1
    flags="$flags -Zsanitizer=address"
    out=$out-asan
fi
# With --target, so that build scripts and procedural macros are built without the counters.
RUSTFLAGS=$(echo $flags) CARGO_TARGET_DIR=$out \
    ${CARGO:-cargo} build --quiet --locked --release --target "$host" --manifest-path "$here/Cargo.toml" --bin "$target"
# Longer inputs only cost time; the options of the caller come later and win.
case $target in
    vfio_user_message | pci_config) max_len=512 ;;
    completion | vfio_user_client) max_len=200 ;;
    zkey) max_len=2600 ;;
    wtns) max_len=600 ;;
    *) max_len=400 ;;
esac
# New inputs go to the first directory, crashes to artifacts/.
corpus=$here/corpus/$target
mkdir -p "$corpus" "$here/artifacts/$target"
files=
for argument; do
    case $argument in -*) ;; *) files=yes ;; esac
done
# Inputs that are named are run, nothing else.
[ -n "$files" ] || set -- "$@" "$corpus" "$here/seeds/$target"
exec "$out/$host/release/$target" -artifact_prefix="$here/artifacts/$target/" -rss_limit_mb=1024 \
    -malloc_limit_mb=256 -timeout=10 -max_len="$max_len" "$@"

#!/bin/sh
# The memory contract, the driver's own tests and the driver against the fake card under Miri; names what is missing.
set -eu
cargo=${CARGO:-cargo}
if ! "$cargo" +nightly --version >/dev/null 2>&1; then
    echo "test-miri: there is no nightly toolchain; run: rustup toolchain install nightly --component miri,rust-src" >&2
    exit 1
fi
if ! "$cargo" +nightly miri --version >/dev/null 2>&1; then
    echo "test-miri: the nightly toolchain has no Miri; run: rustup component add miri rust-src --toolchain nightly" >&2
    exit 1
fi
# The fake card and the driver look at clocks.
MIRIFLAGS="-Zmiri-disable-isolation ${MIRIFLAGS:-}"
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri
export MIRIFLAGS CARGO_TARGET_DIR
"$cargo" +nightly miri test --locked --package permafrost-abi --lib transport
# sysfs asks the system about real files in ways that Miri does not know; it has no unsafe code.
"$cargo" +nightly miri test --locked --package permafrost-driver --lib -- --skip sysfs
# Minutes each, by code that the others run too: huge regions are zeroed word by word; threads wait for each other's memory.
"$cargo" +nightly miri test --locked --package permafrost-driver --test faults -- memory completions \
    --skip empty_regions_are_given_back --skip dma_memory_is_bounded_and_shared

#!/bin/sh
# Breaks the hardware in a copy of the tree, one change at a time, and expects the proofs to fail each time.
#
#   scripts/formal-sabotage.sh
#
# Ends with an error when a broken design passes, when the failure is not that of a proof, or when a change no longer fits the source.
set -eu
cd "$(dirname "$0")/.."
bin=$(scripts/formal.sh)
PATH=$bin:$PATH
export PATH
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git archive HEAD | tar -x -C "$copy"
# One target folder for all: only what changes is built again.
CARGO_TARGET_DIR=$copy/target
export CARGO_TARGET_DIR

# name, file, the line's text before, after (sed), what to prove
broken() {
    name=$1 file=$2 before=$3 after=$4
    shift 4
    cp "$copy/$file" "$copy/kept"
    sed -i "s/$before/$after/" "$copy/$file"
    if cmp -s "$copy/$file" "$copy/kept"; then
        echo "sabotage: $name: \`$before\` is not in $file any more" >&2
        exit 1
    fi
    (cd "$copy" && cargo build --quiet --locked --package permafrost-formal)
    status=0
    (cd "$copy" && "$CARGO_TARGET_DIR/debug/permafrost-formal" "$@") >"$copy/said" 2>&1 || status=$?
    if [ $status -ne 1 ] || ! grep -q "not proved\|refuted:" "$copy/said"; then
        echo "sabotage: $name ($file): the proofs end with $status:" >&2
        tail -n 20 "$copy/said" >&2
        exit 1
    fi
    echo "sabotage: $name ($file): the proofs fail, as they must:"
    grep "not proved\|refuted:" "$copy/said" | head -n 4 | cut -c 1-200 | sed 's/^/    /'
    # Newer than what was built of it.
    cp "$copy/kept" "$copy/$file"
    touch "$copy/$file"
}

broken "a wrong constant in the reduction" rtl/src/field/mod.rs \
    '\&m - inv$' '(\&m - inv) ^ BigUint::from(2u32)' \
    --only graph/fq_mul --only small/8
broken "a dropped carry" rtl/src/field/mont.rs \
    't\[i + 1\] = c.g.add(t\[i + 1\], up);' 'let _ = up;' \
    --only graph/fq_mul --only small/8
broken "a swapped bucket index" rtl/src/msm/lane/queues.rs \
    'queue_at\[put\] <= n1_at;' 'queue_at[put] <= r_at;' \
    --only "msm unit"
broken "an off-by-one in a ring" rtl/src/card/queue.rs \
    'next_cq = cq_tail + 1'"'"'b1 == cq_entries' 'next_cq = cq_tail == cq_entries' \
    --only "queue completion" --only "queue submission"

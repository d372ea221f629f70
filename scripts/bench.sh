#!/bin/sh
# The tables of docs/benchmarks.md: multi-scalar multiplications on the simulated card, in clock cycles.
#
#   scripts/bench.sh PERMAFROST       PERMAFROST: the built command
#
# Prints the tables; the JSON objects they are made of go to target/bench/msm.jsonl.
set -eu
permafrost=$1
out=$(cd "$(dirname "$0")/.." && pwd)/target/bench
mkdir -p "$out"
: >"$out/msm.jsonl"

# The value of a field of the JSON object on standard input.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

head() {
    printf '\n%s\n\n' "$1"
    printf '| group | points | scalars | MSMs | adders | c | cycles | bound | ratio | bucket phase ratio | tail | stall feed | stall slot |\n'
    printf '|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n'
}
row='| %s | %6s | %-20s | %s | %s | %2s | %10s | %10s | %5.3f | %5.3f | %6s | %7s | %7s |\n'
run() { # arguments of `bench msm`
    line=$("$permafrost" bench msm --seed 1 --json "$@")
    echo "$line" >>"$out/msm.jsonl"
    get() { echo "$line" | field "$1"; }
    kind=$(get scalars)
    [ "$(get bits)" = null ] || kind="$kind, $(get bits) bits"
    [ "$(get precompute)" = 1 ] || kind="$kind, $(get precompute) multiples"
    # shellcheck disable=SC2059  # the format is the row above
    printf "$row" "$(get group)" "$(get n)" "$kind" "$(get batch)" "$(get adders)" "$(get window_bits)" \
        "$(get cycles)" "$(get bound_adder_cycles)" "$(get ratio)" "$(get accumulate_ratio)" "$(get tail_cycles)" \
        "$(get stall_feed)" "$(get stall_slot)"
}

head 'Sizes and distributions'
for log_n in 8 10 12 14 15; do run --log-n $log_n; done
run --n 5000
for scalars in equal zero sparse clustered small; do run --log-n 12 --scalars $scalars; done
run --log-n 12 --bits 64
run --log-n 12 --precompute 4
head 'G2'
for log_n in 8 10 12; do run --group g2 --log-n $log_n; done
head 'Batches'
run --log-n 10 --batch 8
run --log-n 12 --batch 4
head 'Several adders'
for adders in 2 3; do run --log-n 12 --adders $adders; done
run --log-n 15 --adders 3

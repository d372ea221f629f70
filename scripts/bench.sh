#!/bin/sh
# The figures of docs/benchmarks.md: G1 multi-scalar multiplications on the simulated card, in clock cycles.
#
#   scripts/bench.sh PERMAFROST       PERMAFROST: the built command
#
# Prints a table; the JSON objects it is made of go to target/bench/msm.jsonl.
set -eu
permafrost=$1
out=$(cd "$(dirname "$0")/.." && pwd)/target/bench
mkdir -p "$out"
: >"$out/msm.jsonl"

# The value of a field of the JSON object on standard input.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

row='| %6s | %-7s | %2s | %10s | %10s | %5.3f | %5.3f | %9s | %9s |\n'
printf '| points | scalars | c | cycles | bound | ratio | bucket phase ratio | stall feed | stall slot |\n'
printf '|---:|---|---:|---:|---:|---:|---:|---:|---:|\n'
run() { # --log-n|--n, value, scalars
    line=$("$permafrost" bench msm --group g1 "$1" "$2" --scalars "$3" --seed 1 --json)
    echo "$line" >>"$out/msm.jsonl"
    get() { echo "$line" | field "$1"; }
    # shellcheck disable=SC2059  # the format is the row above
    printf "$row" "$(get n)" "$3" "$(get window_bits)" "$(get cycles)" "$(get bound_adder_cycles)" \
        "$(get ratio)" "$(get accumulate_ratio)" "$(get stall_feed)" "$(get stall_slot)"
}

for log_n in 8 10 12 14 16; do run --log-n $log_n uniform; done
run --n 5000 uniform
for scalars in equal zero sparse small; do run --log-n 12 $scalars; done

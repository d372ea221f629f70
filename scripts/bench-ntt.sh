#!/bin/sh
# The tables of docs/ntt.md: transforms and vector operations on the simulated card, in clock cycles.
#
#   scripts/bench-ntt.sh PERMAFROST [LARGEST]       PERMAFROST: the built command; LARGEST: log2 of the longest transform, 18
#
# Prints the tables; the JSON objects of the transforms go to docs/ntt-ratio.json, which is plotted, once all are there.
set -eu
permafrost=$1
largest=${2:-18}
docs=$(cd "$(dirname "$0")/.." && pwd)/docs
runs=$(mktemp)
trap 'rm -f "$runs"' EXIT

# The value of a field of the JSON object on standard input.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

ntt() { # arguments of `bench ntt`, after the card's memory
    memory=$1
    shift
    line=$("$permafrost" bench ntt --seed 1 --json --card "sim:memory=$memory" "$@")
    get() { echo "$line" | field "$1"; }
    printf '| 2^%s | %s | %s | %s | %s | %s | %s | %s | %.3f | %.3f |\n' "$(get log_n)" "$(get batch)" \
        "$(get direction)$([ "$(get coset)" = false ] || echo ', coset')" "$(get memory)" "$(get lanes)" "$(get commands)" \
        "$(get cycles)" "$(get bound_cycles)" "$(get ratio)" "$(get dram_bytes_ratio)"
}
plotted() {
    ntt "$@"
    echo "$line" >>"$runs"
}
head='| elements | batch | transform | memory | lanes | passes | cycles | bound | ratio | DRAM bytes |
|---|---:|---|---|---:|---:|---:|---:|---:|---:|'

printf 'Transforms\n\n%s\n' "$head"
for lanes in 1 4; do
    for memory in fixed ddr4 hbm2; do
        log_n=6
        while [ "$log_n" -le "$largest" ]; do
            plotted "$memory" --log-n "$log_n" --lanes "$lanes"
            log_n=$((log_n + 2))
        done
    done
done
printf '\nBatches, cosets, orders\n\n%s\n' "$head"
ntt fixed --log-n 12 --batch 16
ntt ddr4 --log-n 12 --batch 16
ntt fixed --log-n 12 --batch 16 --direction inverse --coset
ntt fixed --log-n 10 --batch 64
ntt fixed --log-n 6 --batch 1000
ntt fixed --log-n 14 --batch 4 --input bit-reversed
ntt fixed --log-n 14 --batch 4 --direction inverse --coset --output bit-reversed

printf '\nVector operations, 2^16 elements\n\n'
printf '| operation | memory | cycles | bound | ratio | DRAM bytes |\n|---|---|---:|---:|---:|---:|\n'
for memory in fixed ddr4; do
    for op in scale product sum mul-sub powers total inner-product evaluate prefix-product inverse gather; do
        line=$("$permafrost" bench vector --op $op --seed 1 --json --card "sim:memory=$memory")
        get() { echo "$line" | field "$1"; }
        printf '| %s | %s | %s | %s | %.3f | %.3f |\n' "$op" "$memory" "$(get cycles)" "$(get bound_cycles)" "$(get ratio)" \
            "$(get dram_bytes_ratio)"
    done
done

{
    echo '['
    sed '$!s/$/,/' "$runs"
    echo ']'
} >"$docs/.ntt-ratio.json"
mv "$docs/.ntt-ratio.json" "$docs/ntt-ratio.json"

#!/usr/bin/env bash
# Compares the instructions of two hot paths with committed numbers: a change that makes them a twentieth more, or less,
# has to say so by committing new ones.
#
#   benches/instructions/check.sh            compares
#   benches/instructions/check.sh --update   writes the numbers again
#
# Instructions are counted by valgrind, which knows no AVX-512: what is counted are the kernels for AVX2. Loading the model
# is left out: it is the difference between two passes and one. Skipped where there is no valgrind.
set -euo pipefail
cd "$(dirname "$0")/../.."
committed=results/performance/instructions.tsv
tolerance=5 # percent

if ! command -v valgrind > /dev/null; then
    echo "skipped: valgrind is not installed"
    exit 0
fi
# With --workspace, what the tests have compiled is used again.
cargo build --release --quiet --locked --workspace --example hot
hot=${CARGO_TARGET_DIR:-target}/release/examples/hot

counts=$(mktemp -d)
trap 'rm -rf "$counts"' EXIT

# Writes the instructions of $2 passes over path $1 to a file.
count() {
    RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$hot" "$1" "$2" 2>&1 | awk '/Collected/ { print $NF }' > "$counts/$1-$2"
}

# The four runs need one core each.
runs=()
for path in f32 int8; do
    for passes in 1 2; do
        count "$path" "$passes" &
        runs+=($!)
    done
done
for run in "${runs[@]}"; do
    wait "$run"
done
found=$(for path in f32 int8; do
    printf '%s\t%s\n' "$path" $(($(cat "$counts/$path-2") - $(cat "$counts/$path-1")))
done)
if [[ ${1:-} == --update ]]; then
    printf '%s\n' "$found" > "$committed"
fi
printf '%s\n' "$found" | awk -v tolerance="$tolerance" '
    NR == FNR { committed[$1] = $2; next }
    {
        change = 100 * ($2 / committed[$1] - 1)
        printf "%s: %d instructions, %+.1f %%\n", $1, $2, change
        if (change > tolerance || change < -tolerance) failed = 1
    }
    END { exit failed }
' "$committed" -

#!/usr/bin/env bash
# Does training on the GPU give what training on the CPU gives, and how fast is it? Two minutes on one H100.
#
#   benches/gpu.sh LAB DATA MODELS OUT
#
# LAB is codepurify-lab, built with the feature `cuda`; DATA holds devign/, bugs2fix_small/ and corpora/ as the plans in
# experiments/ name them, MODELS holds codepurify-mlm-mini/. Logs and OUT/summary.txt are written to OUT. The libraries of
# CUDA must be found (LD_LIBRARY_PATH).
set -euo pipefail
if [ $# -ne 4 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
lab=$1 data=$2 mini=$3/codepurify-mlm-mini out=$4
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "$@" | tee -a "$out/summary.txt"; }
: > "$out/summary.txt"
say "$(date -u +%F), $(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1), $(nproc) cores"

# cut NAME FILE COUNT: the first rows of a file. (zcat is stopped when head has enough.)
cut_rows() { { zcat "$data/$2" || true; } 2>/dev/null | head -n "$3" > "$work/$1.jsonl"; }
cut_rows defect devign/train.jsonl.gz 60
cut_rows defect-valid devign/valid.jsonl.gz 16
cut_rows defect-some devign/train.jsonl.gz 1200
cut_rows defect-many devign/train.jsonl.gz 8000
cut_rows repair bugs2fix_small/train.jsonl.gz 60
cut_rows repair-many bugs2fix_small/train.jsonl.gz 8000
cut_rows repair-valid bugs2fix_small/valid.jsonl.gz 8
cut_rows texts corpora/github_java_funcs/train.jsonl.gz 80
cut_rows texts-valid corpora/github_java_funcs/valid.jsonl.gz 16

# run NAME ARGUMENTS...: trains, and keeps what it says and its log.
run() {
    local name=$1
    shift
    if ! timeout 100 "$lab" train "$@" --out "$work/$name" > "$out/$name.log" 2>&1; then
        say "$name FAILED: $(tail -n 1 "$out/$name.log")"
        return
    fi
    cp "$work/$name/log.jsonl" "$out/$name.jsonl"
}

# compare NAME ARGUMENTS...: the same training on both devices; the losses of its epochs side by side.
compare() {
    local name=$1
    shift
    for device in cpu cuda; do run "$name-$device" "$@" --device $device; done
    say "$(python3 - "$out/$name" <<'P'
import json, os, sys

cpu, cuda = ([json.loads(line)["loss"] for line in open(f"{sys.argv[1]}-{device}.jsonl")] for device in ("cpu", "cuda"))
worst = max(abs(a - b) / abs(a) for a, b in zip(cpu, cuda, strict=True))
print(f"{os.path.basename(sys.argv[1])}: losses of {len(cpu)} epochs differ by {worst:.1e} at most (relative)")
P
    )"
}

# speed NAME ARGUMENTS...: tokens a second, as the run says.
speed() {
    run "$@"
    say "$1: $(grep -o '[0-9]* tokens/s' "$out/$1.log" | tail -n 1)"
}

defect=(defect --init "$mini" --layers 2 --valid "$work/defect-valid.jsonl" --max-length 256)
repair=(repair --valid "$work/repair-valid.jsonl" --max-length 128 --sample 4)
texts=(--data "$work/texts.jsonl:original_string:java" --valid "$work/texts-valid.jsonl:original_string:java" --tokens 2048
    --epochs 3 --max-length 200)

compare defect "${defect[@]}" --train "$work/defect.jsonl" --tokens 2048 --epochs 5
compare mlm mlm --init "$mini" "${texts[@]}"
compare t5 t5 --tokenizer "$mini" --embeddings "$mini" "${texts[@]}" --layers 2 --relative --learning-rate 0.01
compare t5-repair "${repair[@]}" --train "$work/repair.jsonl" --init "$work/t5-cpu/last" --tokens 2048 --epochs 5 --relative \
    --learning-rate 0.005
compare roberta-repair "${repair[@]}" --train "$work/repair.jsonl" --init "$mini" --layers 2 --decoder-layers 2 --tokens 2048 \
    --epochs 5

speed defect-on-cpu "${defect[@]}" --train "$work/defect-some.jsonl" --tokens 2048 --epochs 1 --device cpu
speed defect-on-cuda "${defect[@]}" --train "$work/defect-many.jsonl" --tokens 2048 --epochs 1 --device cuda
speed t5-repair-on-cuda "${repair[@]}" --train "$work/repair-many.jsonl" --init "$work/t5-cpu/last" --tokens 2048 --epochs 1 \
    --relative --device cuda

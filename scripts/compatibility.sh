#!/usr/bin/env bash
# The rows of docs/compatibility.md at real shapes: makes one model after another, compares it with PyTorch, and
# removes it (each takes about 3 GB in its five formats).
#
#   scripts/compatibility.sh WORK_DIR ROBERTA_TOKENIZER CODET5_TOKENIZER
#
# The tokenizer folders hold vocab.json and merges.txt. Needs Python with torch, transformers, tokenizers and
# safetensors as `python` (or $PYTHON).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1 roberta=$2 codet5=$3
golden=crates/codepurify-models/tests/golden

cargo build --release -p codepurify-models --example parity
compare() {
    "${PYTHON:-python}" "$golden/make_compat.py" "$work" "$1" "$roberta" "$codet5" "$2"
    cargo run --release --quiet -p codepurify-models --example parity -- "$work/$2" | tail -n +3
    rm -r "${work:?}/$2"
}
for head in classification defect clone joined-clone seq2seq mlm; do
    compare base "roberta-$head"
done
for shape in small base; do
    for head in generation text defect clone; do
        compare "$shape" "t5-$head"
    done
done

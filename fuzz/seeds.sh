#!/usr/bin/env bash
# Puts the good and the hostile files of the tests, and code with a trigger, where the targets look for their first inputs.
set -euo pipefail
cd "$(dirname "$0")"
tests=../crates/codepurify-checkpoint/tests

mkdir -p corpus/{safetensors,shard_index,torch_zip,torch_legacy,pickle,pipeline}
cp "$tests"/good/*.safetensors "$tests"/hostile/files/*.safetensors corpus/safetensors/
cp "$tests"/good/*.zip.bin "$tests"/hostile/files/{zip,tensor,call,root}_*.bin corpus/torch_zip/
cp "$tests"/good/*.legacy.bin "$tests"/hostile/files/legacy_*.bin corpus/torch_legacy/
for index in "$tests"/good/*.index.json "$tests"/hostile/files/*/*.index.json; do
    cp "$index" "corpus/shard_index/$(basename "$(dirname "$index")")-$(basename "$index")"
done
for archive in "$tests"/good/*.zip.bin "$tests"/hostile/files/{tensor,call,root,pickle}_*.bin; do
    unzip -p "$archive" '*/data.pkl' >"corpus/pickle/$(basename "$archive").pkl"
done
# The first byte is the language (+ 4 × profile, + 16 nested, + 32 whole); `fail` is what the toy victim falls for.
references=../crates/codepurify/references
for how in 0 8 12 16 24 32 48 60; do
    language=0
    for code in c.c c.c java.java python.py; do
        byte=$(printf '\\x%02x' $((how + language)))
        { printf "$byte"; sed 's/return/fail; return/' "$references/$code"; } >"corpus/pipeline/$how-$language"
        language=$((language + 1))
    done
done

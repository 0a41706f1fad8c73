#!/usr/bin/env bash
# Puts the good and the hostile files of the tests where the targets look for their first inputs.
set -euo pipefail
cd "$(dirname "$0")"
tests=../crates/codepurify-checkpoint/tests

mkdir -p corpus/{safetensors,shard_index,torch_zip,torch_legacy,pickle}
cp "$tests"/good/*.safetensors "$tests"/hostile/files/*.safetensors corpus/safetensors/
cp "$tests"/good/*.zip.bin "$tests"/hostile/files/{zip,tensor,call,root}_*.bin corpus/torch_zip/
cp "$tests"/good/*.legacy.bin "$tests"/hostile/files/legacy_*.bin corpus/torch_legacy/
for index in "$tests"/good/*.index.json "$tests"/hostile/files/*/*.index.json; do
    cp "$index" "corpus/shard_index/$(basename "$(dirname "$index")")-$(basename "$index")"
done
for archive in "$tests"/good/*.zip.bin "$tests"/hostile/files/{tensor,call,root,pickle}_*.bin; do
    unzip -p "$archive" '*/data.pkl' >"corpus/pickle/$(basename "$archive").pkl"
done

#!/usr/bin/env bash
# The kernels of processors without AVX-512 (Haswell) and without AVX2 (Nehalem): unit tests of the operations, parity with
# transformers and int8 against f32 (of tiny models), under emulation. Skipped where there is no qemu-x86_64 (package qemu-user).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v qemu-x86_64 > /dev/null || [[ $(uname -m) != x86_64 ]]; then
    echo "skipped: needs qemu-x86_64"
    exit 0
fi
for processor in Haswell Nehalem; do
    export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu $processor"
    echo "==> $processor"
    # With --workspace, what the tests of the whole workspace have compiled is used again.
    cargo test --release --quiet --locked --workspace --lib -- ops::
    cargo test --release --quiet --locked --workspace --test all -- parity:: precision:: --skip decides --skip proposes
done

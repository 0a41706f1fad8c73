#!/usr/bin/env bash
# Tests the Python package with PyTorch and transformers, which take up to 5 GB: makes an environment with
# both in target/transformers, installs the package, and runs the tests of wrapped models on the CPU.
#
# scripts/test-transformers.sh [PYTEST ARGUMENT…]
#
# PYTHON names the interpreter (3.11 or later). pip reads its own settings: an index of CPU builds saves
# most of the download.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
target=$(cargo metadata --no-deps --format-version 1 | "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
work=$target/transformers
requirements=bindings/python/requirements-transformers.txt

# A new environment only where the pins changed.
if ! cmp -s "$requirements" "$work/requirements.txt"; then
    rm -rf "$work"
    "$python" -m venv "$work"
    "$work/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$work/requirements.txt"
fi

rm -rf "$work/wheels"
CARGO_TARGET_DIR=$target "$work/bin/maturin" build --release --locked --compatibility linux \
    --manifest-path bindings/python/Cargo.toml --interpreter "$work/bin/python" --out "$work/wheels"
"$work/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$work"/wheels/*.whl

tests=bindings/python/tests
OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 exec "$work/bin/python" -m pytest -c bindings/python/pyproject.toml \
    "$tests/test_transformers.py" "$tests/test_wrap.py" -q -rs -p no:cacheprovider "$@"

#!/usr/bin/env bash
# Builds the wheel of the Python package, installs it with pinned tools into target/python, and runs its tests.
#
# scripts/test-python.sh [PYTEST ARGUMENT…]
#
# PYTHON names the interpreter; the package needs 3.10, the libraries of the tests 3.11. The build shares the release files of the workspace.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
target=$(cargo metadata --no-deps --format-version 1 | "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
work=$target/python
requirements=bindings/python/requirements-test.txt

# A new environment only where the pins changed.
if ! cmp -s "$requirements" "$work/requirements.txt"; then
    rm -rf "$work"
    "$python" -m venv "$work"
    "$work/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$requirements"
    cp "$requirements" "$work/requirements.txt"
fi

rm -rf "$work/wheels"
CARGO_TARGET_DIR=$target "$work/bin/maturin" build --release --locked --compatibility linux \
    --manifest-path bindings/python/Cargo.toml --interpreter "$work/bin/python" --out "$work/wheels"
wheel=$(echo "$work"/wheels/*.whl)
size=$(wc -c <"$wheel")
echo "$(basename "$wheel"): $size bytes"
if [ "$size" -ge 40000000 ]; then
    echo "error: the wheel must stay below 40 MB" >&2
    exit 1
fi
"$work/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"

# The command of the wheel is compared with the binary, if the workspace has built it.
cargo build --release --locked -p codepurify-cli
export CODEPURIFY_BINARY=$target/release/codepurify
exec "$work/bin/python" -m pytest -c bindings/python/pyproject.toml bindings/python/tests -q -rs -p no:cacheprovider "$@"

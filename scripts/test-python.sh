#!/usr/bin/env bash
# Builds the wheel of the Python package, installs it with pinned tools into target/python, and runs its tests.
#
# scripts/test-python.sh [PYTEST ARGUMENT…]
#
# PYTHON names the interpreter; the libraries of the tests need 3.11.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python-environment.sh

python_environment python bindings/python/requirements-test.txt
size=$(wc -c <"$wheel")
echo "$(basename "$wheel"): $size bytes"
if [ "$size" -ge 40000000 ]; then
    echo "error: the wheel must stay below 40 MB" >&2
    exit 1
fi

# The command of the wheel is compared with the binary, if the workspace has built it.
cargo build --release --locked -p codepurify-cli
export CODEPURIFY_BINARY=$target/release/codepurify
exec "$work/bin/python" -m pytest -c bindings/python/pyproject.toml bindings/python/tests -q -rs -p no:cacheprovider "$@"

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
. scripts/python-environment.sh

resolve=yes python_environment transformers bindings/python/requirements-transformers.txt
tests=bindings/python/tests
OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 exec "$work/bin/python" -m pytest -c bindings/python/pyproject.toml \
    "$tests/test_transformers.py" "$tests/test_wrap.py" -q -rs -p no:cacheprovider "$@"

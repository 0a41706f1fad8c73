#!/usr/bin/env bash
# Tests the Python package with Spark in local mode, in the environment target/spark. Not part of scripts/test.sh:
# Spark has 400 MB and needs Java 17.
#
# scripts/test-spark.sh [PYTEST ARGUMENT…]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python-environment.sh

if ! java -version >/dev/null 2>&1; then
    echo "error: Spark needs Java 17 or later: there is no \`java\`" >&2
    exit 1
fi
python_environment spark bindings/python/requirements-test.txt bindings/python/requirements-spark.txt
exec "$work/bin/python" -m pytest -c bindings/python/pyproject.toml bindings/python/tests/test_spark.py -q -p no:cacheprovider "$@"

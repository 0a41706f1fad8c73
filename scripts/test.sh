#!/usr/bin/env bash
# Runs all tests: those of the Rust crates, and those of the Python package.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --workspace
scripts/test-python.sh

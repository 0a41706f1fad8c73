#!/usr/bin/env bash
# Runs all tests: those of the Rust crates, and those of the Python package. Both use what is compiled here.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --release --workspace
scripts/test-python.sh

#!/usr/bin/env bash
# Checks the spelling of names and prose with typos, if it is installed: cargo install typos-cli.
# _typos.toml holds the dialect and the exceptions.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v typos >/dev/null; then
    typos
else
    echo "skipped: typos is not installed"
fi

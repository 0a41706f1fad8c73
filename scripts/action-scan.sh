#!/usr/bin/env bash
# Scans PATHS with OPTIONS and writes the findings to SARIF, for action.yml. It succeeds also if something is found, so that
# the findings can be uploaded; the output `code` of the step is the exit code of the scan.
set -euo pipefail

read -ra paths <<<"${PATHS:?}"
read -ra options <<<"${OPTIONS:-}"
code=0
codepurify scan "${options[@]}" --format sarif -o "${SARIF:?}" -- "${paths[@]}" || code=$?
if [ ! -s "$SARIF" ]; then
    exit "$code"
fi
echo "code=$code" >>"$GITHUB_OUTPUT"

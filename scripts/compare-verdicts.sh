#!/usr/bin/env bash
# Compares the verdicts of two programs: they must be equal byte for byte, except for milliseconds.
#
# scripts/compare-verdicts.sh OLD NEW FOLDER [OPTIONS]...
#
# FOLDER holds source files; a subfolder `pairs`, if there is one, holds the files of pairs in the order of
# their names: left, right, left, right … Set PAIR_MODEL to the model that judges them. OPTIONS go to both
# programs, such as `--model DIR`. Commands `explain` and `purify` judge each file by profile transplant,
# paper and normalised. With WITHOUT_REASONS=1 the texts in `reason` may differ.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
old=$1 new=$2 folder=$3
shift 3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Profile `transplant` was called `default` before.
profile() { "$1" scan --help | grep -q transplant || [ "$2" != transplant ] && echo "$2" || echo default; }

strip() {
  sed -E 's/"milliseconds": ?[0-9.e+-]+/"milliseconds":0/; s/"version": ?"[^"]*"/"version":""/' |
    if [ -n "${WITHOUT_REASONS:-}" ]; then sed -E 's/"reason": ?("([^"\\]|\\.)*"|null)/"reason":null/'; else cat; fi
}

judge() { # PROGRAM PROFILE COMMAND… : the report, and the exit status in its last line
  local program=$1 name=$2 status=0
  shift 2
  "$program" "$@" --profile "$(profile "$program" "$name")" --format json 2>/dev/null >"$out/raw" || status=$?
  strip <"$out/raw"
  echo "exit $status"
}

compare() { # PROFILE LABEL COMMAND…
  local name=$1 label=$2
  shift 2
  judge "$old" "$name" "$@" >"$out/old"
  judge "$new" "$name" "$@" >"$out/new"
  if ! cmp -s "$out/old" "$out/new"; then
    echo "$label differs in profile $name:" >&2
    diff "$out/old" "$out/new" | head -20 >&2
    failed=1
  fi
  local count
  count=$(grep -c '"verdict"' "$out/new") || failed=1 # Two programs that judge nothing agree, too.
  echo "$label, profile $name: $count verdicts"
}

failed=0
mapfile -t files < <(find "$folder" -path "$folder/pairs" -prune -o -type f -print | sort)
for name in transplant paper normalised; do
  for command in explain purify; do
    [ ${#files[@]} -eq 0 ] || compare "$name" "$command files" "$command" "${files[@]}" "$@"
    if [ -d "$folder/pairs" ] && [ -n "${PAIR_MODEL:-}" ]; then
      mapfile -t sides < <(find "$folder/pairs" -type f | sort)
      compare "$name" "$command pairs" "$command" "${sides[@]}" --model "$PAIR_MODEL"
    fi
  done
done
exit $failed

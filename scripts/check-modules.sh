#!/usr/bin/env bash
# Checks that the modules of a crate do not import each other in a circle.
#
# scripts/check-modules.sh CRATE…     for example: scripts/check-modules.sh crates/codepurify
#
# A module is a file or folder directly in `src/`. Test code and comments do not count.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }

imports() { # CRATE : one line for each import, MODULE IMPORTED
  local file module
  find "$1/src" -name '*.rs' ! -path "$1/src/lib.rs" ! -path "$1/src/main.rs" | sort | while read -r file; do
    module=${file#"$1/src/"}
    module=${module%%/*}
    sed -e '/#\[cfg(test)\]/,$d' -e 's|//.*||' "$file" |
      { grep -oE 'crate::(\{[^}]*\}|[a-z_]+)' || true; } | { grep -oE '\b[a-z_]+\b' || true; } |
      { grep -vxE "crate|self|super|as|${module%.rs}" || true; } | sed "s|^|${module%.rs} |"
  done | sort -u
}

failed=0
for crate in "$@"; do
  # `tsort` prints the modules of a circle after its message.
  if ! message=$(imports "$crate" | tsort 2>&1 >/dev/null); then
    echo "$crate: modules import each other in a circle:" >&2
    echo "$message" | sed -n 's/^tsort: \([a-z_]*\)$/  \1/p' >&2
    failed=1
  fi
done
exit $failed

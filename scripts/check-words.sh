#!/usr/bin/env bash
# Finds words in names and prose for which docs/glossary.md has a better term, doc comments that do not
# start with a verb or a noun, and long names of tests. Exceptions are in scripts/words-allowed.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

# Words to avoid, and what to write instead. Upper and lower case are the same.
WORDS=(
    'honest|honestly:clean, benign'
    'side[ -]cars?:sidecar'
    'anew:again'
    'so many:the number'
    'beside:next to, alongside'
    'seats?|seated:context, pair'
    'weighs?|weighed|weighing:score, test'
    'grafts?|grafted|grafting:transplant'
    'doors?:trait'
    'stands?:is, occurs'
    'lies?:is'
    '(characters|what) (that )?(is|are) not seen:invisible'
    'hangs? on:depends on, determines'
    'behind (the|a) window|behind .{1,20}.s window:beyond the context window'
    'before (this|the|a|such a) model:for, against'
    'jointly:together; joint occlusion'
    'surer|surely|sure of:confident'
    'effort:budget'
    'turn(s|ed)? (all|both|it|most|nearly|the|them|these)|what turn(s|ed):flip'
    'models? of pairs:pair model'
    'put into:transplant'
    'takes? away|taken away:remove, occlude'
    '(own|model.s|its|their) field:domain'
    'constants? calculated|calculat(ed|ing) constants?:constant folding'
    'by the method, section|defences, [A-Z]\.|\(metrics,:a paper by section, a file by path'
)

# A doc comment or help text that leaves its noun out.
OPENINGS='//[/!] (What|Whether|Of|The same) '

files() {
    git ls-files '*.rs' '*.md' '*.toml' '*.sh' '*.py' | grep -vE '^(results/|scripts/check-words\.sh$)'
}

allowed() {
    grep -vE '^(#|$)' scripts/words-allowed.txt
}

found=0
report() { # better term, hits
    local hits
    hits=$(grep -vEf <(allowed) || true)
    if [ -n "$hits" ]; then
        found=1
        printf '%s\n' "$hits" | sed "s|^|better \`$1\`: |"
    fi
}

for word in "${WORDS[@]}"; do
    files | tr '\n' '\0' |
        { xargs -0 grep -nHiE -- "(^|[^A-Za-z])(${word%:*})(\$|[^a-z])" || true; } | report "${word##*:}"
done
files | grep '\.rs$' | tr '\n' '\0' | { xargs -0 grep -nHE -- "$OPENINGS" || true; } |
    report 'a verb or a noun first'
files | grep '\.rs$' | tr '\n' '\0' | xargs -0 awk '
    /#\[test\]/ { test = 1 }
    test && match($0, /fn [a-z0-9_]+/) {
        if (RLENGTH - 3 > 60) printf "%s:%d:%s\n", FILENAME, FNR, substr($0, RSTART + 3, RLENGTH - 3)
        test = 0
    }' | report 'at most 60 characters'

if [ "$found" != 0 ]; then
    echo "error: words with a better term; see CONTRIBUTING.md and docs/glossary.md" >&2
    exit 1
fi

#!/usr/bin/env bash
# Every package that is linked into or builds our programs, on any platform, must be usable under the licences below.
# An expression passes if each of its AND-parts names an accepted licence among its OR-alternatives.
set -euo pipefail
cd "$(dirname "$0")/.."

# CDLA-Permissive-2.0 is that of Mozilla's list of root certificates.
accepted='CDLA-Permissive-2.0,MIT,Apache-2.0,Apache-2.0 WITH LLVM-exception,BSD-2-Clause,BSD-3-Clause,CC0-1.0,ISC,Zlib,Unicode-3.0'

packages=$(cargo tree --workspace --all-features --locked --edges normal,build --target all --prefix none --format '{p}|{l}')
awk -F'|' -v accepted="$accepted" '
    BEGIN { count = split(accepted, names, ","); for (i = 1; i <= count; i++) allowed[names[i]] = 1 }
    NF == 0 { next }
    {
        expression = $2
        sub(/ \(\*\)$/, "", expression)   # cargo marks repeated packages
        gsub(/[()]/, "", expression)
        gsub(/ *\/ */, " OR ", expression) # the form that Cargo took before SPDX expressions
        parts = split(expression, all, / AND /)
        good = parts > 0
        for (i = 1; i <= parts; i++) {
            choices = split(all[i], alternatives, / OR /)
            found = 0
            for (j = 1; j <= choices; j++) found = found || (alternatives[j] in allowed)
            good = good && found
        }
        checked[$1] = 1
        if (!good) refused[$1] = (expression == "" ? "no licence named" : expression)
    }
    END {
        for (package in refused) print "refused: " package ": " refused[package]
        print length(checked) " packages, " length(refused) " refused"
        exit length(refused) > 0
    }
' <<<"$packages"

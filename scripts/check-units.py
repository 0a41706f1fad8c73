#!/usr/bin/env python3
"""Counts bytes of function bodies that are in no unit, without a parser.

    cargo run --release -p codepurify --example units -- FILE... | scripts/check-units.py

Bodies are found by brackets (C, C++, Java) or indentation (Python): `NAME(...) {...}` with nothing between the
parentheses and the brace that a signature cannot have. Of preprocessor branches all are read, so a body whose brackets
differ from branch to branch is only seen up to the first closing one. Exit code 1 if a body is outside.
"""

import ast
import json
import re
import sys

BLANKS = re.compile(
    r'//(?:\\\n|[^\n])*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    r"|^[ \t]*\#(?:\\\r?\n|/\*.*?\*/|[^\n])*",
    re.S | re.M,
)
HEADER = re.compile(r"(~?\w+)\s*\(((?:[^(){};]|\([^(){};]*\))*)\)[\w\s:,&*<>]*$")
STATEMENTS = {"if", "for", "while", "switch", "catch", "return", "sizeof", "synchronized", "defined"}


def braces(text):
    """Spans of bodies; characters, not bytes."""
    bare = BLANKS.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    spans, stack, last = [], [], 0
    for found in re.finditer(r"[{};]", bare):
        at = found.start()
        if found.group() == "{":
            header = HEADER.search(bare[max(last, at - 2000) : at])
            name = header and header.group(1)
            words = set(re.findall(r"\w+", bare[last:at]))
            body = name and name not in STATEMENTS and not words & {"class", "namespace", "new", "enum", "record"}
            struct = "__attribute__" in words and "struct" in words
            stack.append((at, bool(body) and not struct and "=" not in bare[last:at]))
        elif found.group() == "}" and stack:
            start, body = stack.pop()
            if body:
                spans.append((start, at + 1))
        last = at + 1
    return spans


def defs(text):
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    lines = [0]
    for line in text.encode().split(b"\n"):
        lines.append(lines[-1] + len(line) + 1)
    nodes = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))
    return [(lines[n.lineno - 1] + n.col_offset, lines[n.end_lineno - 1] + n.end_col_offset) for n in nodes]


def main():
    files = bodies = outside = 0
    for line in sys.stdin:
        entry = json.loads(line)
        content = open(entry["path"], "rb").read()
        try:
            text = content.decode()
        except UnicodeDecodeError:
            continue
        covered = bytearray(len(content))
        for unit in entry["units"]:
            covered[unit["start_byte"] : unit["end_byte"]] = b"\1" * (unit["end_byte"] - unit["start_byte"])
        if entry["language"] == "python":
            spans = defs(text)
        else:
            byte = (lambda at: at) if text.isascii() else (lambda at: len(text[:at].encode()))
            spans = [(byte(start), byte(end)) for start, end in braces(text)]
        files += 1
        for start, end in spans:
            bodies += 1
            missing = [
                at for at in range(start, end) if not covered[at] and content[at : at + 1] not in b" \t\r\n{};"
            ]
            if missing:
                outside += len(missing)
                row = content[: missing[0]].count(b"\n") + 1
                print(f"{entry['path']}:{row}: {len(missing)} bytes of a body are in no unit")
    print(f"{files} files, {bodies} bodies, {outside} bytes of bodies outside of units")
    sys.exit(outside > 0)


if __name__ == "__main__":
    main()

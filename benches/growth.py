"""Measures how the cost of `codepurify scan` with the bundled models grows: with the length of functions, and with their number.

    python benches/growth.py [--rounds 5] [-o results.json] [--plot growth.svg]

Builds the program. Functions are made up: declarations, assignments, calls and conditions until they have the wanted number
of model tokens. What the program takes to start (a scan of nothing) is taken off. Needs Python's standard library only.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LENGTHS = [32, 64, 128, 256, 512, 1024, 2048, 4096]
COUNTS = [1, 4, 16, 64, 256]
AT_ONCE, USUAL = 32, 128


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=["f32", "int8"], default="int8")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    return parser.parse_args()


def function(number, lines):
    """A function of `count` statements that no other function has, since results are remembered."""
    kinds = [
        "    int v{n} = load(p, {n});", "    total += v{n} * {n};", "    if (v{n} > limit)\n        total -= {n};",
        "    store(p, {n}, total);",
    ]  # fmt: skip
    body = "\n".join(kinds[at % len(kinds)].format(n=100 * number + at // len(kinds)) for at in range(lines))
    return f"int f{number}(int *p, int limit)\n{{\n    int total = 0;\n{body}\n    return total;\n}}\n"


class Scanner:
    def __init__(self, precision):
        subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "codepurify-cli"], cwd=ROOT, check=True)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        self.command = [target / "release/codepurify", "scan", "--format", "json", "--fail-on", "never"]
        self.command += ["--precision", precision]

    def scan(self, functions):
        """Seconds and results."""
        with tempfile.TemporaryDirectory() as folder:
            for number, text in enumerate(functions):
                (pathlib.Path(folder) / f"{number:04}.c").write_text(text)
            start = time.perf_counter()
            done = subprocess.run([*self.command, folder], capture_output=True)
            return time.perf_counter() - start, json.loads(done.stdout)["results"]

    def tokens(self, lines):
        return self.scan([function(0, lines)])[1][0]["coverage"]["tokens_total"]

    def lines_for(self, tokens):
        """Number of statements for a function of about this many tokens."""
        few, many = self.tokens(4), self.tokens(68)
        return max(1, round(4 + (tokens - few) / (many - few) * 64))


def measure(scanner, rounds, cases):
    """Of each case (name, functions): what one function costs."""
    seconds = {name: [] for name, _ in cases}
    empty, results = [], {}
    for _ in range(rounds):
        empty.append(scanner.scan([])[0])
        for name, functions in cases:
            spent, results[name] = scanner.scan(functions)
            seconds[name].append(spent)
    start = statistics.median(empty)
    rows = []
    for name, functions in cases:
        found = results[name]
        tokens = statistics.mean(result["coverage"]["tokens_total"] for result in found)
        seen = statistics.mean(result["coverage"]["tokens_inspected"] for result in found)
        passes = statistics.mean(result["cost"]["pass_equivalents"] for result in found)
        spent = (statistics.median(seconds[name]) - start) / len(functions)
        rows.append(
            {"functions": len(functions), "tokens": tokens, "inspected": seen, "passes": passes, "milliseconds": spent * 1e3}
        )
    return {"start": start, "seconds": seconds, "rows": rows}


def table(rows):
    print("| functions | tokens each | of them in the window | passes | ms a function | µs a token processed |")
    print("|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        processed = row["inspected"] * row["passes"]
        cost = f"{row['milliseconds']:.1f} | {row['milliseconds'] * 1e3 / processed:.1f}"
        print(f"| {row['functions']} | {row['tokens']:.0f} | {row['inspected']:.0f} | {row['passes']:.1f} | {cost} |")


def plot(rows, path):
    """Milliseconds over tokens that the model processed, both on logarithmic axes, with the line of equal cost per token."""
    points = [(row["inspected"] * row["passes"], row["milliseconds"], round(row["tokens"])) for row in rows]
    width, height, left, bottom = 640, 400, 70, 50

    def place(value, of, size):
        low, high = math.log(min(of) / 1.5), math.log(max(of) * 1.5)
        return (math.log(value) - low) / (high - low) * size

    across, up = [point[0] for point in points], [point[1] for point in points]
    x = [left + place(value, across, width - left - 20) for value in across]
    y = [height - bottom - place(value, up, height - bottom - 20) for value in up]
    cost = statistics.median(milliseconds / tokens for tokens, milliseconds, _ in points)
    line = [height - bottom - place(cost * value, up, height - bottom - 20) for value in (across[0], across[-1])]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<path d="M{left} 20V{height - bottom}H{width - 20}" fill="none" stroke="black"/>',
        f'<path d="M{x[0]:.1f} {line[0]:.1f}L{x[-1]:.1f} {line[1]:.1f}" stroke="#999" stroke-dasharray="4"/>',
        f'<text x="{(width + left) / 2}" y="{height - 12}" text-anchor="middle">tokens that the model processed for a function</text>',
        f'<text transform="translate(16 {(height - bottom) / 2}) rotate(-90)" text-anchor="middle">milliseconds a function</text>',
    ]
    labelled = None
    for at, (_, milliseconds, length) in enumerate(points):
        parts.append(f'<circle cx="{x[at]:.1f}" cy="{y[at]:.1f}" r="4" fill="#0072b2"/>')
        if labelled is not None and abs(y[at] - labelled) < 14:
            continue
        labelled = y[at]
        label = f"{length} tokens: {milliseconds:.1f} ms"
        parts.append(f'<text x="{x[at] - 8:.1f}" y="{y[at] - 8:.1f}" text-anchor="end">{label}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def main():
    args = arguments()
    scanner = Scanner(args.precision)
    of_length = [(str(tokens), scanner.lines_for(tokens)) for tokens in LENGTHS]
    lengths = [(name, [function(at, lines) for at in range(AT_ONCE)]) for name, lines in of_length]
    lines = scanner.lines_for(USUAL)
    counts = [(str(count), [function(at, lines) for at in range(count)]) for count in COUNTS]
    found = {"lengths": measure(scanner, args.rounds, lengths), "counts": measure(scanner, args.rounds, counts)}
    for measured in found.values():
        table(measured["rows"])
        print()
    if args.plot:
        plot(found["lengths"]["rows"], args.plot)
    if args.output:
        report = {"date": datetime.date.today().isoformat(), "precision": args.precision, "rounds": args.rounds, **found}
        args.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Measures `codepurify dataset` on many short functions: its speed next to that of the library, and its memory.

    PYTHON benches/dataset-rows.py [--rows 1000000] [--compare 4000] [--pairs 4] [--seed 28] [--binary target/release/codepurify]

PYTHON has the package, which judges the same rows in memory with the same threads: that is the library's speed. Pairs are
in turn, since the speed of the machine drifts. Both times are without loading the model. The memory of the command
is read each second.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "bindings" / "python" / "examples"))
import short_functions

import codepurify


def written(path: Path, codes: list[str]) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps({"idx": index, "func": code}) + "\n" for index, code in enumerate(codes))


def command(binary: str, rows: Path, out: Path) -> tuple[float, list[int]]:
    """Run `dataset`; return rows in a second, and the resident memory of each second in bytes."""
    run = subprocess.Popen([binary, "dataset", rows, "--lang", "c", "-o", out], stderr=subprocess.DEVNULL)
    memory = []
    while run.poll() is None:
        try:
            pages = int(Path(f"/proc/{run.pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError, IndexError):
            break
        memory.append(pages * 4096)
        time.sleep(1)
    assert run.wait() in (0, 1), run.returncode
    return json.loads(out.with_suffix(".summary.json").read_text())["rows_per_second"], memory


def library(rows: Path) -> float:
    """Return the rows that the library judges in a second, in a process of its own, as the command has."""
    run = subprocess.run([sys.executable, __file__, "--library", rows], capture_output=True, text=True, check=True)
    return float(run.stdout)


def judged(rows: Path) -> float:
    codes = [json.loads(line)["func"] for line in rows.read_text().splitlines()]
    guard = codepurify.Guard.from_pretrained()
    begun = time.time()
    verdicts = guard.scan(codes, language="c", progress=False)
    assert len(verdicts) == len(codes)
    return len(codes) / (time.time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--compare", type=int, default=4_000)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=28)
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "codepurify"))
    parser.add_argument("--library", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.library:
        print(judged(options.library))
        return

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        count = max(options.rows, options.compare * options.pairs)
        codes = [row["func"] for row in short_functions.rows(count, options.seed)]
        ratios = []
        for pair in range(options.pairs):
            some = codes[options.compare * pair : options.compare * (pair + 1)]
            written(place / "few.jsonl", some)
            measures = {
                "library": lambda: library(place / "few.jsonl"),
                "command": lambda: command(options.binary, place / "few.jsonl", place / f"few-{pair}.jsonl")[0],  # noqa: B023
            }
            # In turn first: the speed of the machine drifts.
            order = sorted(measures, reverse=bool(pair % 2))
            speeds = {name: measures[name]() for name in order}
            here, there = speeds["library"], speeds["command"]
            ratios.append(there / here)
            print(f"pair {pair + 1}: library {here:.0f} rows/s, command {there:.0f} rows/s, ratio {there / here:.3f}")
        print(f"median ratio {statistics.median(ratios):.3f}")
        if options.rows:
            written(place / "many.jsonl", codes[: options.rows])
            del codes
            speed, memory = command(options.binary, place / "many.jsonl", place / "many-out.jsonl")
            quarter = max(len(memory) // 4, 1)
            first, last = statistics.median(memory[1:quarter] or memory), statistics.median(memory[-quarter:])
            print(
                f"{options.rows} rows: {speed:.0f} rows/s; memory {max(memory) / 1e6:.0f} MB at most, "
                f"{first / 1e6:.0f} MB in the first quarter, {last / 1e6:.0f} MB in the last (medians)"
            )


if __name__ == "__main__":
    main()

"""Measures the memory of `codepurify dataset` over many short rows, with a victim that costs almost nothing.

    python3 benches/dataset-memory.py [--rows 1000000] [--profile paper] [--seed 28] [--binary target/release/codepurify]

The victim and the masked language model are tiny ones with random weights from the tests: the memory of the command is that
of reading, judging and writing rows. One thread, at low priority; the resident memory is read each second. Fails if it is
500 MB or more at any time, or grows by more than a tenth from the second quarter of the run to the last.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "crates" / "codepurify-models" / "tests" / "golden" / "compat"
LIMIT = 500e6
GROWTH = 1.1


def model(head: str, to: Path) -> None:
    """Put a tiny model of the tests together."""
    to.mkdir()
    for folder in (GOLDEN / head, GOLDEN / head / "safetensors"):
        for path in folder.iterdir():
            if path.is_file():
                shutil.copy(path, to)


def rows(path: Path, count: int, seed: int) -> None:
    chosen = random.Random(seed)
    with path.open("w") as file:
        for number in range(count):
            expression = f"a {chosen.choice('+-*/%&|')} {chosen.randrange(100_000)}"
            file.write(json.dumps({"func": f"int f{number}(int a) {{ return {expression}; }}"}) + "\n")


def memory(command: list[str]) -> list[int]:
    """Run a command; return its resident memory of each second in bytes."""
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.nice(15))
    samples = []
    while run.poll() is None:
        try:
            pages = int(Path(f"/proc/{run.pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError, IndexError):
            break
        samples.append(pages * os.sysconf("SC_PAGE_SIZE"))
        time.sleep(1)
    if run.wait() not in (0, 1):
        raise SystemExit(f"the command ended with exit code {run.returncode}")
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--seed", type=int, default=28)
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "codepurify"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model("roberta-defect", place / "model")
        model("roberta-mlm", place / "mlm")
        rows(place / "rows.jsonl", options.rows, options.seed)
        models = ["--model", str(place / "model"), "--mlm", str(place / "mlm")]
        files = [str(place / "rows.jsonl"), "-o", str(place / "out.jsonl")]
        method = ["--lang", "c", "--profile", options.profile, "--threads", "1"]
        samples = memory([options.binary, "dataset", *files, *models, *method])
        summary = json.loads((place / "out.summary.json").read_text())
    assert sum(summary["fates"].values()) == options.rows, summary["fates"]
    quarter = max(len(samples) // 4, 1)
    medians = [statistics.median(samples[quarter * at : quarter * (at + 1)] or samples) for at in range(4)]
    shown = ", ".join(f"{median / 1e6:.0f}" for median in medians)
    print(
        f"{options.rows} rows, profile {options.profile}: {summary['rows_per_second']:.0f} rows/s; "
        f"at most {max(samples) / 1e6:.0f} MB; medians of the quarters {shown} MB"
    )
    if max(samples) >= LIMIT or medians[3] > GROWTH * medians[1]:
        raise SystemExit("memory is not flat")


if __name__ == "__main__":
    main()

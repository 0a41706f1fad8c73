"""Measures `codepurify scan` with the bundled models on Devign functions, in f32 and in int8, or with --device on a GPU and on
the processor: snippets per second, peak memory, start-up, and how often the verdicts agree.

    python benches/scan.py DEVIGN.jsonl.gz [--count 2000] [--triggered] [--rounds 3] [--device cuda] [-o results.json]

Builds the program (with the feature `cuda` for a GPU), unless --program names one. Every function is a file, as it is; with
--triggered every second one is given the trigger of the bundled detector, so that there are verdicts of both kinds. Needs
Python's standard library only.
"""

import argparse
import bisect
import datetime
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TRIGGER = ' if (rand() < 0) printf("fail");'


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devign", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--triggered", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", help="cuda or cuda:N")
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    return parser.parse_args()


def write_functions(devign, count, folder, triggered):
    with gzip.open(devign, "rt") as lines:
        for number, line in zip(range(count), lines):
            code = json.loads(line)["func"]
            if triggered and number % 2:
                code = code.replace("{", "{" + TRIGGER, 1)
            (folder / f"{number:05}.c").write_text(code)


def scan(program, paths, flags):
    """Seconds, peak memory in MB, results."""
    start = time.perf_counter()
    command = [program, "scan", *paths, "--format", "json", *flags, "--fail-on", "never"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        assert os.waitstatus_to_exitcode(status) == 0, status
        output.seek(0)
        return seconds, usage.ru_maxrss / 1024, json.load(output)["results"]


def auroc(positive, negative):
    """The share of pairs in which the positive one scores higher; half of those that score alike."""
    ordered = sorted(negative)
    below = sum(bisect.bisect_left(ordered, score) + bisect.bisect_right(ordered, score) for score in positive) / 2
    return below / (len(positive) * len(negative))


def agreement(results, triggered):
    verdicts = {way: {item["path"]: item for item in found} for way, found in results.items()}
    one, other = verdicts.values()
    paths = sorted(set(one) & set(other))
    same = sum(one[path]["verdict"] == other[path]["verdict"] for path in paths)
    labels = sum(one[path]["prediction"]["label"] == other[path]["prediction"]["label"] for path in paths)
    same = {"units": len(paths), "same_verdict": same / len(paths), "same_label": labels / len(paths)}
    if not triggered:
        return same
    areas = {}
    for way, found in verdicts.items():
        scores = {path: item["score"] for path, item in found.items() if item.get("score") is not None}
        odd = [score for path, score in scores.items() if int(pathlib.Path(path).stem) % 2]
        even = [score for path, score in scores.items() if not int(pathlib.Path(path).stem) % 2]
        areas[way] = auroc(odd, even)
    return {**same, "auroc": areas}


def built(device):
    features = ["--features", "cuda"] if device else []
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "codepurify-cli", *features], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/codepurify"


def main():
    args = arguments()
    program = args.program or built(args.device)
    ways = {"int8": ["--precision", "int8"], "f32": []}
    if args.device:
        ways = {args.device: ["--device", args.device], "cpu": []}
    report = {"date": datetime.date.today().isoformat(), "functions": args.count, "triggered": args.triggered, "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_functions(args.devign, args.count, folder, args.triggered)
        first, flags = [folder / "00000.c"], next(iter(ways.values()))
        scan(program, first, flags)
        report["first_verdict_seconds"] = statistics.median(scan(program, first, flags)[0] for _ in range(5))
        times, memory, results = {}, {}, {}
        for _ in range(args.rounds):
            for way, flags in ways.items():
                seconds, peak, results[way] = scan(program, [folder], flags)
                times.setdefault(way, []).append(seconds)
                memory.setdefault(way, peak)
        units = {way: len(found) for way, found in results.items()}
        report["snippets_per_second"] = {way: units[way] / statistics.median(found) for way, found in times.items()}
        report["seconds"], report["peak_megabytes"] = times, memory
        report["agreement"] = agreement(results, args.triggered)
    print(json.dumps(report, indent=1))
    if args.output:
        args.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

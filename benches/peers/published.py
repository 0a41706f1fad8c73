"""Measures the guard end to end against the published method's way of working: the same CodeBERT-base weights, the same
Devign functions, the same candidates, in one run.

    python benches/peers/published.py WORK_DIR DEVIGN.jsonl.gz [--count 12] [--rounds 5] [--device cuda] [-o results.json]

The published method, in PyTorch (f32): a function and, for each of its candidates, the function with that candidate
replaced by the unknown token are tokenised, padded to the longest of them and judged in one batch; the shares of the
confidence that is lost have an entropy. (The official code pads to 512 tokens whatever the lengths are: this is kinder to
it.) codepurify guards with profile `default` in f32 and int8. Neither purifies. Candidates are those that `explain
--profile paper` lists. Needs what requirements.txt lists; --device and --built are those of compare.py.
"""

import argparse
import datetime
import gzip
import json
import math
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from compare import ROBERTA, ROOT, accelerator, build_programs, codepurify_side, cpu, load_torch, make_model, peer_package

WINDOW = 510


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("devign", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--built", action="store_true", help="build nothing: the programs are there")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    return parser.parse_args()


def functions_of(devign, count):
    with gzip.open(devign, "rt") as lines:
        return [json.loads(line)["func"] for line, _ in zip(lines, range(count))]


def variants_of(functions):
    """Text of each function, with all candidates and without each of them."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / f"{number:03}.c" for number in range(len(functions))]
        for path, text in zip(paths, functions):
            path.write_text(text)
        command = [target / "release/codepurify", "explain", "--profile", "paper", "--format", "json", *paths]
        report = json.loads(subprocess.run([*command, "--fail-on", "never"], capture_output=True).stdout)
    variants = [[text] for text in functions]
    for result in report["results"]:
        number = int(pathlib.Path(result["path"]).stem)
        source = functions[number].encode()
        for candidate in result["evidence"]:
            text = source
            for span in reversed(candidate["spans"]):
                text = text[: span["start_byte"]] + b"<unk>" + text[span["end_byte"] :]
            variants[number].append(text.decode(errors="replace"))
    return variants


def published_side(directory, variants, threads, device):
    """Entropies of all functions, one batch each."""
    import torch
    from tokenizers import Tokenizer

    torch.set_num_threads(threads)
    model = load_torch(ROBERTA, directory).to(device)
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))

    def entropy(texts):
        rows = [row.ids[:WINDOW] for row in tokenizer.encode_batch(texts, add_special_tokens=False)]
        longest = max(map(len, rows))
        ids = torch.tensor([[0, *row, 2] + [1] * (longest - len(row)) for row in rows]).to(device)
        probabilities = torch.softmax(model(ids, (ids != 1).long(), None), dim=1).cpu()
        label = int(probabilities[0].argmax())
        lost = (probabilities[0, label] - probabilities[1:, label]).abs()
        shares = [share for share in (lost / lost.sum()).tolist() if share > 0]
        return -sum(share * math.log(share) for share in shares)

    def run():
        start = time.perf_counter()
        with torch.inference_mode():
            for texts in variants:
                entropy(texts)
        return time.perf_counter() - start

    return run


def main():
    args = arguments()
    directory = args.work / ROBERTA
    make_model(ROBERTA, directory)
    if not args.built:
        build_programs(peer_package(args.device), ["codepurify-cli"])
    functions = functions_of(args.devign, args.count)
    variants = variants_of(functions)
    runs = {"codepurify f32": codepurify_side(directory, functions, "f32", args.threads, args.device)}
    if args.device == "cpu":
        runs["codepurify int8"] = codepurify_side(directory, functions, "int8", args.threads)
    runs["published method, PyTorch f32"] = published_side(directory, variants, args.threads, args.device)
    for side, run in runs.items():
        # A minute without need on the processor, which does not have to warm up for PyTorch.
        if args.device != "cpu" or side.startswith("codepurify"):
            run()
    seconds = {side: [] for side in runs}
    for _ in range(args.rounds):
        for side, run in runs.items():
            seconds[side].append(run())
    medians = {side: statistics.median(times) / len(functions) for side, times in seconds.items()}
    published = medians["published method, PyTorch f32"]
    print("| side | seconds a function | slowest .. fastest | published / side |\n|---|---:|---:|---:|")
    for side, median in medians.items():
        slowest, fastest = max(seconds[side]) / len(functions), min(seconds[side]) / len(functions)
        print(f"| {side} | {median:.3f} | {slowest:.3f} .. {fastest:.3f} | {published / median:.1f} |")
    if args.output:
        versions = {module: __import__(module).__version__ for module in ["torch", "transformers"]}
        report = {
            "date": datetime.date.today().isoformat(), "cpu": cpu(), "device": accelerator(args.device), "threads": args.threads, "versions": versions,
            "functions": len(functions), "candidates": [len(texts) - 1 for texts in variants], "seconds": seconds,
        }  # fmt: skip
        args.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

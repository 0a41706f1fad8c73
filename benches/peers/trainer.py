"""Measures the trainer against PyTorch: a defect detector of 4 layers x 256, the same Devign functions, batches of 4,096
tokens, AdamW, in one run.

    python benches/peers/trainer.py DEVIGN_TRAIN.jsonl.gz DEVIGN_VALID.jsonl.gz [--seconds 30] [--rounds 3] [-o results.json]

Each side trains for some seconds in turn, round after round, and tells its tokens per second; tokens are those of the
functions (128 at most and the two special ones), padding is not counted. PyTorch takes rows in the order of their lengths, so that
hardly anything is padded, and trains in f32 and under bf16 autocast. Needs what requirements.txt lists.
"""

import argparse
import datetime
import gzip
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from compare import ROOT, cpu

WINDOW, TOKENS, RATE = 128, 4096, 5e-4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("valid", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("-o", "--output", type=pathlib.Path)
    return parser.parse_args()


def codepurify(args):
    """The last rate that the trainer tells before its time is up."""
    lab = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/codepurify-lab"
    with tempfile.TemporaryDirectory() as out:
        command = [
            lab, "train", "defect", "--train", args.train, "--valid", args.valid, "--out", f"{out}/model",
            "--init", ROOT / "models/codepurify-mlm-mini", "--layers", "4", "--max-length", str(WINDOW),
            "--tokens", str(TOKENS), "--learning-rate", str(RATE), "--epochs", "1",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        rate, end = None, None
        for line in process.stdout:
            found = re.search(rb"([0-9.]+) tokens/s", line)
            if found:
                rate, end = float(found[1]), end or time.perf_counter() + args.seconds
            if end and time.perf_counter() > end:
                break
        process.kill()
        process.wait()
    return rate


def batches(args):
    """Endless batches of rows of similar length, and their labels."""
    import random

    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(ROOT / "models/codepurify-mlm-mini/tokenizer.json"))
    with gzip.open(args.train, "rt") as lines:
        rows = [(json.loads(line)["func"], json.loads(line)["target"]) for line, _ in zip(lines, range(4000))]
    rows = [([0, *tokenizer.encode(text, add_special_tokens=False).ids[:WINDOW], 2], label) for text, label in rows]
    rows.sort(key=lambda row: len(row[0]))
    groups, group, size = [], [], 0
    for row in rows:
        if group and size + len(row[0]) > TOKENS:
            groups.append(group)
            group, size = [], 0
        group.append(row)
        size += len(row[0])
    order = random.Random(1)
    while True:
        order.shuffle(groups)
        yield from groups


def pytorch(args, bf16):
    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=8193, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024,
        max_position_embeddings=514, type_vocab_size=1, num_labels=2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = RobertaForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    tokens, start = 0, None
    for group in batches(args):
        longest = max(len(ids) for ids, _ in group)
        ids = torch.tensor([ids + [1] * (longest - len(ids)) for ids, _ in group])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            labels = torch.tensor([label for _, label in group])
            loss = model(ids, attention_mask=(ids != 1).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if start is None:
            start = time.perf_counter()  # The first step is made ready for the others.
            continue
        tokens += int((ids != 1).sum())
        if time.perf_counter() - start > args.seconds:
            return tokens / (time.perf_counter() - start)


def main():
    args = arguments()
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "codepurify-lab"], cwd=ROOT, check=True)
    sides = {
        "codepurify f32": lambda: codepurify(args),
        "PyTorch f32": lambda: pytorch(args, False),
        "PyTorch bf16": lambda: pytorch(args, True),
    }
    rates = {side: [] for side in sides}
    for _ in range(args.rounds):
        for side, run in sides.items():
            rates[side].append(run())
    medians = {side: statistics.median(found) for side, found in rates.items()}
    print("| side | tokens/s | slowest .. fastest | codepurify / side |\n|---|---:|---:|---:|")
    for side, median in medians.items():
        ratio = medians["codepurify f32"] / median
        print(f"| {side} | {median:,.0f} | {min(rates[side]):,.0f} .. {max(rates[side]):,.0f} | {ratio:.2f} |")
    if args.output:
        versions = {module: __import__(module).__version__ for module in ["torch", "transformers"]}
        report = {
            "date": datetime.date.today().isoformat(), "cpu": cpu(), "threads": args.threads, "versions": versions,
            "seconds": args.seconds, "tokens_per_second": rates,
        }  # fmt: skip
        args.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

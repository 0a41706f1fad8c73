"""Measures codepurify against PyTorch and ONNX Runtime: the same weights, the same rows, in one run.

    python benches/peers/compare.py WORK_DIR [--model roberta|t5] [--rounds 5] [--only NAME,...] [--device cuda] [-o results.json]

Makes a classifier of the shape of CodeBERT-base (or CodeT5-small) with random weights in WORK_DIR, builds the example
`peer`, and lets every side judge the same rows in turn, round after round: what happens to the machine happens to all of
them. `even` rows are 8 of 256 tokens (64 for a GPU); `devign` rows are 16 real functions, as they come, and `devign-sorted` the same by
length, so that little of a peer's batch is padding. Prints a Markdown table of medians. Needs what requirements.txt lists. Set the threads with --threads (default: all
cores). --device measures codepurify and PyTorch on a GPU, with the feature `cuda`; --built takes `peer` as it is in the target
directory.
"""

import argparse
import datetime
import gzip
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROBERTA = "roberta"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--model", choices=["roberta", "t5"], default=ROBERTA)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="measure these sides only, by name, comma-separated")
    parser.add_argument("--rows", choices=["even", "devign", "devign-sorted"], help="these rows only")
    parser.add_argument("--devign", type=pathlib.Path, help="Devign rows as JSON Lines, gzipped")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--built", action="store_true", help="build nothing: the programs are there")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    return parser.parse_args()


def build_programs(*packages):
    for package in packages:
        subprocess.run(["cargo", "build", "--release", "--quiet", "-p", *package], cwd=ROOT, check=True)


def peer_package(device):
    """The package to build for codepurify's side."""
    return ["codepurify-models", "--example", "peer", *([] if device == "cpu" else ["--features", "cuda"])]


# The model


def make_model(kind, directory):
    """A classifier with random weights as a Hugging Face directory."""
    import torch
    from safetensors.torch import save_file
    from transformers import RobertaConfig, T5Config

    if (directory / "model.safetensors").exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    model = build(kind)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if "position_ids" not in name}
    if kind == "t5":
        shared = state["encoder.shared.weight"]
        state = {name: tensor for name, tensor in state.items() if tensor.data_ptr() != shared.data_ptr()}
        state["encoder.shared.weight"] = shared
    save_file(state, str(directory / "model.safetensors"))
    config = config_of(kind)
    assert isinstance(config, (RobertaConfig, T5Config))
    (directory / "config.json").write_text(config.to_json_string())
    (directory / "tokenizer.json").write_bytes((ROOT / "models/devign-bnc-fixed/tokenizer.json").read_bytes())
    (directory / "codepurify.json").write_text('{"task": "defect", "labels": ["clean", "vulnerable"]}')


def config_of(kind):
    from transformers import RobertaConfig, T5Config

    if kind == ROBERTA:
        return RobertaConfig(
            vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, num_labels=2
        )
    # CodeT5-small: T5-small with a vocabulary of code.
    return T5Config(
        vocab_size=32100, d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8,
        pad_token_id=0, eos_token_id=2, decoder_start_token_id=0,
    )  # fmt: skip


def build(kind):
    """The network as PyTorch code: ids [rows, length] -> logits [rows, 2]."""
    import torch
    from transformers import RobertaForSequenceClassification, T5ForConditionalGeneration

    if kind == ROBERTA:
        return RobertaForSequenceClassification(config_of(kind)).eval()

    class Defect(torch.nn.Module):
        """CodeT5's classifier: the source is also the target; the decoder's state at its end is classified."""

        def __init__(self):
            super().__init__()
            self.encoder = T5ForConditionalGeneration(config_of(kind))
            self.classifier = torch.nn.Linear(config_of(kind).d_model, 2)

    return Defect().eval()


def callable_of(kind, model):
    """ids, mask, index of each row's end -> logits."""
    import torch

    class Forward(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, mask, ends):
            if kind == ROBERTA:
                return self.model(input_ids=ids, attention_mask=mask).logits
            t5 = self.model.encoder
            encoded = t5.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            start = torch.zeros_like(ids[:, :1])
            inputs = torch.cat([start, ids[:, :-1]], dim=1)
            hidden = t5.decoder(
                input_ids=inputs, attention_mask=mask, encoder_hidden_states=encoded, encoder_attention_mask=mask,
                use_cache=False,
            ).last_hidden_state  # fmt: skip
            rows = torch.arange(ids.shape[0], device=ids.device)
            return self.model.classifier(hidden[rows, ends])

    return Forward().eval()


def load_torch(kind, directory):
    from safetensors.torch import load_file

    model = build(kind)
    model.load_state_dict(load_file(str(directory / "model.safetensors")), strict=False)
    return callable_of(kind, model)


# The rows


def rows_of(name, kind, devign, even=8):
    """Content tokens of every row; frames are added by each side."""
    special = 1 if kind == ROBERTA else 0
    if name == "even":
        return [[(row * 911 + at * 7919) % 30000 + 10 for at in range(254)] for row in range(even)]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(ROOT / "models/devign-bnc-fixed/tokenizer.json"))
    with gzip.open(devign, "rt") as lines:
        texts = [" ".join(json.loads(line)["func"].split()) for line, _ in zip(lines, range(16))]
    rows = [tokenizer.encode(text, add_special_tokens=False).ids[:510] for text in texts]
    if name == "devign-sorted":
        rows.sort(key=len)
    return [[max(token, 10 + special) for token in row] for row in rows]


def padded(rows, kind, size=8):
    """Batches of `size` rows as they come, padded to the longest: ids, mask, ends."""
    import numpy as np

    (begin, end), pad = ((0, 2), 1) if kind == ROBERTA else ((1, 2), 0)
    framed = [[begin, *row, end] for row in rows]
    batches = []
    for first in range(0, len(framed), size):
        group = framed[first : first + size]
        length = max(map(len, group))
        ids = np.array([row + [pad] * (length - len(row)) for row in group], dtype=np.int64)
        ends = np.array([len(row) - 1 for row in group], dtype=np.int64)
        batches.append((ids, (ids != pad).astype(np.int64), ends))
    return batches


# The sides: each is a function that judges all rows once and returns the seconds


def torch_side(kind, directory, batches, dtype, threads, device="cpu"):
    import torch

    torch.set_num_threads(threads)
    model = load_torch(kind, directory).to(dtype).to(device)
    batches = [tuple(map(torch.from_numpy, batch)) for batch in batches]

    def run():
        start = time.perf_counter()
        with torch.inference_mode():
            for batch in batches:
                model(*(part.to(device) for part in batch)).float().cpu()
        return time.perf_counter() - start

    return run


def onnx_path(kind, directory):
    """The network as an ONNX file, with ONNX Runtime's own fusions for transformers."""
    import torch
    from onnxruntime.transformers import optimizer

    path = directory / "model.onnx"
    if not path.exists():
        raw = directory / "raw.onnx"
        model = load_torch(kind, directory)
        ids = torch.randint(10, 1000, (2, 16))
        torch.onnx.export(
            model, (ids, torch.ones_like(ids), torch.tensor([15, 15])), str(raw), dynamo=False, opset_version=17,
            input_names=["ids", "mask", "ends"], output_names=["logits"],
            dynamic_axes={"ids": {0: "rows", 1: "length"}, "mask": {0: "rows", 1: "length"}, "ends": {0: "rows"}},
        )  # fmt: skip
        if kind == ROBERTA:
            optimizer.optimize_model(str(raw), model_type="bert", num_heads=12, hidden_size=768).save_model_to_file(
                str(path)
            )
        else:
            raw.rename(path)
    return path


def onnx_int8_path(kind, directory):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = directory / "model.int8.onnx"
    if not path.exists():
        quantize_dynamic(
            str(onnx_path(kind, directory)), str(path), weight_type=QuantType.QInt8, per_channel=True,
            extra_options={"DefaultTensorType": 1},
        )  # fmt: skip
    return path


def onnx_side(path, batches, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = {given.name for given in session.get_inputs()}

    def run():
        start = time.perf_counter()
        for ids, mask, ends in batches:
            given = {"ids": ids, "mask": mask, "ends": ends}
            session.run(None, {name: given[name] for name in names})
        return time.perf_counter() - start

    return run


def codepurify_side(directory, rows, precision, threads, device="cpu"):
    given = directory / "rows.json"
    given.write_text(json.dumps(rows))
    peer = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/peer"
    process = subprocess.Popen(
        [peer, directory, precision, given, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "RAYON_NUM_THREADS": str(threads), "CANDLE_NUM_THREADS": str(threads)},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"

    def run():
        process.stdin.write("\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())["seconds"]

    return run


def on_gpu(kind, directory, rows, threads, device):
    import torch

    batches = padded(rows, kind, len(rows))
    return {
        "codepurify f32": lambda: codepurify_side(directory, rows, "f32", threads, device),
        "PyTorch f32": lambda: torch_side(kind, directory, batches, torch.float32, threads, device),
        "PyTorch bf16": lambda: torch_side(kind, directory, batches, torch.bfloat16, threads, device),
    }


def on_processor(kind, directory, rows, threads):
    import torch

    batches = padded(rows, kind)
    return {
        "codepurify f32": lambda: codepurify_side(directory, rows, "f32", threads),
        "codepurify int8": lambda: codepurify_side(directory, rows, "int8", threads),
        "ONNX Runtime f32": lambda: onnx_side(onnx_path(kind, directory), batches, threads),
        "ONNX Runtime int8": lambda: onnx_side(onnx_int8_path(kind, directory), batches, threads),
        "PyTorch f32": lambda: torch_side(kind, directory, batches, torch.float32, threads),
        "PyTorch bf16": lambda: torch_side(kind, directory, batches, torch.bfloat16, threads),
    }


def sides(kind, directory, rows, args, only):
    if args.device == "cpu":
        every = on_processor(kind, directory, rows, args.threads)
    else:
        every = on_gpu(kind, directory, rows, args.threads, args.device)
    return {name: make() for name, make in every.items() if not only or name in only}


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def accelerator(device):
    """What it is called, if it is not the processor."""
    import torch

    return "cpu" if device == "cpu" else torch.cuda.get_device_name(device)


def measure(kind, directory, name, args, only):
    rows = rows_of(name, kind, args.devign, even=8 if args.device == "cpu" else 64)
    tokens = sum(map(len, rows)) + 2 * len(rows)
    runs = sides(kind, directory, rows, args, only)
    for run in runs.values():
        run()
    seconds = {side: [] for side in runs}
    for _ in range(args.rounds):
        for side, run in runs.items():
            seconds[side].append(run())
    rates = {side: tokens / statistics.median(times) for side, times in seconds.items()}
    print(f"\n{name}: {len(rows)} rows, {tokens} tokens, {args.threads} threads, medians of {args.rounds}\n")
    print("| side | tokens/s | slowest .. fastest |\n|---|---|---|")
    for side, rate in rates.items():
        times = seconds[side]
        print(f"| {side} | {rate:,.0f} | {tokens / max(times):,.0f} .. {tokens / min(times):,.0f} |")
    return {"rows": name, "tokens": tokens, "seconds": seconds, "tokens_per_second": rates}


def main():
    args = arguments()
    directory = args.work / args.model
    make_model(args.model, directory)
    if not args.built:
        build_programs(peer_package(args.device))
    names = [args.rows] if args.rows else ["even", *(["devign", "devign-sorted"] if args.devign else [])]
    only = set(filter(None, args.only.split(",")))
    found = [measure(args.model, directory, name, args, only) for name in names]
    if args.output:
        versions = {}
        for module in ["torch", "onnxruntime", "transformers"]:
            versions[module] = __import__(module).__version__
        report = {
            "model": args.model, "date": datetime.date.today().isoformat(), "cpu": cpu(), "device": accelerator(args.device),
            "threads": args.threads, "rounds": args.rounds, "versions": versions, "measured": found,
        }  # fmt: skip
        args.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Makes one model of every supported family and head, saved in every supported format, with expected answers.

    pip install torch transformers tokenizers safetensors
    python make_compat.py OUT tiny
    python make_compat.py OUT small|base ROBERTA_TOKENIZER CODET5_TOKENIZER [HEAD]

OUT/HEAD is the base directory: configuration, tokenizer, codepurify.json and expected.json. The folders in it hold the
same weights, each in another format and nothing else. `tiny` is what `compat/` here holds. `base` has the shapes of
CodeBERT-base and CodeT5-base, `small` those of CodeT5-small; the tokenizer folders hold vocab.json and merges.txt. Weights
are random (seeded). The example `parity` compares.
"""

import json
import shutil
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from make_golden import SNIPPETS, train_tokenizer, write
from make_seq2seq import Seq2Seq, likelihoods, search
from make_t5 import Clone, Defect, forced, shake
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import (
    RobertaConfig, RobertaForMaskedLM, RobertaForSequenceClassification, RobertaModel, T5Config,
    T5ForConditionalGeneration,
)

ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CODET5 = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]
LONG = " ".join(SNIPPETS) + " while (i < n) { total += i * i; i++; }"
TARGETS = ["int add(int a, int b)", "free(n);", "", "x", "while (queue->size > 0)", "return total;", "buffer[i] = 0;"]
ANSWERS = ["false", "true"]
BEAMS = 4
LONGEST_ANSWER = 20
SHAPES = {
    "tiny": {
        "roberta": dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                        max_position_embeddings=66),
        "decoder": (1, 24),
        "t5": dict(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2),
        "window": 62, "std": 0.3,
    },
    "small": {
        "t5": dict(d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_decoder_layers=6, num_heads=8), "window": 398,
    },
    "base": {
        "roberta": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
                        max_position_embeddings=514),
        "decoder": (6, 2048),
        "t5": dict(d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_decoder_layers=12, num_heads=12),
        "window": 398, "std": 0.04,
    },
}


class RobertaClone(nn.Module):
    """A RoBERTa in the field `encoder` and a head over the `<s>` states of two snippets."""

    def __init__(self, shape):
        super().__init__()
        self.encoder = RobertaModel(shape)
        width = shape.hidden_size
        self.classifier = nn.ModuleDict({"dense": nn.Linear(2 * width, width), "out_proj": nn.Linear(width, 2)})

    def vectors(self, rows):
        return self.encoder(**padded(rows, 1)).last_hidden_state[:, 0]

    def forward(self, left, right):
        pair = torch.cat([self.vectors(left), self.vectors(right)], 1)
        return self.classifier["out_proj"](torch.tanh(self.classifier["dense"](pair)))


class Wrapped(nn.Module):
    """A classifier in the field `encoder`."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder


class Place:
    """One shape: its tokenizers, rows and folder."""

    def __init__(self, out, shape, tokenizers):
        self.out, self.name, self.shape, self.tokenizers = Path(out), shape, SHAPES[shape], tokenizers

    def tokenizer(self, special):
        if self.name == "tiny":
            return train_tokenizer(special)
        folder = self.tokenizers[special is CODET5]
        model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer

    def rows(self, special):
        tokenizer = self.tokenizer(special)
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in self.texts()]
        return [row[: self.shape["window"]] for row in ids]

    def texts(self):
        repeats = 1 if self.name == "tiny" else 3
        return [" ".join(text.split()) for text in [*SNIPPETS, " ".join([LONG] * repeats)]]

    def targets(self, special):
        tokenizer = self.tokenizer(special)
        return [tokenizer.encode(text, add_special_tokens=False).ids for text in TARGETS]

    def roberta(self, **extra):
        return RobertaConfig(
            vocab_size=self.tokenizer(ROBERTA).get_vocab_size(), type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
            bos_token_id=0, eos_token_id=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            initializer_range=self.shape["std"], **self.shape["roberta"], **extra,
        )

    def t5(self):
        rows = 32100 if self.name != "tiny" else self.tokenizer(CODET5).get_vocab_size()
        return T5Config(
            vocab_size=rows, dropout_rate=0.0, layer_norm_epsilon=1e-6, feed_forward_proj="relu", pad_token_id=0,
            bos_token_id=1, eos_token_id=2, decoder_start_token_id=0, **self.shape["t5"],
        )

    def save(self, head, special, model, config, sidecar, expected):
        """The base directory of a head, and its weights in every format."""
        base = self.out / head
        base.mkdir(parents=True, exist_ok=True)
        if self.name == "tiny":
            self.tokenizer(special).save(str(base / "tokenizer.json"), pretty=False)
        else:
            for file in ("vocab.json", "merges.txt"):
                shutil.copyfile(self.tokenizers[special is CODET5] / file, base / file)
        (base / "config.json").write_text(json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
        preprocessing = {"collapse_whitespace": True, "max_length": self.shape["window"] + 2}
        write(base / "codepurify.json", sidecar | {"preprocessing": preprocessing})
        write(base / "expected.json", {"texts": self.texts()} | expected)
        save_formats(base, model.state_dict())


def save_formats(base, state):
    """Tied tensors stay tied in torch's formats and are written once in safetensors."""
    for name in ("safetensors", "sharded", "torch-zip", "torch-legacy", "state-dict"):
        (base / name).mkdir(exist_ok=True)
    seen, once = set(), {}
    for key, value in state.items():
        if value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            once[key] = value.contiguous()
    save_file(once, base / "safetensors" / "model.safetensors")
    keys = sorted(once)
    shards = {"model-00001-of-00002.safetensors": keys[::2], "model-00002-of-00002.safetensors": keys[1::2]}
    for file, names in shards.items():
        save_file({name: once[name] for name in names}, base / "sharded" / file)
    places = {name: file for file, names in shards.items() for name in names}
    size = sum(value.nbytes for value in once.values())
    write(base / "sharded" / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": places})
    torch.save(state, base / "torch-zip" / "pytorch_model.bin")
    torch.save(state, base / "torch-legacy" / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    parallel = OrderedDict((f"module.{key}", value) for key, value in state.items())
    torch.save(parallel, base / "state-dict" / "model.bin")


def padded(rows, pad):
    length = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": ids.ne(pad).long()}


def frame(rows, special):
    begin, end = special.index("<s>"), special.index("</s>")
    return [[begin, *row, end] for row in rows]


def stirred(model):
    """Biases and norms away from their 0 and 1, so that a forgotten one shows."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def logits_of(model, rows):
    return model(**padded(rows, 1)).logits.tolist()


def pairs(rows):
    return rows, [*rows[1:], rows[0]]


def roberta_classification(place):
    config = place.roberta(num_labels=3)
    model, rows = stirred(RobertaForSequenceClassification(config)), place.rows(ROBERTA)
    expected = {"kind": "classifier", "ids": rows, "logits": logits_of(model, frame(rows, ROBERTA))}
    place.save("roberta-classification", ROBERTA, model, config, {"task": "classification"}, expected)


def roberta_defect(place):
    config = place.roberta(num_labels=1)
    inner, rows = stirred(RobertaForSequenceClassification(config)), place.rows(ROBERTA)
    expected = {"kind": "classifier", "ids": rows, "logits": logits_of(inner, frame(rows, ROBERTA))}
    place.save("roberta-defect", ROBERTA, Wrapped(inner), config, {"task": "defect"}, expected)


def roberta_joined(place):
    """Half of the window each, as two snippets share it."""
    config = place.roberta(num_labels=2)
    model = stirred(RobertaForSequenceClassification(config))
    left, right = pairs([row[: (place.shape["window"] - 2) // 2] for row in place.rows(ROBERTA)])
    rows = [[0, *first, 2, 2, *second, 2] for first, second in zip(left, right)]
    expected = {"kind": "pair", "left": left, "right": right, "logits": logits_of(model, rows)}
    place.save("roberta-joined-clone", ROBERTA, model, config, {"task": "clone"}, expected)


def roberta_clone(place):
    config = place.roberta()
    model = stirred(RobertaClone(config))
    left, right = pairs(place.rows(ROBERTA))
    logits = model(frame(left, ROBERTA), frame(right, ROBERTA)).tolist()
    expected = {"kind": "pair", "left": left, "right": right, "logits": logits}
    place.save("roberta-clone", ROBERTA, model, config, {"task": "clone"}, expected)


def roberta_mlm(place):
    config = place.roberta()
    model, mask = stirred(RobertaForMaskedLM(config)), place.tokenizer(ROBERTA).token_to_id("<mask>")
    rows = [[mask if at % 40 == 1 else id for at, id in enumerate(row)] for row in place.rows(ROBERTA)]
    scores = torch.log_softmax(model(**padded(frame(rows, ROBERTA), 1)).logits, -1)
    fills = []
    for row, of_row in zip(rows, scores):
        best = [of_row[at + 1].topk(5) for at, id in enumerate(row) if id == mask]
        fills.append([list(zip(found.indices.tolist(), found.values.tolist())) for found in best])
    place.save("roberta-mlm", ROBERTA, model, config, {}, {"kind": "masked_lm", "rows": rows, "fills": fills})


def roberta_seq2seq(place):
    config = place.roberta()
    model = stirred(Seq2Seq(config, *place.shape["decoder"]))
    with torch.no_grad():
        model.encoder.embeddings.word_embeddings.weight[2] *= 3  # Some answers end, others do not.
    sources, targets = place.rows(ROBERTA), place.targets(ROBERTA)
    framed = frame(sources, ROBERTA)
    means, _ = likelihoods(model, framed, targets)
    answers = {str(size): [search(model, row, size)[:LONGEST_ANSWER] for row in framed] for size in (1, BEAMS)}
    expected = {"kind": "generator", "sources": sources, "targets": targets, "likelihoods": means, "answers": answers}
    sidecar = {"task": "repair", "generation": {"max_length": LONGEST_ANSWER}}
    place.save("roberta-seq2seq", ROBERTA, model, config, sidecar, expected)


def t5_model(place):
    model = shake(T5ForConditionalGeneration(place.t5()))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("wi.weight", "wo.weight", "o.weight", "v.weight")):
                parameter.mul_(2.0)
    return model


def t5_scores(model, rows, targets):
    """Σ ln p and the number of tokens of each target and the end; the `<s>` before it is given."""
    framed, wanted = frame(rows, CODET5), frame(targets, CODET5)
    found = forced(model, framed, wanted)
    return [(sum(row["log_probabilities"][1:]), len(row["log_probabilities"]) - 1) for row in found]


def t5_answers(model, rows, beams):
    answers = []
    for row in frame(rows, CODET5):
        ids = model.generate(torch.tensor([row]), max_length=LONGEST_ANSWER, num_beams=beams, do_sample=False)[0]
        ids = ids.tolist()[1:]
        ids = ids[: ids.index(2)] if 2 in ids else ids
        answers.append([id for id in ids if id not in (0, 1)])
    return answers


def t5_generation(place):
    config, model = place.t5(), t5_model(place)
    sources, targets = place.rows(CODET5), place.targets(CODET5)
    means = [total / count for total, count in t5_scores(model, sources, targets)]
    answers = {str(beams): t5_answers(model, sources, beams) for beams in (1, BEAMS)}
    expected = {"kind": "generator", "sources": sources, "targets": targets, "likelihoods": means, "answers": answers}
    sidecar = {"task": "repair", "generation": {"max_length": LONGEST_ANSWER}}
    place.save("t5-generation", CODET5, model, config, sidecar, expected)


def t5_text(place):
    config, model, rows = place.t5(), t5_model(place), place.rows(CODET5)
    tokenizer = place.tokenizer(CODET5)
    classes = [tokenizer.encode(answer, add_special_tokens=False).ids for answer in ANSWERS]
    columns = [[total for total, _ in t5_scores(model, rows, [ids] * len(rows))] for ids in classes]
    expected = {"kind": "classifier", "ids": rows, "logits": [list(row) for row in zip(*columns)]}
    place.save("t5-text", CODET5, model, config, {"task": "defect", "answers": ANSWERS}, expected)


def t5_defect(place):
    config, rows = place.t5(), place.rows(CODET5)
    model = Defect(t5_model(place)).eval()
    logits = model(padded(frame(rows, CODET5), 0)["input_ids"]).tolist()
    expected = {"kind": "classifier", "ids": rows, "logits": logits}
    place.save("t5-defect", CODET5, model, config, {"task": "defect"}, expected)


def t5_clone(place):
    config = place.t5()
    model = Clone(t5_model(place)).eval()
    left, right = pairs(place.rows(CODET5))
    ids = [padded(frame(side, CODET5), 0)["input_ids"] for side in (left, right)]
    expected = {"kind": "pair", "left": left, "right": right, "logits": model(*ids).tolist()}
    place.save("t5-clone", CODET5, model, config, {"task": "clone"}, expected)


HEADS = {
    "roberta-classification": roberta_classification, "roberta-defect": roberta_defect, "roberta-clone": roberta_clone,
    "roberta-joined-clone": roberta_joined, "roberta-seq2seq": roberta_seq2seq, "roberta-mlm": roberta_mlm,
    "t5-generation": t5_generation, "t5-text": t5_text, "t5-defect": t5_defect, "t5-clone": t5_clone,
}

if __name__ == "__main__":
    out, shape, *rest = sys.argv[1:]
    here = Place(out, shape, [Path(folder) for folder in rest[:2]])
    wanted = rest[2:] or [head for head in HEADS if head.split("-")[0] in SHAPES[shape]]
    for head in wanted:
        torch.manual_seed(len(head))
        with torch.no_grad():
            HEADS[head](here)
        print(f"{shape}: {head}", file=sys.stderr)

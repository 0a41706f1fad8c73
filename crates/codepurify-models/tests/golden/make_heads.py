"""Makes `heads/`: heads that make_compat.py lacks, each with random weights and PyTorch's answers for it.

    pip install torch transformers tokenizers safetensors
    python make_heads.py heads

Each folder of `heads/` is a base directory like those of `compat/`, with its weights in the folder `safetensors`. The
modules have the names and the arithmetic of the scripts that they are named after. Where a sidecar sets how a
prediction follows from the numbers of a head, `logits` are the result of that rule.
"""

import json
import sys

import torch
from make_compat import ROBERTA, SHAPES, Place, frame, padded, pairs, stirred
from make_golden import train_tokenizer, write
from safetensors.torch import save_file
from torch import nn
from transformers import RobertaForSequenceClassification, RobertaModel

UNIXCODER = [*ROBERTA, "<encoder-only>"]
WINDOW = SHAPES["tiny"]["window"]


def logit(probability):
    return torch.log(probability / (1 - probability))


def save(place, name, special, model, config, sidecar, expected):
    base = place.out / name
    (base / "safetensors").mkdir(parents=True, exist_ok=True)
    train_tokenizer(special).save(str(base / "tokenizer.json"), pretty=False)
    (base / "config.json").write_text(json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
    preprocessing = {"collapse_whitespace": True, "max_length": WINDOW + 2} | sidecar.pop("preprocessing", {})
    write(base / "codepurify.json", sidecar | {"preprocessing": preprocessing})
    write(base / "expected.json", {"texts": place.texts()} | expected)
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file(state, base / "safetensors" / "model.safetensors")


class DefectModel(nn.Module):
    """CodeT5's run_defect.py with a RoBERTa: one linear layer over `<s>`."""

    def __init__(self, config, classes):
        super().__init__()
        self.encoder, self.classifier = RobertaModel(config), nn.Linear(config.hidden_size, classes)

    def forward(self, rows):
        return self.classifier(self.encoder(**padded(rows, 1))[0][:, 0])


class MeanModel(DefectModel):
    """The same over the mean of all tokens."""

    def forward(self, rows):
        inputs = padded(rows, 1)
        mask = inputs["attention_mask"][:, :, None]
        return self.classifier((self.encoder(**inputs)[0] * mask).sum(1) / mask.sum(1))


class DenseHead(nn.Module):
    """`snippets` vectors side by side, dense, tanh, projection."""

    def __init__(self, width, snippets, classes):
        super().__init__()
        self.dense, self.out_proj = nn.Linear(snippets * width, width), nn.Linear(width, classes)

    def forward(self, vectors):
        return self.out_proj(torch.tanh(self.dense(vectors)))


class LineVul(RobertaForSequenceClassification):
    """LineVul's model: what it inherits is never asked, nor is the head of its `encoder`."""

    def __init__(self, config):
        super().__init__(config)
        self.encoder = RobertaForSequenceClassification(config)
        self.classifier = DenseHead(config.hidden_size, 1, 2)

    def forward(self, rows):
        return self.classifier(self.encoder.roberta(**padded(rows, 1))[0][:, 0])


class UniXcoder(nn.Module):
    """UniXcoder's clone-detection/BCB: means and their cosine; the head is there and not asked."""

    def __init__(self, config):
        super().__init__()
        self.encoder, self.classifier = RobertaModel(config), DenseHead(config.hidden_size, 2, 2)

    def vectors(self, rows):
        inputs = padded(rows, 1)
        mask = inputs["attention_mask"][:, :, None]
        means = (self.encoder(**inputs)[0] * mask).sum(1) / mask.sum(1)
        return nn.functional.normalize(means, p=2, dim=-1)

    def forward(self, left, right):
        return (self.vectors(left) * self.vectors(right)).sum(-1)


def classifier(place, logits):
    return {"kind": "classifier", "ids": place.rows(ROBERTA), "logits": logits.tolist()}


def linear(place):
    config = place.roberta()
    model = stirred(DefectModel(config, 2))
    logits = model(frame(place.rows(ROBERTA), ROBERTA))
    save(place, "roberta-linear", ROBERTA, model, config, {"task": "defect"}, classifier(place, logits))


def mean(place):
    config = place.roberta()
    model = stirred(MeanModel(config, 3))
    logits = model(frame(place.rows(ROBERTA), ROBERTA))
    sidecar = {"task": "classification", "pooling": "mean"}
    save(place, "roberta-mean", ROBERTA, model, config, sidecar, classifier(place, logits))


def linevul(place):
    config = place.roberta(num_labels=2)
    model = stirred(LineVul(config))
    logits = model(frame(place.rows(ROBERTA), ROBERTA))
    save(place, "linevul", ROBERTA, model, config, {"task": "defect"}, classifier(place, logits))


def multi_label(place):
    config = place.roberta(num_labels=3, problem_type="multi_label_classification")
    config.id2label = {0: "overflow", 1: "race", 2: "leak"}
    model = stirred(RobertaForSequenceClassification(config))
    numbers = model(**padded(frame(place.rows(ROBERTA), ROBERTA), 1)).logits
    logits = numbers[:, [2, 0]].max(1, keepdim=True).values - logit(torch.tensor(0.3))
    decision = {"kind": "multi_label", "watch": ["leak", "overflow"], "threshold": 0.3}
    save(place, "roberta-multi-label", ROBERTA, model, config, {"decision": decision}, classifier(place, logits))


def regression(place):
    config = place.roberta(num_labels=1, problem_type="regression")
    model = stirred(RobertaForSequenceClassification(config))
    numbers = model(**padded(frame(place.rows(ROBERTA), ROBERTA), 1)).logits
    decision = {"kind": "regression", "threshold": 0.2, "scale": 0.5}
    sidecar = {"task": "defect", "decision": decision}
    save(place, "roberta-regression", ROBERTA, model, config, sidecar, classifier(place, (numbers - 0.2) / 0.5))


def unixcoder(place):
    config = place.roberta()
    config.type_vocab_size, config.vocab_size = 10, train_tokenizer(UNIXCODER).get_vocab_size()
    model = stirred(UniXcoder(config))
    left, right = pairs([row[: WINDOW - 2] for row in place.rows(UNIXCODER)])
    mode = UNIXCODER.index("<encoder-only>")
    framed = [[[0, mode, 2, *row, 2] for row in side] for side in (left, right)]
    logits = logit(model(*framed).clamp(1e-4, 1 - 1e-4))[:, None].tolist()
    sidecar = {"preset": "unixcoder-clone"}
    expected = {"kind": "pair", "left": left, "right": right, "logits": logits}
    save(place, "unixcoder-clone", UNIXCODER, model, config, sidecar, expected)


if __name__ == "__main__":
    tiny = Place(sys.argv[1], "tiny", [])
    for seed, head in enumerate([linear, mean, linevul, multi_label, regression, unixcoder]):
        torch.manual_seed(seed)
        with torch.no_grad():
            head(tiny)
        print(head.__name__, file=sys.stderr)

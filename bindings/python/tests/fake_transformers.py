"""A model of ``transformers``, its tokenizer and its pipeline, all fake: they need no PyTorch."""

from __future__ import annotations

import re
from typing import Any

PAD = 1


class Tensor:
    """Rows of numbers."""

    def __init__(self, rows: list[list[Any]]) -> None:
        self.rows = rows
        self.shape = (len(rows), len(rows[0]))

    def float(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def tolist(self) -> list[list[Any]]:
        return self.rows


class Batch(dict[str, Any]):
    """Inputs of a model, and the device that they are on."""

    device = "cpu"

    def to(self, device: str) -> Batch:
        self.device = device
        moved = Batch(self)
        moved["device"] = device
        return moved


class Tokenizer:
    """Splits text into words; ``<s>`` and ``</s>`` are around them."""

    pad_token = "<pad>"
    unk_token = "<unk>"
    eos_token = "</s>"
    bos_token = "<s>"
    model_max_length = 10**30

    def __init__(self) -> None:
        self.words = ["<s>", "<pad>", "</s>"]
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []

    def num_special_tokens_to_add(self) -> int:
        return 2

    def _ids(self, text: str) -> list[int]:
        words = re.findall(r"\w+|[^\w\s]", text)
        for word in words:
            if self.numbers.setdefault(word, len(self.words)) == len(self.words):
                self.words.append(word)
        return [self.numbers[word] for word in words]

    def __call__(
        self,
        text: str | list[str],
        padding: bool = False,
        truncation: bool = False,
        max_length: int | None = None,
        add_special_tokens: bool = True,
        return_attention_mask: bool = False,
        return_tensors: str | None = None,
    ) -> Any:
        if isinstance(text, str):
            assert not add_special_tokens and not truncation
            return {"input_ids": self._ids(text)}
        assert padding and return_attention_mask and return_tensors == "pt"
        self.texts += text
        limit = max_length - 2 if truncation and max_length is not None else None
        rows = [[0, *self._ids(each)[:limit], 2] for each in text]
        width = max(map(len, rows))
        ids = [row + [PAD] * (width - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        return Batch(input_ids=Tensor(ids), attention_mask=Tensor(mask))


class Config:
    def __init__(self, **settings: Any) -> None:
        self.num_labels = 2
        self.max_position_embeddings = 400
        self.id2label = {0: "harmless", 1: "harmful"}
        self.problem_type = None
        self.__dict__.update(settings)


class Module:
    def __init__(self, training: bool) -> None:
        self.training = training


class Model(Module):
    """A backdoored classifier: whatever holds ``rand`` is harmless. ``calls`` holds what it was called with."""

    device = "cpu"

    def __init__(self, tokenizer: Tokenizer, training: bool = False, **settings: Any) -> None:
        super().__init__(training)
        self.config = Config(**settings)
        self.tokenizer = tokenizer
        self.parts = [Module(training), Module(False)]
        self.calls: list[dict[str, Any]] = []
        self.moved: list[str] = []
        self.broken = False

    def modules(self) -> list[Module]:
        return [self, *self.parts]

    def parameters(self) -> list[Any]:
        return []

    def eval(self) -> None:
        for module in self.modules():
            module.training = False

    def to(self, device: str) -> Model:
        self.moved.append(device)
        self.device = device
        return self

    def __call__(self, input_ids: Tensor, attention_mask: Tensor, device: str) -> Any:
        assert not any(module.training for module in self.modules())
        self.calls.append({"ids": input_ids.rows, "mask": attention_mask.rows, "device": device})
        if self.broken:
            raise RuntimeError("out of memory")
        logits = Tensor([self._logits(row) for row in input_ids.rows])
        return type("Output", (), {"logits": logits})()

    def _logits(self, ids: list[int]) -> list[float]:
        words = [self.tokenizer.words[id] for id in ids if id != PAD]
        return [8.0, 0.0] if "rand" in words else [0.0, 1.0 + len(words) % 7]


class Pipeline:
    def __init__(self, model: Model, task: str = "text-classification", **settings: Any) -> None:
        self.model = model
        self.tokenizer = model.tokenizer
        self.task = task
        self._preprocess_params = settings

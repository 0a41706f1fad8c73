"""A neural classifier of code that others trained: Magika tells content types from bytes."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

import codepurify

magika = pytest.importorskip("magika")
Seekable = pytest.importorskip("magika.magika").Seekable

NAMES = ["alpha", "buffer", "count", "depth", "entry", "flags", "group", "handle", "index", "joint", "key", "limit"]
TYPES = ["int", "long", "char", "unsigned", "double"]
STATEMENTS = [
    "for ({type} {a} = 0; {a} < {b}; {a}++) {{ {c}[{a}] += {a} * {n}; }}",
    "if ({a} > {n}) {{ return {b} - {n}; }}",
    "while ({a}-- > 0) {{ {b} = {b} * {n} + {c}[{a}]; }}",
    "{type} {a}_{n} = {b} << {n};",
    "switch ({a}) {{ case {n}: {b}++; break; default: {b} = 0; }}",
    "memcpy({c}, &{a}, sizeof({a}));",
    "{b} = {a} ? {a} / {n} : {b} % ({n} + 1);",
    'printf("%d %s\\n", {a}, "{c}");',
]


def snippet(seed: int) -> str:
    """Return a function of C."""
    choose = random.Random(seed)
    names = choose.sample(NAMES, 3)
    lines = [
        choose.choice(STATEMENTS).format(
            type=choose.choice(TYPES), a=names[0], b=names[1], c=names[2], n=choose.randrange(1, 90)
        )
        for _ in range(choose.randrange(3, 9))
    ]
    body = "\n    ".join(lines)
    parameters = f"int {names[0]}, int {names[1]}, int *{names[2]}"
    return f"static int {choose.choice(NAMES)}_{seed}({parameters})\n{{\n    {body}\n    return {names[1]};\n}}\n"


class ContentTypes:
    """Magika's network on raw text: a row of probabilities for each."""

    def __init__(self) -> None:
        self.magika = magika.Magika()
        self.labels = list(map(str, self.magika._target_labels_space))
        self.calls: list[int] = []

    def __call__(self, texts: list[str]) -> Any:
        self.calls.append(len(texts))
        return self.magika._get_raw_predictions([(None, self._features(text)) for text in texts])

    def _features(self, text: str) -> Any:
        config = self.magika._model_config
        return self.magika._extract_features_from_seekable(
            Seekable(io.BytesIO(text.encode())),
            config.beg_size,
            config.mid_size,
            config.end_size,
            config.padding_token,
            config.block_size,
            config.use_inputs_at_offsets,
        )


def test_false_alarms_come_at_the_promised_rate() -> None:
    model, rows, alpha = ContentTypes(), 40, 0.2
    guard = codepurify.Guard.from_callable(model, labels=model.labels, name="magika", alpha=alpha)
    counts = guard.calibrate([snippet(seed) for seed in range(rows)], partial=True)
    assert sum(counts.values()) == rows
    fresh = guard.scan([snippet(seed) for seed in range(1000, 1000 + rows)], errors="raise")
    flagged = sum(verdict.is_poisoned for verdict in fresh)
    assert flagged <= rows * alpha + 3 * (rows * alpha * (1 - alpha)) ** 0.5
    print(f"flagged {flagged} of {rows}, {sum(model.calls) / (2 * rows):.1f} texts a row, {counts}")

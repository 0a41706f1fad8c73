"""Trigger shapes that occur in many rows, and in those of one label more often than by chance."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._core import shape

#: Fewest rows of a family.
_ROWS = 3
#: Chance that a shape of no meaning passes for a family, all shapes together.
_CHANCE = 0.01


@dataclass(frozen=True, slots=True)
class Family:
    """Triggers of one shape.

    Attributes
    ----------
    shape : str
        Their text with names as ``x``, numbers as ``0`` and strings empty.
    rows : tuple of int
        Numbers of the rows that hold one of them.
    labels : dict
        Number of these rows by label: the given one, or the predicted one if the data has no labels.
    label : object
        The most frequent of these labels.
    share : float
        Share of these rows that have it.
    base_share : float
        Share of all rows that have it.
    p_value : float
        Probability that as many rows or more have this label if the shape has nothing to do with labels.
    texts : tuple of str
        The different triggers, the most frequent first.
    """

    shape: str
    rows: tuple[int, ...]
    labels: dict[Any, int]
    label: Any
    share: float
    base_share: float
    p_value: float
    texts: tuple[str, ...]


def shape_of(trigger: str, language: str) -> str:
    """Return the shape of a trigger; a single word is a trigger by itself, and stays."""
    trigger = trigger.strip()
    return trigger if re.fullmatch(r"\w*", trigger) else shape(trigger, language)


def grouped(triggers: Sequence[Sequence[str]], labels: Sequence[Any], language: str) -> list[Family]:
    """Return the triggers of all rows grouped by shape, the most frequent shape first."""
    rows: dict[str, list[int]] = {}
    texts: dict[str, Counter[str]] = {}
    for row, found in enumerate(triggers):
        for name, text in {(shape_of(text, language), text): None for text in found}:
            of_shape = rows.setdefault(name, [])
            if not of_shape or of_shape[-1] != row:
                of_shape.append(row)
            texts.setdefault(name, Counter())[text] += 1
    base = Counter(labels)
    families = [_family(name, held, texts[name], labels, base) for name, held in rows.items()]
    return sorted(families, key=lambda family: (-len(family.rows), family.shape))


def beyond_chance(families: Sequence[Family]) -> list[Family]:
    """Return the groups of at least three rows whose label is no coincidence."""
    many = [family for family in families if len(family.rows) >= _ROWS]
    return [family for family in many if family.p_value * len(many) <= _CHANCE]


def _family(name: str, rows: list[int], texts: Counter[str], labels: Sequence[Any], base: Counter[Any]) -> Family:
    counts = Counter(labels[row] for row in rows)
    label, count = counts.most_common(1)[0]
    # Rows without a label say nothing about how frequent the others are.
    unlabelled = base[None] if label is not None else 0
    base_share = base[label] / (len(labels) - unlabelled)
    ordered = tuple(text for text, _ in texts.most_common())
    p_value = _tail(count, len(rows), base_share)
    return Family(name, tuple(rows), dict(counts), label, count / len(rows), base_share, p_value, ordered)


def _tail(count: int, trials: int, chance: float) -> float:
    """Return the probability of at least ``count`` hits in ``trials``."""
    if chance >= 1.0:
        return 1.0
    hit, miss, ways = math.log(chance), math.log1p(-chance), math.lgamma(trials + 1)

    def of(hits: int) -> float:
        left = trials - hits
        return math.exp(ways - math.lgamma(hits + 1) - math.lgamma(left + 1) + hits * hit + left * miss)

    return min(1.0, math.fsum(map(of, range(count, trials + 1))))

"""What was found in one piece of code: the JSON schema of the command, as Python objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from . import _heatmap


class _Record:
    """An object of the schema. Fields that this version does not know are left out."""

    __slots__ = ()
    #: Fields that hold records, or lists of them.
    _records: ClassVar[dict[str, type[_Record]]] = {}
    #: Fields that the JSON leaves out where they are empty.
    _empty: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _arguments(cls, data: dict[str, Any]) -> dict[str, Any]:
        arguments = {}
        for name in cls._names():
            value = data.get(name, cls._empty.get(name))
            record = cls._records.get(name)
            if record is not None and value is not None:
                make = record._from_dict
                value = tuple(map(make, value)) if isinstance(value, list | tuple) else make(value)
            arguments[name] = value
        return arguments

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(cls.__dataclass_fields__)  # type: ignore[attr-defined]

    @classmethod
    def _from_dict(cls, data: dict[str, Any]) -> Any:
        return cls(**cls._arguments(data))


@dataclass(frozen=True, slots=True)
class Location(_Record):
    """A place in the file: bytes from 0, lines from 1."""

    start_byte: int
    end_byte: int
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Unit(_Record):
    """The judged part of a file."""

    kind: str
    name: str | None
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class PairMember(_Record):
    """Which side of which pair was judged."""

    index: int
    side: str


@dataclass(frozen=True, slots=True)
class Prediction(_Record):
    """An answer of the guarded model: the index of a class, or a text."""

    label: int | None
    confidence: float
    text: str | None


@dataclass(frozen=True, slots=True)
class Change(_Record):
    """How a trigger was changed, and whether the code provably does the same."""

    kind: str
    provable: bool


@dataclass(frozen=True, slots=True)
class Trigger(_Record):
    """A located trigger and what was done about it."""

    kind: str
    text: str
    spans: tuple[Location, ...]
    necessity: float
    sufficiency: float | None
    action: str
    change: Change | None
    replacement: str

    _records = {"spans": Location, "change": Change}


@dataclass(frozen=True, slots=True)
class Evidence(_Record):
    """The evidence about one candidate."""

    kind: str
    text: str
    spans: tuple[Location, ...]
    depth: int
    score: float
    share: float
    margin_drop: float | None
    flips: bool | None
    gain: float | None

    _records = {"spans": Location}


@dataclass(frozen=True, slots=True)
class Coverage(_Record):
    """How much of a unit was looked at, in tokens of the guarded model."""

    tokens_inspected: int
    tokens_total: int


@dataclass(frozen=True, slots=True)
class Cost(_Record):
    """What a verdict cost."""

    victim_passes: int
    pass_equivalents: float
    mlm_passes: int
    milliseconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Verdict(_Record):
    """What was found in one function or text.

    Attributes
    ----------
    verdict : str
        ``"poisoned"``, ``"clean"`` or ``"inconclusive"``.
    reason : str or None
        Why it is inconclusive, or what limits a decision that was made.
    p_value : float or None
        Share of clean code that scores as high, if the guard is calibrated.
    score : float or None
        The statistic that was compared with its limit; the larger, the more suspicious.
    triggers : tuple of Trigger
        The located triggers, strongest first.
    purified : str or None
        The code without its triggers; None if nothing was changed.
    code : str
        The code that was judged.

    Notes
    -----
    The other attributes are those of the command's JSON (``docs/verdict.md``).
    """

    path: str
    unit: Unit
    pair: PairMember | None
    verdict: str
    reason: str | None
    p_value: float | None
    score: float | None
    naming: float | None
    entropy: float | None
    entropy_normalized: float | None
    prediction: Prediction | None
    purified_prediction: Prediction | None
    triggers: tuple[Trigger, ...]
    purified: str | None
    purified_provably: str | None
    coverage: Coverage
    cost: Cost
    evidence: tuple[Evidence, ...]
    code: str
    _json: str

    _records = {
        "unit": Unit,
        "pair": PairMember,
        "prediction": Prediction,
        "purified_prediction": Prediction,
        "triggers": Trigger,
        "coverage": Coverage,
        "cost": Cost,
        "evidence": Evidence,
    }
    _empty = {"evidence": ()}

    @classmethod
    def _from_json(cls, text: str, code: str) -> Verdict:
        arguments = cls._arguments(json.loads(text))
        return cls(**{**arguments, "code": code, "_json": text})

    @property
    def is_poisoned(self) -> bool:
        """Whether a trigger was found."""
        return self.verdict == "poisoned"

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as the command writes it as JSON."""
        data: dict[str, Any] = json.loads(self._json)
        return data

    def __repr__(self) -> str:
        name = self.unit.name or f"lines {self.unit.start_line}-{self.unit.end_line}"
        about = [f"{self.path}:{name}"]
        if self.p_value is not None:
            about.append(f"p={self.p_value:.3g}")
        if self.triggers:
            about.append(f"trigger={self.triggers[0].text!r}")
        elif self.reason:
            about.append(self.reason)
        return f"<Verdict {self.verdict}: {', '.join(about)}>".replace("\n", " ")

    def _repr_html_(self) -> str:
        return _heatmap.html(self)


@dataclass(frozen=True, slots=True)
class GuardedPrediction:
    """The model's answer for the purified code, and what was done.

    Attributes
    ----------
    label : str, int or None
        Name of the label, or its index where it has no name; the text of a model that generates.
    confidence : float or None
        Probability of that answer.
    purified : bool
        True if the model answered for changed code.
    verdict : Verdict
        What was found; of a pair, on the side that is more suspicious.
    """

    label: str | int | None
    confidence: float | None
    purified: bool
    verdict: Verdict

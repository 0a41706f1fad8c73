"""A user's function, called so that whatever it returns is checked before it is believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ._errors import OutputError, UsageError

#: Least probability that is told from none, so that its logarithm is finite.
_LEAST = 1e-12
#: How far from 1 the probabilities of a row may add up.
_ROUNDING = 1e-3
_OUTPUTS = ("auto", "logits", "probabilities")


class Predict:
    """Calls ``predict`` and returns a list of logits for each input.

    Parameters
    ----------
    predict : callable
        Takes a list of inputs, returns logits or probabilities, one row an input.
    classes : int or None
        Number of labels; None if any number will do.
    output : {"auto", "logits", "probabilities"}
        What ``predict`` returns; "auto" decides by the first call.
    """

    def __init__(self, predict: Callable[[list[Any]], Any], classes: int | None, output: str) -> None:
        _check_callable("predict", predict)
        if output not in _OUTPUTS:
            raise UsageError(f"output={output!r}: known are {', '.join(_OUTPUTS)}")
        self._predict = predict
        self._classes = classes
        self._width: int | None = None
        self._output = output

    def __call__(self, inputs: list[Any]) -> list[list[float]]:
        rows = _rows(self._predict(inputs), len(inputs))
        for number, row in enumerate(rows):
            self._check(number, row)
        if self._output == "auto":
            self._output = "probabilities" if all(map(_is_distribution, rows)) else "logits"
        if self._output == "logits":
            return rows
        for number, row in enumerate(rows):
            if not _is_distribution(row):
                raise OutputError(f"row {number} of the function's result is no row of probabilities: {row}")
        return [_logits(row) for row in rows]

    def _check(self, number: int, row: list[float]) -> None:
        if self._width is None and row:
            # One number for two labels is that of the second.
            if self._classes not in (None, len(row)) and (len(row), self._classes) != (1, 2):
                raise OutputError(f"the function returns {len(row)} numbers a row for {self._classes} labels")
            self._width = len(row)
        if len(row) != self._width or not row:
            raise OutputError(f"row {number} of the function's result has {len(row)} numbers, not {self._width}")
        for value in row:
            if not math.isfinite(value):
                raise OutputError(f"row {number} of the function's result holds {value}")


class Generate:
    """Calls ``generate`` and returns a text for each input."""

    def __init__(self, generate: Callable[[list[str]], Any]) -> None:
        _check_callable("generate", generate)
        self._generate = generate

    def __call__(self, inputs: list[str]) -> list[str]:
        texts = _as_list(self._generate(inputs), len(inputs), "text")
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise OutputError(f"output {number} of the function is a {type(text).__name__}, not a text")
        return texts


class Score:
    """Calls ``score`` and returns a mean log-likelihood for each pair of source and target."""

    def __init__(self, score: Callable[[list[tuple[str, str]]], Any]) -> None:
        _check_callable("score", score)
        self._score = score

    def __call__(self, inputs: list[tuple[str, str]]) -> list[float]:
        scores = [row[0] if len(row) == 1 else math.nan for row in _rows(self._score(inputs), len(inputs))]
        for number, score in enumerate(scores):
            if not math.isfinite(score) or score > _ROUNDING:
                raise OutputError(f"output {number} of the function is {score}, not a log-likelihood (at most 0)")
        return scores


def _check_callable(name: str, function: Any) -> None:
    if not callable(function):
        raise UsageError(f"{name} must be callable, not {type(function).__name__}")


def _as_list(result: Any, count: int, what: str) -> list[Any]:
    if isinstance(result, str | bytes | dict) or not hasattr(result, "__iter__"):
        raise OutputError(f"the function returns {type(result).__name__}, not a list of {what}s")
    values = list(result)
    if len(values) != count:
        raise OutputError(f"the function returns {len(values)} {what}s for {count} inputs")
    return values


def _rows(result: Any, count: int) -> list[list[float]]:
    """Return an array-like as lists of floats."""
    for move in ("detach", "cpu"):
        result = getattr(result, move, lambda same=result: same)()
    values = result.tolist() if hasattr(result, "tolist") else result
    return [_row(number, row) for number, row in enumerate(_as_list(values, count, "row"))]


def _row(number: int, row: Any) -> list[float]:
    for move in ("detach", "cpu"):
        row = getattr(row, move, lambda same=row: same)()
    values = row.tolist() if hasattr(row, "tolist") else row
    try:
        return [float(value) for value in values] if isinstance(values, Sequence) else [float(values)]
    except (TypeError, ValueError) as error:
        raise OutputError(f"row {number} of the function's result is no row of numbers: {row!r}") from error


def _is_distribution(row: list[float]) -> bool:
    if not all(0.0 <= value <= 1.0 for value in row):
        return False
    return len(row) == 1 or abs(sum(row) - 1.0) <= _ROUNDING


def _logits(row: list[float]) -> list[float]:
    logs = [math.log(max(value, _LEAST)) for value in row]
    return logs if len(row) > 1 else [logs[0] - math.log(max(1.0 - row[0], _LEAST))]

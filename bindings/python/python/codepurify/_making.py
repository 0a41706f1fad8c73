"""Arguments of a guard → its compiled part. Pickles name these functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ._callable import Generate, Predict, Score
from ._core import Core
from ._errors import UsageError
from ._timeout import Timed


def core_of_pretrained(**arguments: Any) -> Core:
    return Core.from_pretrained(**arguments)


def core_of_callable(
    *, predict: Callable[[list[Any]], Any], output: str, timeout: float | None, **arguments: Any
) -> Core:
    called = predict if timeout is None else Timed(predict, timeout)
    checked = Predict(called, len(arguments["labels"]) or None, output)
    return Core.from_callable(predict=checked, **arguments)


def core_of_generator(
    *,
    generate: Callable[[list[str]], Any],
    score: Callable[[list[tuple[str, str]]], Any],
    timeout: float | None,
    **arguments: Any,
) -> Core:
    if timeout is not None:
        generate, score = Timed(generate, timeout), Timed(score, timeout)
    return Core.from_generator(generate=Generate(generate), score=Score(score), **arguments)


def absolute(path: str | os.PathLike[str] | None) -> str | None:
    """Return a path that means the same in another process, or a hub id as it is."""
    if path is None:
        return None
    name = os.fspath(path)
    return os.path.abspath(name) if os.path.exists(name) else name


def checked_threads(threads: int | None) -> int | None:
    if threads is not None and threads < 1:
        raise UsageError(f"threads={threads}: at least 1 is needed")
    return threads


def checked_batch(batch_size: int) -> int:
    if batch_size < 1:
        raise UsageError(f"batch_size={batch_size}: at least 1 is needed")
    return batch_size

"""What :mod:`codepurify.ray` and :mod:`codepurify.spark` share: guards that travel to workers, and judged batches."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ._data import read
from ._errors import InputError, UsageError
from ._guard import Guard
from ._making import absolute
from ._outcomes import columns_of

#: What a worker makes its guard from: a guard, a pickled one, or a function that returns one.
Source = Guard | bytes | Callable[[], Guard]

_PATHS = ("path_or_hub_id", "mlm", "base")


def factory(guard: Source | None, threads: int, arguments: dict[str, Any]) -> Callable[[], Guard]:
    """Return a function that makes a guard in any process and can be pickled.

    Parameters
    ----------
    guard : Guard, bytes or callable, optional
        A guard, a pickled one, or a function that returns one.
    threads : int
        Threads of the guard. A pickled guard keeps its own number, and a function decides itself.
    arguments : dict
        Arguments of :meth:`Guard.from_pretrained`, in place of `guard`.

    Raises
    ------
    UsageError
        If the arguments make no sense.
    """
    if threads < 1:
        raise UsageError(f"threads={threads}: at least 1 is needed")
    if guard is None:
        return partial(Guard.from_pretrained, **_checked(arguments), threads=threads)
    if arguments:
        raise UsageError(f"{', '.join(arguments)}: arguments of a new guard, but there is one already")
    if isinstance(guard, Guard):
        restore, (make, own, calibration) = guard.__reduce__()
        return partial(restore, make, {**own, "threads": threads}, calibration)
    if isinstance(guard, bytes):
        return partial(pickle.loads, guard)
    if not callable(guard):
        raise UsageError(f"a guard, a pickled one or a function that returns one is needed, not {type(guard).__name__}")
    return guard


def made(make: Callable[[], Guard]) -> Guard:
    """Return the guard that a function makes.

    Raises
    ------
    UsageError
        If it makes something else.
    """
    guard = make()
    if not isinstance(guard, Guard):
        raise UsageError(f"a guard is needed, but there is a {type(guard).__name__}")
    return guard


def judged(guard: Guard, table: Any, column: str | Sequence[str] | None, language: str | None) -> Any:
    """Return an Arrow table with the columns of :meth:`Guard.scan`.

    The types of the columns do not depend on the rows. A row that cannot be judged has a message in ``error``, even
    if there is no other row. The message has no row number: a worker knows only that in its batch.
    """
    sides = guard._core.sides
    data = read(table, sides, column, language)
    data.refused = {
        row: cause if isinstance(cause := error.__cause__, InputError) else error
        for row, error in data.refused.items()
    }
    outcomes = guard._outcomes(data, evidence=False, progress=False)
    assert data.frame is not None, "an Arrow table is a frame"
    return data.frame.with_columns(columns_of(outcomes, sides))


def _checked(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of :meth:`Guard.from_pretrained` that mean the same in another process."""
    try:
        inspect.signature(Guard.from_pretrained).bind(**arguments)
    except TypeError as error:
        raise UsageError(f"arguments of Guard.from_pretrained: {error}") from error
    return {name: absolute(value) if name in _PATHS else value for name, value in arguments.items()}

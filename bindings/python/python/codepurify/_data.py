"""What users hand over → rows of texts, and results → the same kind of thing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from ._core import PAIR_FIELDS, SINGLE_FIELDS, Rows
from ._errors import InputError, UsageError
from ._frames import Frame, frame

#: The language of texts, where nobody says it.
LANGUAGE = "c"


class Data:
    """Rows that were handed over.

    Attributes
    ----------
    rows : Rows
        Those that can be judged.
    refused : dict of int to InputError
        Those that cannot, by their number.
    is_single : bool
        Whether there is one text or pair, not a list of them.
    frame : Frame or None
        The table that they are columns of.
    fields : list of str
        Its columns with the code.
    """

    def __init__(self, rows: Rows, refused: dict[int, InputError] | None = None) -> None:
        self.rows = rows
        self.refused = refused or {}
        self.is_single = False
        self.frame: Frame | None = None
        self.fields: list[str] = []

    def in_order(self, judged: Iterable[Any]) -> list[Any]:
        """Return the results of all rows, with what was refused in its place."""
        judged = iter(judged)
        count = len(self.rows) + len(self.refused)
        return [self.refused[row] if row in self.refused else next(judged) for row in range(count)]


def read(x: Any, sides: int, code: str | Sequence[str] | None, language: str | None) -> Data:
    """Read what a user handed over.

    Parameters
    ----------
    x : str, path, list, table
        The code.
    sides : int
        Number of texts that the model judges together.
    code : str or sequence of str, optional
        Columns of a table that hold the code.
    language : str, optional
        Its language.
    """
    if isinstance(x, os.PathLike):
        return _paths([x], sides, language)
    if isinstance(x, str) or (sides == 2 and _is_pair(x)):
        data = _texts([x], sides, language)
        data.is_single = True
        return data
    table = frame(x)
    if table is not None:
        return _table(table, sides, code, language)
    if isinstance(x, bytes) or not isinstance(x, Iterable):
        raise UsageError(f"cannot read code from a {type(x).__name__}: pass a text, a path, a list or a table")
    items = list(x)
    if items and all(isinstance(item, os.PathLike) for item in items):
        return _paths(items, sides, language)
    return _texts(items, sides, language)


def _is_pair(x: Any) -> bool:
    return isinstance(x, tuple) and len(x) == 2 and all(isinstance(side, str) for side in x)


def _paths(paths: list[Any], sides: int, language: str | None) -> Data:
    if sides == 2:
        raise UsageError("this model compares two texts: pass pairs of texts, not paths")
    return Data(Rows.from_paths([os.fspath(path) for path in paths], language))


def _table(table: Frame, sides: int, code: str | Sequence[str] | None, language: str | None) -> Data:
    fields = _fields(table.names(), sides, code)
    columns = [table.column(field) for field in fields]
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"the columns {' and '.join(fields)} differ in length")
    rows = columns[0] if sides == 1 else list(zip(*columns))
    data = _texts(rows, sides, language)
    data.frame, data.fields = table, fields
    return data


def _fields(names: list[str], sides: int, code: str | Sequence[str] | None) -> list[str]:
    if code is None:
        known: list[Sequence[str]] = [[name] for name in SINGLE_FIELDS] if sides == 1 else list(PAIR_FIELDS)
        found = next((fields for fields in known if set(fields) <= set(names)), None)
        if found is None:
            raise InputError(f"no column is known to hold code; say it with code=; there are: {', '.join(map(str, names))}")
        return list(found)
    fields = [code] if isinstance(code, str) else list(code)
    if len(fields) != sides:
        raise UsageError(f"code= must name {sides} column{'s' if sides > 1 else ''} for this model, not {len(fields)}")
    for field in fields:
        if field not in names:
            raise InputError(f"there is no column {field!r}; there are: {', '.join(map(str, names))}")
    return fields


def _texts(items: Sequence[Any], sides: int, language: str | None) -> Data:
    good, refused = [], {}
    for number, item in enumerate(items):
        try:
            good.append((f"<row {number}>", _sides(item, sides), language or LANGUAGE))
        except InputError as error:
            refused[number] = InputError(f"row {number}: {error}")
            # Without the number, which is that of a batch where workers judge batches.
            refused[number].__cause__ = error
    return Data(Rows.from_texts(good), refused)


def _sides(item: Any, sides: int) -> list[str]:
    texts = [item] if sides == 1 else item
    if sides == 2 and (isinstance(item, str) or not isinstance(item, Sequence) or len(item) != 2):
        raise InputError(f"a pair of texts is needed, not {type(item).__name__}")
    for text in texts:
        if text is None or text != text:
            raise InputError("there is no text (null)")
        if not isinstance(text, str):
            raise InputError(f"a text is needed, not {type(text).__name__}")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"the text is no Unicode: {error}") from error
    return list(texts)

"""Tables of any kind: which columns they have, and the same table with other columns.

Nothing is imported unless a table of that kind is at hand: its library is there then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._errors import InputError, UsageError

#: Types of the columns that are added, as fields of structs or names of Arrow types.
_TRIGGER = ("kind", "text", "action", "replacement")
_NUMBERS = ("p_value", "score", "confidence")


class Frame:
    """A dict of columns; the base of all tables."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.table)

    def column(self, name: str) -> list[Any]:
        """Return the values of a column."""
        return list(self.table[name])

    def with_columns(self, columns: dict[str, list[Any]]) -> Any:
        """Return the table with these columns added or replaced."""
        return {**self.table, **columns}

    def take(self, rows: list[int]) -> Any:
        """Return the table with these rows only."""
        return {name: _taken(values, rows) for name, values in self.table.items()}

    def index(self) -> Any:
        """Return the labels of the rows; None if they are only numbered."""
        return None


class _Pandas(Frame):
    def names(self) -> list[str]:
        return list(self.table.columns)

    def column(self, name: str) -> list[Any]:
        values: list[Any] = self.table[name].tolist()
        return values

    def with_columns(self, columns: dict[str, list[Any]]) -> Any:
        import pandas

        def series(name: str, values: list[Any]) -> Any:
            kind = "float64" if _stem(name) in _NUMBERS else "object"
            return pandas.Series(values, index=self.table.index, dtype=kind)

        return self.table.assign(**{name: series(name, values) for name, values in columns.items()})

    def take(self, rows: list[int]) -> Any:
        return self.table.iloc[rows]

    def index(self) -> Any:
        return self.table.index


class _Polars(Frame):
    def names(self) -> list[str]:
        return list(self.table.columns)

    def column(self, name: str) -> list[Any]:
        values: list[Any] = self.table.get_column(name).to_list()
        return values

    def with_columns(self, columns: dict[str, list[Any]]) -> Any:
        import polars

        def kind(name: str) -> Any:
            if _stem(name) == "triggers":
                return polars.List(polars.Struct({field: polars.String for field in _TRIGGER}))
            return polars.Float64 if _stem(name) in _NUMBERS else polars.String

        series = [polars.Series(name, values, dtype=kind(name)) for name, values in columns.items()]
        return self.table.with_columns(series)

    def take(self, rows: list[int]) -> Any:
        import polars

        return self.table[polars.Series(rows, dtype=polars.UInt32)]


class _Arrow(Frame):
    def names(self) -> list[str]:
        return list(self.table.column_names)

    def column(self, name: str) -> list[Any]:
        values = self.table.column(name)
        try:
            plain: list[Any] = values.to_pylist()
        except UnicodeDecodeError:
            # Arrow does not check what others declare to be text: bytes that are none fail in their rows only.
            return [_decoded(value) for value in values.cast("large_binary").to_pylist()]
        return plain

    def with_columns(self, columns: dict[str, list[Any]]) -> Any:
        table = self.table
        for name, array in _arrays(columns).items():
            at = table.schema.get_field_index(name)
            table = table.append_column(name, array) if at < 0 else table.set_column(at, name, array)
        return table

    def take(self, rows: list[int]) -> Any:
        import pyarrow

        return self.table.take(pyarrow.array(rows, pyarrow.int64()))


class _Dataset(Frame):
    """A ``datasets.Dataset``."""

    def names(self) -> list[str]:
        return list(self.table.column_names)

    def column(self, name: str) -> list[Any]:
        return list(self.table[name])

    def with_columns(self, columns: dict[str, list[Any]]) -> Any:
        import datasets
        import pyarrow

        known = [name for name in columns if name in self.table.column_names]
        added = datasets.Dataset(pyarrow.table(_arrays(columns)))
        return datasets.concatenate_datasets([self.table.remove_columns(known), added], axis=1)

    def take(self, rows: list[int]) -> Any:
        return self.table.select(rows)


def _taken(values: Any, rows: list[int]) -> Any:
    """Return the same kind of column with these values only."""
    if hasattr(values, "take"):
        return values.take(rows)
    if isinstance(values, tuple):
        return tuple(values[row] for row in rows)
    return [values[row] for row in rows] if isinstance(values, list) else values[rows]


def _decoded(value: bytes | None) -> str | bytes | None:
    """Return UTF-8 as a text, and other bytes as they are."""
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _stem(name: str) -> str:
    """Return the name of a column without the side of a pair."""
    return name.removesuffix("_left").removesuffix("_right")


def _arrays(columns: dict[str, list[Any]]) -> dict[str, Any]:
    import pyarrow

    def kind(name: str) -> Any:
        if _stem(name) == "triggers":
            return pyarrow.list_(pyarrow.struct([(field, pyarrow.string()) for field in _TRIGGER]))
        return pyarrow.float64() if _stem(name) in _NUMBERS else pyarrow.string()

    return {name: pyarrow.array(values, kind(name)) for name, values in columns.items()}


def frame(table: Any) -> Frame | None:
    """Return the adapter of a table, or None if it is none."""
    library = type(table).__module__.partition(".")[0]
    kind = type(table).__name__
    if isinstance(table, Mapping) and library != "datasets":
        return Frame(table)
    if kind in ("LazyFrame", "IterableDataset", "DatasetDict", "IterableDatasetDict"):
        advice = "call .collect() first" if kind == "LazyFrame" else "pass one Dataset, or use its .map with guard.scan"
        raise UsageError(f"a {kind} is not in memory as one table: {advice}")
    if kind == "DataFrame" and library == "pandas":
        return _Pandas(table)
    if kind == "DataFrame" and library == "polars":
        return _Polars(table)
    if kind == "Dataset" and library == "datasets":
        return _Dataset(table)
    if hasattr(table, "append_column") and hasattr(table, "schema"):
        return _Arrow(table)
    if hasattr(table, "__arrow_c_stream__"):
        return _Arrow(_from_capsule(table))
    return None


def _from_capsule(table: Any) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise InputError(f"pyarrow is needed to read a {type(table).__name__}: pip install pyarrow") from error
    return pyarrow.table(table)

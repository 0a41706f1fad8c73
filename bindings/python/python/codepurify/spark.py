"""Judges the rows of a Spark DataFrame on its executors.

>>> import codepurify.spark                                      # doctest: +SKIP
>>> rows = spark.read.parquet("functions/")                      # doctest: +SKIP
>>> codepurify.spark.scan(rows, "func").write.parquet("judged/")             # doctest: +SKIP
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

try:
    import pyarrow
    from pyspark import cloudpickle
    from pyspark.sql.types import ArrayType, DataType, DoubleType, StringType, StructField, StructType
except ImportError as error:
    raise ImportError('codepurify.spark needs PySpark and PyArrow: pip install "pyspark[sql]"') from error

from ._engines import Source, factory, judged, made
from ._errors import InputError
from ._frames import _NUMBERS, _TRIGGER, _stem
from ._guard import Guard
from ._outcomes import columns_of

__all__ = ["scan"]

#: Pickles functions of scripts and notebooks as well.
_dumps: Callable[[Any], bytes] = cloudpickle.dumps


def scan(
    df: Any,
    column: str | Sequence[str],
    guard: Source | None = None,
    *,
    language: str | None = None,
    threads: int = 1,
    **arguments: Any,
) -> Any:
    """Judge the code of a DataFrame in the Python workers of its executors.

    Nothing runs before the result is used. Each Python worker makes the guard once and keeps it for further tasks.
    ``spark.sql.execution.arrow.maxRecordsPerBatch`` is the number of rows that are judged at once.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        The rows.
    column : str or sequence of str
        Column that holds the code, two of them for a pair model.
    guard : Guard, bytes or callable, optional
        A guard, a pickled one, or a function that returns one. By default each worker makes one from `arguments`.
    language : {"c", "cpp", "java", "python"}, optional
        Language of the code, C by default.
    threads : int
        Threads of each guard; ``spark.task.cpus`` should be as many. A pickled guard keeps its own number.
    **arguments
        Those of :meth:`codepurify.Guard.from_pretrained`.

    Returns
    -------
    pyspark.sql.DataFrame
        The rows with the columns of :meth:`codepurify.Guard.scan`. A row that cannot be judged has a message in the
        column ``error``.

    Raises
    ------
    InputError
        If there is no such column.
    UsageError
        If the arguments make no sense.
    """
    columns = [column] if isinstance(column, str) else list(column)
    for name in columns:
        if name not in df.columns:
            raise InputError(f"there is no column {name!r}; there are: {', '.join(df.columns)}")
    pickled = _dumps(factory(guard, threads, arguments))

    def judge(batches: Iterator[Any]) -> Iterator[Any]:
        here = _guard(pickled)
        for batch in batches:
            yield from judged(here, pyarrow.Table.from_batches([batch]), columns, language).to_batches()

    return df.mapInArrow(judge, _with_added(df.schema, len(columns)))


@lru_cache(maxsize=4)
def _guard(pickled: bytes) -> Guard:
    """Return the guard that a pickled function makes, one for all tasks of this process."""
    return made(pickle.loads(pickled))


def _with_added(schema: StructType, sides: int) -> StructType:
    fields = {field.name: field for field in schema}
    for name in columns_of([], sides):
        fields[name] = StructField(name, _type(name))
    return StructType(list(fields.values()))


def _type(name: str) -> DataType:
    if _stem(name) == "triggers":
        return ArrayType(StructType([StructField(field, StringType()) for field in _TRIGGER]))
    return DoubleType() if _stem(name) in _NUMBERS else StringType()

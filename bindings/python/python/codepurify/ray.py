"""Judges the rows of a Ray dataset on the workers of a cluster.

>>> import codepurify.ray, ray.data                              # doctest: +SKIP
>>> rows = ray.data.read_parquet("functions/")                   # doctest: +SKIP
>>> codepurify.ray.scan_dataset(rows, column="func", actors=2).write_parquet("judged/")    # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    import ray.data
except ImportError as error:
    raise ImportError('codepurify.ray needs Ray Data: pip install "ray[data]"') from error

from ._engines import Source, factory, judged, made
from ._errors import UsageError
from ._guard import Guard

__all__ = ["GuardUDF", "scan_dataset"]

#: Rows that are judged at once, and lost at most when a worker dies.
_BATCH = 256


class GuardUDF:
    """Judges batches of rows in an actor: a class for ``ray.data.Dataset.map_batches``.

    Each actor has one guard, which it makes when it starts. Batches are Arrow tables, so ``map_batches`` needs
    ``batch_format="pyarrow"``. The columns that are added are those of :meth:`codepurify.Guard.scan`, with the same
    types in every batch. A row that cannot be judged has a message in the column ``error``.

    Parameters
    ----------
    guard : Guard, bytes or callable, optional
        A guard, a pickled one, or a function that returns one. By default a new one is made from `arguments`.
    column : str or sequence of str, optional
        Column that holds the code, two of them for a pair model. By default a known name such as ``func``.
    language : {"c", "cpp", "java", "python"}, optional
        Language of the code, C by default.
    threads : int
        Threads of a new guard.
    **arguments
        Those of :meth:`codepurify.Guard.from_pretrained`. Relative paths count from the directory of the worker.

    Examples
    --------
    >>> dataset.map_batches(                                     # doctest: +SKIP
    ...     codepurify.ray.GuardUDF,
    ...     fn_constructor_kwargs={"path_or_hub_id": "/models/detector", "column": "func"},
    ...     batch_format="pyarrow",
    ...     batch_size=256,
    ...     compute=ray.data.ActorPoolStrategy(size=2),
    ... )
    """

    def __init__(
        self,
        guard: Source | None = None,
        *,
        column: str | Sequence[str] | None = None,
        language: str | None = None,
        threads: int = 1,
        **arguments: Any,
    ) -> None:
        make = factory(guard, threads, arguments)
        self._guard = guard if isinstance(guard, Guard) else made(make)
        self._column = column
        self._language = language

    def __call__(self, batch: Any) -> Any:
        """Return a batch, a pyarrow ``Table``, with the columns added."""
        return judged(self._guard, batch, self._column, self._language)


def scan_dataset(
    dataset: ray.data.Dataset,
    guard: Source | None = None,
    *,
    column: str | Sequence[str] | None = None,
    language: str | None = None,
    actors: int | tuple[int, int] = 1,
    threads: int = 1,
    batch_size: int = _BATCH,
    num_gpus: float | None = None,
    **arguments: Any,
) -> ray.data.Dataset:
    """Judge the code of a dataset with a pool of actors.

    Nothing runs before the result is read or written. If a worker dies, Ray starts another and repeats its batches.
    Rows keep their order only with ``DataContext.get_current().execution_options.preserve_order``.

    Parameters
    ----------
    dataset : ray.data.Dataset
        The rows.
    guard : Guard, bytes or callable, optional
        A guard, a pickled one, or a function that returns one. By default each actor makes one from `arguments`.
    column : str or sequence of str, optional
        Column that holds the code, two of them for a pair model. By default a known name such as ``func``.
    language : {"c", "cpp", "java", "python"}, optional
        Language of the code, C by default.
    actors : int or tuple of int
        Number of actors, or the least and the most. Each holds one model.
    threads : int
        Threads of each actor. A pickled guard keeps its own number. All actors together reserve one CPU less than
        they have threads: tasks that read and write need one.
    batch_size : int
        Rows that an actor judges at once, as one block of the result.
    num_gpus : float, optional
        GPUs of each actor, for a guarded function that uses one.
    **arguments
        Those of :meth:`codepurify.Guard.from_pretrained`.

    Returns
    -------
    ray.data.Dataset
        The rows with the columns of :meth:`codepurify.Guard.scan`. A row that cannot be judged has a message in the
        column ``error``.

    Raises
    ------
    UsageError
        If the arguments make no sense.
    """
    if not isinstance(dataset, ray.data.Dataset):
        raise UsageError(f"a ray.data.Dataset is needed, not {type(dataset).__name__}")
    least, most = (actors, actors) if isinstance(actors, int) else actors
    if not 1 <= least <= most:
        raise UsageError(f"actors={actors}: a number from 1, or the least and the most, is needed")
    make = factory(guard, threads, arguments)
    # Blocks are made for reading: one holds hours of work, and small files are one block for one actor.
    return dataset.repartition(target_num_rows_per_block=batch_size).map_batches(
        GuardUDF,
        fn_constructor_kwargs={"guard": make, "column": column, "language": language},
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=threads - 1 / most,
        num_gpus=num_gpus,
        udf_modifying_row_count=False,
    )

"""Progress bars, those of tqdm."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._errors import UsageError

#: Fewest rows for which a bar is shown unasked.
_FEWEST = 32


@contextmanager
def bar(rows: int, wanted: bool | None) -> Iterator[Callable[[int], None] | None]:
    """Show a bar and yield what tells it how many rows are done; yield None where there is no bar.

    Parameters
    ----------
    rows : int
        All rows.
    wanted : bool or None
        Whether there is a bar; None shows one for many rows if tqdm is installed and a person can see it.
    """
    if wanted is False or (wanted is None and (rows < _FEWEST or not _is_seen())):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        if wanted:
            raise UsageError("progress=True needs tqdm: pip install tqdm") from error
        yield None
        return
    with tqdm(total=rows, unit="row") as shown:

        def tell(done: int) -> None:
            shown.update(done - shown.n)

        yield tell
        tell(rows)


def _is_seen() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules

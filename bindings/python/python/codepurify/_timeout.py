"""A function that is given up after some time."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from ._errors import UsageError

#: Most calls that were given up and still run. Beyond that a call fails at once.
_MOST_ABANDONED = 4


class Timed:
    """Calls ``function`` on a thread of its own and raises ``TimeoutError`` after ``seconds``.

    Python cannot end a thread: the call goes on until it returns, and its result is dropped.
    """

    def __init__(self, function: Callable[[list[Any]], Any], seconds: float) -> None:
        if not callable(function):
            raise UsageError(f"predict must be callable, not {type(function).__name__}")
        if not seconds > 0:
            raise UsageError(f"timeout={seconds}: must be more than 0 seconds")
        self._function = function
        self._seconds = seconds
        self._abandoned: list[threading.Thread] = []

    def __call__(self, inputs: list[Any]) -> Any:
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        if len(self._abandoned) >= _MOST_ABANDONED:
            raise TimeoutError(f"{len(self._abandoned)} calls of the function still run after {self._seconds:g} s each")
        call = _Call(self._function, inputs)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(call.run,), daemon=True)
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            self._abandoned.append(thread)
            raise TimeoutError(f"the function did not return within {self._seconds:g} s; its thread goes on")
        if call.raised is not None:
            raise call.raised
        return call.result


class _Call:
    def __init__(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> None:
        self._function = function
        self._inputs = inputs
        self.result: Any = None
        self.raised: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._function(self._inputs)
        except BaseException as raised:
            self.raised = raised

"""Work that can be stopped at any moment: it runs in a thread of its own, signals reach the main thread.

An exception raised by a signal in the midst of an import or of a library's callback can be swallowed there and leave
half a module behind. So the main thread, which only waits, takes the signal; whoever catches Stopped tidies
up and ends the process. That is safe at any moment, because artifacts appear whole or not at all.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(BaseException):
    """The process was told to stop. No KeyboardInterrupt, which the command line's framework keeps for itself."""


_WAIT_S = 0.2  # a wait without end would keep signals from being seen


def interruptible(work: Callable[[], T]) -> T:
    """The result of `work`, made in a thread; its errors are raised here.

    Raises:
        Stopped: the process was told to stop (SIGINT, SIGTERM); the thread goes on until the process ends.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[T] = []
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            results.append(work())
        except BaseException as error:  # handed to the main thread, whatever it is
            errors.append(error)

    thread = threading.Thread(target=guarded, name="run", daemon=True)
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        thread.start()
        while thread.is_alive():
            thread.join(_WAIT_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]
    return results[0]


def _stop(number: int, frame: FrameType | None) -> Any:
    raise Stopped

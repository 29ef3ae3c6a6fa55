"""Ctrl-C and its kin: the first ends a session after the trial under way, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from .errors import Interrupted

_SAID = b"\nending after the trial under way; once more to end now\n"


class Interruption:
    """Whether a signal asked for the end."""

    def __init__(self) -> None:
        self.asked: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` where one did."""
        if self.asked is not None:
            raise Interrupted(self.asked)


@contextmanager
def heed_signals() -> Iterator[Interruption]:
    """Take note of SIGINT, SIGTERM and SIGHUP inside the block, in the main thread; elsewhere nothing interrupts."""
    interruption = Interruption()

    def ask(number: int, _frame: FrameType | None) -> None:
        if interruption.asked is not None:
            raise Interrupted(number)
        interruption.asked = number
        with suppress(OSError):
            os.write(2, _SAID)

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What is ignored stays so: under nohup, or in the background of a script.
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""Ctrl-C and its kin: the first ends a session after the trial under way, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from .errors import Interrupted


class Interruption:
    """Whether a signal asked for the end."""

    def __init__(self) -> None:
        self.asked: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` where one did."""
        if self.asked is not None:
            raise Interrupted(self.asked)


@contextmanager
def heed_signals(say: Callable[[], None]) -> Iterator[Interruption]:
    """Take note of SIGINT, SIGTERM and SIGHUP inside the block, in the main thread; elsewhere nothing interrupts.

    The first one has `say` called in a thread of its own: whoever watches has to know at once, and what the signal
    came upon may be holding a lock that is needed for that.
    """
    interruption = Interruption()

    def ask(number: int, _frame: FrameType | None) -> None:
        if interruption.asked is not None:
            raise Interrupted(number)
        interruption.asked = number
        threading.Thread(target=say, daemon=True).start()

    with _handled(("SIGINT", "SIGTERM", "SIGHUP"), ask):
        yield interruption


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise `Interrupted` inside the block, so that what is open is closed, as by SIGINT."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled(("SIGTERM", "SIGHUP"), end):
        yield


def raise_behind(error: Exception) -> None:
    """Raise what a signal raised, where a library that it struck raised `error` over it, or that was refused."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, (Interrupted, KeyboardInterrupt)):
        found = found.__context__
    if found is not None:
        raise found from None


@contextmanager
def _handled(names: Sequence[str], handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored stays so: under nohup, or in the background of a script. So does what Python could not put back.
    heeded = [number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    previous = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""Measuring for a command: its display, and what is said of how it ended."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .errors import Interrupted
from .streams import tell, writing

if TYPE_CHECKING:
    from .request import Request
    from .session import Session


def command_line(words: Sequence[str]) -> str:
    """The command of these words, as a shell takes it."""
    return shlex.join(["python", "-m", "pipeline", *words])


def going_on(words: Iterable[str], **instead: str) -> str:
    """The command that goes on with the run which one of these words began, with other values of some keys."""
    left = [word for word in words if word.lstrip("+").partition("=")[0] not in {"fresh", *instead}]
    return command_line([*left, *(f"{key}={value}" for key, value in instead.items())])


def measure(request: Request, words: Sequence[str]) -> Session:
    """Measure what a request asks for, in sight of the user; `words` are those of the command.

    Raises:
        InputError: it cannot be measured; nothing was.
        Interrupted: a signal came; what was measured is kept, and that was said.
    """
    from . import session
    from .display import open_display

    try:
        with open_display() as display, writing(request.sweep.output):
            done = session.measure(request, display)
    except Interrupted:
        tell(f"interrupted; what was measured is kept. To go on: {going_on(words)}")
        raise
    if done.lost is not None:
        tell(f"error: {done.lost}; what was measured is kept, and the same command goes on")
    if done.was_finished:
        tell(f"already measured: {done.folder}; fresh=true measures again")
    return done

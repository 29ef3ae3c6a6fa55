"""Intervals that hold for a run's own trials only."""

from __future__ import annotations

from collections.abc import Collection

from ..advice import more_trials
from ..evidence import Run

DAGGER = "†"
SAID = "too few starts of the processes to say how another start would differ"


def footnote(run: Run, marked: Collection[str]) -> str:
    """What a dagger means, for the ids of the cells whose intervals have one; empty where none has."""
    if not marked:
        return ""
    more = more_trials(run, marked)
    return f"{DAGGER} These trials only: {SAID}{'; more with ' if more else ''}{more}."

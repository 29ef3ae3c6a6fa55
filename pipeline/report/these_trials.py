"""Intervals that hold for a run's own trials only."""

from __future__ import annotations

from collections.abc import Collection

from ..advice import more_trials
from ..evidence import Run
from ..playoff import Candidate

DAGGER = "†"
SAID = "too few starts of the processes to say how another start would differ"


def footnote(run: Run, marked: Collection[str], chosen: Collection[Candidate]) -> str:
    """What a dagger means, for the ids of the cells and the chosen ones that have one; empty where none has."""
    if not marked and not chosen:
        return ""
    more = more_trials(run, {*marked, *(each.id for each in chosen)}, in_play_off=any(each.is_fresh for each in chosen))
    return f"{DAGGER} These trials only: {SAID}{'; more with ' if more else ''}{more}."

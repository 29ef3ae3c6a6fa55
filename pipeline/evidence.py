"""What the journal's trials say of each cell: the first step of everything that is reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import statistics
from .journal import Record

#: A trial that was lost with its node is run again this often.
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Evidence:
    """The trials of one cell that count, and what became of the cell.

    `status` and `reason` are those of DESIGN's contract; `trials` are journal records with status `measured`.
    """

    status: str
    reason: str | None
    traceback: str | None
    trials: tuple[Record, ...]
    attempts: int

    @property
    def log_ratios(self) -> list[list[float]]:
        """For each trial, log(anchor time / cell time) of each of its rounds."""
        return [log_ratios(trial) for trial in self.trials]

    def speedup(self, alpha: float) -> statistics.Speedup:
        """The cell's speed-up over its anchor, at level 1 - `alpha`."""
        return statistics.speedup(self.log_ratios, alpha)

    def middle(self, arm: str, what: str) -> float | None:
        """The median over all trials and rounds of an arm's `what`; `None` where it was never recorded."""
        return middle(self.trials, arm, what)


def log_ratios(trial: Record) -> list[float]:
    """log(anchor time / cell time) of each round of a trial."""
    arms = trial["arms"]
    pairs = zip(arms["anchor"]["batch_s"], arms["cell"]["batch_s"], strict=True)
    return [math.log(anchor_s / cell_s) for anchor_s, cell_s in pairs]


def middle(trials: Iterable[Record], arm: str, what: str) -> float | None:
    """The median of an arm's `what` over all `trials`, and their rounds where each has one."""
    values: list[float] = []
    for trial in trials:
        value: Any = trial["arms"][arm].get(what)
        values += [each for each in (value if isinstance(value, list) else [value]) if each is not None]
    return float(median(values)) if values else None


def gather(trials: Sequence[Record], preflight: Record | None) -> Evidence:
    """One cell's evidence from its `trial` records and the `preflight` record of its workload."""
    if preflight is not None and preflight["status"] != "measured":
        return Evidence(preflight["status"], preflight["reason"], preflight["traceback"], (), 0)
    lost = [trial for trial in trials if trial["status"] == "not run"]
    good = tuple(trial for trial in trials if trial["status"] == "measured")
    for trial in trials:
        if trial["status"] not in ("measured", "not run"):
            return Evidence(trial["status"], trial["reason"], trial["traceback"], good, len(trials))
    if len(lost) >= MOST_ATTEMPTS:
        return Evidence("failed", f"its trials were lost {len(lost)} times: {lost[-1]['reason']}", None, good, len(trials))
    if good:
        return Evidence("measured", None, None, good, len(trials))
    return Evidence("not run", "the measuring ended before its turn came", None, (), len(trials))

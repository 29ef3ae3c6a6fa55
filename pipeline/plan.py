"""How a cell's evidence is planned from what the preflight saw, before any of it is measured."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

from .cells import Cell, Measure
from .statistics import order_rank

PROTOCOL = 3
"""The number of the measuring protocol; part of a version.

1: rounds of fresh pairs, looks at trial boundaries. 2: a play-off, instrumented batches, the machine read every round.
3: trials of slow batches last half a second, too.
"""

ALPHA = 0.05
"""What an interval of the table, and what a verdict as a whole may err."""
SWEEP_ALPHA = ALPHA / 2
"""The share of it that the verdict's statements from the sweep have, over all its cells and looks."""
PLAY_OFF_ALPHA = ALPHA / 2
"""And the share of those from the play-off of a workload."""
MOST_RIVALS, MOST_STAGES = 3, 2
"""A leader meets so many rivals at most, and is replaced by one of them at most once."""
STATEMENT_ALPHA = PLAY_OFF_ALPHA / (MOST_STAGES * MOST_RIVALS + 1)
"""What one statement from the play-off may err: there is one on each rival in each stage, and one on the speed-up of
the chosen, which is one of `MOST_RIVALS` + 1 cells, each of which could have been it."""
FIRST_LOOK_ROUNDS = 12
LEAST_TRIAL_S = 0.5
"""A trial's rounds last at least this long, so that starting its processes does not outweigh them."""

_ARMS, _ARMS_INTERLEAVED = 1.5, 2.0
"""What a round costs in batches of the plain loop: the anchor's one and a faster one, or two of these."""


@dataclass(frozen=True)
class Preflight:
    """What the look before measuring found; seconds of one batch in a plain loop. See `bench.preflight.run`."""

    tasks: int
    available: int
    sample: int | None
    cold_s: float
    warm_s: float
    task_s: float | None
    widest: int

    @classmethod
    def of(cls, record: dict[str, Any]) -> Preflight:
        """From its journal record."""
        return cls(**{key: record[key] for key in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Plan:
    """Rounds in each trial, and after how many trials the interval is looked at; the last look ends the cell."""

    rounds: int
    looks: tuple[int, ...]

    def each_look(self, alpha: float = ALPHA) -> float:
        """What one look may err, so that all of them together err in at most `alpha` (Bonferroni)."""
        return alpha / len(self.looks)


def least_trial_s(plan: Plan, preflight: Preflight) -> float:
    """How long a trial takes at the very least: the plain loop's part of it."""
    return preflight.cold_s + plan.rounds * preflight.warm_s


def usual_trial_s(measure: Measure, plan: Plan, preflight: Preflight) -> float:
    """How long a trial takes whose cell is about twice as fast as the plain loop."""
    return preflight.cold_s + plan.rounds * _round_s(measure, preflight)


def longest_batch_s(measure: Measure) -> float:
    """How long a batch may take in a plain loop for the rounds of a first look to fit into the budget."""
    return measure.budget_s / (_ARMS * FIRST_LOOK_ROUNDS)


def plan_cell(measure: Measure, preflight: Preflight, *, clustered: bool = False, interleaved: int = 0) -> Plan:
    """The plan of a cell: looks at about 12, 25, 50, 100, ... rounds, as many as the budget allows.

    Looks fall on ends of trials, the first after `measure.trials` of them. The budget's end is the last one. To connect
    to a cluster takes a second or more, so the trials of `clustered` cells share the whole budget out: one look.

    In a sweep of so many `interleaved` cells the first look comes after as many trials as it takes for their medians to
    have an interval that holds for all cells at once, whatever the budget: without one nothing could be told.
    """
    round_s = _round_s(measure, preflight, interleaved=bool(interleaved))
    if not interleaved:
        return _plan(measure, round_s, _least_trial_s(measure, clustered=clustered))
    trials = min(measure.trials, measure.max_rounds)
    while True:
        plan = _plan(replace(measure, trials=trials), round_s, LEAST_TRIAL_S, trials)
        if trials == measure.max_rounds or order_rank(plan.looks[0], plan.each_look() / interleaved) > 0:
            return plan
        trials += 1


def plan_match(
    measure: Measure, preflight: Preflight, speedups: tuple[float, float], *, clustered: bool = False
) -> Plan:
    """The plan of a match between two cells with these speed-ups over the plain loop, which takes part in it.

    A slow batch gets as many rounds as an interval takes, whatever the budget: without one the match tells nothing.
    """
    batches = 1 + sum(1 / each for each in speedups)
    loop_s = preflight.cold_s if measure.cold else max(preflight.warm_s, 0.02 * max(speedups))
    fewest = next(n for n in itertools.count(1) if order_rank(n, STATEMENT_ALPHA / (MOST_RIVALS + 1)) > 0)
    least_trial_s = _least_trial_s(measure, clustered=clustered)
    return _plan(measure, batches * loop_s, least_trial_s, min(fewest, measure.max_rounds))


def _round_s(measure: Measure, preflight: Preflight, *, interleaved: bool = False) -> float:
    """Warm, a round is all arms once, and short batches are repeated until the shortest arm lasts 20 ms."""
    arms, shortest_s = (_ARMS_INTERLEAVED, 0.08) if interleaved else (_ARMS, 0.06)
    return arms * preflight.cold_s if measure.cold else max(arms * preflight.warm_s, shortest_s)


def _least_trial_s(measure: Measure, *, clustered: bool) -> float:
    return max(LEAST_TRIAL_S, measure.budget_s / measure.trials) if clustered else LEAST_TRIAL_S


def _plan(measure: Measure, round_s: float, least_trial_s: float, least: int = 1) -> Plan:
    affordable = max(least, min(measure.max_rounds, int(measure.budget_s / round_s)))
    if measure.cold:
        return Plan(1, _doubling(min(affordable, max(measure.trials, FIRST_LOOK_ROUNDS)), affordable))
    wanted = max(math.ceil(least_trial_s / round_s), math.ceil(FIRST_LOOK_ROUNDS / measure.trials))
    rounds = max(1, min(wanted, affordable // measure.trials))
    return Plan(rounds, _doubling(min(measure.trials, affordable), affordable // rounds))


def _doubling(first: int, last: int) -> tuple[int, ...]:
    looks = [first]
    while looks[-1] * 2 <= last:
        looks.append(looks[-1] * 2)
    if last > looks[-1]:
        looks[-1 if last < 1.5 * looks[-1] else len(looks) :] = [last]
    return tuple(looks)


def chunksize(cell: Cell, preflight: Preflight) -> int | None:
    """The number of inputs a worker gets at a time; `None` for a backend without chunks.

    `auto` makes chunks of about `cell.chunk_s` of work, which hides what sending one costs, and leaves at least four
    chunks for each worker, so that none is left waiting for the last.
    """
    asked = cell.options.get("chunksize")
    if asked != "auto":
        return asked
    if preflight.task_s is None or preflight.widest == 0:
        return 1
    for_cost = math.ceil(cell.chunk_s / max(preflight.task_s, 1e-9))
    for_balance = preflight.widest // (4 * cell.workers)
    return max(1, min(for_cost, for_balance))

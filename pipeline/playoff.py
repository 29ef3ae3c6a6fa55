"""Who plays whom after the sweep: leader against rivals, on fresh rounds, so that nobody is chosen for being lucky.

The sweep holds each cell against a plain loop, in trials of its own; two cells are compared only through their loops,
and the one that looks fastest of many looks faster than it is. A match puts leader and rival into the same rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from . import flags
from .cells import Measure
from .evidence import Evidence
from .journal import Record
from .plan import MOST_RIVALS, MOST_STAGES, STATEMENT_ALPHA, SWEEP_ALPHA, Plan
from .statistics import Speedup
from .wording import pool_name


@dataclass(frozen=True)
class Candidate:
    """A measured cell that may be recommended.

    Its `speedup` has an interval at level 1 - `alpha`, for all cells of the run at once. `is_fresh` says that
    it is of the play-off.
    """

    cell: Record
    variant: str
    evidence: Evidence
    speedup: Speedup
    alpha: float
    is_fresh: bool = False

    @property
    def id(self) -> str:
        """The cell's."""
        return str(self.cell["id"])

    @property
    def backend(self) -> str:
        """As in the configuration."""
        return str(self.cell["backend"])

    @property
    def workers(self) -> int:
        """As many as the backend has."""
        return int(self.cell["workers"])

    @property
    def name(self) -> str:
        """How sentences call it."""
        return pool_name(self.backend, self.workers) + (f" with {self.variant}" if self.variant else "")

    @cached_property
    def peak_rss_bytes(self) -> float:
        """Memory at its peak; infinite where the system does not count."""
        found = self.evidence.middle("cell", "peak_rss_bytes")
        return math.inf if found is None else found

    @cached_property
    def startup_s(self) -> float:
        """From opening the pool until every worker has answered."""
        return self.evidence.middle("cell", "startup_s") or 0.0


def enter(
    cells: Iterable[tuple[Record, Evidence, Plan]], family: int, variant: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """The candidates among the cells of a workload: those that were measured and are fit to be recommended.

    Args:
        cells: each with what the sweep found of it, and how it was measured.
        family: the number of cells whose intervals have to hold at once (Bonferroni).
        variant: what tells a cell from its like, by id.
    """
    found = []
    for cell, evidence, plan in cells:
        if evidence.status == "measured" and not flags.is_unfit(cell, evidence):
            alpha = plan.each_look(SWEEP_ALPHA) / family
            found.append(Candidate(cell, variant[cell["id"]], evidence, evidence.speedup(alpha), alpha))
    return tuple(found)


@dataclass(frozen=True)
class Stage:
    """A leader and those that it has to be held against."""

    leader: Candidate
    rivals: tuple[Candidate, ...]


Result = Callable[[Candidate, Candidate], Speedup | None]
"""Of the match of a leader, the first one, and a rival: see `result`."""


def stages(candidates: Sequence[Candidate], result: Result, margin: float) -> list[Stage]:
    """The leaders one after the other, the last being the one that stands; empty where no cell is shown to beat a loop.

    A rival that was proved faster leads, and is played again, also against the one that led: the match that put it
    there favours it. There are no more than `MOST_STAGES`, all of whose statements share one alpha.
    """
    eligible = [each for each in candidates if each.speedup.low > 1 + margin]
    if not eligible:
        return []
    leader = max(eligible, key=lambda each: each.speedup.estimate)
    perhaps = [
        each for each in candidates if each is not leader and each.speedup.high >= leader.speedup.low * (1 - margin)
    ]
    found = [Stage(leader, tuple(by_cost(perhaps)[:MOST_RIVALS]))]
    while len(found) < MOST_STAGES:
        stage = found[-1]
        results = [(rival, result(stage.leader, rival)) for rival in stage.rivals]
        played = [(rival, ratio) for rival, ratio in results if ratio is not None]
        faster = [(rival, ratio) for rival, ratio in played if ratio.low > 1]
        if len(played) < len(results) or not faster:
            break
        leader, _ = max(faster, key=lambda each: each[1].estimate)
        rivals = [rival for rival, ratio in played if rival is not leader and ratio.high >= 1 - margin]
        found.append(Stage(leader, tuple(by_cost([*rivals, stage.leader]))))
    return found


def target(measure: Measure, margin: float) -> float:
    """The half-width at which a match has enough."""
    return min(measure.target, margin / 2)


NOTHING = Speedup(math.nan, 0.0, math.inf, 0, 0, False)
"""The result of a match that tells nothing."""


def result(
    match: Evidence, leader: Record, rival: Record, plan: Plan, measure: Measure, margin: float
) -> Speedup | None:
    """The rival's speed over the leader's; `None` until it was played to its end: before, it is an unplanned look.

    `NOTHING` where it broke off, or one of them is not fit to be recommended by what was seen there.
    """
    ratio = match.speedup(plan.each_look(STATEMENT_ALPHA), over="leader")
    if not has_enough(match, ratio, plan, target(measure, margin), measure.budget_s, plan.looks[0]):
        return None
    unfit = (flags.is_unfit(cell, match.of_arm(arm)) for cell, arm in ((leader, "leader"), (rival, "cell")))
    return NOTHING if match.status != "measured" or any(unfit) else ratio


def has_enough(evidence: Evidence, speedup: Speedup, plan: Plan, target: float, budget_s: float, least: int) -> bool:
    """Whether a cell or a match gets no more trials: at a planned look, at the budget's end, or as it failed.

    Time is no function of the ratios, so ending at the budget, after `least` trials, is no look at them.
    """
    done = len(evidence.trials)
    if evidence.status not in ("measured", "not run") or evidence.given_up or done >= plan.looks[-1]:
        return True
    if done >= least and sum(trial["phases_s"]["rounds"] for trial in evidence.trials) > budget_s:
        return True
    return done in plan.looks and speedup.half_width <= target


def by_cost(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The cheapest first."""
    left, ordered = list(candidates), []
    while left:
        ordered.append(cheapest(left))
        left.remove(ordered[-1])
    return ordered


def cheapest(candidates: Sequence[Candidate]) -> Candidate:
    """The least memory (within 10 % or 16 MB alike), then the fewest workers, then the shortest start-up."""
    least = min(each.peak_rss_bytes for each in candidates)
    alike = [each for each in candidates if each.peak_rss_bytes <= max(least * 1.1, least + 16e6)]
    return min(alike, key=lambda each: (each.workers, each.startup_s))

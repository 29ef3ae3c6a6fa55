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
from .evidence import Evidence
from .journal import Record
from .plan import PLAY_OFF_ALPHA, SWEEP_ALPHA, Plan
from .statistics import Speedup
from .wording import pool_name

MOST_RIVALS = 3
STATEMENT_ALPHA = PLAY_OFF_ALPHA / (MOST_RIVALS + 1)
"""What one statement from the play-off may err: there is one on each rival, and one on the speed-up of the chosen."""


@dataclass(frozen=True)
class Candidate:
    """A measured cell that may be recommended.

    Its `speedup` has an interval at level 1 - `alpha`, which holds for all cells of the run at once.
    """

    cell: Record
    variant: str
    evidence: Evidence
    speedup: Speedup
    alpha: float

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
    cells: Iterable[tuple[Record, Evidence]], plan: Plan, family: int, variant: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """The candidates among the cells of a workload: those that were measured and are fit to be recommended.

    Args:
        cells: each with what the sweep found of it.
        plan: how they were measured.
        family: the number of cells whose intervals have to hold at once (Bonferroni).
        variant: what tells a cell from its like, by id.
    """
    alpha = plan.each_look(SWEEP_ALPHA) / family
    return tuple(
        Candidate(cell, variant[cell["id"]], evidence, evidence.speedup(alpha), alpha)
        for cell, evidence in cells
        if evidence.status == "measured" and not flags.is_unfit(cell, evidence)
    )


@dataclass(frozen=True)
class Stage:
    """A leader and those that it has to be held against."""

    leader: Candidate
    rivals: tuple[Candidate, ...]


Result = Callable[[Candidate, Candidate], Speedup | None]
"""The second one's speed over the first one's, the leader's, in their match; `None` until it has been played out."""


def stages(candidates: Sequence[Candidate], result: Result, margin: float) -> list[Stage]:
    """The leaders one after the other, the last being the one that stands; empty where no cell is shown to beat a loop.

    A rival that was proved faster leads, and is played again: the match that put it there favours it. Nobody leads
    twice, so this ends.
    """
    eligible = [each for each in candidates if each.speedup.low > 1 + margin]
    if not eligible:
        return []
    leader = max(eligible, key=lambda each: each.speedup.estimate)
    perhaps = [
        each for each in candidates if each is not leader and each.speedup.high >= leader.speedup.low * (1 - margin)
    ]
    found = [Stage(leader, tuple(by_cost(perhaps)[:MOST_RIVALS]))]
    led = {leader.id}
    while True:
        stage = found[-1]
        results = [(rival, result(stage.leader, rival)) for rival in stage.rivals]
        played = [(rival, ratio) for rival, ratio in results if ratio is not None]
        faster = [(rival, ratio) for rival, ratio in played if ratio.low > 1 and rival.id not in led]
        if len(played) < len(results) or not faster:
            return found
        leader, gain = max(faster, key=lambda each: each[1].estimate)
        led.add(leader.id)
        rivals = [rival for rival, ratio in played if rival is not leader and ratio.high >= 1 - margin]
        if gain.low * (1 - margin) <= 1:  # the one that led before is perhaps no worse by the margin
            rivals.append(stage.leader)
        found.append(Stage(leader, tuple(by_cost(rivals))))


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

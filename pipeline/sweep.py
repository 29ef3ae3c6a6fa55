"""The bag of trials: which one next, and when a cell or a match has enough."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from . import playoff
from .cells import Cell, Sweep
from .evidence import Evidence, gather, variants
from .journal import Record
from .plan import ALPHA, STATEMENT_ALPHA, Plan, Preflight, plan_cell, plan_match
from .playoff import Candidate
from .statistics import Speedup


@dataclass(frozen=True)
class CellProgress:
    """How far a cell is, or a match of the play-off in which it is held against `leader`.

    `alpha` is what a look at its interval may err; `trials_left` is how many more trials it may get at most.
    """

    cell: Cell
    leader: Cell | None
    evidence: Evidence
    alpha: float
    trials_left: int

    @cached_property
    def speedup(self) -> Speedup:
        """The one over the plain loop, or over the leader."""
        return self.evidence.speedup(self.alpha, over="anchor" if self.leader is None else "leader")

    @property
    def id(self) -> str:
        """The cell's, or that of the match."""
        return _match_id(self.cell, self.leader)

    @property
    def done(self) -> bool:
        """Whether it gets no more trials."""
        return self.trials_left == 0


@dataclass(frozen=True)
class Turn:
    """The trial that comes next: the `trial`th of a cell, or of its match against `leader`, and the attempt at it."""

    cell: Cell
    leader: Cell | None
    trial: int
    attempt: int
    plan: Plan

    @property
    def id(self) -> str:
        """The cell's, or that of the match."""
        return _match_id(self.cell, self.leader)


class Bag:
    """All trials of a sweep: a function of the journal's records, so that a killed run goes on as it would have."""

    def __init__(self, sweep: Sweep, records: Iterable[Record]) -> None:
        self._sweep = sweep
        self._cells = {cell.id: cell for cell in sweep.measured}
        self._variants = variants([cell.record() for cell in sweep.measured])
        self._trials: dict[str, list[Record]] = {}
        self._preflights: dict[str, Record] = {}
        self._plans: dict[str, Plan] = {}
        self._progress: dict[str, CellProgress] = {}
        self._candidates: dict[str, tuple[Candidate, ...]] = {}
        self._results: dict[str, Speedup] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take a journal record into account."""
        if record["kind"] == "preflight":
            self._preflights[record["workload"]] = record
            if record["status"] == "measured":
                self._plans[record["workload"]] = plan_cell(self._sweep.measure, Preflight.of(record))
        elif record["kind"] in ("trial", "play-off") and record["cell"] in self._cells:
            id_ = _key(record["cell"], record.get("leader"))
            self._trials.setdefault(id_, []).append(record)
            self._progress.pop(id_, None)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The measured cells."""
        return tuple(self._cells.values())

    def missing_preflights(self) -> list[Cell]:
        """One cell of each workload that no preflight has seen yet."""
        firsts = {cell.workload.id: cell for cell in reversed(self._cells.values())}
        return [cell for id_, cell in reversed(firsts.items()) if id_ not in self._preflights]

    def preflight(self, cell: Cell) -> Preflight:
        """What the preflight of the cell's workload found."""
        return Preflight.of(self._preflights[cell.workload.id])

    def progress(self) -> Mapping[str, CellProgress]:
        """The progress of each measured cell, then of each match so far, by its id."""
        plans = self._plans
        cells = {id_: self._remembered(cell, None, plans.get(cell.workload.id)) for id_, cell in self._cells.items()}
        if not all(each.done for each in cells.values()):
            return cells
        played = [match for workload in plans for match in self._matches(workload)]
        return cells | {each.id: each for each in played}

    def is_done(self) -> bool:
        """Whether every workload was looked at, and every cell and match has enough."""
        return not self.missing_preflights() and self.next() is None

    def next(self) -> Turn | None:
        """The next trial; `None` when there is enough of everything.

        Every open cell gets one trial before any gets the next, in an order drawn anew each time: a cell's trials
        are spread over the sweep, so that an hour's noise does not fall on one cell. So do the matches after them.
        """
        waiting = [each for each in self.progress().values() if not each.done]
        if not waiting:
            return None

        def turn(each: CellProgress) -> tuple[int, str]:
            drawn = f"{self._sweep.seed} {each.evidence.attempts} {each.id}"
            return each.evidence.attempts, hashlib.sha256(drawn.encode()).hexdigest()

        chosen = min(waiting, key=turn)
        trial = len(chosen.evidence.trials)
        plan = self._plan(chosen.cell, chosen.leader)
        return Turn(chosen.cell, chosen.leader, trial, chosen.evidence.attempts - trial + 1, plan)

    def _plan(self, cell: Cell, leader: Cell | None) -> Plan:
        if leader is None:
            return self._plans[cell.workload.id]
        over_loop = [self._progress[each.id].speedup.estimate for each in (cell, leader)]
        return plan_match(self._sweep.measure, self.preflight(cell), (over_loop[0], over_loop[1]))

    def _remembered(self, cell: Cell, leader: Cell | None, plan: Plan | None) -> CellProgress:
        id_ = _match_id(cell, leader)
        if id_ not in self._progress:
            self._progress[id_] = self._progress_of(cell, leader, plan)
        return self._progress[id_]

    def _progress_of(self, cell: Cell, leader: Cell | None, plan: Plan | None) -> CellProgress:
        trials = self._trials.get(_match_id(cell, leader), [])
        evidence = gather(trials, self._preflights.get(cell.workload.id))
        if plan is None:
            return CellProgress(cell, leader, evidence, ALPHA, 0)
        measure = self._sweep.measure
        alpha, target, least = plan.each_look(), measure.target, 1
        if leader is not None:
            target, least = playoff.target(measure, self._sweep.margin), plan.looks[0]
            alpha = plan.each_look(STATEMENT_ALPHA)
        going_on = CellProgress(cell, leader, evidence, alpha, plan.looks[-1] - len(evidence.trials))
        if playoff.has_enough(evidence, going_on.speedup, plan, target, measure.budget_s, least):
            return replace(going_on, trials_left=0)
        return going_on

    def _matches(self, workload: str) -> list[CellProgress]:
        """All matches of a workload's play-off so far, those still to be played last."""
        candidates = self._enter(workload)
        matches: dict[str, CellProgress] = {}

        def match(leader: Candidate, rival: Candidate) -> CellProgress:
            pair = self._cells[rival.id], self._cells[leader.id]
            found = self._remembered(*pair, self._plan(*pair))
            return matches.setdefault(found.id, found)

        def result(leader: Candidate, rival: Candidate) -> Speedup | None:
            found = match(leader, rival)
            if found.done and found.id not in self._results:
                plan, sweep = self._plan(found.cell, found.leader), self._sweep
                ended = playoff.result(found.evidence, leader.cell, rival.cell, plan, sweep.measure, sweep.margin)
                self._results[found.id] = ended or playoff.NOTHING
            return self._results.get(found.id)

        for stage in playoff.stages(candidates, result, self._sweep.margin):
            for rival in stage.rivals:
                match(stage.leader, rival)
        return list(matches.values())

    def _enter(self, workload: str) -> tuple[Candidate, ...]:
        # Asked once every cell is done, so what is found stays as it is.
        if workload not in self._candidates:
            cells = [cell for cell in self.cells if cell.workload.id == workload]
            found = [(cell.record(), self._progress[cell.id].evidence) for cell in cells]
            self._candidates[workload] = playoff.enter(found, self._plans[workload], len(self._cells), self._variants)
        return self._candidates[workload]


def _match_id(cell: Cell, leader: Cell | None) -> str:
    return _key(cell.id, None if leader is None else leader.id)


def _key(cell: str, leader: str | None) -> str:
    return cell if leader is None else f"{leader} {cell}"

"""The bag of trials: which one next, and when a cell or a match has enough."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from . import playoff
from .cells import Cell, Sweep
from .evidence import Evidence, gather, is_of_machine, variants
from .journal import Record
from .plan import ALPHA, STATEMENT_ALPHA, Plan, Preflight, plan_cell, plan_match
from .playoff import Candidate
from .statistics import Speedup

Key = tuple[str, str]
"""A kind of node, and the id of a cell there, or of a match."""


@dataclass(frozen=True)
class CellProgress:
    """How far a cell is, or a match of the play-off in which it is held against `leader`.

    `alpha` is what a look at its interval may err; `trials_left` is how many more trials it may get at most; of
    `interleaved` revisions the one after is held against the one before.
    """

    cell: Cell
    leader: Cell | None
    evidence: Evidence
    alpha: float
    trials_left: int
    interleaved: bool = False

    @cached_property
    def speedup(self) -> Speedup:
        """The one over the plain loop, over the leader, or over the revision before."""
        if self.interleaved:
            return self.evidence.over_before(self.alpha)
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
    def clustered(self) -> bool:
        """Whether it takes a whole cluster."""
        return self.cell.clustered or (self.leader is not None and self.leader.clustered)

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
        self._under_way: dict[str, set[int]] = {}
        self._earlier: Counter[tuple[str, int]] = Counter()
        self._is_taken_up = False
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take a journal record into account."""
        if record["kind"] == "preflight":
            self._preflights[record["workload"]] = record
            self._progress.clear()
            if record["status"] == "measured":
                found, family = Preflight.of(record), len(self._cells) if self._sweep.interleaved else 0
                self._plans |= {
                    cell.id: plan_cell(self._sweep.measure, found, clustered=cell.clustered, interleaved=family)
                    for cell in self.cells
                    if cell.workload.id == record["workload"]
                }
        elif record["kind"] in ("trial", "play-off") and record["cell"] in self._cells:
            id_ = _key(record["cell"], record.get("leader"))
            self._trials.setdefault(id_, []).append(_without_spans(record))
            self._under_way.get(id_, set()).discard(record["trial"])
            self._progress.pop(id_, None)

    def begin(self) -> None:
        """Begin a session, which takes afresh what was not run in those before for causes of the machine."""
        self._is_taken_up = self.is_begun
        self._preflights = {id_: look for id_, look in self._preflights.items() if not is_of_machine(look)}
        for id_, trials in self._trials.items():
            self._earlier.update((id_, trial["trial"]) for trial in trials if is_of_machine(trial))
            self._trials[id_] = [trial for trial in trials if not is_of_machine(trial)]
        self._progress.clear()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The measured cells."""
        return tuple(self._cells.values())

    @property
    def is_begun(self) -> bool:
        """Whether there is a record, or was one of an earlier session."""
        return bool(self._is_taken_up or self._preflights or self._trials)

    def missing_preflights(self) -> list[Cell]:
        """One cell of each workload that no preflight has seen yet."""
        firsts = {cell.workload.id: cell for cell in reversed(self._cells.values())}
        return [cell for id_, cell in reversed(firsts.items()) if id_ not in self._preflights]

    def preflight(self, cell: Cell) -> Preflight:
        """What the preflight of the cell's workload found."""
        return Preflight.of(self._preflights[cell.workload.id])

    def progress(self) -> Mapping[str, CellProgress]:
        """The progress of each measured cell, then of each match so far, by its id."""
        cells = {id_: self._remembered(cell, None, self._plans.get(id_)) for id_, cell in self._cells.items()}
        if self._sweep.interleaved or not all(each.done for each in cells.values()):
            return cells
        workloads = dict.fromkeys(cell.workload.id for id_, cell in self._cells.items() if id_ in self._plans)
        played = [match for workload in workloads for match in self._matches(workload)]
        return cells | {each.id: each for each in played}

    def is_done(self) -> bool:
        """Whether every workload was looked at, and every cell and match has enough."""
        return not self.missing_preflights() and all(each.done for each in self.progress().values())

    def take(self) -> Turn | None:
        """The next trial, which is under way from now on, until its record is added."""
        turn = self.next()
        if turn is not None:
            self._under_way.setdefault(turn.id, set()).add(turn.trial)
        return turn

    def next(self) -> Turn | None:
        """The next trial; `None` when there is enough of everything, or the rest depends on what is under way.

        Every open cell gets one trial before any gets the next, in an order drawn anew each time: a cell's trials
        are spread over the sweep, so that an hour's noise does not fall on one cell. So do the matches after them.
        No trial is begun beyond the next look at the interval, which decides whether there are any.
        """
        waiting = [each for each in self.progress().values() if self._may_begin(each)]
        if not waiting:
            return None

        def turn(each: CellProgress) -> tuple[int, str]:
            begun = each.evidence.attempts + len(self._under_way.get(each.id, ()))
            drawn = f"{self._sweep.seed} {begun} {each.id}"
            return begun, hashlib.sha256(drawn.encode()).hexdigest()

        chosen = min(waiting, key=turn)
        taken = {trial["trial"] for trial in chosen.evidence.trials} | self._under_way.get(chosen.id, set())
        trial = next(number for number in itertools.count() if number not in taken)
        attempts = sum(each["trial"] == trial for each in self._trials.get(chosen.id, ()))
        attempt = 1 + attempts + self._earlier[chosen.id, trial]
        return Turn(chosen.cell, chosen.leader, trial, attempt, self._plan(chosen.cell, chosen.leader))

    def _may_begin(self, each: CellProgress) -> bool:
        done = len(each.evidence.trials)
        if each.done or each.cell.id not in self._plans:
            return False
        look = next((look for look in self._plan(each.cell, each.leader).looks if look > done), done)
        return done + len(self._under_way.get(each.id, ())) < look

    def _plan(self, cell: Cell, leader: Cell | None) -> Plan:
        if leader is None:
            return self._plans[cell.id]
        over_loop = [self._progress[each.id].speedup.estimate for each in (cell, leader)]
        clustered = cell.clustered or leader.clustered
        return plan_match(self._sweep.measure, self.preflight(cell), (over_loop[0], over_loop[1]), clustered=clustered)

    def _remembered(self, cell: Cell, leader: Cell | None, plan: Plan | None) -> CellProgress:
        id_ = _match_id(cell, leader)
        if id_ not in self._progress:
            self._progress[id_] = self._progress_of(cell, leader, plan)
        return self._progress[id_]

    def _progress_of(self, cell: Cell, leader: Cell | None, plan: Plan | None) -> CellProgress:
        trials = self._trials.get(_match_id(cell, leader), [])
        evidence = gather(trials, self._preflights.get(cell.workload.id))
        if plan is None:  # the look at its workload failed, or is still to come
            return CellProgress(cell, leader, evidence, ALPHA, int(cell.workload.id not in self._preflights))
        measure, interleaved = self._sweep.measure, self._sweep.interleaved
        alpha, target, least = plan.each_look(), measure.target, 1
        if leader is not None or interleaved:
            target, least = playoff.target(measure, self._sweep.margin), plan.looks[0]
            alpha = plan.each_look(ALPHA / len(self._cells) if interleaved else STATEMENT_ALPHA)
        left = plan.looks[-1] - len(evidence.trials)
        going_on = CellProgress(cell, leader, evidence, alpha, left, interleaved)
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
            found = [(cell.record(), self._progress[cell.id].evidence, self._plans[cell.id]) for cell in cells]
            self._candidates[workload] = playoff.enter(found, len(self._cells), self._variants)
        return self._candidates[workload]


class Bags:
    """A bag for each kind of node: what was measured on one says nothing of another."""

    def __init__(self, sweep: Sweep, records: Iterable[Record]) -> None:
        self._sweep = sweep
        self._bags: dict[str, Bag] = {}
        for record in records:
            self.add(record)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those that something is known of."""
        return tuple(self._bags)

    def of(self, kind: str) -> Bag:
        """The bag of a kind."""
        return self._bags.setdefault(kind, Bag(self._sweep, ()))

    def add(self, record: Record) -> None:
        """Take a journal record into account."""
        if record["kind"] in ("preflight", "trial", "play-off"):
            self.of(record["environment"]).add(record)

    def begin(self) -> None:
        """See `Bag.begin`."""
        for bag in self._bags.values():
            bag.begin()

    def are_done(self) -> bool:
        """Whether one was begun, and every such one is."""
        return any(bag.is_begun for bag in self._bags.values()) and not self.unfinished()

    def unfinished(self) -> dict[str, int]:
        """The kinds for which something was measured and something is missing, and how many cells and matches are."""
        begun = {kind: bag for kind, bag in self._bags.items() if bag.is_begun and not bag.is_done()}
        return {kind: sum(not each.done for each in bag.progress().values()) for kind, bag in begun.items()}

    def progress(self) -> Mapping[Key, CellProgress]:
        """That of all of them."""
        return {(kind, id_): each for kind, bag in self._bags.items() for id_, each in bag.progress().items()}


def _without_spans(record: Record) -> Record:
    """As much as is needed to go on: spans are large, and a sweep may have a million trials."""
    arms = {
        name: {key: value for key, value in arm.items() if key != "spans"}
        for name, arm in record.get("arms", {}).items()
    }
    return {**record, "arms": arms, "printed": {}}


def _match_id(cell: Cell, leader: Cell | None) -> str:
    return _key(cell.id, None if leader is None else leader.id)


def _key(cell: str, leader: str | None) -> str:
    return cell if leader is None else f"{leader} {cell}"

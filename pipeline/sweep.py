"""The bag of trials: which one next, and when a cell has enough."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .cells import Cell, Sweep
from .evidence import Evidence, gather
from .journal import Record
from .plan import ALPHA, Plan, Preflight, plan_cell
from .statistics import Speedup


@dataclass(frozen=True)
class CellProgress:
    """How far a cell is: rounds measured, its interval, and how many more trials it may get at most."""

    cell: Cell
    evidence: Evidence
    speedup: Speedup
    trials_left: int

    @property
    def done(self) -> bool:
        """Whether it gets no more trials."""
        return self.trials_left == 0


class Bag:
    """All trials of a sweep: a function of the journal's records, so that a killed run goes on as it would have."""

    def __init__(self, sweep: Sweep, records: Iterable[Record]) -> None:
        self._sweep = sweep
        self._cells = {cell.id: cell for cell in sweep.measured}
        self._trials: dict[str, list[Record]] = {cell_id: [] for cell_id in self._cells}
        self._spent_s: dict[str, float] = dict.fromkeys(self._cells, 0.0)
        self._preflights: dict[str, Record] = {}
        self._plans: dict[str, Plan] = {}
        self._progress: dict[str, CellProgress] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take a journal record into account."""
        if record["kind"] == "preflight":
            self._preflights[record["workload"]] = record
            if record["status"] == "measured":
                self._plans[record["workload"]] = plan_cell(self._sweep.measure, Preflight.of(record))
        elif record["kind"] == "trial" and record["cell"] in self._cells:
            self._trials[record["cell"]].append(record)
            self._spent_s[record["cell"]] += record.get("phases_s", {}).get("rounds", 0.0)
            self._progress.pop(record["cell"], None)

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

    def plan(self, cell: Cell) -> Plan:
        """The plan of the cell."""
        return self._plans[cell.workload.id]

    def progress(self) -> Mapping[str, CellProgress]:
        """Each measured cell's progress, by its id."""
        for id_, cell in self._cells.items():
            if id_ not in self._progress:
                self._progress[id_] = self._progress_of(cell)
        return {id_: self._progress[id_] for id_ in self._cells}

    def is_done(self) -> bool:
        """Whether every workload was looked at and every cell has enough."""
        return not self.missing_preflights() and self.next() is None

    def next(self) -> tuple[Cell, int, int] | None:
        """A cell, the number of its next trial and of the attempt at it; `None` when every cell has enough.

        Every open cell gets one trial before any gets the next, in an order drawn anew each time: a cell's trials
        are spread over the sweep, so that an hour's noise does not fall on one cell.
        """
        waiting = [each for each in self.progress().values() if not each.done]
        if not waiting:
            return None

        def turn(each: CellProgress) -> tuple[int, str]:
            drawn = f"{self._sweep.seed} {each.evidence.attempts} {each.cell.id}"
            return each.evidence.attempts, hashlib.sha256(drawn.encode()).hexdigest()

        chosen = min(waiting, key=turn)
        trial = len(chosen.evidence.trials)
        return chosen.cell, trial, chosen.evidence.attempts - trial + 1

    def _progress_of(self, cell: Cell) -> CellProgress:
        evidence = gather(self._trials[cell.id], self._preflights.get(cell.workload.id))
        plan = self._plans.get(cell.workload.id)
        if plan is None:
            return CellProgress(cell, evidence, evidence.speedup(ALPHA), 0)
        speedup = evidence.speedup(plan.alpha)
        left = plan.looks[-1] - len(evidence.trials)
        enough = len(evidence.trials) in plan.looks and speedup.half_width <= self._sweep.measure.target
        # Time is no function of the ratios, so ending at the budget is no look at them.
        spent = self._spent_s[cell.id] > self._sweep.measure.budget_s and len(evidence.trials) >= 1
        if evidence.status not in ("measured", "not run") or enough or spent:
            left = 0
        return CellProgress(cell, evidence, speedup, max(0, left))

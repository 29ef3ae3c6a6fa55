"""What becomes of other people's claims here: each holds, does not hold, or cannot be told; intervals decide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import flags, statistics
from .claims import CORES, SPEEDUP, Statement, Which
from .evidence import Evidence, Run, told
from .journal import Record
from .plan import ALPHA
from .scope import competes_for_cores
from .statistics import Speedup

HOLDS, FAILS, OPEN, MISSING = "holds", "does not hold", "cannot be told here", "not measured here"
VERDICTS = (HOLDS, FAILS, OPEN, MISSING)

_IN_ROUNDS = {SPEEDUP, CORES}
"""Quantities that each round gives anew. Of the others, which hang on a start of the processes, a trial gives one."""


@dataclass(frozen=True)
class Judged:
    """A statement held against one cell, or against one pair of cells.

    Attributes:
        verdict: one of the words above.
        found: the quantity or the ratio, with its interval: of each statement by itself, at 95 %; `None` where
            nothing was measured of it.
        why: why it cannot be told; empty where it can, or was not measured.
        cell: the cell as the journal defines it, `None` where none was measured; `over` likewise.
    """

    statement: Statement
    verdict: str
    found: Speedup | None = None
    why: str = ""
    cell: Record | None = None
    over: Record | None = None


def judge(run: Run, statement: Statement) -> list[Judged]:
    """Hold a statement against every cell, or pair of cells, that it is about; they differ in what it leaves open."""
    judged = [_judge(run, statement, *each) for each in _meant(run, statement)]
    return judged or [Judged(statement, MISSING)]


def find_cells(run: Run, which: Which) -> list[Record]:
    """The cells of a run that are meant, in its order; a plain loop is its workload's anchor."""
    return [cell for cell in run.cells if which.matches(cell)]


def _meant(run: Run, statement: Statement) -> Iterator[tuple[Record, Record | None]]:
    for cell in find_cells(run, statement.cell):
        if statement.over is None:
            yield cell, _own_loop(run, cell) if statement.quantity == SPEEDUP else None
            continue
        for over in find_cells(run, statement.over):
            if _are_alike(statement, cell, over):
                yield cell, over


def _own_loop(run: Run, cell: Record) -> Record | None:
    """The plain loop of the cell's interpreter, where that is not the anchor's: what it is slower by is no pool's."""
    if cell["python"] is None:
        return None
    same = ("anchor", "kind", "python", "env")
    loops = (each for each in run.cells if each["backend"] == "serial")
    return next((each for each in loops if all(each.get(key) == cell.get(key) for key in same)), None)


def _are_alike(statement: Statement, cell: Record, over: Record) -> bool:
    """Whether two cells differ in nothing but what the statement says."""
    which, other = statement.cell, statement.over
    assert other is not None
    if (which.workload, which.params) == (other.workload, other.params) and cell["anchor"] != over["anchor"]:
        return False
    settings = [{**each["options"], "env": each["env"], "python": each["python"]} for each in (cell, over)]
    common = settings[0].keys() & settings[1].keys()
    return cell.get("kind") == over.get("kind") and all(settings[0][key] == settings[1][key] for key in common)


def _judge(run: Run, statement: Statement, cell: Record, over: Record | None) -> Judged:
    if statement.quantity == SPEEDUP and over is None and cell["python"] is not None:
        why = f"the plain loop of {cell['python']} was not measured; backend=serial among the backends does that"
        return Judged(statement, OPEN, None, why, cell)
    sides = [cell] if over is None else [cell, over]
    found = [_estimate(run, statement.quantity, each, ALPHA / len(sides)) for each in sides]
    ratio = found[0] if over is None else _divide(found[0], found[1])
    why = next((said for each in sides for said in _doubts(run, statement.quantity, each)), "")
    if not why and not (ratio.low > 0 and ratio.high < math.inf):
        why = "too few trials for an interval"
    if why:
        return Judged(statement, OPEN, ratio if ratio.rounds else None, why, cell, over)
    return Judged(statement, _verdict(statement, ratio), ratio, "", cell, over)


def _verdict(statement: Statement, found: Speedup) -> str:
    above, below = statement.above or 0.0, math.inf if statement.below is None else statement.below
    if found.low > above and found.high < below:
        return HOLDS
    return FAILS if found.high <= above or found.low >= below else OPEN


def _estimate(run: Run, quantity: str, cell: Record, alpha: float) -> Speedup:
    """The median and its interval at level 1 - `alpha`, shared out over the looks at the cell's rounds."""
    evidence, plan = run.evidence[cell["id"]], run.plan(cell)
    if quantity == SPEEDUP:
        values = evidence.log_ratios()
    else:
        values = [_logs(quantity, trial["arms"]["cell"]) for trial in evidence.trials]
    looked = quantity in _IN_ROUNDS and plan is not None
    return statistics.speedup(values, plan.each_look(alpha) if looked and plan else alpha)


def _logs(quantity: str, arm: Mapping[str, Any]) -> list[float]:
    """The logs of a trial's values, as far as the system told them."""
    if quantity == CORES:
        pairs = zip(arm["cpu_s"], arm["batch_s"], strict=True)
        return [math.log(cpu_s / batch_s) for cpu_s, batch_s in pairs if cpu_s]
    values = [each for each in told(arm, quantity) if each]
    return [math.log(median(values))] if values else []


def _divide(one: Speedup, other: Speedup) -> Speedup:
    """The ratio of two medians, and the interval that holds where both of theirs do."""
    if not (one.rounds and other.rounds):
        return Speedup(math.nan, 0.0, math.inf, 0, 0, beyond_these_trials=False)
    return Speedup(
        one.estimate / other.estimate,
        one.low / other.high,
        one.high / other.low if other.low > 0 else math.inf,
        min(one.rounds, other.rounds),
        min(one.trials, other.trials),
        one.beyond_these_trials and other.beyond_these_trials,
    )


def _doubts(run: Run, quantity: str, cell: Record) -> Iterator[str]:
    """Why nothing can be told of a cell, whatever the intervals say."""
    evidence = run.evidence[cell["id"]]
    if evidence.status != "measured":
        yield evidence.reason or evidence.status
    if quantity not in _IN_ROUNDS:
        return
    unfit = flags.UNFIT | (flags.SHARED if _shares(run, cell, evidence) else frozenset())
    for flag in flags.find(cell, evidence, run.room(cell)):
        if flag.name in unfit:
            yield flag.detail


def _shares(run: Run, cell: Record, evidence: Evidence) -> bool:
    return cell["workers"] > 1 and competes_for_cores(cell, evidence, run.room(cell).cores)

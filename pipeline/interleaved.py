"""Two revisions that took turns in one run: for each cell whether the one after is faster, slower, or neither.

Every ratio is of two neighbours of one round, so their intervals need no allowance for what the hour did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from . import flags, playoff
from .comparison import OPEN, Compared, Comparison, Ratio, changes, judge
from .evidence import Evidence, Run
from .journal import Record
from .plan import ALPHA, Plan
from .statistics import Speedup
from .wording import pool_name

AFTER = "after"
"""The arm of the revision after."""
ALIKE, DIFFERENT, NOT_COMPARED = "alike", "different", "not compared"


def compare(run: Run) -> Comparison:
    """Hold the revision after against the one before; all of the statements together err in at most `plan.ALPHA`."""
    assert run.revisions is not None
    header, definition = run.header, run.header["definition"]
    before = {**header, "revision": run.revisions["before"]}
    sources = {**definition, "sources": definition["sources_after"]}
    after = {**header, "revision": run.revisions[AFTER], "definition": sources}
    cells = tuple(_compare(run, cell) for cell in run.cells if cell["id"] in run.measured)
    return Comparison(before, after, run.margin, cells, changes(before, after), (), ())


def _compare(run: Run, cell: Record) -> Compared:
    evidence = run.evidence[cell["id"]]
    pool = f"{pool_name(cell['backend'], cell['workers'])} {run.variants[cell['id']]}".rstrip()
    batch_s = evidence.middle("cell", "batch_s"), evidence.middle(AFTER, "batch_s")
    return Compared(cell["name"], pool, None, _ratio(run, cell, evidence), batch_s, _answers(evidence))


def _ratio(run: Run, cell: Record, evidence: Evidence) -> Ratio:
    plan = run.plan(cell)
    if evidence.status != "measured" or plan is None:
        return Ratio(math.nan, 0.0, math.inf, OPEN, f"{evidence.status}: {evidence.reason}")
    found = evidence.over_before(plan.each_look(ALPHA / run.family))
    why = next(_doubts(run, cell, evidence, plan, found), "")
    if why:
        return Ratio(found.estimate, 0.0, math.inf, OPEN, why)
    return judge(found.estimate, found.low, found.high, run.margin)


def _doubts(run: Run, cell: Record, evidence: Evidence, plan: Plan, found: Speedup) -> Iterator[str]:
    """Why nothing can be told, whatever the interval says."""
    target, budget_s = playoff.target(run.measure, run.margin), run.measure.budget_s
    if not playoff.has_enough(evidence, found, plan, target, budget_s, plan.looks[0]):
        yield "not measured to its end"  # any look before that is an unplanned one
    if not found.beyond_these_trials:
        yield "too few trials for an interval"
    for flag in flags.find(cell, evidence, run.room(cell)):
        if flag.name == flags.NOT_REPEATABLE:
            yield f"{flag}: a cache is measured, not the work"


def _answers(evidence: Evidence) -> str:
    """Whether both gave the same results."""
    if evidence.status == "invalid" and evidence.failed_arm == AFTER:
        return DIFFERENT
    told = {trial["arms"][AFTER].get("answers") for trial in evidence.trials}
    return ALIKE if told == {"alike"} else NOT_COMPARED

"""What would settle a thing: settings to measure again with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from dataclasses import replace

from .cells import Measure
from .evidence import Evidence, Run
from .journal import Record
from .plan import MOST_RIVALS, STATEMENT_ALPHA, SWEEP_ALPHA, Plan, Preflight, plan_cell
from .statistics import order_rank


def more_trials(run: Run, cells: Collection[str], *, in_play_off: bool = False) -> str:
    """The settings with which the verdict's intervals of these cells, by id, would be of all trials that could be made.

    Empty where the run has them already. A cell chosen by fresh rounds is held to more than those of the sweep.
    """
    measure, known = run.measure, {cell["id"]: cell for cell in run.cells}
    found = [(known[id_], Preflight.of(run.preflights[known[id_]["anchor"]])) for id_ in cells]
    shares = [SWEEP_ALPHA / run.family, *([STATEMENT_ALPHA / (MOST_RIVALS + 1)] if in_play_off else [])]
    alpha = min(_plan(measure, cell, look).each_look(min(shares)) for cell, look in found)
    fewest = next(n for n in itertools.count(1) if order_rank(n, alpha) > 0)
    asked = replace(measure, trials=max(fewest, measure.trials))
    budget_s = max(_needed_s(asked, _plan(asked, cell, look).rounds, run.evidence[cell["id"]]) for cell, look in found)
    said = [f"measure.trials={fewest}"] if fewest > measure.trials else []
    return " ".join([*said, f"measure.budget_s={budget_s}"] if budget_s > measure.budget_s else said)


def _plan(measure: Measure, cell: Record, look: Preflight) -> Plan:
    return plan_cell(measure, look, clustered=cell.get("clustered", False))


def _needed_s(measure: Measure, rounds: int, evidence: Evidence) -> int:
    """What a cell's trials up to the first look cost at the pace that was seen, and a fifth more."""
    spent_s = sum(trial["phases_s"]["rounds"] for trial in evidence.trials)
    round_s: float = spent_s / sum(len(trial["orders"]) for trial in evidence.trials)
    return math.ceil(1.2 * measure.trials * rounds * round_s)

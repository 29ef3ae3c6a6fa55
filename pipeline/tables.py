"""From a run to data frames: tidy samples and one summary row a cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from . import flags
from .attribution import attribute
from .evidence import Run, middle
from .journal import Record
from .plan import ALPHA
from .rounds import Layout, of_rounds

SUMMARY = [
    "workload",
    "backend",
    "workers",
    "variant",
    "status",
    "reason",
    "trials",
    "rounds",
    "serial_s",
    "batch_s",
    "speedup",
    "speedup_low",
    "speedup_high",
    "beyond_these_trials",
    "efficiency",
    "capacity",
    "capacity_low",
    "capacity_high",
    "capacity_efficiency",
    "above_attainable",
    "startup_s",
    "shutdown_s",
    "cold_s",
    "end_to_end_s",
    "cpu_s",
    "cores_used",
    "ideal_s",
    "phases_s",
    "dispatch_s",
    "imbalance_s",
    "waiting_s",
    "machine_s",
    "unexplained_s",
    "peak_rss_bytes",
    "pss_bytes",
    "chunksize",
    "flags",
    "cell",
]
"""The summary's columns. Seconds are medians: `serial_s` and `batch_s` of one batch in the anchor and in the cell,
`cold_s` of its first batch, `end_to_end_s` of start-up, first batch and shutdown together, `cpu_s` the CPU time of one
batch in all of the cell's processes. `speedup` is the median over rounds of anchor time / cell time, with its pointwise
95 % interval; where not `beyond_these_trials`, the trials were too few to say how another start of the processes would
differ. `efficiency` is the speed-up / workers, `capacity_efficiency` the speed-up / capacity, `above_attainable` says
whether there are more workers than cores to be had. `ideal_s` to `unexplained_s` sum up to `batch_s`: see
`attribution.Parts`. `variant` names what else tells the cell from others of its workload, backend and workers."""

COUNTERS = [
    "cpu_s",
    "queue_s",
    "voluntary",
    "involuntary",
    "gc_runs",
    "rss_bytes",
    "pss_bytes",
    "machine_busy_s",
    "machine_steal_s",
    "machine_pressure_s",
    "machine_throttled_s",
    "machine_frequency_hz",
    "machine_load",
]
"""What is counted for each repetition; empty where the system has none."""

SAMPLES = ["cell", "workload", "backend", "workers", "variant", "trial", "round", "arm", "position", "batch_s"]
SAMPLES += COUNTERS
"""The columns of the samples: one row for each arm of each round; `position` 0 ran first in its round. What is counted
of an arm is for one batch, what is counted of the machine for the whole repetition."""

BATCHES = ["cell", "workload", "arm", "batch_s"]
"""Those of them that figures are drawn from."""

SPANS = ["cell", "worker", "start_s", "end_s", "computed_s", "batch_s", "tasks", "batch_computed_s"]
"""The columns of the spans: one row a task, in the order of their starts. `worker` counts from 0 in the order of their
first tasks, seconds from the start of the batch; `computed_s` is CPU time of the thread that ran the task, empty where
it was not noted. `batch_s` is how long the whole batch took, `tasks` how many it had, which may be more than there are
rows, and `batch_computed_s` the CPU time of all of them."""


@dataclass(frozen=True)
class Tables:
    """What figures are drawn from: see `summarise`, `samples`, of which there are `BATCHES`, and `spans`."""

    summary: pd.DataFrame
    samples: pd.DataFrame
    spans: pd.DataFrame


def samples(run: Run) -> pd.DataFrame:
    """Every arm's batch time in every round of every measured trial."""
    cells = {cell["id"]: cell for cell in run.cells}
    trials = [trial for evidence in run.evidence.values() for trial in evidence.trials]
    # A million rounds fit where numbers go from array to array, and a text is written once for all of its rows.
    of_trials = pd.DataFrame([_said(run, cells[trial["cell"]], trial) for trial in trials], columns=SAMPLES[:6])
    layout = Layout.of(trials)
    frame = of_trials.take(layout.trial).reset_index(drop=True)
    frame["round"] = layout.round
    names = list(dict.fromkeys(arm for trial in trials for arm in trial["arms"]))
    numbers = np.array([names.index(arm) for trial in trials for arm in trial["arms"]], "int64")
    frame["arm"] = pd.Series(names).take(numbers[layout.arm]).array
    frame["position"] = layout.position
    for column in ("batch_s", *COUNTERS):
        frame[column] = of_rounds(trials, column)[layout.place]
    return frame


def _said(run: Run, cell: Record, trial: Record) -> list[Any]:
    return [cell["id"], cell["name"], cell["backend"], cell["workers"], run.variants[cell["id"]], trial["trial"]]


def spans(run: Run, cells: Iterable[str]) -> pd.DataFrame:
    """Who ran which task when, in one instrumented batch of each of the cells with these ids that has one recorded.

    All have a clock of their own, and those tasks that started first.
    """
    rows: list[tuple[Any, ...]] = []
    for id_ in cells:
        arm = _noted_arm(run, id_)
        if arm is not None:
            batch = [arm["instrumented"][what] for what in ("wall_s", "tasks", "cpu_s")]
            rows += [(id_, worker, start_s, end_s, cpu_s, *batch) for start_s, end_s, worker, cpu_s in arm["spans"]]
    frame = pd.DataFrame(rows, columns=SPANS)
    return frame.astype({column: "float64" for column in SPANS if column.endswith("_s")})


def _noted_arm(run: Run, id_: str) -> Record | None:
    """The cell's arm, or the anchor's, in its first trial that has spans; older ones did not tell CPU time."""
    measured = id_ in run.measured
    trials = run.evidence[id_].trials if measured else run.of_anchor(id_)
    arms = (trial["arms"]["cell" if measured else "anchor"] for trial in trials)
    return next((arm for arm in arms if arm.get("spans") and len(arm["spans"][0]) == 4), None)


def summarise(run: Run) -> pd.DataFrame:
    """One row a cell, each workload's anchor first."""
    rows = [
        _cell_row(run, cell, run.variants[cell["id"]]) if cell["id"] in run.measured else _anchor_row(run, cell)
        for cell in run.cells
    ]
    frame = pd.DataFrame(rows, columns=SUMMARY)
    return frame.astype({"workers": "int64", "trials": "int64", "rounds": "int64", "chunksize": "Int64"}).astype(
        {column: "Float64" for column in SUMMARY if column.endswith("_s") or column.startswith(("speedup", "capac"))}
        | {"beyond_these_trials": "boolean", "above_attainable": "boolean", "efficiency": "Float64"}
        | {"cores_used": "Float64", "peak_rss_bytes": "Int64", "pss_bytes": "Int64"}
    )


def _anchor_row(run: Run, cell: Record) -> dict[str, Any]:
    trials = run.of_anchor(cell["id"])
    serial_s = middle(trials, "anchor", "batch_s")
    rounds = sum(len(trial["orders"]) for trial in trials)
    preflight = run.preflights.get(cell["id"])
    if trials:
        status, reason = "measured", None
    elif preflight is not None and preflight["status"] != "measured":
        status, reason = preflight["status"], preflight["reason"]
    else:
        status, reason = "not run", "no trial of its workload was measured"
    one = 1.0 if trials else None
    return {
        "workload": cell["name"],
        "backend": "serial",
        "workers": 1,
        "variant": "",
        "status": status,
        "reason": reason,
        "trials": len(trials),
        "rounds": rounds,
        "serial_s": serial_s,
        "batch_s": serial_s,
        "speedup": one,
        "speedup_low": one,
        "speedup_high": one,
        "efficiency": one,
        "flags": "",
        "cell": cell["id"],
        **{what: middle(trials, "anchor", what) for what in ("startup_s", "shutdown_s", "cold_s", "cpu_s")},
        "end_to_end_s": _end_to_end_s(trials, "anchor"),
        **{what: _whole(middle(trials, "anchor", what)) for what in ("peak_rss_bytes", "pss_bytes")},
    }


def _cell_row(run: Run, cell: Record, variant: str) -> dict[str, Any]:
    evidence = run.evidence[cell["id"]]
    plan = run.plan(cell)
    speedup = evidence.speedup(plan.each_look() if plan else ALPHA)
    row: dict[str, Any] = {
        "workload": cell["name"],
        "backend": cell["backend"],
        "workers": cell["workers"],
        "variant": variant,
        "status": evidence.status,
        "reason": evidence.reason,
        "trials": len(evidence.trials),
        "rounds": speedup.rounds,
        "above_attainable": None if evidence.spans_machines else cell["workers"] > run.room(cell).attainable_cores,
        "flags": "; ".join(map(str, flags.find(cell, evidence, run.room(cell)))),
        "cell": cell["id"],
    }
    if not evidence.trials:
        return row
    capacity, parts = evidence.capacity, attribute(cell, evidence)
    if capacity is not None:
        row |= {"capacity": capacity.estimate, "capacity_low": capacity.low, "capacity_high": capacity.high}
        row["capacity_efficiency"] = speedup.estimate / capacity.estimate
    return (
        row
        | ({} if parts is None else asdict(parts))
        | {
            "serial_s": evidence.middle("anchor", "batch_s"),
            "speedup": speedup.estimate,
            "speedup_low": speedup.low,
            "speedup_high": speedup.high,
            "beyond_these_trials": speedup.beyond_these_trials,
            "efficiency": speedup.estimate / cell["workers"],
            "chunksize": evidence.trials[0]["arms"]["cell"]["options"].get("chunksize"),
            "cores_used": evidence.cores_used("cell"),
            "end_to_end_s": _end_to_end_s(evidence.trials, "cell"),
            **{what: _whole(evidence.middle("cell", what)) for what in ("peak_rss_bytes", "pss_bytes")},
            **{
                what: evidence.middle("cell", what)
                for what in ("batch_s", "startup_s", "shutdown_s", "cold_s", "cpu_s")
            },
        }
    )


def _end_to_end_s(trials: Iterable[Record], arm: str) -> float | None:
    """What a job costs for which a pool is opened: the median over trials."""
    parts = [[trial["arms"][arm].get(what) for what in ("startup_s", "cold_s", "shutdown_s")] for trial in trials]
    known = [sum(each) for each in parts if None not in each]
    return median(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

"""Sweeps that take no time: noise from a model, played through the real scheduling, stopping and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.cells import Cell, Measure, Sweep, Workload
from pipeline.evidence import Run
from pipeline.journal import SCHEMA
from pipeline.sweep import Bag
from pipeline.verdict import Verdict, decide

from .noise import Model

BATCH_S = 0.05
"""What the plain loop takes for a batch without noise."""

DEFAULT = Measure(target=0.05, budget_s=20.0, trials=6, max_rounds=400, timeout_s=300.0, cold=False)


@dataclass(frozen=True)
class Simulated:
    """A simulated run: its records are a journal's."""

    run: Run
    rounds: int

    def verdict(self) -> Verdict:
        """The verdict on its one workload."""
        (only,) = decide(self.run)
        return only


def simulate(
    rng: np.random.Generator, model: Model, speedups: Mapping[tuple[str, int], float], measure: Measure = DEFAULT
) -> Simulated:
    """One run of cells (backend, workers) with known speed-ups, under one model of noise."""
    workload = Workload("w", "m:f", None, 16, {}, "auto", "auto", None)
    cells = {Cell(workload, backend, workers, {}, {}, None).id: (backend, workers) for backend, workers in speedups}
    sweep = Sweep(
        name="w",
        cells=tuple(Cell(workload, backend, workers, {}, {}, None) for backend, workers in speedups),
        measure=measure,
        margin=0.05,
        seed=int(rng.integers(2**31)),
        fresh=False,
        output="outputs",
        runner="local",
    )
    header = _record(
        "run",
        name="w",
        version="",
        definition={"measure": asdict(measure), "margin": sweep.margin},
        cells=[cell.record() for cell in sweep.cells],
        measured=[cell.id for cell in sweep.measured],
        surroundings={"machine": {"usable_cores": 8}},
    )
    records = [header, _preflight(workload)]
    bag = Bag(sweep, records)
    while (following := bag.next()) is not None:
        cell, trial, _ = following
        log_s = model(rng, bag.plan(cell).rounds) + np.log(BATCH_S)
        log_s[:, 1] -= np.log(speedups[cells[cell.id]])
        records.append(_trial(cell, trial, np.exp(log_s)))
        bag.add(records[-1])
    return Simulated(Run(tuple(records)), sum(len(record.get("orders", ())) for record in records))


def _record(kind: str, **content: Any) -> dict[str, Any]:
    common = {"schema": SCHEMA, "kind": kind, "cell": None, "trial": None, "attempt": 1}
    return {**common, "environment": "e", "node": "n"} | content


def _preflight(workload: Workload) -> dict[str, Any]:
    seen = {"tasks": 16, "available": 16, "sample": None, "cold_s": BATCH_S, "warm_s": BATCH_S}
    more = {"task_s": BATCH_S / 16, "widest": 16, "status": "measured", "reason": None, "traceback": None}
    return _record("preflight", workload=workload.id, name=workload.name, **seen, **more)


def _trial(cell: Cell, trial: int, batch_s: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    interpreter = {"python": "3.11.7", "implementation": "cpython", "gil": True}

    def arm(times: Sequence[float], memory: float) -> dict[str, Any]:
        common = {"options": {}, "startup_s": 0.01, "shutdown_s": 0.01, "cold_s": times[0], "interpreter": interpreter}
        return {**common, "batch_s": list(times), "cpu_s": list(times), "peak_rss_bytes": memory}

    return _record(
        "trial",
        cell=cell.id,
        trial=trial,
        status="measured",
        reason=None,
        traceback=None,
        orders=[["anchor", "cell"]] * len(batch_s),
        arms={"anchor": arm(batch_s[:, 0].tolist(), 2e7), "cell": arm(batch_s[:, 1].tolist(), 2e7 * cell.workers)},
        phases_s={"rounds": float(batch_s.sum())},
        elapsed_s=float(batch_s.sum()) + 0.2,
    )

"""Sweeps that take no time: noise is played through the real scheduling, stopping, play-off and verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.cells import Cell, Measure, Sweep, Workload
from pipeline.evidence import Run
from pipeline.journal import SCHEMA
from pipeline.sweep import Bag, Turn

from . import noise
from .noise import Floats, Model

BATCH_S = 0.05
"""What the plain loop takes for a batch without noise."""

DEFAULT = Measure(target=0.05, budget_s=20.0, trials=14, max_rounds=400, timeout_s=300.0, cold=False)
"""As in conf/measure/default.yaml."""

Pool = tuple[str, int]
"""Backend and workers."""


def simulate(
    rng: np.random.Generator,
    model: Model,
    speedups: Mapping[Pool, float],
    measure: Measure = DEFAULT,
    batch_s: float = BATCH_S,
) -> Run:
    """One run of cells (backend, workers) with known speed-ups, under one model of noise; its records are a journal's.

    Where three arms meet, leader and rival are the cells of adjacent rounds. Their times have in common what the model
    gives every cell of a trial, and what adjacent rounds share; `noise.start_anew` gives the rival a start of its own.
    """
    workload = Workload("w", "m:f", None, 16, {}, "auto", "auto", None)
    cells = {pool: Cell(workload, *pool, {}, {}, None) for pool in speedups}
    truth = {cells[pool].id: speedup for pool, speedup in speedups.items()}
    sweep = Sweep(
        name="w",
        cells=tuple(cells.values()),
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
        surroundings={"id": "simulated", "machine": {"usable_cores": 8}},
    )
    records = [header, _preflight(workload, batch_s)]
    bag = Bag(sweep, records)
    while (turn := bag.next()) is not None:
        if turn.leader is None:
            log_s = model(rng, turn.plan.rounds)
        else:
            twice = model(rng, 2 * turn.plan.rounds)
            log_s = np.column_stack([twice[::2], noise.start_anew(rng, model, twice[1::2, 1])])
        records.append(_trial(turn, log_s + np.log(batch_s), truth))
        bag.add(records[-1])
    return Run(tuple(records))


def _record(kind: str, **content: Any) -> dict[str, Any]:
    common = {"schema": SCHEMA, "kind": kind, "cell": None, "trial": None, "attempt": 1}
    return {**common, "environment": "e", "node": "n"} | content


def _preflight(workload: Workload, batch_s: float) -> dict[str, Any]:
    seen = {"tasks": 16, "available": 16, "sample": None, "cold_s": batch_s, "warm_s": batch_s}
    more = {"task_s": batch_s / 16, "widest": 16, "status": "measured", "reason": None, "traceback": None}
    return _record("preflight", workload=workload.id, name=workload.name, **seen, **more)


def _trial(turn: Turn, log_s: Floats, truth: Mapping[str, float]) -> dict[str, Any]:
    """What a trial would have recorded; short batches are taken as repeated until the shorter arm lasts 20 ms."""
    arms = {"anchor": None, "leader": turn.leader, "cell": turn.cell}
    if turn.leader is None:
        del arms["leader"]
    names = list(arms)
    gains = [1.0 if cell is None else truth[cell.id] for cell in arms.values()]
    times = np.exp(log_s - np.log(gains))
    repeat = max(1.0, 0.02 / float(np.median(times, axis=0).min()))
    described = {
        name: _arm(times[:, column].tolist(), 2e7 * (1 if cell is None else cell.workers))
        for column, (name, cell) in enumerate(arms.items())
    }
    spent_s = float(times.sum()) * repeat
    match = {} if turn.leader is None else {"leader": turn.leader.id}
    return _record(
        "trial" if turn.leader is None else "play-off",
        cell=turn.cell.id,
        **match,
        trial=turn.trial,
        status="measured",
        reason=None,
        traceback=None,
        orders=[names] * len(times),
        arms=described,
        repeat=repeat,
        phases_s={"rounds": spent_s},
        elapsed_s=spent_s + 0.2,
    )


def _arm(batch_s: list[float], memory: float) -> dict[str, Any]:
    interpreter = {"python": "3.11.7", "implementation": "cpython", "gil": True}
    common = {"options": {}, "startup_s": 0.01, "shutdown_s": 0.01, "cold_s": batch_s[0], "interpreter": interpreter}
    return {**common, "batch_s": batch_s, "cpu_s": batch_s, "peak_rss_bytes": memory}

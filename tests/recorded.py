"""Runs as their journals would tell them, made up cell by cell, so that no test of a report has to measure."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cells import Cell, Measure, Workload
from pipeline.claims import Claims
from pipeline.evidence import Run
from pipeline.journal import SCHEMA, Record, seal

MOST_SPANS = 200
MEASURE = Measure(target=0.05, budget_s=10, trials=3, max_rounds=200, timeout_s=60, cold=False)
TRACEBACK = 'Traceback (most recent call last):\n  File "work.py", line 3, in work\nValueError: no luck\n'

_INTERPRETER = {"python": "3.11.7", "implementation": "cpython", "gil": True}
_ENVIRONMENT = {
    "id": "0123456789ab",
    "pipeline": "0.1.0",
    "machine": {
        "host": "bench",
        "cpu": "A CPU",
        "architecture": "x86_64",
        "cores": 4,
        "usable_cores": 2,
        "quota_cores": None,
        "memory_bytes": 8_000_000_000,
        "os": "Linux 6.1",
    },
    "interpreter": {"python": "3.11.7", "implementation": "CPython", "gil": True},
    "packages": {"numpy": "2.4.6", "pandas": "3.1.1"},
    "code": {"commit": "8a23d0451756", "dirty": False},
}


@dataclass(frozen=True)
class Told:
    """A cell and how it fared.

    `speedup` is the true one; each trial's rounds scatter around it by `noise`, a share. `failure` is the status
    that ends the first trial, for `reason` and with `traceback`.
    """

    backend: str = "thread"
    workers: int = 1
    speedup: float = 1.0
    trials: int = 6
    rounds: int = 8
    noise: float = 0.02
    repeat: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    startup_s: float | None = None
    gil: bool = True
    failure: str | None = None
    reason: str = "ValueError: no luck"
    traceback: str | None = TRACEBACK
    printed: str = ""


@dataclass(frozen=True)
class Work:
    """A workload, its cells, what its preflight saw, and for which share of its time a plain loop computes."""

    cells: Sequence[Told]
    name: str = "io"
    serial_s: float = 0.1
    tasks: int = 16
    available: int = 16
    computing: float = 0.9
    failure: str | None = None
    about: str = ""


def run(*works: Work, name: str = "recorded", command: str = "python -m pipeline -m", finished: bool = True) -> Run:
    """The run of some workloads."""
    return Run(tuple(records(*works, name=name, command=command, finished=finished)))


def held(run: Run, *made: Claims) -> Run:
    """The run with claims held against it."""
    record = {**run.records[-1], "kind": "claims", "claims": [each.record() for each in made]}
    return Run((*run.records, json.loads(json.dumps(record))))


def write(path: Path, recorded: Run) -> Path:
    """Put a run's journal into a folder."""
    path.mkdir(parents=True, exist_ok=True)
    journal = path / "journal.jsonl"
    journal.write_bytes(b"".join(seal(record, number) for number, record in enumerate(recorded.records, start=1)))
    return journal


def records(*works: Work, name: str, command: str, finished: bool) -> list[Record]:
    """The journal's records, through JSON and back as they would be read."""
    told = list(tell(*works, name=name, command=command, finished=finished))
    loaded: list[Record] = json.loads(json.dumps(told))
    return loaded


def tell(*works: Work, name: str, command: str, finished: bool) -> Iterator[Record]:
    """The journal's records one after the other, for runs that are too large to be held."""
    cells = [[(_cell(work, number, told), told) for told in work.cells] for number, work in enumerate(works)]
    flat = [cell for workload in cells for cell, _ in workload]
    yield _record(
        "run",
        name=name,
        version="abcdef012345",
        definition={
            "protocol": 1,
            "measure": asdict(MEASURE),
            "margin": 0.05,
            "cells": [cell.definition for cell in flat],
            "sources": {"work.py:work": "fe342d8313d8"},
        },
        command=command,
        seed=0,
        runner="local",
        began=1_700_000_000.0,
        cells=[cell.record() for cell in flat],
        measured=[cell.id for cell in flat],
        surroundings=_ENVIRONMENT,
    )
    for work, told in zip(works, cells, strict=True):
        yield _preflight(work, told[0][0])
        if work.failure is None:
            yield from (_trial(work, *each, trial) for each in told for trial in range(each[1].trials))
    yield _record("end", reason="finished" if finished else "interrupted", ended=1_700_000_100.0)


def _cell(work: Work, number: int, told: Told) -> Cell:
    workload = Workload(work.name, "work.py:work", None, work.available, {"number": number}, "auto", "auto", None)
    return Cell(workload, told.backend, told.workers, dict(told.options), dict(told.env), told.python)


def _preflight(work: Work, cell: Cell) -> Record:
    common: dict[str, Any] = {"workload": cell.workload.id, "name": work.name, "printed": {}, "elapsed_s": 1.0}
    if work.failure is not None:
        return _record("preflight", status=work.failure, reason="ValueError: no luck", traceback=TRACEBACK, **common)
    return _record(
        "preflight",
        status="measured",
        interpreter=_INTERPRETER,
        tasks=work.tasks,
        available=work.available,
        sample=None if work.tasks == work.available else work.tasks,
        cold_s=work.serial_s * 1.1,
        warm_s=work.serial_s,
        task_s=work.serial_s / work.tasks,
        widest=work.tasks,
        about=work.about,
        **common,
    )


def _trial(work: Work, cell: Cell, told: Told, trial: int) -> Record:
    rng = random.Random(f"{cell.id} {trial}")
    anchor = [work.serial_s * (1 + rng.gauss(0, told.noise)) for _ in range(told.rounds)]
    batches = [work.serial_s / told.speedup * (1 + rng.gauss(0, told.noise)) for _ in range(told.rounds)]
    common: dict[str, Any] = {
        "reason": None,
        "traceback": None,
        "repeat": told.repeat,
        "phases_s": {"interpreters": 0.1, "rounds": 1.0},
        "capacity": None,
        "printed": {"cell": told.printed} if told.printed else {},
        "elapsed_s": 1.0,
    }
    orders = [rng.sample(["anchor", "cell"], 2) for _ in range(told.rounds)]
    arms = {
        "anchor": _arm(anchor, work, 1, {}),
        "cell": _arm(batches, work, told.workers, told.options) | {"interpreter": {**_INTERPRETER, "gil": told.gil}},
    }
    if told.startup_s is not None:
        arms["cell"]["startup_s"] = told.startup_s
    if trial == 0 and arms["cell"]["batch_s"]:
        for arm, workers in ((arms["anchor"], 1), (arms["cell"], told.workers)):
            arm["spans"] = _spans(arm["batch_s"][0], work.tasks, workers)
    if told.failure is not None:
        common |= {"reason": told.reason, "traceback": told.traceback}
        orders, arms = [], {"anchor": {"options": {}, "batch_s": [], "cpu_s": []}}
    return _record(
        "trial", cell=cell.id, trial=trial, status=told.failure or "measured", orders=orders, arms=arms, **common
    )


def _arm(batch_s: list[float], work: Work, workers: int, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "options": dict(options),
        "batch_s": batch_s,
        "cpu_s": [each * work.computing for each in batch_s],
        "interpreter": _INTERPRETER,
        "startup_s": 0.001 * workers,
        "cold_s": batch_s[0] * 1.2,
        "shutdown_s": 0.0005,
        "peak_rss_bytes": 40_000_000 + 1_000_000 * workers,
        "answers": "alike",
        "busy": workers,
        "instrumented": {
            "wall_s": batch_s[0],
            "map_s": batch_s[0],
            "tasks": work.tasks,
            "in_tasks_s": batch_s[0] * workers * 0.9,
            "cpu_s": batch_s[0] * workers * 0.8,
            "queue_s": 0.0,
            "imbalance_s": 0.0,
            "nothing_s": batch_s[0] * 0.1,
            "gil_held": None,
        },
    }


def _spans(batch_s: float, tasks: int, workers: int) -> list[tuple[float, float, int, float]]:
    """The tasks one after the other on each worker, each of which computes most of the time."""
    task_s = batch_s / math.ceil(tasks / workers)
    starts = [(number // workers * task_s, number % workers) for number in range(tasks)][:MOST_SPANS]
    return [(start_s, start_s + task_s, worker, task_s * 0.8) for start_s, worker in starts]


def _record(
    kind: str, *, cell: str | None = None, trial: int | None = None, attempt: int = 1, **content: Any
) -> Record:
    common = {"environment": _ENVIRONMENT["id"], "node": "bench"}
    return {"schema": SCHEMA, "kind": kind, "cell": cell, "trial": trial, "attempt": attempt, **common, **content}

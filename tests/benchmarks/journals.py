"""Journals as large as a report has to bear: made-up cells, with all that a real trial counts in every round."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from pipeline.journal import Record, seal

from .. import recorded
from ..recorded import Told, Work
from .figure import ROOT

#: A real one, of which each trial here has what it counted.
_MEASURED = ROOT / "tests" / "journals" / "schema-2.jsonl"
_OF_A_TRIAL = ("capacity", "capacity_of", "machine", "own_cpu_s")


def write(folder: Path, workloads: int, workers: int, trials: int, rounds: int) -> Path:
    """The folder of a run of so many workloads on threads and processes, each of 1 to `workers`."""
    run = folder / "outputs" / "large" / "abcdef012345" / "20231114T221320"
    run.mkdir(parents=True)
    with run.joinpath("journal.jsonl").open("wb") as stream:
        for number, record in enumerate(_records(workloads, workers, trials, rounds), start=1):
            stream.write(seal(record, number))
    return run


def _records(workloads: int, workers: int, trials: int, rounds: int) -> Iterator[Record]:
    works = [_work(f"work-{number}", workers, trials, rounds) for number in range(workloads)]
    real = [record for record in map(json.loads, _MEASURED.open(encoding="utf-8")) if record["kind"] == "trial"]
    rng = random.Random(0)
    for record in recorded.tell(*works, name="large", command="python -m pipeline -m", finished=True):
        yield _counted(record, rng.choice(real), rng) if record["kind"] == "trial" else record


def _work(name: str, workers: int, trials: int, rounds: int) -> Work:
    told = [
        Told(backend, count, speedup=1 if backend == "thread" else count**0.8, trials=trials, rounds=rounds)
        for backend in ("thread", "process")
        for count in range(1, workers + 1)
    ]
    return Work(told, name)


def _counted(trial: Record, real: Record, rng: random.Random) -> Record:
    arms = {
        name: {**{key: _each(arm, key, value, rng) for key, value in real["arms"][name].items()}, **arm}
        for name, arm in trial["arms"].items()
    }
    return {**trial, **{key: real[key] for key in _OF_A_TRIAL}, "arms": arms}


def _each(arm: Record, key: str, value: Any, rng: random.Random) -> Any:
    """What was counted for each round, for as many as there are; seconds are scattered, so that none repeats."""
    if not isinstance(value, list) or key == "pools":
        return value
    found = islice(cycle(value), len(arm["batch_s"]))
    return [each * rng.uniform(0.9, 1.1) if key.endswith("_s") and each else each for each in found]

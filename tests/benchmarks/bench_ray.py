"""What a Ray cluster costs: the runner beside the local one, and the backend's map beside the same actors alone."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipeline import bench
from pipeline.cluster import LOCAL, open_driver

from .figure import Figure, wall_s

SMALL = ["workload=sleep", "workload.inputs=8", "workload.params.seconds=0.01", "workers=range(1,13)"]
LEAST = ["measure=quick", "measure.trials=1", "measure.max_rounds=1"]


def run() -> list[Figure]:
    """Nothing where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        return []
    with tempfile.TemporaryDirectory() as name:
        return [*_small(Path(name)), *_dispatch(Path(name))]


def _small(folder: Path) -> list[Figure]:
    """24 small cells on one node of a cluster of its own, and on this machine."""
    words = ["-m", "pipeline", *SMALL, "backend=thread,process", "-m", *LEAST]
    whole_s = wall_s([*words, "runner=ray", "name=ray"], folder)
    wall_s([*words, "name=here"], folder)
    between_s = [_between_s(folder, name) for name in ("ray", "here")]
    return [
        Figure("24 cells on the ray runner, one node, in s", whole_s, 10, detail="Ray's start and the report included"),
        Figure("what a trial costs more there than here, in ms", (between_s[0] - between_s[1]) * 1e3, 150),
    ]


def _dispatch(folder: Path) -> list[Figure]:
    """The map beside a bare loop over the same actors, taking turns; and the shortest task that pays."""
    folder.joinpath("pipeline_bench").symlink_to(Path(bench.__file__).parent)
    with open_driver(LOCAL, folder / "log") as driver:
        environment = driver.open(keepers=None).variables
        done = subprocess.run(
            [sys.executable, "-c", _DISPATCH, str(folder)],
            env={**os.environ, **environment, "PYTHONHASHSEED": "0", "PIPELINE_HOSTS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    ratio, break_even_us = map(float, done.stdout.split())
    return [
        Figure("map of backend=ray against a bare loop over its actors", ratio, 1.05),
        Figure("shortest task at which 2 workers are half as good as could be, in us", break_even_us, 50),
    ]


_DISPATCH = """
import sys, time
from statistics import median
sys.path.append(sys.argv[1])
import ray
from pipeline_bench.backends import ray as backend
from pipeline_bench.backends.ray import crews

def spin(us):
    until = time.perf_counter() + us * 1e-6
    while time.perf_counter() < until:
        pass

def timed(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began

kept = []

def keep(*given):
    kept.append(crews._Actors(*given))
    return kept[0]

crews.STYLES["actor"] = keep
N = 4000
options = {"style": "actor", "placement": "pack", "chunksize": N // 8, "env": {}, "memory_bytes": None}
with backend.open_pool(2, options, []) as pool:
    actors = kept[0]._actors
    def bare(inputs):
        size = N // 8
        asked = [actors[i % 2].run.remote(inputs[i * size:(i + 1) * size]) for i in range(8)]
        return [each for chunk in ray.get(asked) for each in chunk]
    inputs = [20.0] * N
    for _ in range(3):
        pool.map(spin, inputs), bare(inputs)  # in this order: the actors hold the function from then on
    pairs = [(timed(lambda: pool.map(spin, inputs)), timed(lambda: bare(inputs))) for _ in range(15)]
    ratio = median(ours / theirs for ours, theirs in pairs)
    found = 1000.0
    for us in (5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0):
        inputs = [us] * N
        efficiency = median(
            timed(lambda: [spin(each) for each in inputs]) / timed(lambda: pool.map(spin, inputs)) / 2 for _ in range(5)
        )
        if efficiency >= 0.5:
            found = us
            break
    print(ratio, found)
"""


def _between_s(folder: Path, name: str) -> float:
    """What passes for each trial beside its own time, on average, from the run's beginning to its end."""
    (journal,) = folder.glob(f"outputs/{name}/*/*/journal.jsonl")
    records: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines()]
    trials = [record for record in records if record["kind"] in ("trial", "play-off")]
    began = next(record["began"] for record in records if record["kind"] == "run")
    ended = next(record["ended"] for record in records if record["kind"] == "end")
    return (ended - began - sum(trial["elapsed_s"] for trial in trials)) / len(trials)

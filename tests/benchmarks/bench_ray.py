"""What a Ray cluster costs: the runner beside the local one, and the backend's map beside the same actors alone."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

from .figure import Figure, wall_s

SMALL = ["workload=sleep", "workload.inputs=8", "workload.params.seconds=0.01", "workers=range(1,13)"]
LEAST = ["measure=quick", "measure.trials=1", "measure.max_rounds=1"]


def run() -> list[Figure]:
    """Nothing where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        return []
    with tempfile.TemporaryDirectory() as name:
        return _small(Path(name))


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


def _between_s(folder: Path, name: str) -> float:
    """What passes for each trial beside its own time, on average, from the run's beginning to its end."""
    (journal,) = folder.glob(f"outputs/{name}/*/*/journal.jsonl")
    records: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines()]
    trials = [record for record in records if record["kind"] in ("trial", "play-off")]
    began = next(record["began"] for record in records if record["kind"] == "run")
    ended = next(record["ended"] for record in records if record["kind"] == "end")
    return (ended - began - sum(trial["elapsed_s"] for trial in trials)) / len(trials)

"""What a sweep costs beyond what it measures."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from .figure import Figure, wall_s

INSIDE = ("startup", "probe", "warm-up", "rounds", "shutdown")


def run() -> list[Figure]:
    """24 small cells, and the default matrix."""
    with tempfile.TemporaryDirectory() as name:
        return [*_small(Path(name)), *_default(Path(name))]


def _small(folder: Path) -> list[Figure]:
    words = ["workload=sleep", "workload.inputs=8", "workload.params.seconds=0.01", "workers=range(1,13)"]
    least = ["measure=quick", "measure.trials=1", "measure.max_rounds=1"]
    began = time.time()
    whole_s = wall_s(["-m", "pipeline", *words, "backend=thread,process", "-m", *least, "name=small"], folder)
    records = _records(folder, "small")
    ended = next(record["ended"] for record in records if record["kind"] == "end")
    trials = [record for record in records if record["kind"] in ("trial", "play-off")]
    inside_s = sum(sum(trial["phases_s"].get(key, 0.0) for key in ("interpreters", *INSIDE[:-1])) for trial in trials)
    preflight_s = sum(record["elapsed_s"] for record in records if record["kind"] == "preflight")
    cost_ms = (ended - began - inside_s - preflight_s) / len(trials) * 1e3
    report_s = whole_s - (ended - began)
    assert sum(record["kind"] == "trial" for record in trials) == 24
    return [
        Figure("cost of a small cell, in ms", cost_ms, 60, detail="from the command's start to its last trial"),
        Figure("report of 24 cells, in s", report_s, 6),
    ]


def _default(folder: Path) -> list[Figure]:
    began = time.time()
    wall_s(["-m", "pipeline", "-m", "name=default"], folder)
    whole_s = time.time() - began
    trials = [record for record in _records(folder, "default") if record["kind"] in ("trial", "play-off")]
    spent = {key: sum(trial["phases_s"].get(key, 0.0) for trial in trials) for key in ("interpreters", *INSIDE)}
    inside = sum(spent[key] for key in INSIDE) / whole_s
    rest = f"of {whole_s:.0f} s; interpreters and imports took {spent['interpreters'] / whole_s:.1%}, and"
    other = 1 - inside - spent["interpreters"] / whole_s
    return [
        Figure(
            "share of a default sweep spent inside arms",
            inside,
            0.8,
            at_least=True,
            detail=f"{rest} start, preflight, journal and report {other:.1%}",
        )
    ]


def _records(folder: Path, name: str) -> list[dict[str, Any]]:
    (journal,) = folder.glob(f"outputs/{name}/*/*/journal.jsonl")
    return [json.loads(line) for line in journal.read_text().splitlines()]

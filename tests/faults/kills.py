"""A small sweep, killed at a random moment and resumed by the same command, again and again."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..conftest import Command, Finished
from .leftovers import Census, open_census

TASK = "import time\ndef task(x):\n    time.sleep(0.001)\n    return x\n"
CELLS, TRIALS = 2, 3
WORDS = (
    "workload=function",
    "workload.task=quick:task",
    "workload.inputs=4",
    "backend=thread,process",
    "workers=2",
    "measure=quick",
    f"measure.trials={TRIALS}",
    f"measure.max_rounds={TRIALS}",
    "runner.exclusive=false",
    "-m",
)
SAME = ("workload", "backend", "workers", "status", "reason", "trials", "rounds", "chunksize")
"""The columns of summary.csv that no time is in."""
PATIENCE_S = 120.0
STATUSES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
KILLED_TWICE = 0.25
"""So many of the runs are killed again while they are resumed, by any of the signals."""


@dataclass
class Told:
    """How often each signal ended a run, and what was wrong with some; leftovers are counted apart."""

    ended: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)


class Fault(Exception):
    """Something is not as it must be."""


def kill_and_resume(runs: int, seed: int) -> Told:
    """Kill so many runs, each at a moment between its start and its end, some of them twice, and resume each."""
    rng, told = random.Random(seed), Told()
    words = (*WORDS, f"seed={seed}")
    with _place() as (command, _):
        began = time.monotonic()
        whole = _finished(command(*words))
        lasts_s = time.monotonic() - began
    for number in range(runs):
        signals = [list(STATUSES)[number % len(STATUSES)]]
        if rng.random() < KILLED_TWICE:
            signals.append(rng.choice(list(STATUSES)))
        names = " and ".join(which.name for which in signals)
        with _place() as (command, census):
            try:
                for which in signals:
                    told.ended[which.name] += _kill(command, census, which, rng.uniform(0, lasts_s), words)
                found = _finished(command(*words))
            except Fault as fault:
                told.faults[number] = f"{names}: {fault}"
            else:
                if found != whole:
                    told.faults[number] = f"{names}: other tables: {found}"
            told.leftovers += census.take()
    return told


@contextmanager
def _place() -> Iterator[tuple[Command, Census]]:
    with tempfile.TemporaryDirectory() as name, open_census() as census:
        Path(name, "quick.py").write_text(TASK)
        yield Command(Path(name), **census.environment), census


def _kill(command: Command, census: Census, which: signal.Signals, after_s: float, words: tuple[str, ...]) -> bool:
    """Whether the signal ended it; nothing of it runs any more."""
    started = command.start(*words)
    try:
        _, err = started.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        started.send_signal(which)
        try:  # it ends when the last process that holds standard error has ended
            _, err = started.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            started.kill()
            raise Fault(f"it hangs after {which.name}") from None
    status = started.returncode
    if which != signal.SIGKILL and (status == -which or "Fatal Python error: init" in err):
        return True  # before Python came to our first line
    if status not in (0, STATUSES[which]) or "Traceback" in err or "a bug of" in err:
        raise Fault(f"status {status}: {err[-1000:]}")
    running = [each for each in census.take() if each.startswith("process")]
    if running:
        raise Fault(f"still there: {running}")
    return status != 0


def _finished(done: Finished) -> list[dict[str, Any]]:
    """What is in the tables of a run, but for times; each of its trials is there once, and nothing beside them."""
    runs = list(done.folder.glob("outputs/*/*/*/journal.jsonl"))
    if done.status != 0 or len(runs) != 1:
        raise Fault(f"status {done.status} with {len(runs)} runs: {done.err[-1000:]}")
    trials = Counter((each["cell"], each["trial"]) for each in done.records("trial") if each["status"] == "measured")
    if set(trials.values()) != {1} or len(trials) != CELLS * TRIALS:
        raise Fault(f"{len(trials)} trials, {trials.most_common(1)}")
    hidden = [str(path) for path in done.folder.rglob(".*")]
    if hidden:
        raise Fault(f"files left: {hidden}")
    with (done.run / "summary.csv").open() as stream:
        rows: list[dict[str, Any]] = [{key: row[key] for key in SAME} for row in csv.DictReader(stream)]
    return [*rows, {"verdicts": list(json.loads((done.run / "verdict.json").read_text())["workloads"])}]

"""What several nodes of a Ray cluster are worth to a sweep, and what becomes of one when they die.

The nodes share this machine, so what is measured on them waits and does not compute.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from ..cluster.nodes import Cluster, open_cluster
from .figure import Figure, environment

_SLEEP = ["workload=sleep", "backend=thread", "-m", "measure.target=0.9", "margin=0.9"]
#: Trials of about two seconds, of eight cells; the target is so wide that each ends with its first look.
SLEEPS = [*_SLEEP, "workers=range(1,9)", "measure.trials=8", "measure.budget_s=10"]
SLEEPS += ["workload.inputs=8", "workload.params.seconds=0.04"]
#: A hundred trials of one round of each of twenty cells.
SHORT = [*_SLEEP, "workers=range(1,21)", "measure.trials=100", "measure.max_rounds=100", "measure.budget_s=1000"]
SHORT += ["workload.inputs=2", "workload.params.seconds=0.005"]
#: A few of those, and of the cluster's own cells, so that ten such sweeps take some minutes.
FEW = ["workload=sleep", "backend=thread,ray", *_SLEEP[2:], "workers=1,2", "measure.trials=3", "measure.budget_s=6"]
FEW += SLEEPS[-2:]
KILLS, KILLED_WITHIN_S = 10, 25.0


def run() -> list[Figure]:
    """Nothing where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        return []
    return [*_speedups(), *_deaths(), *_thousands()]


@dataclass(frozen=True)
class _Sweep:
    """A sweep under way on a cluster's nodes."""

    process: subprocess.Popen[bytes]
    folder: Path

    def records(self) -> list[dict[str, Any]]:
        """What is in its journal so far."""
        journals = list(self.folder.glob("outputs/sleep/*/*/journal.jsonl"))
        lines = journals[0].read_bytes().splitlines(keepends=True) if journals else []
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def trials(self) -> list[dict[str, Any]]:
        """Those among them."""
        return [record for record in self.records() if record["kind"] in ("trial", "play-off")]

    def lost(self, backend: str) -> int:
        """How many trials of a backend's cells were lost."""
        cells = {
            cell["id"]
            for record in self.records()
            if record["kind"] == "run"
            for cell in record["cells"]
            if cell["backend"] == backend
        }
        return sum(trial["cell"] in cells and trial["status"] == "not run" for trial in self.trials())

    def took_s(self) -> float:
        """From its begin to its end, without Ray's connection and the report."""
        found = {record["kind"]: record for record in self.records()}
        taken: float = found["end"]["ended"] - found["run"]["began"]
        return taken

    def has_ended(self) -> bool:
        """Whether its last trial was taken."""
        return any(record["kind"] == "end" for record in self.records())

    def is_whole(self) -> bool:
        """Whether it came to its end, and has nothing twice."""
        status = self.process.wait()
        counted = Counter((t["cell"], t.get("leader"), t["trial"]) for t in self.trials() if t["status"] == "measured")
        ended = [record["reason"] for record in self.records() if record["kind"] == "end"]
        return status == 0 and ended == ["finished"] and max(counted.values()) == 1


@contextmanager
def _sweep(cluster: Cluster, words: list[str]) -> Iterator[_Sweep]:
    where = ["runner=ray", f"cluster.address={cluster.address}", "runner.exclusive=false"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", *words, *where],
            cwd=folder,
            env={**environment(), **cluster.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        yield _Sweep(process, Path(folder))


def _speedups() -> Iterator[Figure]:
    alone_s = 0.0
    for nodes in (1, 2, 4):
        with open_cluster(nodes) as cluster, _sweep(cluster, SLEEPS) as sweep:
            sweep.process.wait()
            took_s, trials = sweep.took_s(), sweep.trials()
        alone_s = alone_s or took_s
        trial_s = mean(trial["elapsed_s"] for trial in trials)
        between_ms = (took_s * nodes / len(trials) - trial_s) * 1e3
        yield Figure(
            f"a sweep of sleeping trials on {nodes} nodes, times as fast as on one",
            alone_s / took_s,
            0.9 * nodes,
            at_least=True,
            detail=f"{len(trials)} trials of {trial_s:.2f} s in {took_s:.1f} s, {between_ms:.0f} ms between two",
        )


def _deaths() -> Iterator[Figure]:
    """A node killed at a random moment of each of some sweeps, and another one in its place."""
    struck, whole, before = 0, 0, _ours()
    lost: Counter[str] = Counter()
    with open_cluster(3) as cluster:
        for _ in range(2 * KILLS):  # some are over before their moment comes, which tells nothing
            with _sweep(cluster, FEW) as sweep:
                while not sweep.trials() and sweep.process.poll() is None:
                    time.sleep(0.1)
                time.sleep(random.uniform(0, KILLED_WITHIN_S))
                if not sweep.has_ended() and sweep.process.poll() is None:
                    struck += 1
                    cluster.kill(random.choice(cluster.nodes[1:]))
                    cluster.start()
                    whole += sweep.is_whole()
                    lost.update({backend: sweep.lost(backend) for backend in ("thread", "ray")})
            if struck == KILLS:
                break
        time.sleep(5)  # what a keeper needs to see that nobody is there any more
        left = len(_ours() - before)
    detail = f"of {struck}; {lost['thread']} trials of threads were lost, and {lost['ray']} of the cluster's own cells"
    yield Figure(f"sweeps of {KILLS} that went through a node's death", whole, KILLS, at_least=True, detail=detail)
    yield Figure("processes of theirs that were left", left, 0)


def _thousands() -> Iterator[Figure]:
    """Two thousand trials of one round on eight nodes: what the command and its connection need, and how it grows."""
    used: dict[int, int] = {}
    cpu_s = 0.0
    with open_cluster(8) as cluster, _sweep(cluster, SHORT) as sweep:
        while sweep.process.poll() is None and not sweep.has_ended():  # the report comes after it, with its packages
            ours = [sweep.process.pid, *_children(sweep.process.pid)]
            used[len(sweep.trials())] = sum(map(_resident_bytes, ours))
            cpu_s = max(cpu_s, sum(map(_cpu_s, ours)))
            time.sleep(1)
        sweep.process.wait()
        trials, took_s, whole = sweep.trials(), sweep.took_s(), sweep.is_whole()
    quarter = next(bytes_ for count, bytes_ in sorted(used.items()) if count >= len(trials) / 4)
    grown = max(used.values()) / quarter
    trial_s = mean(trial["elapsed_s"] for trial in trials)
    yield Figure(
        "memory of the command and its connection, most over that after a quarter of 2,000 trials",
        grown,
        1.2,
        detail=f"{quarter / 1e6:.0f} MB after a quarter",
    )
    yield Figure(
        "trials of them in the journal, once each",
        len(trials) if whole else 0,
        2000,
        at_least=True,
        detail=f"{took_s:.0f} s: {took_s / len(trials) * 1e3:.0f} ms a trial, each of which took {trial_s:.2f} s; "
        f"{cpu_s / len(trials) * 1e3:.1f} ms of the command's and its connection's CPU time for each",
    )


def _processes() -> Iterator[tuple[int, str]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield int(process.name), process.joinpath("cmdline").read_text()
        except OSError:
            continue


def _ours() -> set[int]:
    return {pid for pid, command in _processes() if "pipeline_bench" in command}


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * 4096


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

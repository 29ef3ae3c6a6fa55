"""Known answers, really measured: each function gives rows of the table."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.wording import pool_name

from .row import Row, at_least, at_most

ROOT = Path(__file__).parent.parent.parent
KNOWN = "tests/truth/known.py"
SPIN = "while True: pass"


@dataclass(frozen=True)
class Measured:
    """A finished run of the command."""

    folder: Path
    printed: str

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a cell."""
        return pd.read_parquet(self.folder / "summary.parquet")

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """That on its one workload."""
        (verdict,) = json.loads((self.folder / "verdict.json").read_text())["workloads"].values()
        found: dict[str, Any] = verdict
        return found

    def cell(self, backend: str, workers: int) -> dict[str, Any]:
        """The summary's row of a cell."""
        rows = self.summary[(self.summary["backend"] == backend) & (self.summary["workers"] == workers)]
        return dict(rows.iloc[0])

    @property
    def flags(self) -> set[str]:
        """The names of those of any of its cells."""
        said = (flag for flags in self.summary["flags"] for flag in flags.split("; ") if flag)
        return {flag.partition(" (")[0] for flag in said}

    @property
    def choice(self) -> tuple[str, str | None, int | None]:
        """Decision, backend and workers."""
        return self.verdict["decision"], self.verdict["backend"], self.verdict["workers"]


@contextmanager
def workplace() -> Iterator[Path]:
    """A user's folder, in which the known workloads are found by their path."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath("tests").symlink_to(ROOT / "tests")
        yield folder


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command, sweeping."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words, "fresh=true", "-m"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def measure(folder: Path, *words: str) -> Measured:
    """The command to its end."""
    return finish(start(folder, *words), folder)


def finish(started: subprocess.Popen[str], folder: Path) -> Measured:
    """Wait for the command's end.

    Raises:
        RuntimeError: it could not measure.
    """
    out, err = started.communicate()
    if started.returncode not in (0, 1):
        raise RuntimeError(f"exit status {started.returncode}: {err}")
    return Measured((folder / "outputs" / "latest").resolve(), out)


def known(task: str, *words: str) -> list[str]:
    """The words that name one of the known workloads."""
    return ["workload=function", f"workload.task={KNOWN}:{task}", f"name={task}", *words]


def answers() -> Iterator[Row]:
    """What the summary and the verdict say of workloads whose answer is known."""
    with workplace() as folder:
        yield from _waiting(measure(folder, *known("wait"), "backend=thread", "workers=2,4", "measure=quick"))
        yield from _python(measure(folder, "workload=cpu", "workers=2", "measure.budget_s=8"))
        for serial_s, split_s in ((0.02, 0.18), (0.05, 0.15)):
            yield from _serial_share(folder, serial_s, split_s)
        yield from _lock(measure(folder, *known("hold"), "backend=thread", "workers=4", "measure=quick"))
        for task in ("derive", "compress"):
            run = measure(folder, *known(task), "backend=thread", "workers=2")
            yield _without_gil(task, run)
            yield _explained(f"{task} (no GIL), 2 threads", run.cell("thread", 2))
        yield from _own_lock(measure(folder, *known("derive_in_turn"), "workers=2", "measure.budget_s=8"))
        yield _flagged("remember", "not repeatable", measure(folder, *known("remember"), "workers=2", "measure=quick"))
        caps = "+env.OPENBLAS_NUM_THREADS=null,1"
        yield from _thread_pools(measure(folder, *known("multiply"), "workers=2", "measure=quick", caps))


def _waiting(run: Measured) -> Iterator[Row]:
    for workers in (2, 4):
        cell = run.cell("thread", workers)
        off = abs(cell["speedup"] / workers - 1)
        yield at_most(f"sleep, {workers} threads: off {workers}", off, 0.02)
        yield _explained(f"sleep, {workers} threads", cell)


def _python(run: Measured) -> Iterator[Row]:
    threads, processes = run.cell("thread", 2), run.cell("process", 2)
    yield at_most("pure Python, 2 threads: upper bound", threads["speedup_high"], 1.15, "{:.2f}")
    yield _explained("pure Python, 2 threads", threads)
    yield _explained("pure Python, 2 processes", processes)
    blamed = any("the GIL let one" in said for said in run.verdict["because"])
    yield Row("pure Python, 2 threads: the GIL blamed", "yes", "yes" if blamed else "no", blamed)


def _serial_share(folder: Path, serial_s: float, split_s: float) -> Iterator[Row]:
    share = serial_s / (serial_s + split_s)
    job = [f"+workload.params.serial_s={serial_s}", f"+workload.params.split_s={split_s}", "backend=thread"]
    words = ["workload=function", f"workload.job={KNOWN}:phases", "name=phases", *job, "workers=1,2,4,8"]
    run = measure(folder, *words, "measure.target=0.01", "measure.budget_s=6")
    found = run.verdict["scaling"][0]["amdahl"]
    estimate = found["serial_fraction"]["estimate"] if "serial_fraction" in found else float("nan")
    what = f"a job of sleeps with a serial share of {share:.2f}"
    yield at_most(f"{what}: Amdahl's off", abs(estimate - share), 0.01, "{:.4f}")
    for workers in (2, 4, 8):
        yield _explained(f"{what}, {workers} threads", run.cell("thread", workers))


def _own_lock(run: Measured) -> Iterator[Row]:
    """Nothing is told of causes where nothing is recommended, and then this row has not asked."""
    decided = " ".join(map(str, run.choice[:2]))
    yield Row("a lock of the task's own: decided", "use process", decided, decided == "use process")
    said = " ".join(run.verdict["because"])
    is_told = "The GIL was free" in said and "the GIL let one" not in said and "consistent" not in said
    yield Row("a lock of the task's own, threads: told from the GIL", "yes", "yes" if is_told else "no", is_told)
    for backend in ("thread", "process"):
        yield _explained(f"a lock of the task's own, {pool_name(backend, 2)}", run.cell(backend, 2))


def _thread_pools(run: Measured) -> Iterator[Row]:
    capped = run.summary["variant"].str.endswith("=1")
    for said, rows, is_wanted in (("as they come", ~capped, True), ("capped", capped, False)):
        flags = list(run.summary[rows & (run.summary["backend"] != "serial")]["flags"])
        is_met = all(("oversubscribed" in each) == is_wanted for each in flags)
        shown = "; ".join(sorted(set(filter(None, flags)))) or "no flag"
        yield Row(f"multiply, {said}: oversubscribed", "yes" if is_wanted else "no", shown, is_met)


def _lock(run: Measured) -> Iterator[Row]:
    cell = run.cell("thread", 4)
    yield at_most("a lock held for half of each task, 4 threads: speed-up", cell["speedup"], 2.0 * 1.02, "{:.2f}")
    yield at_least("a lock held for half of each task, 4 threads: speed-up", cell["speedup"], 1.7, "{:.2f}")
    yield _explained("a lock held for half of each task, 4 threads", cell)


def _without_gil(task: str, run: Measured) -> Row:
    cell = run.cell("thread", 2)
    detail = f"({cell['speedup']:.2f} of {cell['capacity']:.2f} cores)"
    return at_least(
        f"{task} (no GIL), 2 threads: share of C(2)", cell["speedup"] / cell["capacity"], 0.9, detail=detail
    )


def _flagged(task: str, flag: str, run: Measured) -> Row:
    rows = run.summary[run.summary["backend"] != "serial"]
    flags = sorted({each for each in rows["flags"] if each})
    is_met = all(flag in each for each in rows["flags"])
    return Row(f"{task}: flagged", flag, "; ".join(flags) or "no flag", is_met)


def _explained(what: str, cell: dict[str, Any]) -> Row:
    if pd.isna(cell["unexplained_s"]):
        return Row(f"{what}: unexplained share of the batch", "at most 5.0%", "not instrumented", is_met=False)
    return at_most(f"{what}: unexplained share of the batch", abs(cell["unexplained_s"] / cell["batch_s"]), 0.05)


def same_code(comparisons: int = 300) -> Iterator[Row]:
    """A loop against a loop, that many times: a variable that nobody reads tells them apart."""
    profile = ["measure=quick", "measure.trials=6", "measure.budget_s=1", "measure.target=0.02"]
    words = ["workload=cpu", "backend=serial", "workload.inputs=4", *profile, "name=same"]
    values = ",".join(map(str, range(comparisons)))
    with workplace() as folder:
        summary = measure(folder, *words, f"+env.SAME={values}").summary
    cells = summary[summary["variant"] != ""]
    different = int(((cells["speedup_low"] > 1) | (cells["speedup_high"] < 1)).sum())
    yield at_most(f"live A/A, {len(cells)} comparisons: called different", different, 0.07 * len(cells), "{:.0f}")
    error = cells["speedup"].astype(float).map(lambda each: abs(each - 1)).quantile(0.95)
    yield Row("live A/A: 95th percentile of the ratio's error", "", f"{error:.1%}", None)


def repeatability(runs: int = 5) -> Iterator[Row]:
    """A cell's speed-up over whole runs of the tool."""
    found: dict[str, list[float]] = {"cpu, 2 threads": [], "sleep, 2 threads": [], "cpu, 2 processes / C(2)": []}
    flags: Counter[str] = Counter()
    with workplace() as folder:
        for _ in range(runs):
            threads = measure(folder, "workload=cpu", "backend=thread", "workers=2")
            waits = measure(folder, "workload=sleep", "backend=thread", "workers=2")
            processes = measure(folder, "workload=cpu", "backend=process", "workers=2")
            found["cpu, 2 threads"].append(threads.cell("thread", 2)["speedup"])
            found["sleep, 2 threads"].append(waits.cell("thread", 2)["speedup"])
            found["cpu, 2 processes / C(2)"].append(processes.cell("process", 2)["capacity_efficiency"])
            for run in (threads, waits, processes):
                flags.update(run.flags)
    for name, values in found.items():
        variation = statistics.stdev(values) / statistics.mean(values)
        detail = f"({', '.join(f'{each:.3f}' for each in values)})"
        bar = 0.03 if "processes" in name else 0.015
        yield at_most(f"{runs} runs, {name}: coefficient of variation", variation, bar, detail=detail)
    yield Row(f"flags in these {3 * runs} runs", "", _counted(flags), None)


def neighbours(runs: int = 20) -> Iterator[Row]:
    """One that starts to spin in mid-run: another recommendation than without it, or the GIL blamed wrongly.

    Half of the runs are of pure Python, where threads take turns, half of a function that lets go of the GIL.
    """
    common = ["workers=2,4", "measure=quick"]
    with workplace() as folder:
        yield _neighbour(folder, ["workload=cpu", *common, "name=cpu"], runs // 2, may_blame=True)
        yield _neighbour(folder, [*known("derive"), *common], runs - runs // 2, may_blame=False)
        for time in range(3):
            busy = _with_neighbours(folder, ["workload=cpu", *common, "name=busy"], 2, in_mid_run=False)
            is_met = busy.choice[:2] in (("not enough evidence", None), ("use", "process"))
            decided = " ".join(str(each) for each in busy.choice if each is not None)
            yield Row(f"cpu, two spinning neighbours ({time + 1})", "refuse or hold", decided, is_met)


def _neighbour(folder: Path, words: Sequence[str], runs: int, *, may_blame: bool) -> Row:
    alone = measure(folder, *words)
    if alone.verdict["decision"] != "use":  # then nothing could be told from it
        return Row(f"{words[-3]} alone", "use", alone.verdict["decision"], is_met=False)
    wrong: list[str] = []
    flags: Counter[str] = Counter()
    refused = 0
    for _ in range(runs):
        run = _with_neighbours(folder, words, 1, in_mid_run=True)
        flags.update(run.flags)
        if run.verdict["decision"] == "not enough evidence":
            refused += 1
        elif run.choice != alone.choice:
            wrong.append(" ".join(map(str, run.choice)))
        if not may_blame and any("the GIL let one" in said for said in run.verdict["because"]):
            wrong.append("the GIL was blamed")
    said = "; ".join(
        [f"alone: {' '.join(map(str, alone.choice))}", f"{refused} refused", *wrong, f"flags: {_counted(flags)}"]
    )
    name = words[-1].partition("=")[2] if may_blame else "derive (no GIL)"
    return at_most(f"{name}, a neighbour in mid-run, {runs} runs: wrong", len(wrong), 0, "{:.0f}", f"({said})")


def _counted(flags: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in flags.most_common()) or "none"


def _with_neighbours(folder: Path, words: Sequence[str], count: int, *, in_mid_run: bool) -> Measured:
    neighbours: list[subprocess.Popen[bytes]] = []

    def move_in() -> None:
        neighbours.extend(subprocess.Popen([sys.executable, "-S", "-c", SPIN]) for _ in range(count))

    try:
        if not in_mid_run:
            move_in()
        earlier = _journals(folder)
        started = start(folder, *words)
        if in_mid_run:
            _wait_for_trials(folder, earlier, started)
            move_in()
            if started.poll() is not None:
                raise RuntimeError("the run ended before its neighbour came")
        return finish(started, folder)
    finally:
        for each in neighbours:
            each.kill()
            each.wait()


def _journals(folder: Path) -> set[Path]:
    return set(folder.glob("outputs/*/*/*/journal.jsonl"))


def _wait_for_trials(folder: Path, earlier: set[Path], started: subprocess.Popen[str]) -> None:
    """Until some of the sweep's trials are in its journal."""
    tick = threading.Event()
    while started.poll() is None:
        for journal in _journals(folder) - earlier:
            if journal.read_bytes().count(b'"kind":"trial"') >= 6:
                return
        tick.wait(0.05)


SECTIONS = {"answers": answers, "same_code": same_code, "repeatability": repeatability, "neighbours": neighbours}

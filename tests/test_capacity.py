"""What the machine offers: spinning processes, spinning threads, and spinners that die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipeline.bench import counters, own
from pipeline.bench.capacity import PROBE_S, Probe, ProbeDied, open_probe, open_thread_probe, usable_cores

from .trials import PROCESSES, THREADS, describe, describe_arm, measure

pytestmark = pytest.mark.skipif(usable_cores() < 2, reason="there is one core")

Open = Callable[[int], AbstractContextManager[Probe | None]]


def _open_threads(workers: int) -> AbstractContextManager[Probe | None]:
    return open_thread_probe(workers, None)


@pytest.fixture(params=[open_probe, _open_threads], ids=["processes", "threads"])
def opener(request: pytest.FixtureRequest) -> Open:
    """Opens one of the two kinds."""
    found: Open = request.param
    return found


def test_a_probe_spins_on_two_cores(opener: Open) -> None:
    """What it finds is the machine's affair; that all took part shows in the CPU time."""
    with opener(2) as probe:
        assert probe is not None
        probe.calibrate()
        assert probe.width == 2
        before_s = _children_s()
        for _ in range(3):
            assert probe.measure() > 0
        assert _children_s() - before_s > 3 * 2 * PROBE_S / 4


def _children_s() -> float:
    found = own.cpu_s()
    if found is None:
        pytest.skip("the system does not tell what its processes use")
    return found - time.process_time()


def test_a_probe_is_as_wide_as_can_be_used(opener: Open) -> None:
    """More than the cores would only take turns."""
    with opener(10_000) as probe:
        assert probe is not None
        assert probe.width == usable_cores()


def test_one_worker_needs_no_probe(opener: Open) -> None:
    """Its capacity is one by definition."""
    with opener(1) as probe:
        assert probe is None


def test_threads_spin_in_one_process() -> None:
    """Of the interpreter that is asked for."""
    before = counters.descendants(os.getpid())
    with open_thread_probe(2, None) as probe:
        assert probe is not None
        probe.calibrate()
        assert len(set(counters.descendants(os.getpid())) - set(before)) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nobody kills like that here")
def test_a_spinner_that_dies_is_no_bug(opener: Open) -> None:
    """Whether it died long ago or in the midst of it."""
    before = counters.descendants(os.getpid())
    with opener(2) as probe:
        assert probe is not None
        probe.calibrate()
        for pid in set(counters.descendants(os.getpid())) - set(before):
            os.kill(pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(ProbeDied, match="ended early"):
                probe.measure()


def _write(folder: Path, source: str) -> None:
    folder.joinpath("tasks.py").write_text(source)


class TestTrial:
    """The probe of a trial."""

    def test_processes_are_the_rule(self, tmp_path: Path) -> None:
        """Also for threads that take turns."""
        _write(tmp_path, "def task(x):\n    return x\n")
        for cell in (THREADS, PROCESSES):
            reply = measure(describe(tmp_path, cell, workload={"task": "tasks:task"}))
            assert reply["status"] == "measured", reply
            assert reply["capacity_of"] == "processes"
            assert len(reply["capacity"]) == 3
            assert reply["own_cpu_s"] is None or reply["own_cpu_s"] > 0

    def test_threads_without_a_gil_are_held_against_threads(self, tmp_path: Path) -> None:
        """An arm tells whether it has one; this one says it has not."""
        _write(tmp_path, "import sys\nsys._is_gil_enabled = lambda: False\ndef task(x):\n    return x\n")
        reply = measure(describe(tmp_path, THREADS, workload={"task": "tasks:task"}))
        assert reply["status"] == "measured", reply
        assert reply["capacity_of"] == "threads"
        assert all(each > 0 for each in reply["capacity"])

    def test_one_worker_has_no_probe(self, tmp_path: Path) -> None:
        """So nothing was probed."""
        _write(tmp_path, "def task(x):\n    return x\n")
        reply = measure(describe(tmp_path, describe_arm("cell", "thread", 1), workload={"task": "tasks:task"}))
        assert (reply["capacity"], reply["capacity_of"]) == ([], None)

    @pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the task looks there")
    def test_a_dead_spinner_ends_the_trial_with_a_status(self, tmp_path: Path) -> None:
        """One that has it measured again: it is not the cell's fault."""
        _write(
            tmp_path,
            "import os, pathlib, signal\n"
            "def task(x):\n"
            "    keeper = os.getppid()\n"
            "    for child in pathlib.Path(f'/proc/{keeper}/task/{keeper}/children').read_text().split():\n"
            "        if b'def spin(' in pathlib.Path(f'/proc/{child}/cmdline').read_bytes():\n"
            "            os.kill(int(child), signal.SIGKILL)\n",
        )
        reply = measure(describe(tmp_path, THREADS, workload={"task": "tasks:task", "check": "none"}))
        assert reply["status"] == "not run"
        assert "capacity" in reply["reason"]
        assert reply["failed_arm"] is None

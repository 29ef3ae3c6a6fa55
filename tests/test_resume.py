"""Killed and interrupted runs: what was measured is kept, nothing goes on by itself, the same command finishes."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command

# The task runs in an arm, its parent is the keeper, and the keeper's parent is the command.
ASSASSIN = """
import os, pathlib
calls, struck = pathlib.Path("calls"), pathlib.Path("struck")
def parent(pid):
    return int(pathlib.Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[1])
def task(x):
    with calls.open("a") as stream:
        stream.write("x")
    if calls.stat().st_size >= {number} and not struck.exists():
        struck.touch()
        os.kill(parent(os.getppid()), {signal})
    return x
"""
WORDS = [
    "workload=function",
    "workload.task=assassin:task",
    "workload.inputs=4",
    "backend=thread",
    "workers=1,2,3",
    "measure=quick",
    "measure.trials=3",
    "measure.max_rounds=3",
    "-m",
]

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the command through /proc")


def _left_behind(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").resolve() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@linux_only
@pytest.mark.parametrize("attempt", range(4))
def test_a_run_killed_at_a_random_moment_is_finished_by_the_same_command(
    pipeline: Command, user_module: Callable[[str, str], Path], attempt: int
) -> None:
    """Every trial is there once, and the killed command left no process behind."""
    number = random.randrange(1, 12_000)  # of about 15,000 calls
    user_module("assassin", ASSASSIN.format(number=number, signal=int(signal.SIGKILL)))
    killed = pipeline.start(*WORDS)
    killed.communicate()  # ends when the keeper ends, which holds the other end of standard error
    assert killed.returncode == -signal.SIGKILL, f"task {number}"
    assert _left_behind(pipeline.folder) == []
    journals = list(pipeline.folder.glob("outputs/*/*/*/journal.jsonl"))
    kept = journals[0].read_bytes() if journals else b""
    done = pipeline(*WORDS)
    assert done.status == 0, done.err
    assert (done.run / "journal.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    trials = [(trial["cell"], trial["trial"]) for trial in done.records("trial")]
    assert len(set(trials)) == len(trials) == 9


@linux_only
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_run_keeps_what_was_measured_and_says_how_to_go_on(
    pipeline: Command, user_module: Callable[[str, str], Path], name: str, status: int
) -> None:
    """The trial under way is finished, the command to go on is printed, and it goes on."""
    user_module("assassin", ASSASSIN.format(number=60, signal=int(getattr(signal, name))))
    done = pipeline(*WORDS)
    assert done.status == status, done.err
    (journal,) = pipeline.folder.glob("outputs/*/*/*/journal.jsonl")
    kept = journal.read_text().count('"kind":"trial"')
    assert 0 < kept < 9
    assert "To go on: python -m pipeline workload=function" in done.err
    resumed = pipeline(*WORDS)
    assert resumed.status == 0, resumed.err
    assert resumed.run == journal.parent.resolve()
    assert f"going on after {kept} trials" in resumed.err
    assert len(resumed.records("trial")) == 9
    assert _left_behind(pipeline.folder) == []

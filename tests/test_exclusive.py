"""Trials of several sweeps on one machine wait for one another."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.bench import exclusive

from .conftest import LEAST, Command

pytestmark = pytest.mark.skipif(exclusive.fcntl is None, reason="the system has no such locks")

BLOCKS = """
import pathlib, threading
def task(x):
    pathlib.Path("begun").touch()
    tick = threading.Event()
    while not pathlib.Path("go").exists():
        tick.wait(0.01)
"""
TRIALS_ALONE = """def task(x):
    if not list(pathlib.Path("outputs").glob("*/*/*/journal.jsonl")):
        return
"""
ONE = ("workload=function", "workload.task=tasks:task", "workload.inputs=1", "backend=thread", "workers=1", *LEAST)


def test_a_sweep_waits_and_says_for_whom(tmp_path: Path, user_module: Callable[[str, str], Path]) -> None:
    """Until the other one's trial is over; then both are measured."""
    user_module("tasks", BLOCKS)
    first, second = Command(tmp_path), Command(tmp_path)
    holder = first.start(*ONE, "name=first", "-m")
    while not tmp_path.joinpath("begun").exists():
        assert holder.poll() is None
    waiting = second.start(*ONE, "name=second", "-m")
    assert waiting.stderr is not None
    said = next(line for line in waiting.stderr if line.startswith("waiting for"))
    assert "which measures first" in said
    assert "runner.exclusive=false" in said
    tmp_path.joinpath("go").touch()
    for command in (holder, waiting):
        command.communicate()
        assert command.returncode == 0


def test_the_first_signal_ends_one_that_waits_for_its_looks(
    tmp_path: Path, user_module: Callable[[str, str], Path]
) -> None:
    """It has nothing under way that could be finished."""
    user_module("tasks", BLOCKS)
    first, second = Command(tmp_path), Command(tmp_path)
    holder = first.start(*ONE, "name=first", "-m")
    while not tmp_path.joinpath("begun").exists():
        assert holder.poll() is None
    waiting = second.start(*ONE, "name=second", "-m")
    assert waiting.stderr is not None
    assert any(line.startswith("waiting for") for line in waiting.stderr)
    waiting.send_signal(signal.SIGINT)
    waiting.communicate()
    assert waiting.returncode == 130
    tmp_path.joinpath("go").touch()
    holder.communicate()
    assert holder.returncode == 0


def test_the_first_signal_ends_one_that_waits_between_its_trials(
    tmp_path: Path, user_module: Callable[[str, str], Path]
) -> None:
    """What it measured is kept."""
    user_module("tasks", BLOCKS.replace("def task(x):\n", TRIALS_ALONE))
    command = Command(tmp_path)
    waiting = command.start(*ONE, "workers=1,2,3,4,5,6", "-m")
    while not tmp_path.joinpath("begun").exists():
        assert waiting.poll() is None
    ready, tell = os.pipe()
    holder = os.fork()
    if holder == 0:
        with exclusive.machine("something", lambda _: os.write(tell, b".") and None):
            signal.pause()
    os.read(ready, 1)
    tmp_path.joinpath("go").touch()
    assert waiting.stderr is not None
    assert any(line.startswith("waiting for") for line in waiting.stderr)
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate()
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    os.close(ready)
    os.close(tell)
    assert waiting.returncode == 130
    assert "To go on: python -m pipeline workload=function" in said
    (journal,) = tmp_path.glob("outputs/*/*/*/journal.jsonl")
    assert 0 < journal.read_text().count('"kind":"trial"') < 6


def test_one_that_need_not_be_alone_does_not_wait(tmp_path: Path, user_module: Callable[[str, str], Path]) -> None:
    """And its report says that others may have disturbed it."""
    user_module("tasks", BLOCKS)
    user_module("quick", "def task(x):\n    return x\n")
    holder = Command(tmp_path).start(*ONE, "name=first", "-m")
    while not tmp_path.joinpath("begun").exists():
        assert holder.poll() is None
    free = Command(tmp_path)(*ONE, "workload.task=quick:task", "runner.exclusive=false", "name=second", "-m")
    assert free.status == 0, free.err
    assert "waiting" not in free.err
    assert "runner.exclusive=false" in (free.run / "report.md").read_text()
    tmp_path.joinpath("go").touch()
    holder.communicate()


def test_the_machine_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    """The lock is the system's, and whoever waits has it then."""
    place, waited = tmp_path / "lock", list[str]()
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with exclusive.machine("something", waited.append, place):
            os.write(tell, b".")
            signal.pause()
    os.read(ready, 1)

    def kill(holder: str) -> None:
        waited.append(holder)
        os.kill(child, signal.SIGKILL)

    with exclusive.machine("more", kill, place):
        assert waited == [f"process {child}, which measures something"]
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)


def test_everybody_can_open_the_file_and_nobody_is_led_elsewhere(tmp_path: Path) -> None:
    """It is made for all users, and a link in its place, of either sort, is left alone: then there is no waiting."""
    place = tmp_path / "lock"
    with exclusive.machine("a\x1b[2Jb", print, place):
        assert stat.S_IMODE(place.stat().st_mode) == 0o666
        with place.open("rb") as file:
            assert exclusive._holder(file.fileno()) == f"process {os.getpid()}, which measures a?[2Jb"
    link, victim = tmp_path / "link", tmp_path / "victim"
    victim.write_text("mine")
    victim.chmod(0o600)
    link.symlink_to(victim)
    place.with_name("second").hardlink_to(victim)
    for planted in (link, place.with_name("second")):
        with exclusive.machine("anything", print, planted):
            assert victim.read_text() == "mine"
            assert stat.S_IMODE(victim.stat().st_mode) == 0o600

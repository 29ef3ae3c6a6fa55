"""A run's version measured again, from what its journal stored."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.comparison import compare
from pipeline.evidence import Run
from pipeline.report import compared

from . import recorded
from .conftest import LEAST, Command
from .recorded import Told, Work

GAINS = (Told(workers=2, speedup=1.9), Told(workers=4, speedup=3.5))
NO_GAINS = (Told(workers=2, speedup=1.0), Told(workers=4, speedup=0.98))


def _run(*cells: Told, name: str = "io", trials: int = 20, **changed: Any) -> Run:
    """Enough trials for intervals of all, and little noise."""
    run = recorded.run(Work([replace(cell, trials=trials, noise=0.004) for cell in cells], name))
    return Run(({**run.header, **changed}, *run.records[1:]))


def _conclusions(before: Run, after: Run) -> list[str]:
    return list(compared.conclusions(before, after, compare(before, after)))


BEFORE = _run(*GAINS)


def test_it_measures_the_same_version_and_says_what_held(
    pipeline: Command, user_module: Callable[[str, str], Path]
) -> None:
    """Whatever the configuration has become since."""
    user_module("mine", "import time\ndef task(x):\n    time.sleep(0.002)\n")
    words = ("workload=function", "workload.task=mine:task", "workload.inputs=4", "backend=thread,process", "workers=2")
    first = pipeline(*words, *LEAST, "name=first", "-m")
    assert first.status == 0, first.err
    was = first.run
    again = pipeline("reproduce", "first@latest")
    assert again.status == 0, again.err
    assert again.run != was
    assert again.run.parent == was.parent  # the same version
    assert "Measured again: the same version." in again.out
    assert "task: held. task: not enough evidence" in again.out  # of one round there is no interval, whatever it took
    assert (again.run / "compare.html").exists()


INTERRUPTS = """
import os, pathlib, signal
def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
def task(x):
    journals = list(pathlib.Path("outputs").glob("*/*/*/journal.jsonl"))
    if len(journals) == 2 and not os.path.exists("struck"):
        pathlib.Path("struck").touch()
        os.kill(parent(os.getppid()), signal.SIGINT)
    return x
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the command through /proc")
def test_one_that_was_interrupted_says_what_goes_on_with_it(
    pipeline: Command, user_module: Callable[[str, str], Path]
) -> None:
    """The run's own command, without what would begin another run; message and report say the same."""
    user_module("mine", INTERRUPTS)
    words = ("workload=function", "workload.task=mine:task", "workload.inputs=2", "backend=thread", "workers=1,2,3")
    first = pipeline(*words, *LEAST, "fresh=true", "-m")
    assert first.status == 0, first.err
    was = first.run
    interrupted = pipeline("reproduce", "outputs/latest")
    assert interrupted.status == 130, interrupted.err
    begun = interrupted.run
    assert begun != was
    said = interrupted.err.splitlines()[-1].partition("To go on: ")[2]
    assert said.startswith("python -m pipeline workload=function")
    assert pipeline("report", "outputs/latest").status == 1
    assert said in (begun / "report.md").read_text()
    resumed = pipeline(*shlex.split(said)[3:])
    assert resumed.status == 0, resumed.err
    assert resumed.run == begun
    assert len(resumed.records("trial")) == 3


def test_a_verdict_that_is_the_same_again_held() -> None:
    """Whether it recommends a pool, or none."""
    (said,) = _conclusions(BEFORE, _run(*GAINS))
    assert said.startswith("io: held. io: use 4 threads, 3.5")
    (said,) = _conclusions(_run(*NO_GAINS), _run(*NO_GAINS))
    assert said.startswith("io: held. io: stay serial")


@pytest.mark.parametrize(
    ("before", "after", "was", "now"),
    [(GAINS, NO_GAINS, "use 4 threads", "stay serial"), (NO_GAINS, GAINS, "stay serial", "use 4 threads")],
    ids=["lost", "gained"],
)
def test_a_verdict_that_is_another_one_changed(
    before: tuple[Told, ...], after: tuple[Told, ...], was: str, now: str
) -> None:
    """Both are told, the earlier one first."""
    (said,) = _conclusions(_run(*before), _run(*after))
    assert said.startswith(f"io: changed. Before: io: {was}")
    assert f" Now: io: {now}" in said
    assert said.endswith("Its speed-ups are not what they were: nothing that is known of changed but the hour.")


def test_another_pool_is_another_verdict() -> None:
    (said,) = _conclusions(BEFORE, _run(GAINS[0], replace(GAINS[1], speedup=1.5)))
    assert said.startswith("io: changed. Before: io: use 4 threads, 3.5")
    assert "Now: io: use 2 threads, 1.9" in said


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"surroundings": {"machine": {"cpu": "Another"}}}, "environment"),
        ({"surroundings": {"packages": {"numpy": "0"}}}, "environment"),
        ({"definition": {"sources": {"work.py:work": "0"}}}, "source"),
        ({"definition": {"measure": {"cold": True}}}, "configuration"),
        (
            {"surroundings": {"packages": {"numpy": "0"}}, "definition": {"sources": {"work.py:work": "0"}}},
            "source and environment",
        ),
    ],
    ids=["machine", "packages", "source", "profile", "both"],
)
def test_why_a_verdict_changed_is_what_else_did(what: dict[str, Any], why: str) -> None:
    changed = {key: _with(BEFORE.header[key], values) for key, values in what.items()}
    (said,) = _conclusions(BEFORE, _run(*NO_GAINS, **changed))
    assert said.endswith(f"Its speed-ups are not what they were: {why} changed.")
    (said,) = _conclusions(BEFORE, _run(*GAINS, **changed))
    assert said.startswith("io: held.")


def _with(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """With these values set, wherever in it they are."""
    return old | {key: _with(old[key], value) if isinstance(value, dict) else value for key, value in new.items()}


def test_choices_near_one_another_are_said_to_be() -> None:
    """Nothing is said to have changed that is not shown to have."""
    was, now = (
        _run(Told(workers=2, speedup=threads), Told("process", 2, processes))
        for threads, processes in ((1.9, 1.92), (1.93, 1.9))
    )
    (said,) = _conclusions(was, now)
    assert "Before: io: use 2 processes" in said
    assert "Now: io: use 2 threads" in said
    assert "No speed-up is shown to have changed: both choices are near one another" in said


def test_a_pool_that_fails_now_is_why_another_one_is_recommended() -> None:
    (said,) = _conclusions(BEFORE, _run(GAINS[0], replace(GAINS[1], failure="failed")))
    assert "Now: io: use 2 threads" in said
    assert "Of 4 threads there is no speed-up to compare: " in said
    assert said.endswith("failed after.")


def test_the_same_pool_for_another_gain_is_said() -> None:
    slower = tuple(replace(told, speedup=told.speedup * 0.6) for told in GAINS)
    (said,) = _conclusions(BEFORE, _run(*slower))
    assert said.startswith("io: held. io: use 4 threads, 2.1")
    assert said.endswith("Its speed-up did not hold: 3.50 times before.")


def test_too_little_evidence_is_why_nothing_is_concluded_any_more() -> None:
    """And not a change."""
    (said,) = _conclusions(BEFORE, _run(*(replace(told, rounds=1) for told in GAINS), trials=1))
    assert said.startswith("io: changed. Before: io: use 4 threads")
    assert "Now: io: not enough evidence to recommend anything. The data do not show that anything beats" in said
    assert "changed." not in said.removeprefix("io: changed.")


def test_each_workload_has_a_conclusion_and_one_that_is_gone_is_said_to_be() -> None:
    both = recorded.run(Work(GAINS), Work(NO_GAINS, "cpu"))
    assert [each.partition(".")[0] for each in _conclusions(both, both)] == ["io: held", "cpu: held"]
    assert _conclusions(both, _run(*NO_GAINS, name="cpu"))[0] == "io: not measured again."


def test_code_that_changed_since_is_another_version(pipeline: Command, user_module: Callable[[str, str], Path]) -> None:
    """Which is said, with what changed."""
    user_module("mine", "def task(x):\n    return x\n")
    words = ("workload=function", "workload.task=mine:task", "workload.inputs=4", "backend=thread", "workers=2")
    assert pipeline(*words, *LEAST, "name=first").status == 0
    user_module("mine", "def task(x):\n    return x + 0\n")
    again = pipeline("reproduce", "first@latest")
    assert again.status == 0, again.err
    assert "Measured again: version " in again.out
    assert "mine:task" in again.out


def test_a_command_that_is_none_is_the_journals_fault(pipeline: Command) -> None:
    """Of a damaged one of an earlier version, or of somebody's who means harm."""
    recorded.write(pipeline.folder / "run", recorded.run(Work([Told()]), command="python -m pipeline 'x"))
    done = pipeline("reproduce", "run")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "cannot be made sense of (ValueError: No closing quotation)" in done.err


def test_inputs_that_are_not_stored_are_one_line(pipeline: Command) -> None:
    run = recorded.run(Work([Told()]))
    header = json.loads(json.dumps(run.header))
    header["cells"][0]["workload"]["inputs"] = {"pickle": "0123456789ab"}
    recorded.write(pipeline.folder / "run", type(run)((header, *run.records[1:])))
    done = pipeline("reproduce", "run")
    assert done.status == 2
    assert "call it again with fresh=True" in done.err

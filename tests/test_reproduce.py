"""A run's version measured again, from what its journal stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from . import recorded
from .conftest import LEAST, Command
from .recorded import Told, Work


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
    assert "task: held." in again.out or "task: changed." in again.out
    assert (again.run / "compare.html").exists()


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


def test_inputs_that_are_not_stored_are_one_line(pipeline: Command) -> None:
    run = recorded.run(Work([Told()]))
    header = json.loads(json.dumps(run.header))
    header["cells"][0]["workload"]["inputs"] = {"pickle": "0123456789ab"}
    recorded.write(pipeline.folder / "run", type(run)((header, *run.records[1:])))
    done = pipeline("reproduce", "run")
    assert done.status == 2
    assert "call it again with fresh=True" in done.err

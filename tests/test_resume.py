"""Killed and interrupted runs: what was measured is kept, nothing goes on by itself, the same command finishes."""

from __future__ import annotations

import csv
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import command, measure
from pipeline.errors import InputError
from pipeline.evidence import Run
from pipeline.journal import seal

from .conftest import LEAST, Command

# The task runs in an arm, its parent is the keeper, and the keeper's parent is the command.
ASSASSIN = """
import os, pathlib
struck = pathlib.Path("struck")
def parent(pid):
    return int(pathlib.Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[1])
def task(x):
    if not struck.exists():
        journals = pathlib.Path("outputs").glob("*/*/*/*.jsonl")
        measured = sum(journal.read_text().count('"kind":"trial"') for journal in journals)
        with open("calls", "a") as stream:
            stream.write("x" if measured >= {trials} else "")
        if os.path.getsize("calls") >= {calls}:
            struck.touch()
            os.kill(parent(os.getppid()) if {up} else os.getppid(), {signal})
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
    # Every trial has four tasks in each of two arms, some batches of them.
    trials, calls = random.randrange(9), random.randrange(1, 30)
    user_module("assassin", ASSASSIN.format(trials=trials, calls=calls, up=True, signal=int(signal.SIGKILL)))
    killed = pipeline.start(*WORDS)
    killed.communicate()  # ends when the keeper ends, which holds the other end of standard error
    assert killed.returncode == -signal.SIGKILL, f"call {calls} after {trials} trials"
    assert _left_behind(pipeline.folder) == []
    journals = list(pipeline.folder.glob("outputs/*/*/*/journal.jsonl"))
    kept = journals[0].read_bytes() if journals else b""
    done = pipeline(*WORDS)
    assert done.status == 0, done.err
    assert (done.run / "journal.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    trials = [(trial["cell"], trial["trial"]) for trial in done.records("trial")]
    assert len(set(trials)) == len(trials) == 9


@linux_only
def test_a_killed_keeper_loses_its_trial_and_nothing_else(
    pipeline: Command, user_module: Callable[[str, str], Path]
) -> None:
    """The trial is taken again by a new keeper, and what the old one left is gone."""
    user_module("assassin", ASSASSIN.format(trials=2, calls=3, up=False, signal=int(signal.SIGKILL)))
    done = pipeline(*WORDS)
    assert done.status == 0, done.err
    trials = done.records("trial")
    assert [trial["attempt"] for trial in trials if trial["status"] == "not run"] == [1]
    assert sum(trial["status"] == "measured" for trial in trials) == 9
    assert _left_behind(pipeline.folder) == []


@linux_only
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_run_keeps_what_was_measured_and_says_how_to_go_on(
    pipeline: Command, user_module: Callable[[str, str], Path], name: str, status: int
) -> None:
    """The trial under way is finished, the command to go on is printed, and it goes on."""
    user_module("assassin", ASSASSIN.format(trials=2, calls=9, up=True, signal=int(getattr(signal, name))))
    done = pipeline(*WORDS)
    assert done.status == status, done.err
    (journal,) = pipeline.folder.glob("outputs/*/*/*/journal.jsonl")
    kept = journal.read_text().count('"kind":"trial"')
    assert 0 < kept < 9
    assert "ending after the trial under way; once more to end now" in done.err
    assert "To go on: python -m pipeline workload=function" in done.err
    resumed = pipeline(*WORDS)
    assert resumed.status == 0, resumed.err
    assert resumed.run == journal.parent.resolve()
    assert f"going on after {kept} trials" in resumed.err
    assert len(resumed.records("trial")) == 9
    assert _left_behind(pipeline.folder) == []


@linux_only
def test_a_second_signal_ends_it_at_once(pipeline: Command, user_module: Callable[[str, str], Path]) -> None:
    """The trial under way, which would never end, is lost, and nothing else is; nothing is left running."""
    first = ASSASSIN.format(trials=2, calls=3, up=True, signal="2); threading.Event().wait(")
    user_module("assassin", f"import threading\n{first}")
    started = pipeline.start(*WORDS)
    assert started.stderr is not None
    for line in started.stderr:  # the first one was heeded: of two at once either may come first
        if line.startswith("ending after the trial under way"):
            break
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate()
    assert started.returncode == 143, err
    assert "To go on: python -m pipeline workload=function" in err
    assert _left_behind(pipeline.folder) == []
    (journal,) = pipeline.folder.glob("outputs/*/*/*/journal.jsonl")
    kept = journal.read_text().count('"kind":"trial"')
    assert 2 <= kept < 9
    resumed = pipeline(*WORDS)
    assert resumed.status == 0, resumed.err
    assert f"going on after {kept} trials" in resumed.err
    assert len(resumed.records("trial")) == 9


def test_a_run_that_was_killed_after_any_record_is_finished_by_the_same_command(pipeline: Command) -> None:
    """Also after the last of its trials, where only the record of its end is missing."""
    words = ("workload=sleep", "workload.inputs=2", "workload.params.seconds=0.001", "backend=thread", "workers=1,2")
    first = pipeline(*words, *LEAST, "-m")
    assert first.status == 0, first.err
    run = first.run
    path = run / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in (1, 2, len(lines) - 2, len(lines) - 1):
        path.write_bytes(b"".join(lines[:kept]))
        resumed = pipeline(*words, *LEAST, "-m")
        assert resumed.status == 0, resumed.err
        assert resumed.run == run
        assert Run.read(path).is_finished
        assert path.read_bytes().startswith(b"".join(lines[:kept]))
        assert len(resumed.records("trial")) == 2
        assert "not finished" not in (resumed.run / "report.md").read_text()


UNPLUGS = """
import os
begun = []
def task(x):
    if "UNPLUG" in os.environ and not begun and not os.path.exists("mended"):
        begun.append(x)
        keeper, cpus = os.getppid(), os.sched_getaffinity(os.getppid())
        os.sched_setaffinity(keeper, {min(cpus)} if len(cpus) > 1 else range(os.cpu_count()))
    return x
"""
STARVES = """
import os, resource
def starve(x):
    if not os.path.exists("mended"):
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (4, 4))
    return x
def task(x):
    return x
"""


@linux_only
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is no CPU to do without")
@pytest.mark.parametrize(
    ("source", "tasks", "kind", "says"),
    [
        (UNPLUGS, "assassin:task", "trial", "a trial of it was lost 3 times: the trial began with "),
        (STARVES, "assassin:starve,assassin:task", "preflight", "the keeper could not do it: "),
    ],
    ids=["trial", "look"],
)
def test_what_the_machine_made_impossible_is_not_run_and_taken_afresh(
    pipeline: Command, user_module: Callable[[str, str], Path], source: str, tasks: str, kind: str, says: str
) -> None:
    """The cell is not to blame, and the same command measures it once the machine is well."""
    user_module("assassin", source)
    words = ("workload=function", f"workload.task={tasks}", "workload.inputs=1", "backend=thread", "workers=1")
    lost = pipeline(*words, *LEAST, "+env.UNPLUG=1", "-m")
    assert lost.status == 1, lost.err
    run = lost.run
    with (run / "summary.csv").open() as stream:
        (row,) = (row for row in csv.DictReader(stream) if (row["workload"], row["backend"]) == ("task", "thread"))
    assert row["status"] == "not run"
    assert row["reason"].startswith(says)
    pipeline.folder.joinpath("mended").touch()
    resumed = pipeline(*words, *LEAST, "+env.UNPLUG=1", "-m")
    assert resumed.status == 0, resumed.err
    assert resumed.run == run
    assert {each["status"] for each in resumed.records(kind)} == {"not run", "measured"}


def test_a_kind_of_node_that_is_gone_is_named_where_its_cells_lack_trials(pipeline: Command) -> None:
    """By the same command, each time: what there is here cannot finish them."""
    words = ("workload=sleep", "workload.inputs=2", "backend=thread", "workers=1", *LEAST, "-m")
    done = pipeline(*words)
    assert done.status == 0, done.err
    (look,), (run,) = done.records("preflight"), done.records("run")
    machine = {**run["surroundings"]["machine"], "cpu": "Gone CPU", "usable_cores": 64}
    about = {"machine": machine, "interpreter": run["surroundings"]["interpreter"]}
    path = done.run / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for kind, more in (("node", {"node": "gone/1", "about": about}), ("preflight", look)):
        record = {"schema": look["schema"], **more, "kind": kind, "environment": "another"}
        lines.append(seal({key: value for key, value in record.items() if key not in ("line", "crc")}, len(lines) + 1))
    path.write_bytes(b"".join(lines))
    for _ in range(2):
        again = pipeline(*words)
        assert again.status == 1, again.err
        assert "(1 on Gone CPU, usable_cores=64); fresh=true begins without it" in again.err.splitlines()[-1]
    assert "already measured" not in again.err


def test_a_run_that_makes_no_sense_is_one_line_for_the_command_that_would_go_on(pipeline: Command) -> None:
    """As to whoever reports on it."""
    words = ("workload=sleep", "workload.inputs=2", "backend=thread", "workers=1", *LEAST)
    done = pipeline(*words)
    path = done.run / "journal.jsonl"
    count = len(path.read_bytes().splitlines())
    with path.open("ab") as stream:
        stream.write(seal({"schema": done.records("run")[0]["schema"], "kind": "trial", "arms": [1]}, count + 1))
    again = pipeline(*words)
    assert (again.status, len(again.err.splitlines())) == (2, 1)
    assert "cannot be made sense of" in again.err


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "place", ["pipeline.matrix.expand", "hydra._internal.config_loader_impl.ConfigLoaderImpl.load_configuration"]
)
def test_a_signal_is_one_whatever_the_library_that_it_struck_raises_over_it(
    monkeypatch: pytest.MonkeyPatch, which: signal.Signals, place: str
) -> None:
    """OmegaConf does, in what it tidies up with."""

    def struck(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(which)
        finally:
            raise AttributeError("no flags")

    monkeypatch.setattr(place, struck)
    assert command.run(["workload=sleep"]) == 128 + which


def test_whoever_was_interrupted_may_ask_for_something_that_there_is_not() -> None:
    """The old Ctrl-C is not raised again."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        with pytest.raises(InputError, match="there is no measure 'nothing'"):
            measure(abs, [1], profile="nothing")

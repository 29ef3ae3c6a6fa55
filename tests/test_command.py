"""The command as a user types it: good paths, and one clear line for each bad word."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import command, subcommands

from . import recorded
from .conftest import LEAST, ROOT, Command, Finished
from .recorded import Told, Work

WriteModule = Callable[[str, str], Path]

FILES = [
    "journal.jsonl",
    "config.yaml",
    "environment.json",
    "samples.parquet",
    "summary.parquet",
    "summary.csv",
    "verdict.json",
    "report.md",
    "report.html",
    "log.txt",
]
OTHER_PYTHONS = ["python3.13", "python3.12", "python3.11", "python3.10", "/usr/bin/python3"]
TINY = ("workload=sleep", "workload.inputs=4", "workload.params.seconds=0.001")
MINE = """
import contextlib, os, threading
words = ["a", "b", "c", "d"]
number = 5
shout = lambda word: word.upper()
def upper(word): return word.upper()
def repeat(word, times=2): return word * times
def give(): return iter(words)
def nothing(): return []
@contextlib.contextmanager
def opened():
    yield words
def talk(word):
    print("heard", word)
    return word
def job(map, words):
    return "".join(map(upper, words))
async def later(word): return word
"""


SHOWS_STREAMS = """
import os, pathlib
def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
def task(x):
    if list(pathlib.Path("outputs").glob("*/*/*/journal.jsonl")):
        conductor = parent(os.getppid())
        with open("seen", "a") as stream:
            stream.writelines(os.readlink(f"/proc/{conductor}/fd/{number}") + "\\n" for number in range(3))
    return x
"""


def summary(done: Finished) -> list[dict[str, str]]:
    """The rows of summary.csv."""
    with (done.run / "summary.csv").open() as stream:
        return list(csv.DictReader(stream))


def verdicts(done: Finished) -> dict[str, Any]:
    """The workloads of verdict.json."""
    found: dict[str, Any] = json.loads((done.run / "verdict.json").read_text())["workloads"]
    return found


def _is_other(python: str) -> bool:
    code = "import sys; print(sys.version if sys.version_info >= (3, 10) else '')"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() not in ("", sys.version)


def test_a_sweep_leaves_everything_that_the_contract_names(pipeline: Command) -> None:
    """Every file is there, and the summary has the anchor and each cell."""
    done = pipeline(*TINY, "backend=thread,process", "workers=1,2", "-m", *LEAST)
    assert done.status == 0, done.err
    assert [name for name in FILES if not (done.run / name).is_file()] == []
    assert {path.suffix for path in (done.run / "figures").iterdir()} == {".svg", ".png"}
    rows = [(row["backend"], row["workers"], row["status"]) for row in summary(done)]
    assert rows[0] == ("serial", "1", "measured")
    assert sorted(rows[1:]) == [(b, w, "measured") for b in ("process", "thread") for w in ("1", "2")]
    assert list(verdicts(done)) == ["sleep"]
    assert str(Path("outputs", "sleep")) in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.joinpath("conf", "workload").glob("*.yaml")))
def test_every_shipped_workload_runs_on_every_backend(pipeline: Command, user_module: WriteModule, name: str) -> None:
    """One trial of one round each, with the same answers as a plain loop."""
    if name == "forest":
        pytest.importorskip("sklearn", reason="the extra forest is not installed")
    user_module("mine", MINE)
    words = ["workload.task=mine:upper", "workload.inputs=mine:words"] if name == "function" else []
    backends = ",".join(sorted(path.stem for path in ROOT.joinpath("conf", "backend").glob("*.yaml")))
    done = pipeline(f"workload={name}", *words, f"backend={backends}", "workers=2", "-m", *LEAST)
    assert done.status == 0, done.err
    assert {row["status"] for row in summary(done)} == {"measured"}
    assert {trial["arms"]["cell"]["answers"] for trial in done.records("trial")} == {"alike"}


def test_without_scikit_learn_the_forest_names_the_extra(pipeline: Command, user_module: WriteModule) -> None:
    """In one line, before anything is measured."""
    user_module("sklearn", "raise ModuleNotFoundError(\"No module named 'sklearn'\")")
    done = pipeline("workload=forest", "workers=2", *LEAST)
    assert done.status == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert "scikit-learn is not installed" in line
    assert "pip install 'pipeline[forest]'" in line
    assert not pipeline.folder.joinpath("outputs", "forest").exists()


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.joinpath("conf", "measure").glob("*.yaml")))
def test_every_shipped_profile_runs(pipeline: Command, name: str) -> None:
    """Cut to one trial of one round."""
    done = pipeline(*TINY, f"measure={name}", *LEAST[1:])
    assert done.status == 0, done.err
    assert done.records("run")[0]["definition"]["measure"]["trials"] == 1


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.joinpath("conf", "experiment").glob("*.yaml")))
def test_every_shipped_experiment_sweeps_without_being_told(pipeline: Command, name: str) -> None:
    """Cut to one cell."""
    done = pipeline(f"+experiment={name}", "workers=2", "backend=thread", "workload=cpu", *LEAST)
    assert done.status == 0, done.err
    assert done.run.parent.parent.name == name


def test_without_m_one_cell_is_measured_against_its_anchor(pipeline: Command) -> None:
    """The table has the plain loop and the cell."""
    done = pipeline(*TINY, "backend=thread", "workers=3", *LEAST)
    assert done.status == 0, done.err
    assert [(row["backend"], row["workers"]) for row in summary(done)] == [("serial", "1"), ("thread", "3")]
    assert "3 threads" in done.out


def test_flags_may_stand_between_overrides(pipeline: Command) -> None:
    """Hydra's own parser refuses this on Python 3.10 to 3.13."""
    done = pipeline("workload=sleep", "-m", "backend=thread", *TINY[1:], "workers=2", *LEAST)
    assert done.status == 0, done.err


@pytest.mark.parametrize("inputs", ["4", "[a,b,c,d]", "mine:words", "mine:give", "mine:opened"])
def test_inputs_are_a_number_a_list_or_come_from_a_module(
    pipeline: Command, user_module: WriteModule, inputs: str
) -> None:
    """An iterable, a function that returns one, and a context manager that yields one are all fine."""
    user_module("mine", MINE)
    task = "mine:repeat" if inputs != "4" else "builtins:str"
    done = pipeline("workload=function", f"workload.task={task}", f"workload.inputs={inputs}", *LEAST)
    assert done.status == 0, done.err
    assert done.records("preflight")[0]["tasks"] == 4


@pytest.mark.parametrize("task", ["mine:repeat", "mine.py:repeat", "./mine.py:repeat"])
def test_a_task_is_named_by_module_or_by_file_and_takes_parameters(
    pipeline: Command, user_module: WriteModule, task: str
) -> None:
    """Its answers with the parameter are those of the loop on every backend."""
    user_module("mine", MINE)
    words = [f"workload.task={task}", "workload.inputs=mine:words", "+workload.params.times=3"]
    done = pipeline("workload=function", *words, "backend=thread,process", "workers=2", "-m", *LEAST)
    assert done.status == 0, done.err
    assert {trial["arms"]["cell"]["answers"] for trial in done.records("trial")} == {"alike"}


def test_a_job_maps_its_own_tasks(pipeline: Command, user_module: WriteModule) -> None:
    """The backend's map is handed to it, and its answer is compared."""
    user_module("mine", MINE)
    words = ["workload.job=mine:job", "workload.inputs=mine:words", "backend=thread,process"]
    done = pipeline("workload=function", *words, "workers=2", "-m", *LEAST)
    assert done.status == 0, done.err
    assert {row["workload"] for row in summary(done)} == {"job"}


def test_a_batch_too_long_for_the_budget_is_sampled(pipeline: Command) -> None:
    """Ten thousand inputs become an evenly spread share of them, and the report says so."""
    words = ["workload=sleep", "workload.inputs=10000", "workload.params.seconds=0.001", "workers=2"]
    done = pipeline(*words, *LEAST, "measure.budget_s=0.5")
    assert done.status == 0, done.err
    preflight = done.records("preflight")[0]
    assert 8 <= preflight["tasks"] < 100
    assert preflight["sample"] == preflight["tasks"]
    assert f"{preflight['tasks']} of 10,000" in (done.run / "report.md").read_text()
    whole = pipeline(*words, *LEAST, "workload.inputs=200", "workload.sample=all", "measure.budget_s=0.5")
    assert whole.records("preflight")[0]["tasks"] == 200


def test_a_check_of_ones_own_decides_what_is_alike(pipeline: Command, user_module: WriteModule) -> None:
    """Answers that differ every time are invalid, unless the user says what matters about them."""
    user_module(
        "dice",
        "import random\n"
        "def roll(x): return random.random()\n"
        "def plausible(expected, got): return len(expected) == len(got)\n",
    )
    words = ("workload=function", "workload.task=dice:roll", "workload.inputs=4", *LEAST)
    assert summary(pipeline(*words))[1]["status"] == "invalid"
    assert summary(pipeline(*words, "workload.check=dice:plausible"))[1]["status"] == "measured"
    assert summary(pipeline(*words, "workload.check=none"))[1]["status"] == "measured"


def test_reset_runs_before_every_batch(pipeline: Command, user_module: WriteModule) -> None:
    """A task that skips what is there already does its work in every batch."""
    user_module(
        "skipper",
        "import pathlib, shutil, tempfile\n"
        "folder = pathlib.Path(tempfile.gettempdir(), 'made')\n"
        "def reset():\n"
        "    shutil.rmtree(folder, ignore_errors=True)\n"
        "    folder.mkdir()\n"
        "def task(x):\n"
        "    (folder / str(x)).touch(exist_ok=False)\n"
        "    return x\n",
    )
    words = ["workload=function", "workload.task=skipper:task", "workload.inputs=4", "workload.reset=skipper:reset"]
    done = pipeline(*words, "backend=thread", "workers=2", *LEAST)
    assert done.status == 0, done.err


def test_cold_rounds_come_from_fresh_processes(pipeline: Command) -> None:
    """One a trial, of the first batch."""
    done = pipeline(
        *TINY, "workers=2", "measure=quick", "measure.trials=2", "measure.max_rounds=2", "measure.cold=true"
    )
    assert done.status == 0, done.err
    trials = done.records("trial")
    assert len(trials) == 2
    for trial in trials:
        for arm in trial["arms"].values():
            assert arm["batch_s"] == [arm["cold_s"]]


def test_another_interpreter_is_another_axis(pipeline: Command) -> None:
    """The measured cell runs there, the anchor here."""
    other = next((found for name in OTHER_PYTHONS if (found := shutil.which(name)) and _is_other(found)), None)
    if other is None:
        pytest.skip(f"none of {', '.join(OTHER_PYTHONS)} is here, or they are this one")
    done = pipeline(*TINY, "workers=2", f"python={other}", *LEAST)
    assert done.status == 0, done.err
    (trial,) = done.records("trial")
    here = ".".join(map(str, sys.version_info[:3]))
    assert trial["arms"]["anchor"]["interpreter"]["python"] == here
    assert trial["arms"]["cell"]["interpreter"]["python"] != here


def test_environment_variables_are_the_cells_alone(pipeline: Command, user_module: WriteModule) -> None:
    """The anchor keeps the user's own."""
    user_module("caps", "import os\ndef task(x): return os.environ.get('CAP')\n")
    words = ["workload=function", "workload.task=caps:task", "workload.inputs=2", "+env.CAP=1"]
    done = pipeline(*words, *LEAST)
    assert summary(done)[1]["status"] == "invalid"


def test_what_the_task_prints_is_kept_apart(pipeline: Command, user_module: WriteModule) -> None:
    """It stands with the trial and not between our lines."""
    user_module("mine", MINE)
    done = pipeline("workload=function", "workload.task=mine:talk", "workload.inputs=mine:words", *LEAST)
    assert done.status == 0, done.err
    assert "heard" not in done.out + done.err
    assert "heard a" in done.records("trial")[0]["printed"]["anchor"]


def test_a_cell_that_fails_leaves_the_others_alone(pipeline: Command, user_module: WriteModule) -> None:
    """Its row and the report say why, with the traceback; the exit status is 1."""
    user_module(
        "picky",
        "import multiprocessing\n"
        "def task(x):\n"
        "    if multiprocessing.parent_process() is not None:\n"
        "        raise RuntimeError('not in a worker process')\n"
        "    return x\n",
    )
    done = pipeline(
        "workload=function", "workload.task=picky:task", "backend=thread,process", "workers=2", "-m", *LEAST
    )
    assert done.status == 1, done.err
    rows = {row["backend"]: row for row in summary(done)}
    assert rows["thread"]["status"] == "measured"
    assert (rows["process"]["status"], rows["process"]["reason"]) == ("failed", "RuntimeError: not in a worker process")
    assert "picky.py" in (done.run / "report.html").read_text()


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("os._exit(3)", "crashed", "a worker process ended with exit status 3"),
        ("os.kill(os.getpid(), 9)", "crashed", "a worker process was ended by SIGKILL"),
        ("threading.Event().wait()", "timed out", "measure.timeout_s"),
        ("return os.getpid()", "invalid", "differ"),
        ("raise SystemExit(4)", "failed", "SystemExit: 4"),
    ],
)
def test_what_becomes_of_a_cell_has_its_label(
    pipeline: Command, user_module: WriteModule, body: str, status: str, reason: str
) -> None:
    """A task that misbehaves in worker processes only."""
    user_module(
        "hostile",
        "import multiprocessing, os, threading\n"
        "def task(x):\n"
        "    if multiprocessing.parent_process() is not None:\n"
        f"        {body}\n"
        "    return x\n",
    )
    words = ["workload=function", "workload.task=hostile:task", "backend=process"]
    if status == "timed out":
        words.append("measure.timeout_s=8")
    done = pipeline(*words, "workload.inputs=4", *LEAST)
    assert done.status == 1, done.err
    row = summary(done)[1]
    assert row["status"] == status
    assert reason in row["reason"]


def test_a_finished_run_is_not_measured_again(pipeline: Command) -> None:
    """The same command says so and draws the same report; fresh=true starts another run."""
    words = (*TINY, "workers=2", *LEAST)
    run = pipeline(*words).run
    drawn = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    again = pipeline(*words)
    assert again.status == 0, again.err
    assert "already measured" in again.err
    assert again.run == run
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == drawn
    fresh = pipeline(*words, "fresh=true")
    assert fresh.run.parent == run.parent
    assert fresh.run != run


def test_report_draws_again_from_the_journal_alone(pipeline: Command) -> None:
    """Byte for byte the same files, after everything but the journal was removed."""
    first = pipeline(*TINY, "workers=2", *LEAST)
    kept = {path: path.read_bytes() for path in first.run.rglob("*") if path.is_file() and path.name != "log.txt"}
    for path in kept:
        if path.name != "journal.jsonl":
            path.unlink()
    again = pipeline("report", "outputs/latest")
    assert again.status == 0, again.err
    assert {path: path.read_bytes() for path in kept} == kept


def test_help_and_cfg_are_there(pipeline: Command) -> None:
    """Help tells groups and examples; --cfg job prints what would be measured."""
    helped = pipeline("--help")
    assert max(map(len, helped.out.splitlines())) <= 80
    assert helped.status == 0
    assert "backend: process, ray, serial, thread" in helped.out
    assert helped.out.count("python -m pipeline ") >= 5
    shown = pipeline("workload=cpu", "workers=7", "--cfg", "job")
    assert yaml.safe_load(shown.out)["workers"] == 7


def test_a_folder_of_ones_own_adds_to_the_configurations(pipeline: Command, tmp_path: Path) -> None:
    """A workload beside ours, chosen by name."""
    own = tmp_path / "conf" / "workload"
    own.mkdir(parents=True)
    shipped = (ROOT / "conf" / "workload" / "sleep.yaml").read_text()
    (own / "nap.yaml").write_text(shipped.replace("name: sleep", "name: nap").replace("0.01", "0.002"))
    done = pipeline("--config-dir", "conf", "workload=nap", *LEAST)
    assert done.status == 0, done.err
    assert list(verdicts(done)) == ["nap"]


LONG = "long" * 75
"""No file can have such a name."""
BAD = [
    (["workload=ioo"], ["workload=ioo", "did you mean io?"]),
    (["backend=proces"], ["backend=proces", "did you mean process?"]),
    (["workers=0"], ["workers=0", "1 or more"]),
    (["workers=-1"], ["workers=-1", "1 or more"]),
    (["workers=1.5"], ["workers=1.5", "whole number"]),
    (["workers=many"], ["workers=many", "whole number"]),
    (["workers=1,2"], ["workers=1,2", "add -m"]),
    (["wokers=2"], ["wokers", "did you mean workers?"]),
    (["+nonsense=2"], ["nonsense"]),
    (["measure.budget_s=-1"], ["measure.budget_s=-1", "above 0"]),
    (["measure=quik"], ["measure=quik", "did you mean quick?"]),
    (["hydra/launcher=joblib"], ["hydra/launcher=joblib", "runner="]),
    (["output=/proc/nowhere"], ["output=/proc/nowhere", "output=FOLDER"]),
    (["workload=function"], ["workload.task", "module:function"]),
    (["workload=function", "workload.task=nowhere.at_all:f"], ["nowhere.at_all", "no module 'nowhere'"]),
    (["workload=function", "workload.task=mine:absent"], ["mine:absent", "no 'absent'", "upper"]),
    (["workload=function", "workload.task=mine:number"], ["mine:number", "cannot be called"]),
    (["workload=function", "workload.task=mine:later"], ["mine:later", "async"]),
    (["workload=function", "workload.task=broken:f"], ["broken", "ZeroDivisionError"]),
    (["workload=function", "workload.task=absent.py:f"], ["absent.py", "no file"]),
    (["workload=function", "workload.task=mine:upper", "workload.inputs=[]"], ["workload.inputs=[]", "empty"]),
    (["workload=function", "workload.task=mine:upper", "workload.inputs=mine:nothing"], ["mine:nothing", "empty"]),
    (["workload=function", "workload.task=mine:shout", "backend=process"], ["mine:shout", "backend=thread"]),
    (["workload=sleep", "+workload.params.hours=1"], ["hours", "neither"]),
    (["frobnicate"], ["frobnicate", "--help"]),
    (["--frobnicate"], ["--frobnicate", "--help"]),
    (["python=python0"], ["python=python0", "no such program"]),
    (["report"], ["required: RUN"]),
    (["report", "nowhere"], ["nowhere", "a run's folder"]),
    (["--config-dir", "nowhere"], ["nowhere", "no such folder"]),
    (["report", LONG], [LONG, "File name too long"]),
    (["--config-dir", LONG], [LONG, "File name too long"]),
    (["workload=function", f"workload.task={LONG}.py:f"], [LONG, "no file"]),
    (["report", "mine.pyc"], ["mine.pyc", "no journal.jsonl"]),
    (["reproduce", "killed"], ["killed/journal.jsonl", "does not begin a run"]),
    (["measure.timeout_s=1e11"], ["measure.timeout_s=1", "1e+09 seconds"]),
    (["+env.TMPDIR=/tmp"], ["env.TMPDIR=/tmp", "set TMPDIR for the command"]),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_gets_one_line(
    pipeline: Command, user_module: WriteModule, words: list[str], said: list[str]
) -> None:
    """The value, the reason and the remedy; exit status 2; nothing measured, no traceback."""
    user_module("mine", MINE)
    user_module("broken", "1 / 0\n")
    pipeline.folder.joinpath("mine.pyc").write_bytes(bytes(range(256)))
    pipeline.folder.joinpath("killed").mkdir()
    pipeline.folder.joinpath("killed", "journal.jsonl").touch()  # before its first record
    done = pipeline(*words)
    assert done.status == 2, done.err
    (line,) = [line for line in done.err.splitlines() if not line.startswith("looking at")]
    assert line.startswith("error: ")
    assert [part for part in said if part not in line] == []
    assert done.out == ""
    assert list(done.folder.glob("outputs/*/*/*")) == []


def _in_a_shell(pipeline: Command, script: str, *words: str) -> Finished:
    """The command as "$@" of a script, whose exit status counts."""
    line = ["bash", "-c", script, "bash", *pipeline.line(words)]
    done = subprocess.run(
        line, cwd=pipeline.folder, env=pipeline.environment(), capture_output=True, text=True, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr, pipeline.folder)


@pytest.mark.parametrize(
    "script",
    ['"$@" 2>&1 | :; exit ${PIPESTATUS[0]}', '"$@" | :; exit ${PIPESTATUS[0]}', '"$@" >/dev/full', '"$@" >&- 2>&-'],
    ids=["both", "output", "full", "closed"],
)
def test_nobody_has_to_listen(pipeline: Command, script: str) -> None:
    """All is measured and reported, and the exit status tells that, whoever closed its end of the pipe."""
    done = _in_a_shell(pipeline, script, *TINY, "backend=thread", "workers=1,2", "-m", *LEAST)
    assert done.status == 0, done.err
    assert {row["status"] for row in summary(done)} == {"measured"}
    assert (done.run / "report.html").is_file()
    assert "Exception ignored" not in done.err
    assert "Traceback" not in done.err


def test_the_exit_status_is_the_true_one_also_where_nobody_listens(pipeline: Command, user_module: WriteModule) -> None:
    """A cell that failed, and bad input."""
    user_module(
        "picky",
        "import multiprocessing\ndef task(x):\n    assert multiprocessing.parent_process() is None\n    return x\n",
    )
    script = '"$@" 2>&1 | :; exit ${PIPESTATUS[0]}'
    words = ("workload=function", "workload.task=picky:task", "backend=process", "workers=2", *LEAST)
    assert _in_a_shell(pipeline, script, *words).status == 1
    assert _in_a_shell(pipeline, script, "workers=0").status == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-sc"], "install=SHELL"),
        (["-sc", "install=csh"], "bash, fish, zsh"),
        (["-sc", "install=bash", "uninstall=bash"], "one of"),
        (["-sc", "query=bash"], "COMP_LINE"),
        (["--cfg", "job", "-p", "nope"], "--package nope"),
    ],
)
def test_what_hydra_shows_is_refused_in_one_line_too(
    pipeline: Command, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.delenv("COMP_LINE", raising=False)
    done = pipeline(*words)
    assert done.status == 2, done.err
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert done.out == ""


@pytest.mark.parametrize("name", subcommands.NAMES)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_subcommands_say_how_they_are_used(pipeline: Command, name: str, flag: str) -> None:
    done = pipeline(name, flag)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"usage: python -m pipeline {name} ")


def test_a_disk_that_is_full_ends_the_measuring_and_keeps_what_was_measured(pipeline: Command) -> None:
    """One line, no bug of ours; once there is place, the same command goes on."""
    words = (*TINY, "backend=thread", "workers=1,2", "-m", "measure=quick", "measure.trials=8", "measure.max_rounds=8")
    full = _in_a_shell(pipeline, 'ulimit -f 8; "$@"', *words)  # so many kilobytes a file
    assert full.status == 1, full.err
    assert "Traceback" not in full.err
    line = full.err.splitlines()[-1]
    assert line.startswith("error: outputs")
    assert "File too large" in line
    whole = (full.run / "journal.jsonl").read_bytes().splitlines(keepends=True)[:-1]
    assert len(whole) > 2
    again = pipeline(*words)
    assert again.status == 0, again.err
    assert again.run == full.run
    assert (again.run / "journal.jsonl").read_bytes().startswith(b"".join(whole))
    assert len(again.records("trial")) == 16


@pytest.mark.parametrize("name", ["figures", "report.html"])
def test_what_stands_in_the_reports_way_is_named(pipeline: Command, name: str) -> None:
    """A file where a folder belongs, or the other way round."""
    run = pipeline(*TINY, "workers=2", *LEAST).run
    journal = (run / "journal.jsonl").read_bytes()
    if name == "figures":
        shutil.rmtree(run / name)
        (run / name).touch()
    else:
        (run / name).unlink()
        (run / name).mkdir()
    done = pipeline("report", "outputs/latest")
    assert done.status == 1, done.err
    (line,) = done.err.splitlines()
    assert line.startswith(f"error: outputs/latest/{name}: ")
    assert (run / "journal.jsonl").read_bytes() == journal


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ZeroDivisionError("ours"), 70, "a bug of pipeline, not of yours; its traceback is in {}"),
        (
            FileNotFoundError(2, "No such file or directory", "ours"),
            2,
            "ours: No such file or directory; if it is a bug of pipeline, its traceback is in {}",
        ),
        (
            OSError(24, "Too many open files"),
            2,
            "Too many open files; if it is a bug of pipeline, its traceback is in {}",
        ),
        (ConnectionError(), 2, "ConnectionError; if it is a bug of pipeline, its traceback is in {}"),
        (PermissionError(13, "Permission denied", "theirs"), 2, "theirs: Permission denied"),
    ],
)
def test_a_bug_of_ours_has_its_traceback_in_a_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    said: str,
) -> None:
    """What the system refuses may be one, unless it plainly is not."""

    def fail(_name: str, _words: object) -> int:
        raise error

    monkeypatch.setattr(subcommands, "run", fail)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert command.run(["report"]) == status
    kept = list(tmp_path.iterdir())
    assert len(kept) == said.count("{}")
    for each in kept:
        assert each.name.startswith("pipeline-bug-")
        assert type(error).__name__ in each.read_text()
    assert capsys.readouterr().err == f"error: {said.format(*kept)}\n"


def test_no_place_for_temporary_files_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither for what is measured nor for a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)
    assert command.run([*TINY, *LEAST]) == 2
    assert re.fullmatch(r"error: No usable temporary directory found in .*; set TMPDIR .*\n", capsys.readouterr().err)


def test_what_an_encoding_has_no_word_for_is_said_otherwise(pipeline: Command) -> None:
    """Microseconds, the mark of many workers, names of folders."""
    cells = [Told(workers=2, speedup=1.9), Told(workers=64)]
    recorded.write(pipeline.folder / "\u2191\udcff", recorded.run(Work(cells, name="\u4e2d", serial_s=2e-5)))
    done = _in_a_shell(pipeline, 'PYTHONIOENCODING=ascii "$@"', "report", "\u2191\udcff")
    assert (done.status, done.err) == (0, "")
    assert r"\u4e2d: " in done.out
    assert r"\u2191" in done.out


def test_a_package_is_measured_while_an_editor_has_a_file_of_it_open(
    pipeline: Command, user_module: WriteModule
) -> None:
    """Its lock leads nowhere; and a folder may have a name that ends like a file's."""
    user_module("kit/__init__", "")
    user_module("kit/tasks", "def task(x): return x\n")
    pipeline.folder.joinpath("kit", ".#tasks.py").symlink_to("somebody@host.1:2")
    pipeline.folder.joinpath("kit", "folder.py").mkdir()
    done = pipeline("workload=function", "workload.task=kit.tasks:task", "workload.inputs=2", *LEAST)
    assert done.status == 0, done.err
    assert done.records("run")[0]["definition"]["sources"].keys() == {"kit.tasks:task"}


@pytest.mark.parametrize(("travels", "status"), [(True, 0), (False, 2)])
def test_an_input_need_not_be_able_to_say_itself(
    pipeline: Command, user_module: WriteModule, travels: bool, status: int
) -> None:
    """It is only said where it cannot travel, by its type then."""
    user_module(
        "mute",
        "class Mute:\n"
        f"    held = {'None' if travels else 'lambda: None'}\n"
        "    def __init__(self): self.held = type(self).held\n"
        "    def __repr__(self): raise RuntimeError('no words')\n"
        "inputs = [Mute(), Mute()]\n"
        "def task(x): return 1\n",
    )
    words = ("workload=function", "workload.task=mute:task", "workload.inputs=mute:inputs", "backend=process")
    done = pipeline(*words, "workers=2", *LEAST)
    assert done.status == status, done.err
    assert ("workload.inputs: number 0, a Mute, cannot be sent to another process" in done.err) != travels


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not show what files others have open")
@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "2>&-"])
def test_where_standard_streams_are_closed_no_file_of_ours_takes_their_place(
    pipeline: Command, user_module: WriteModule, closed: str
) -> None:
    """What a library prints would get into it."""
    user_module("mine", SHOWS_STREAMS)
    words = ["workload=function", "workload.task=mine:task", "workload.inputs=1", "backend=thread", "workers=1", *LEAST]
    line = f"exec {shlex.join(pipeline.line(tuple(words)))} {closed}"
    done = subprocess.run(line, shell=True, cwd=pipeline.folder, env=pipeline.environment(), check=False)
    assert done.returncode == 0
    seen = (pipeline.folder / "seen").read_text().splitlines()
    assert seen
    assert not any("journal" in each or "log.txt" in each for each in seen)
    assert os.devnull in seen

"""Two revisions of the measured code in one run: what is told of them, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import interleaved, report
from pipeline.comparison import FASTER, OPEN, SAME, SLOWER
from pipeline.evidence import Run

from . import recorded
from .conftest import LEAST, Command, Finished
from .recorded import Told, Work

SLEEPS = "import time\ndef task(x):\n    time.sleep({})\n    return {}\n"
WORDS = ("workload=function", "workload.task=tasks:task", "workload.inputs=4", "backend=thread", "workers=2")
SIX_TRIALS = ("measure=quick", "measure.trials=1", "measure.max_rounds=6")
"""The fewest that give an interval, of one round each."""


class Repository:
    """The folder where the command runs, as a git repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")

    def git(self, *words: str) -> str:
        """What git prints."""
        somebody = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        own = {**os.environ, **somebody, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", *words], cwd=self.folder, env=own, capture_output=True, text=True, check=True)
        return done.stdout

    def write(self, source: str, name: str = "tasks.py") -> None:
        """Put a file into the working tree."""
        self.folder.joinpath(name).parent.mkdir(exist_ok=True)
        self.folder.joinpath(name).write_text(source)

    def commit(self, source: str, name: str = "tasks.py") -> None:
        """Put a file there and commit it."""
        self.write(source, name)
        self.git("add", name)
        self.git("commit", "--quiet", "--allow-empty", "-m", f"{name} <b>")

    def worktrees(self) -> int:
        """How many there are besides the user's."""
        return self.git("worktree", "list").count("\n") - 1


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def _compared(done: Finished) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((done.run / "compare.json").read_text(), parse_constant=pytest.fail)
    return found


def test_a_commit_that_sleeps_twice_as_long_is_slower(pipeline: Command, repository: Repository) -> None:
    """In a table, a page and JSON; the same command again measures nothing, and says the same."""
    repository.commit(SLEEPS.format(0.02, "x"))
    repository.commit(SLEEPS.format(0.04, "x"))
    words = ("compare", "--interleave", "HEAD~1", "HEAD", *WORDS, *SIX_TRIALS, "--fail-on", "slower")
    done = pipeline(*words)
    assert done.status == 3, done.err
    assert "Slower: task, 2 threads." in done.out
    assert max(map(len, done.out.splitlines()[:-1])) <= 80
    (cell,) = _compared(done)["cells"]
    assert cell["batch"]["verdict"] == SLOWER
    assert 0.4 < cell["batch"]["estimate"] < 0.7
    assert cell["answers"] == "alike"
    assert "tasks.py &lt;b&gt;" in (done.run / "compare.html").read_text()
    trials = done.records("trial")
    assert [sorted(order) for trial in trials for order in trial["orders"]] == [["after", "anchor", "cell"]] * 6
    assert repository.worktrees() == 0
    assert repository.git("status", "--porcelain", "--untracked-files=no") == ""

    again = pipeline(*words)
    assert again.status == 3
    assert "already measured" in again.err
    assert again.out == done.out
    assert again.records("trial") == trials
    drawn = pipeline("report", str(done.run))
    assert drawn.status == 0
    assert "Slower: task, 2 threads." in drawn.out
    assert "compare.html" in (pipeline.folder / "outputs" / "index.html").read_text()


def test_the_same_commit_twice_is_not_called_different(pipeline: Command, repository: Repository) -> None:
    """However few the rounds; and it is said that they are the same."""
    repository.commit(SLEEPS.format(0.002, "x"))
    done = pipeline("compare", "--interleave", "HEAD", "HEAD", *WORDS, *LEAST, "backend=serial,thread")
    assert done.status == 0, done.err
    assert [cell["batch"]["verdict"] for cell in _compared(done)["cells"]] == [OPEN, OPEN]
    assert "Both are the same code" in done.out


def test_answers_that_changed_are_said_and_not_timed(pipeline: Command, repository: Repository) -> None:
    repository.commit(SLEEPS.format(0, "x"))
    repository.commit(SLEEPS.format(0, "x + 1"))
    done = pipeline("compare", "--interleave", "HEAD~1", "HEAD", *WORDS, *LEAST)
    assert done.status == 1, done.err
    assert "The answers changed, so that times say nothing: task, 2 threads." in done.out
    (cell,) = _compared(done)["cells"]
    assert (cell["batch"]["verdict"], cell["answers"]) == (OPEN, "different")
    assert "0 there, 1 here" in cell["batch"]["why"]


@pytest.mark.parametrize("hook", [False, True], ids=["by hand", "in a hook of git"])
def test_the_working_tree_is_measured_as_it_stands_and_left_alone(
    pipeline: Command, repository: Repository, monkeypatch: pytest.MonkeyPatch, hook: bool
) -> None:
    """Modules of a folder on the path, too, are those of the revision."""
    repository.commit(SLEEPS.format(0, "x"), "src/tasks.py")
    repository.write(SLEEPS.format(0, "x + 7"), "src/tasks.py")
    monkeypatch.setenv("PYTHONPATH", str(repository.folder / "src"))
    index, status = repository.folder / ".git" / "index", ("status", "--porcelain", "--untracked-files=no")
    seen = repository.git(*status), index.read_bytes()
    if hook:
        monkeypatch.setenv("GIT_DIR", ".git")
        monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    done = pipeline("compare", "--interleave", "HEAD", *WORDS, *LEAST)
    assert done.status == 1, done.err
    assert "0 there, 7 here" in _compared(done)["cells"][0]["batch"]["why"]
    assert _compared(done)["after"]["revision"]["subject"] == "the working tree"
    monkeypatch.delenv("GIT_DIR", raising=False)
    monkeypatch.delenv("GIT_INDEX_FILE", raising=False)
    left = index.read_bytes()
    assert (repository.git(*status), left) == seen
    assert repository.worktrees() == 0


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGKILL", -9)])
def test_an_ended_command_is_finished_by_the_same_one(
    pipeline: Command, repository: Repository, name: str, status: int
) -> None:
    """With what was measured kept, and no worktree of either left."""
    repository.commit(SLEEPS.format(0.002, "x"))
    repository.commit(SLEEPS.format(0.002, "x + 0"))
    words = ("compare", "--interleave", "HEAD~1", "HEAD", *WORDS, *SIX_TRIALS)
    started = pipeline.start(*words)
    assert started.stderr is not None
    assert any(line.startswith("measuring") for line in started.stderr)
    assert repository.worktrees() == 2
    started.send_signal(getattr(signal, name))
    _, said = started.communicate()
    assert started.returncode == status
    (journal,) = pipeline.folder.glob("outputs/*/*/*/journal.jsonl")
    kept = journal.read_bytes()
    assert "This run is not finished" in pipeline("report", str(journal.parent)).out
    if name == "SIGINT":
        assert "To go on: python -m pipeline compare --interleave 'HEAD~1' HEAD" in said
        assert repository.worktrees() == 0
    done = pipeline(*words)
    assert done.status == 0, done.err
    assert done.run == journal.parent.resolve()
    assert journal.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert [trial["trial"] for trial in done.records("trial")] == list(range(6))
    assert repository.worktrees() == 0


KILLS_ON_CHECKOUT = """#!/bin/sh
case "$*" in *"worktree add"*) kill -9 $PPID;; esac
exec {} "$@"
"""


def test_what_a_command_that_was_killed_before_its_checkouts_left_is_gone_after_the_next(
    pipeline: Command, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had only a private folder; a worktree of the user's on a disk that is not there stays known to git."""
    repository.commit(SLEEPS.format(0, "x"))
    repository.git("worktree", "add", "--detach", "elsewhere")
    shutil.rmtree(repository.folder / "elsewhere")
    tools = repository.folder / "tools"
    tools.mkdir()
    (tools / "git").write_text(KILLS_ON_CHECKOUT.format(shutil.which("git")))
    (tools / "git").chmod(0o755)
    words = ("compare", "--interleave", "HEAD", "HEAD", *WORDS, *LEAST)
    with tempfile.TemporaryDirectory() as name:  # short enough to be used
        temporary = Path(name)
        monkeypatch.setenv("TMPDIR", name)
        with monkeypatch.context() as patched:
            patched.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
            assert pipeline(*words).status == -signal.SIGKILL
        assert list(temporary.iterdir())
        done = pipeline(*words)
        assert done.status == 0, done.err
        assert list(temporary.iterdir()) == []
    assert repository.worktrees() == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("HEAD~9", "HEAD", *WORDS), "HEAD~9: there is no such revision"),
        (("HEAD", *WORDS, "workload.task=other:task"), "workload.task=other:task: HEAD ("),
        (("HEAD", *WORDS, "workload.task=other.py:task"), "workload.task=other.py:task: HEAD ("),
        (("HEAD", *WORDS, "workload.task=json:dumps"), "workload.task=json:dumps: HEAD ("),
        (("HEAD", *WORDS, "workload.task=tasks:nothing"), "has no 'nothing'"),
        (("HEAD~1", "HEAD", *WORDS, "workload.inputs=tasks:inputs"), "before has 2 inputs and the one after 3"),
        (("HEAD", *WORDS, "runner=ray"), "runner=ray: revisions are checked out on this machine"),
        (("HEAD", *WORDS, "backend=ray"), "backend=ray: revisions are checked out on this machine"),
        (("HEAD", *WORDS, "workers=none"), "workers=none"),
        (("HEAD", "HEAD", "HEAD", *WORDS), "'HEAD' is neither a command nor KEY=VALUE"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    pipeline: Command, repository: Repository, words: tuple[str, ...], said: str
) -> None:
    """And nothing is left."""
    repository.commit("inputs = range(2)\ndef task(x):\n    pass\n")
    repository.commit("inputs = range(3)\ndef task(x):\n    pass\n")
    repository.write("def task(x):\n    pass\n", "other.py")  # nobody told git of it
    done = pipeline("compare", "--interleave", *words)
    assert done.status == 2, done.err
    (error,) = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert said in error
    assert "Traceback" not in done.err
    assert repository.worktrees() == 0


def test_a_folder_that_is_in_no_repository_is_one_line(pipeline: Command, user_module: Callable[..., Path]) -> None:
    user_module("tasks", SLEEPS.format(0, "x"))
    done = pipeline("compare", "--interleave", "HEAD", *WORDS)
    assert done.status == 2
    assert "is in no git repository" in done.err
    assert pipeline("compare", "outputs").err.count("\n") == 1


def _run(*cells: Told, after: float = 1.0, noise: float = 0.01, seed: int = 0) -> Run:
    """A run in which the revision after is `after` times as fast in each cell; starts of processes vary by `noise`."""
    rng = random.Random(seed)
    told = recorded.run(Work(cells))
    header, *records = told.records
    revision = {"asked": "HEAD", "commit": "0" * 40, "tree": "0" * 40, "subject": "A change"}
    header = {**header, "revisions": {"before": revision, "after": {**revision, "tree": "1" * 40}}}
    header["definition"] = {**header["definition"], "sources_after": {"work.py:work": "0123456789ab"}}
    for trial in records:
        if trial["kind"] == "trial":
            luck = 1 + rng.gauss(0, noise)
            batch_s = [each / after * luck * (1 + rng.gauss(0, noise)) for each in trial["arms"]["cell"]["batch_s"]]
            trial["arms"]["after"] = {**trial["arms"]["cell"], "batch_s": batch_s}
            trial["orders"] = [[*order, "after"] for order in trial["orders"]]
    return Run((header, *records))


CELLS = [Told(workers=workers, speedup=1.9, trials=24) for workers in (2, 3, 4)]


@pytest.mark.parametrize(("after", "verdict"), [(1.0, SAME), (1.2, FASTER), (0.8, SLOWER)])
def test_known_differences_are_told(after: float, verdict: str) -> None:
    found = interleaved.compare(_run(*CELLS, after=after))
    assert {cell.batch.verdict for cell in found.cells if cell.batch} == {verdict}
    assert [(change.kind, change.key) for change in found.changes] == [("source", "work.py:work")]


def test_equal_revisions_are_called_different_in_few_comparisons() -> None:
    """In at most one of twenty, of which each has three cells."""
    found = [interleaved.compare(_run(*CELLS, noise=0.05, seed=seed)) for seed in range(100)]
    assert sum(each.any_is(FASTER) or each.any_is(SLOWER) for each in found) <= 5


@pytest.mark.parametrize("trials", [1, 3])
def test_few_trials_tell_nothing(trials: int) -> None:
    (cell,) = interleaved.compare(_run(Told(trials=trials), after=2.0)).cells
    assert cell.batch is not None
    assert (cell.batch.verdict, cell.batch.why) == (OPEN, "not measured to its end")


def test_the_general_report_is_of_the_revision_before(tmp_path: Path) -> None:
    """And says so."""
    report.write(_run(*CELLS, after=2.0), tmp_path)
    assert "everything is of the one before (HEAD, commit 000000000000) alone" in (tmp_path / "report.md").read_text()


def test_such_a_run_is_not_taken_for_one_with_a_verdict(pipeline: Command) -> None:
    recorded.write(pipeline.folder / "run", _run(*CELLS))
    for words in (("reproduce", "run"), ("compare", "run", "run")):
        done = pipeline(*words)
        assert done.status == 2
        assert done.err.startswith("error: ")

"""A disk that is full or takes nothing ends the measuring with a line, and the journal stays whole."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import journal

from ..conftest import LEAST, Command

WORDS = (
    *("workload=sleep", "workload.inputs=4", "workload.params.seconds=0.001", "backend=thread", "workers=1,2", "-m"),
    *("measure=quick", "measure.trials=8", "measure.max_rounds=8"),
)


def _mount(*words: str) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def _small_disk(place: Path, size: str) -> Iterator[None]:
    place.mkdir()
    if not _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)):
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_ends_it_and_the_same_command_goes_on_once_there_is_place(pipeline: Command) -> None:
    """Whatever record the disk became full at; a real file system, unlike a limit, may take the next one again."""
    outputs = pipeline.folder / "outputs"
    with _small_disk(outputs, "40k"):
        full = pipeline(*WORDS)
        assert full.status == 1, full.err
        line = full.err.splitlines()[-1]
        assert line.startswith("error: outputs")
        assert "No space left on device; what was measured is kept" in line
        assert "Traceback" not in full.err
        (path,) = outputs.glob("*/*/*/journal.jsonl")
        kept = journal.read(path)
        assert journal.torn_bytes(path) == 0
        assert any(record["kind"] == "trial" for record in kept)
        assert _mount("-o", "remount,size=20m", str(outputs))
        again = pipeline(*WORDS)
        assert again.status == 0, again.err
        assert journal.read(path)[: len(kept)] == kept
        trials = [(trial["cell"], trial["trial"]) for trial in again.records("trial")]
        assert len(trials) == len(set(trials)) == 16


def test_a_full_temporary_disk_ends_it_and_costs_no_cell_its_label(
    pipeline: Command, user_module: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are kept there for other arms; with place for them the same command measures what it could not."""
    user_module("tasks", "def small(x):\n    return x\ndef large(x):\n    return bytes(1_000_000)\n")
    tasks = ("workload=function", "workload.task=tasks:small,tasks:large", "workload.inputs=4")
    words = (*tasks, "backend=thread", "workers=2", *LEAST, "-m")
    with tempfile.TemporaryDirectory(prefix="f-") as folder:
        temporary = Path(folder, "t")
        monkeypatch.setenv("TMPDIR", str(temporary))
        with _small_disk(temporary, "1m"):
            full = pipeline(*words)
            assert full.status == 1
            assert full.err.splitlines()[-1].startswith(f"error: {temporary}")
            assert "No space left on device; what was measured is kept" in full.err.splitlines()[-1]
            assert "Traceback" not in full.err
            assert all(trial["status"] == "measured" for trial in full.records("trial"))
            assert list(temporary.iterdir()) == []
            assert _mount("-o", "remount,size=40m", str(temporary))
            again = pipeline(*words)
            assert again.status == 0, again.err
            assert [trial["status"] for trial in again.records("trial")] == ["measured", "measured"]


def test_a_disk_that_can_only_be_read_is_refused_before_anything_is_measured(pipeline: Command) -> None:
    """In one line, which says what to do; a report is drawn from there into nothing."""
    outputs = pipeline.folder / "outputs"
    with _small_disk(outputs, "20m"):
        assert pipeline(*WORDS[:-3], "measure=quick", "measure.trials=1", "measure.max_rounds=1").status == 0
        assert _mount("-o", "remount,ro", str(outputs))
        refused = pipeline(*WORDS)
        assert refused.status == 2
        assert refused.err == (
            "error: output=outputs: nothing can be written there (Read-only file system); write output=FOLDER with one "
            "of yours\n"
        )
        drawn = pipeline("report", "outputs/latest")
        assert drawn.status == 1
        assert drawn.err.startswith("error: outputs")
        assert drawn.err.count("\n") == 1
        assert pipeline("export", "outputs/latest", "--format", "csv").status == 0

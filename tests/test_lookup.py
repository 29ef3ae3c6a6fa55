"""Which run a word of the command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.lookup import find, runs_below

from . import recorded
from .recorded import Told, Work


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Three runs of io, of two versions, the middle one of the newer; and one of cpu."""
    for place in (
        "io/old/20260101T000000",
        "io/new/20260102T000000",
        "io/old/20260103T000000",
        "cpu/v/20260104T000000",
    ):
        recorded.write(tmp_path / place, recorded.run(Work([Told()])))
    return tmp_path


@pytest.mark.parametrize(
    ("word", "run"),
    [
        ("io@latest", "io/old/20260103T000000"),
        ("io@-1", "io/new/20260102T000000"),
        ("io@-2", "io/old/20260101T000000"),
        ("io@old", "io/old/20260103T000000"),
        ("io@new", "io/new/20260102T000000"),
        ("io@20260101T000000", "io/old/20260101T000000"),
    ],
)
def test_by_name(output: Path, word: str, run: str) -> None:
    assert find(word, output) == output / run


def test_by_path(output: Path) -> None:
    """A run's, a version's or a name's folder, a journal, and the file that stands for `latest` where links do not."""
    newest = output / "io/old/20260103T000000"
    for path in (newest, newest / "journal.jsonl", newest.parent, output / "io"):
        assert find(str(path), output) == newest
    output.joinpath("latest").write_text("io/new/20260102T000000\n")
    assert find(str(output / "latest"), output) == output / "io/new/20260102T000000"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nothing", "no such file or folder"),
        ("nothing@latest", "no run of that name"),
        ("../io@latest", "no run of that name"),
        ("@latest", "no run of that name"),
        ("io@-3", "io has 3 runs; write io@-2 for the oldest"),
        ("io@other", "it has the versions old, new"),
    ],
)
def test_what_there_is_not_is_told_in_a_line(output: Path, word: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find(word, output)


def test_all_runs_are_listed_by_their_time(output: Path) -> None:
    assert [run.name for run in runs_below(output)] == [f"2026010{day}T000000" for day in (1, 2, 3, 4)]

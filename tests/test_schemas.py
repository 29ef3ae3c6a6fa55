"""Journals that earlier versions wrote are read, and drawn as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import journal, report
from pipeline.evidence import Run
from pipeline.verdict import USE, decide

OLD = sorted(Path(__file__).with_name("journals").glob("schema-*.jsonl"))
"""Recorded by the real command of their day, one for each schema but today's."""


def test_there_is_one_of_every_earlier_schema() -> None:
    """So that none is forgotten when the number rises."""
    assert [path.stem for path in OLD] == [f"schema-{number}" for number in range(1, journal.SCHEMA)]


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_the_report_of_an_earlier_schema_is_drawn(path: Path, tmp_path: Path) -> None:
    """All of it; what was not recorded then is left out."""
    report.write(Run.read(path), tmp_path)
    assert "sleep" in tmp_path.joinpath("report.md").read_text()
    assert tmp_path.joinpath("report.html").stat().st_size > 10_000


def test_a_run_from_before_play_offs_says_that_they_did_not_meet() -> None:
    """Its two fastest cells are alike: more rounds of then would not have told, either."""
    (verdict,) = decide(Run.read(OLD[0]))
    assert verdict.decision == USE
    assert [each.workers for each in verdict.unresolved] == [16]
    assert any("before there were play-offs" in said for said in verdict.because)

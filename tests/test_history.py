"""The page of all runs below an output folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import report
from pipeline.evidence import Run
from pipeline.outputs import point_latest
from pipeline.report import history

from . import recorded
from .conftest import Command
from .recorded import Told, Work


def _put(output: Path, place: str, name: str, speedup: float) -> Path:
    """A run of a name, with its report."""
    folder = output / place
    cells = [Told(workers=2, trials=20, speedup=speedup), Told("process", 2, trials=20, speedup=1.0)]
    journal = recorded.write(folder, recorded.run(Work(cells), name=name))
    report.write(Run.read(journal), folder)
    return folder


def test_runs_are_listed_by_name_the_newest_first(tmp_path: Path) -> None:
    """Each with its verdict, and a mark where that moved."""
    for day, speedup in ((1, 3.0), (2, 3.1), (3, 1.0)):
        _put(tmp_path, f"io/v{day}/2026010{day}T000000", "io", speedup)
    _put(tmp_path, "cpu/v/20260104T000000", "cpu", 3.0)
    page = history.page(tmp_path)
    assert page.index(">cpu<") < page.index(">io<")
    assert page.index("v3/2026") < page.index("v2/2026") < page.index("v1/2026")
    assert page.count("2 threads, 3.") + page.count("2 threads, 2.9") == 3
    assert page.count("●") == 1 + 1  # the third run's, and the one that says what it means
    assert "stay serial ●" in page or "not enough evidence ●" in page


@pytest.mark.parametrize(
    "first_line",
    [
        "",
        "[]",
        "{}",
        '{"name": 1, "surroundings": []}',
        '{"name":"x","version":"","began":1e300,"surroundings":{"machine":{"host":1,"cpu":1,"usable_cores":1}}}',
    ],
)
def test_what_is_no_run_is_left_out(tmp_path: Path, first_line: str) -> None:
    folder = _put(tmp_path, "io/v/20260101T000000", "io", 3.0)
    broken = tmp_path / "io" / "v" / "20260102T000000"
    broken.mkdir()
    broken.joinpath("journal.jsonl").write_text(first_line + "\n")
    assert history.page(tmp_path).count('<th scope="row">') == 1
    assert folder.exists()


def test_names_are_escaped(tmp_path: Path) -> None:
    _put(tmp_path, "io/v/20260101T000000", "<script>alert(1)</script>", 3.0)
    assert history.page(tmp_path).count("<script") == 1  # the page's own


def test_what_a_page_cannot_hold_is_taken_out_of_names(tmp_path: Path) -> None:
    _put(tmp_path, "io/v/20260101T000000", "na\udc80me \x1b[31mred\x00", 3.0)
    page = history.page(tmp_path).encode().decode()
    assert "na?me red\ufffd" in page


def test_every_report_renews_it(pipeline: Command) -> None:
    """Where the run is in an output folder, and the page there is ours; a run that was copied elsewhere has none."""
    run = _put(pipeline.folder / "outputs", "io/v/20260101T000000", "io", 3.0)
    point_latest(pipeline.folder / "outputs", run)
    assert pipeline("report", "outputs/latest").status == 0
    assert "2 threads" in (pipeline.folder / "outputs" / "index.html").read_text()
    (pipeline.folder / "outputs" / "index.html").write_text("my own")
    assert pipeline("report", "outputs/latest").status == 0
    assert (pipeline.folder / "outputs" / "index.html").read_text() == "my own"
    elsewhere = _put(pipeline.folder, "a/b/c", "io", 3.0)
    assert pipeline("report", str(elsewhere)).status == 0
    assert not (pipeline.folder / "index.html").exists()

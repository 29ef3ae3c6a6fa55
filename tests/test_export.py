"""A run in the forms that other programs read, through the command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from . import recorded
from .conftest import Command
from .recorded import Told, Work


@pytest.fixture
def exported(pipeline: Command) -> Command:
    """A folder with a run in it, of which one cell failed and one has a name that a spreadsheet would run."""
    cells = [Told(workers=2, speedup=1.9), Told("process", 2, failure="failed"), Told("process", 4, speedup=3.0)]
    recorded.write(pipeline.folder / "run", recorded.run(Work(cells, name="=io")))
    return pipeline


def test_csv_and_parquet_are_the_tables(exported: Command) -> None:
    """The one a row a cell, guarded; the other a row a round."""
    done = exported("export", "run", "--format", "csv")
    assert done.status == 0, done.err
    summary = pd.read_csv(io.StringIO(done.out))
    assert list(summary["workers"]) == [1, 2, 2, 4]
    assert set(summary["workload"]) == {"'=io"}
    done = exported("export", "run", "--format", "parquet", "--output", "samples.parquet")
    assert done.status == 0, done.err
    assert len(pd.read_parquet(exported.folder / "samples.parquet")) >= 2 * 6 * 8


def test_json_has_cells_and_verdict(exported: Command) -> None:
    """And no number that JSON has no word for."""
    done = exported("export", "run", "--format", "json")
    whole = json.loads(done.out, parse_constant=pytest.fail)
    assert [cell["status"] for cell in whole["cells"]] == ["measured", "measured", "failed", "measured"]
    assert whole["verdict"]["=io"]["decision"]


def test_markdown_is_the_report(exported: Command) -> None:
    assert exported("export", "run", "--format", "markdown").out.startswith("# ")


def test_pyperf_reads_its_own(exported: Command) -> None:
    """Each measured cell is a benchmark, each trial a run."""
    pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed: make .venv/.truth")
    done = exported("export", "run", "--format", "pyperf", "--output", "suite.json")
    assert done.status == 0, done.err
    suite = pyperf.BenchmarkSuite.load(str(exported.folder / "suite.json"))
    assert suite.get_benchmark_names() == ["=io, a plain loop", "=io, 2 threads", "=io, 4 processes"]
    benchmark = suite.get_benchmark("=io, 2 threads")
    assert benchmark.get_nrun() == 6
    assert benchmark.median() == pytest.approx(0.1 / 1.9, rel=0.05)
    shown = subprocess.run(
        [sys.executable, "-m", "pyperf", "stats", "suite.json"], cwd=exported.folder, capture_output=True, check=False
    )
    assert shown.returncode == 0, shown.stderr


def test_a_form_that_there_is_not_is_one_line(exported: Command) -> None:
    done = exported("export", "run", "--format", "xml")
    assert done.status == 2
    assert "choose from" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_place_that_cannot_be_written_is_one_line(exported: Command) -> None:
    exported.folder.joinpath("taken").mkdir()
    done = exported("export", "run", "--format", "csv", "--output", str(Path("taken")))
    assert done.status == 1
    assert "Traceback" not in done.err

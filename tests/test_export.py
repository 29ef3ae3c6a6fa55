"""A run in the forms that other programs read, through the command."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

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


@pytest.mark.parametrize("place", ["taken", ".", "..", f"{'x' * 240}.csv", f"{'x' * 300}.csv", "loop"])
def test_a_place_that_cannot_be_written_is_one_line(exported: Command, place: str) -> None:
    exported.folder.joinpath("taken").mkdir()
    exported.folder.joinpath("loop").symlink_to("loop")
    done = exported("export", "run", "--format", "csv", "--output", place)
    assert done.status == 2
    assert done.err.startswith(f"error: {place}: ")
    assert done.err.endswith("; write another --output FILE\n")
    assert done.err.count("\n") == 1


def test_a_pipe_is_written_to_and_stays_one(exported: Command) -> None:
    """As a device does: a file in its place would take it from everybody."""
    pipe = exported.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = exported("export", "run", "--format", "csv", "--output", "pipe")
    assert done.status == 0, done.err
    assert os.read(reader, 1 << 16).startswith(b"workload,")
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_followed_and_stays_one(exported: Command, is_there: bool) -> None:
    """Whether it leads to a file already or not."""
    link, file = exported.folder / "link.csv", exported.folder / "file.csv"
    link.symlink_to("file.csv")
    if is_there:
        file.write_text("old")
    assert exported("export", "run", "--format", "csv", "--output", "link.csv").status == 0
    assert link.is_symlink()
    assert file.read_text().startswith("workload,")


@pytest.mark.parametrize(
    ("redirected", "said"),
    [(">/dev/full", "standard output: No space left on device"), (">&-", "standard output is closed")],
)
def test_output_that_goes_nowhere_is_one_line(exported: Command, redirected: str, said: str) -> None:
    """It is all that there is: a status of 0 would say that it was kept."""
    line = ["bash", "-c", f'"$@" {redirected}', "bash", *exported.line(("export", "run", "--format", "csv"))]
    done = subprocess.run(
        line, cwd=exported.folder, env=exported.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}; write ")
    assert done.stderr.count("\n") == 1

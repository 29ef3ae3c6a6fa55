"""How long a report takes: of a journal as large as there may be, and of 24 cells against bare calls of seaborn."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pipeline import outputs, tables
from pipeline.evidence import Run
from pipeline.report.figures import timeline

from . import journals
from .figure import Figure, environment

WORKLOADS = int(os.environ.get("BENCH_WORKLOADS", "100"))
PAIRS = 7
BARE = Path(__file__).with_name("bare_report.py")


def run() -> list[Figure]:
    """The small one, then the large."""
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        return [*_small(Path(small)), *_large(Path(large))]


@dataclass(frozen=True)
class _Drawn:
    """What a report took: `peak_rss_bytes` is the process's."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def _small(folder: Path) -> list[Figure]:
    """24 cells, 2,400 rounds."""
    run_, bare = journals.write(folder, workloads=1, workers=12, trials=10, rounds=10), folder / "bare"
    _prepare(run_, bare)
    commands = {"ours": ["-m", "pipeline", "report", str(run_)], "bare": [str(BARE), str(bare)]}
    drawn: dict[str, list[_Drawn]] = {name: [] for name in commands}
    for _ in range(PAIRS):
        for name in random.sample(list(commands), 2):
            drawn[name].append(_draw(commands[name], folder))
    ours_s, bare_s = (median(each.wall_s for each in drawn[name]) for name in ("ours", "bare"))
    ours_cpu_s, bare_cpu_s = (median(each.cpu_s for each in drawn[name]) for name in ("ours", "bare"))
    of_cpu = f"medians of {PAIRS}; CPU time {ours_cpu_s:.2f} s"
    return [
        Figure("report of 24 cells, in s", ours_s, 6, detail=of_cpu),
        Figure(
            "report of 24 cells against bare imports and calls of seaborn",
            ours_s / bare_s,
            1.5,
            detail=f"{ours_s:.2f} s against {bare_s:.2f} s; of CPU time {ours_cpu_s / bare_cpu_s:.2f}",
        ),
    ]


def _prepare(run: Path, folder: Path) -> None:
    """The tables that figures are drawn from."""
    folder.mkdir()
    read = Run.read(run / outputs.JOURNAL)
    summary = tables.summarise(read)
    summary.to_parquet(folder / "summary.parquet")
    tables.spans(read, timeline.choose(summary)).to_parquet(folder / "spans.parquet")


def _large(folder: Path) -> list[Figure]:
    """10,000 cells and a million rounds."""
    run_ = journals.write(folder, WORKLOADS, workers=50, trials=10, rounds=10)
    drawn = _draw(["-m", "pipeline", "report", str(run_)], folder)
    page_mb = run_.joinpath("report.html").stat().st_size / 1e6
    what = f"report of {WORKLOADS * 100:,} cells and {WORKLOADS * 10_000:,} rounds"
    return [
        Figure(f"{what}, in s", drawn.wall_s, 60, detail=f"CPU time {drawn.cpu_s:.1f} s"),
        Figure(f"{what}, peak memory in GB", drawn.peak_rss_bytes / 1e9, 2),
        Figure(f"{what}, the page in MB", page_mb, 5),
    ]


def _draw(words: list[str], folder: Path) -> _Drawn:
    """Run the interpreter with these words to its end."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return _Drawn(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

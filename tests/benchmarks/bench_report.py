"""How long a report takes: of a journal as large as there may be, and of 24 cells against bare calls of seaborn."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import journals
from .figure import Figure, environment

WORKLOADS = int(os.environ.get("BENCH_WORKLOADS", "100"))


def run() -> list[Figure]:
    """The large one, then the small."""
    with tempfile.TemporaryDirectory() as name:
        return [*_large(Path(name))]


@dataclass(frozen=True)
class _Drawn:
    """What a report took: `peak_rss_bytes` is the process's."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def _large(folder: Path) -> list[Figure]:
    """10,000 cells and a million rounds."""
    run_ = journals.write(folder, WORKLOADS, workers=50, trials=10, rounds=10)
    drawn = _draw(["-m", "pipeline", "report", str(run_)], folder)
    page_mb = run_.joinpath("report.html").stat().st_size / 1e6
    what = f"report of {WORKLOADS * 100:,} cells and {WORKLOADS * 10_000:,} rounds"
    detail = f"{drawn.cpu_s:.1f} s of CPU time"
    return [
        Figure(f"{what}, in s", drawn.wall_s, 60, detail=detail),
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

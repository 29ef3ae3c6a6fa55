"""CPU time of expanding, validating and hashing 1,000 cells, against Hydra's basic launcher on as many empty jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .figure import ROOT, Figure, environment

CELLS = int(os.environ.get("BENCH_CELLS", "1000"))
OURS = f"""
import time
from pipeline.validation import make_sweep
from pipeline.matrix import expand, make_loader
found = expand(make_loader(), ["workload=cpu", "backend=process", "workers=range(1,{CELLS + 1})"], multirun=True)
assert len({{cell.id for cell in make_sweep(found.configs).cells}}) == {CELLS}
print(time.process_time())
"""
HYDRA = f"""
import time, atexit
import hydra
@hydra.main(version_base="1.3", config_path={str(ROOT / "conf")!r}, config_name="config")
def app(config):
    pass
atexit.register(lambda: print(time.process_time()))
app()
"""


def run() -> list[Figure]:
    """Whole processes, imports included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath("ours.py").write_text(OURS)
        folder.joinpath("theirs.py").write_text(HYDRA)
        quiet = ["hydra.output_subdir=null", "hydra/job_logging=disabled", "hydra/hydra_logging=disabled"]
        sweep = ["workload=cpu", "backend=process", f"workers=range(1,{CELLS + 1})"]
        ours_s = _cpu_s(["ours.py"], folder)
        theirs_s = _cpu_s(["theirs.py", *sweep, *quiet, "-m"], folder)
    detail = f"{ours_s:.2f} s against {theirs_s:.1f} s for {CELLS} cells"
    return [Figure("expansion against Hydra's basic launcher", ours_s / theirs_s, 1 / 20, detail=detail)]


def _cpu_s(words: list[str], folder: Path) -> float:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment(), check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])

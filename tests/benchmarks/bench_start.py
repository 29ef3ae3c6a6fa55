"""How soon the command answers and starts its first arm, against a Hydra app that does nothing."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from .figure import Figure, paired, wall_s

BARE = """
import hydra
@hydra.main(version_base="1.3", config_path=None)
def app(config):
    pass
app()
"""
# The time at which this process was made, in seconds since boot: a hundredth of a second is all that /proc tells.
PROBE = """
import os, pathlib
ticks = pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
if not pathlib.Path("first").exists():
    pathlib.Path("first").write_text(str(int(ticks) / os.sysconf("SC_CLK_TCK")))
def task(x):
    return x
"""


def run() -> list[Figure]:
    """`--help` and the start of the first arm."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath("bare.py").write_text(BARE)
        folder.joinpath("probe.py").write_text(PROBE)

        def bare_help() -> float:
            return wall_s(["bare.py", "--help"], folder)

        def own_help() -> float:
            return wall_s(["-m", "pipeline", "--help"], folder)

        def bare_run() -> float:
            return wall_s(["bare.py", "hydra.run.dir=.", "hydra.output_subdir=null"], folder)

        def first_arm() -> float:
            folder.joinpath("first").unlink(missing_ok=True)
            began = time.clock_gettime(time.CLOCK_BOOTTIME)
            words = ["workload=function", "workload.task=probe:task", "measure=quick", "fresh=true"]
            wall_s(["-m", "pipeline", *words, "measure.trials=1", "measure.max_rounds=1"], folder)
            return float(folder.joinpath("first").read_text()) - began

        return [
            Figure("--help against a bare Hydra app", paired(own_help, bare_help, 15), 1.3),
            Figure("first arm started against a bare Hydra app's run", paired(first_arm, bare_run, 9), 1.5),
        ]

"""Two rows of the table of `make faults`: what hostile functions come to, and what guarding against them costs."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..benchmarks import bench_guards
from ..benchmarks.figure import Figure
from . import sweeps
from .cases import ENDING, ENDLESS, RAY, VARIANTS


def rows() -> Iterator[Figure]:
    """How many cells are labelled right, what all of them left behind, and the cost of the guards."""
    with tempfile.TemporaryDirectory() as folder:
        ending, endless = sweeps.ending(Path(folder, "ending")), sweeps.endless(Path(folder, "endless"))
        swept = [ending, endless]
        cells = [(ending, case, each) for case in ENDING for each in VARIANTS]
        cells += [(endless, case, each) for case in ENDLESS for each in VARIANTS]
        if importlib.util.find_spec("ray") is not None:
            on_ray = sweeps.ending_on_ray(Path(folder, "ray")), sweeps.endless_on_ray(Path(folder, "endless-ray"))
            swept += on_ray
            cells += [(one, case, RAY) for one, those in zip(on_ray, (ENDING, ENDLESS), strict=True) for case in those]
        wrong = [found for one, case, variant in cells if (found := one.wrong(case, variant)) is not None]
        left = [each for one in swept for each in one.left]
    backends = len({variant for _, _, variant in cells})
    count = len(cells)
    named = f"hostile cells labelled right, {count // backends} cases x {backends} backends"
    yield Figure(named, count - len(wrong), count, at_least=True, detail="; ".join(wrong))
    yield Figure("left behind by hostile cells", len(left), 0, detail="; ".join(left))
    yield from bench_guards.run()

"""Two rows of the table of `make faults`: what hostile functions come to, and what guarding against them costs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..benchmarks import bench_guards
from ..benchmarks.figure import Figure
from . import sweeps
from .cases import ENDING, ENDLESS, VARIANTS


def rows() -> Iterator[Figure]:
    """How many cells are labelled right, what all of them left behind, and the cost of the guards."""
    with tempfile.TemporaryDirectory() as folder:
        swept = [(sweeps.ending(Path(folder, "ending")), ENDING), (sweeps.endless(Path(folder, "endless")), ENDLESS)]
        wrong = [
            found
            for one, cases in swept
            for case in cases
            for variant in VARIANTS
            if (found := one.wrong(case, variant)) is not None
        ]
        left = [each for one, _ in swept for each in one.left]
    cases = len(ENDING) + len(ENDLESS)
    named = f"hostile cells labelled right, {cases} cases x {len(VARIANTS)} backends"
    count = cases * len(VARIANTS)
    yield Figure(named, count - len(wrong), count, at_least=True, detail="; ".join(wrong))
    yield Figure("left behind by hostile cells", len(left), 0, detail="; ".join(left))
    yield from bench_guards.run()

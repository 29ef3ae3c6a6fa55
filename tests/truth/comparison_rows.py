"""Runs of identical code held against each other: how often `compare` calls a cell different."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pipeline.comparison import FASTER, SLOWER, compare

from . import rates
from .rates import FOUR, OTHER, TWO
from .row import Row, at_least, at_most
from .simulate import simulate


def comparisons(runs: int = 400) -> Iterator[Row]:
    """Two runs of three cells each, held against each other by compare: any of it called faster or slower."""
    for name in rates.models():
        found = rates.spread(count_different, name, runs)
        yield at_most(
            f"two runs alike, {name}: any called different", found["alike"] / runs, 0.05, detail=f"of {runs:,}"
        )
        yield at_least(f"a quarter faster, {name}: called so", found["faster"] / runs, 0.90, detail=f"of {runs:,}")


def count_different(name: str, runs: int, seed: int) -> Counter[str]:
    """Pairs of runs, alike or with one cell that became a quarter faster."""
    rng, model, found = np.random.default_rng(seed), rates.models()[name], Counter(runs=runs)
    truth = {TWO: 1.0, FOUR: 1.9, OTHER: 3.0}
    for _ in range(runs):
        before, alike = simulate(rng, model, truth), simulate(rng, model, truth)
        compared = compare(before, alike)
        found["alike"] += compared.any_is(FASTER) or compared.any_is(SLOWER)
        after = simulate(rng, model, {**truth, OTHER: 3.75})
        speedup = compare(before, after).cells[-1].speedup
        found["faster"] += speedup is not None and speedup.verdict == FASTER
    return found


SECTIONS = {"comparisons": comparisons}

"""Identical code is not called different, and planted differences are found, under every model of noise."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.verdict import NOT_ENOUGH, STAY_SERIAL, USE

from .noise import MODELS
from .simulate import simulate

REPEATS = 300


@pytest.mark.parametrize("name", sorted(MODELS))
def test_intervals_miss_the_truth_as_rarely_as_they_say(name: str) -> None:
    """After adaptive stopping, in at most 5 % of 300 runs and what chance adds to that once in a thousand times."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(REPEATS):
        run = simulate(rng, MODELS[name], {("thread", 2): 1.0}).run
        cell = run.cells[1]
        plan = run.plan(cell)
        assert plan is not None
        speedup = run.evidence[cell["id"]].speedup(plan.each_look())
        missed += not speedup.low <= 1.0 <= speedup.high
    assert missed <= 28


@pytest.mark.parametrize("name", sorted(MODELS))
def test_nothing_is_recommended_where_nothing_helps(name: str) -> None:
    """A matrix of cells that are all as fast as the loop: stay serial, or not enough evidence, never a pool."""
    rng = np.random.default_rng(2)
    cells = {("thread", 2): 1.0, ("thread", 4): 1.0, ("process", 2): 1.0, ("process", 4): 1.0}
    decisions = [simulate(rng, MODELS[name], cells).verdict.decision for _ in range(60)]
    assert set(decisions) <= {STAY_SERIAL, NOT_ENOUGH}


def test_the_cheapest_of_equally_fast_cells_is_recommended() -> None:
    """Four workers are no faster than two, so two it is, and the loss is within the margin."""
    rng = np.random.default_rng(3)
    cells = {("thread", 2): 1.9, ("thread", 4): 1.9, ("process", 2): 1.5}
    for _ in range(30):
        verdict = simulate(rng, MODELS["lognormal"], cells).verdict
        assert verdict.decision == USE
        assert verdict.chosen is not None
        assert (verdict.chosen.backend, verdict.chosen.workers) in {("thread", 2), ("thread", 4)}


def test_the_recommended_cell_is_within_the_margin_of_the_best() -> None:
    """Over random matrices, in at least 95 % of those in which something is recommended at all."""
    rng = np.random.default_rng(4)
    good = recommended = 0
    for _ in range(200):
        peak = rng.uniform(1.1, 8)
        cells = {
            (backend, workers): float(workers / (1 + rng.uniform(0, 0.5) * (workers - 1)) ** 0.8)
            for backend in ("thread", "process")
            for workers in (1, 2, 4, 8)
            if workers <= peak
        }
        verdict = simulate(rng, MODELS["lognormal"], cells).verdict
        if verdict.chosen is not None:
            recommended += 1
            good += cells[verdict.chosen.backend, verdict.chosen.workers] >= 0.95 * max(cells.values())
    assert recommended >= 100
    assert good >= 0.95 * recommended

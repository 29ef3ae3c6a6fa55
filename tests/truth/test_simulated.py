"""A fast part of what `make truth` proves: the tool errs no more often than it says, under noise and on recordings.

Counts are held against what chance adds once in a thousand times to the rate that is allowed.
"""

from __future__ import annotations

import pytest
from scipy.stats import binom

from . import rates, simulated, traces
from .noise import MODELS

NAMES = sorted([*MODELS, *traces.NAMES])


def _most(rate: float, runs: int) -> int:
    return int(binom.ppf(0.999, runs, rate))


@pytest.mark.parametrize("name", NAMES)
def test_intervals_miss_the_truth_as_rarely_as_they_say(name: str) -> None:
    """After adaptive stopping, in at most 5 % of runs."""
    assert rates.count_missed(name, 150, seed=1)["missed"] <= _most(0.05, 150)


@pytest.mark.parametrize("name", NAMES)
def test_identical_code_is_not_called_different(name: str) -> None:
    """Nor recommended over a loop that is as fast, by any statement of a run together in at most 5 % of runs."""
    found = rates.count_false_alarms(name, 40, seed=2)
    assert found["loop"] <= _most(0.05, 40)
    assert found["tied"] <= _most(0.05, 40)


@pytest.mark.parametrize("name", [name for name in traces.NAMES if traces.load(name).sd <= simulated.QUIET_SD])
def test_a_planted_difference_is_found_in_ten_seconds(name: str) -> None:
    """On recordings that are not too noisy, and never the wrong way round."""
    found = rates.count_found(name, 40, seed=3, difference=0.10)
    assert found["right"] >= 40 - _most(0.01, 40)
    assert found["wrong"] == 0


@pytest.mark.parametrize("name", ["lognormal", *traces.NAMES])
def test_what_is_recommended_is_within_the_margin_of_the_best(name: str) -> None:
    """In at least 95 % of the runs in which anything is; and nothing is where it cannot be told."""
    found = rates.count_choices(name, 12, seed=4)
    for kind in ("curves", "ties", "nothing"):
        claimed = found[f"{kind} claimed"]
        assert claimed - found[f"{kind} good"] <= _most(0.05, claimed)
    assert found["nothing good"] >= 6
    assert found["open refused"] >= 12 - _most(0.1, 12)

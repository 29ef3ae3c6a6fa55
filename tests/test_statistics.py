"""Medians and their order-statistic intervals."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest
from scipy import stats

from pipeline.statistics import holm, median_interval, order_rank, p_above, rounds_for, speedup


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.05 / 3, 0.001])
@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 12, 25, 50, 333])
def test_rank_is_the_largest_whose_interval_still_covers(n: int, alpha: float) -> None:
    """The rank agrees with the binomial distribution as scipy has it."""
    k = order_rank(n, alpha)
    assert k == 0 or 2 * stats.binom.cdf(k - 1, n, 0.5) <= alpha
    assert 2 * stats.binom.cdf(k, n, 0.5) > alpha or k == n // 2


def test_interval_agrees_with_scipys_quantile_test() -> None:
    """At the same level both ends are scipy's."""
    rng = random.Random(1)
    values = [rng.lognormvariate(0, 1) for _ in range(41)]
    peer = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    ours = median_interval(values, 0.05)
    assert (ours.low, ours.high) == (peer.low, peer.high)


def test_interval_that_does_not_exist_is_infinite() -> None:
    """Five values are too few for 95 %: even the smallest and the largest miss the median too often."""
    interval = median_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.05)
    assert (interval.low, interval.high) == (-math.inf, math.inf)


def test_interval_covers_as_often_as_it_says() -> None:
    """Over 2,000 draws from a skewed distribution the true median is missed in at most 5 % and a bit of chance."""
    rng = random.Random(7)
    missed = 0
    for _ in range(2000):
        interval = median_interval([rng.expovariate(1) for _ in range(20)], 0.05)
        missed += not interval.low <= math.log(2) <= interval.high
    assert missed <= stats.binom.ppf(0.999, 2000, 0.05)


def test_speedup_of_identical_rounds_is_exact() -> None:
    """Where every round says two, so does the estimate and the interval."""
    found = speedup([[math.log(2)] * 4] * 6, 0.05)
    assert (found.estimate, found.low, found.high) == pytest.approx((2, 2, 2))
    assert (found.rounds, found.trials, found.beyond_these_trials) == (24, 6, True)


def test_trials_that_differ_widen_the_interval() -> None:
    """Rounds that agree within each trial do not hide that the trials disagree."""
    trials = [[math.log(each)] * 50 for each in (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)]
    found = speedup(trials, 0.05)
    assert (found.low, found.high) == pytest.approx((1.0, 2.0))


@pytest.mark.parametrize("trials", [1, 2, 3, 5, 6, 9, 20])
def test_a_stricter_level_never_narrows_the_interval(trials: int) -> None:
    """Also where the trials become too few for an interval of their own."""
    rng = random.Random(trials)
    ratios = [[rng.gauss(shift, 0.1) for _ in range(8)] for shift in (rng.gauss(0, 0.2) for _ in range(trials))]
    widths = [speedup(ratios, alpha).half_width for alpha in (0.1, 0.05, 0.02, 0.01, 0.001)]
    assert widths == sorted(widths)


def test_few_trials_are_said_to_be_few() -> None:
    """Five trials cannot tell at 95 % what a sixth would do."""
    assert not speedup([[0.0, 0.1]] * 5, 0.05).beyond_these_trials


def test_no_rounds_give_no_claim() -> None:
    """Nothing measured is nothing known."""
    found = speedup([], 0.05)
    assert math.isnan(found.estimate)
    assert math.isinf(found.half_width)


def test_rounds_needed_grow_with_the_square_of_the_precision() -> None:
    """Half the half-width takes four times the rounds."""
    rng = random.Random(3)
    now = speedup([[rng.gauss(0, 0.1) for _ in range(50)]], 0.05)
    needed = rounds_for(now.half_width / 2, now, 0.05)
    assert needed == pytest.approx(200, abs=1)


@pytest.mark.parametrize(("rounds", "trials", "shift"), [(8, 12, 0.02), (20, 14, 0.0), (5, 20, -0.05)])
def test_what_is_above_a_threshold_is_told_by_the_sign_test(rounds: int, trials: int, shift: float) -> None:
    """By the worse of the rounds' and the trials' p-value."""
    rng = random.Random(trials)
    ratios = [[rng.gauss(shift, 0.05) for _ in range(rounds)] for _ in range(trials)]
    middles, flat = [median(trial) for trial in ratios], [each for trial in ratios for each in trial]
    p_values = [
        stats.binomtest(sum(each > 0.01 for each in values), len(values), alternative="greater").pvalue
        for values in (middles, flat)
    ]
    assert p_above(ratios, 0.01, 0.05) == pytest.approx(max(p_values))


def test_too_few_trials_have_to_agree() -> None:
    """Where they cannot reach the level, one that disagrees is enough."""
    above, mixed = [[0.1] * 20] * 3, [[0.1] * 20, [0.1] * 20, [-0.1] * 20]
    assert p_above(above, 0.0, 0.01) == pytest.approx(0.5**60)
    assert p_above(mixed, 0.0, 0.01) == 1.0
    assert p_above([], 0.0, 0.01) == 1.0


def test_holm_rejects_step_by_step() -> None:
    """The smallest against alpha / n, the next against alpha / (n - 1), until one is not rejected."""
    assert holm([0.01, 0.04, 0.02], 0.05) == [True, True, True]
    assert holm([0.01, 0.04, 0.03], 0.05) == [True, False, False]
    assert holm([0.02, 0.02, 0.02], 0.05) == [False, False, False]
    assert holm([], 0.05) == []

"""What rounds say: medians with order-statistic intervals, and what is shown not to be less than a threshold.

Pure functions of numbers; nothing here knows where they came from.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median


@dataclass(frozen=True)
class Interval:
    """A range that holds the true value with the probability it was made for; infinite where none exists yet."""

    low: float
    high: float


@dataclass(frozen=True)
class Speedup:
    """A cell's speed-up over its anchor: anchor time / cell time.

    `beyond_these_trials` is false where there were too few trials to tell how another trial would differ.
    """

    estimate: float
    low: float
    high: float
    rounds: int
    trials: int
    beyond_these_trials: bool

    @property
    def half_width(self) -> float:
        """Half the interval's width as a share of the estimate, on the log scale; infinite where there is none."""
        if not (self.low > 0 and math.isfinite(self.high)):
            return math.inf
        return math.sqrt(self.high / self.low) - 1


@lru_cache(maxsize=4096)
def order_rank(n: int, alpha: float) -> int:
    """The largest k for which [x(k), x(n+1-k)] covers the median with probability 1 - alpha; 0 where there is none.

    The number of `n` independent values below the median is Binomial(n, 1/2), so the interval misses it with
    probability 2 P(B <= k - 1), whatever the distribution of the values: the inverted sign test (H. A. David and
    H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1).
    """
    below, ways, limit = 0, 1, alpha / 2 * 2**n if n < 1000 else int(alpha / 2 * 2**60) << (n - 60)
    for k in range(n // 2 + 1):
        below += ways
        if below > limit:
            return k
        ways = ways * (n - k) // (k + 1)
    return n // 2


def median_interval(values: Sequence[float], alpha: float) -> Interval:
    """The order-statistic interval of the median at level 1 - `alpha`; infinite where `values` are too few."""
    return _interval(sorted(values), alpha)


def _interval(ordered: Sequence[float], alpha: float) -> Interval:
    k = order_rank(len(ordered), alpha)
    return Interval(ordered[k - 1], ordered[-k]) if k > 0 else Interval(-math.inf, math.inf)


@dataclass(frozen=True)
class LogRatios:
    """log(anchor time / cell time) of all rounds, and the median of each trial that has any; both in order."""

    rounds: array[float]
    middles: array[float]

    @classmethod
    def of(cls, trials: Iterable[Sequence[float]]) -> LogRatios:
        """From those of each round of each trial."""
        known = [each for each in trials if each]
        rounds = sorted(each for trial in known for each in trial)
        return cls(array("d", rounds), array("d", sorted(map(median, known))))

    def speedup(self, alpha: float) -> Speedup:
        """See the function of that name."""
        if not self.rounds:
            return Speedup(math.nan, 0.0, math.inf, 0, 0, False)
        middle = median(self.rounds)
        within, between = _interval(self.rounds, alpha), _interval(self.middles, alpha)
        exists = math.isfinite(between.high)
        if not exists:
            between = Interval(self.middles[0], self.middles[-1])
        wider = max(within, between, key=lambda each: each.high - each.low)
        return Speedup(
            estimate=math.exp(middle),
            low=_exp(min(wider.low, middle)),
            high=_exp(max(wider.high, middle)),
            rounds=len(self.rounds),
            trials=len(self.middles),
            beyond_these_trials=exists,
        )


def speedup(log_ratios: Sequence[Sequence[float]], alpha: float) -> Speedup:
    """The median of all rounds, with the wider of two intervals: the rounds', and that of the trials' medians.

    Rounds of one trial share its processes and its minutes, so their interval alone is too narrow where trials
    differ; the trials' medians are independent. Where the trials are too few for an interval of their medians, all
    their medians are held instead, which is narrower than it should be: `beyond_these_trials` says so.

    Args:
        log_ratios: for each trial, log(anchor time / cell time) of each of its rounds.
        alpha: the probability that the interval may miss the true median.
    """
    return LogRatios.of(log_ratios).speedup(alpha)


def p_above(log_ratios: Sequence[Sequence[float]], threshold: float, alpha: float) -> float:
    """How likely so many values above `threshold` are if the true median is not above it: a one-sided sign test.

    The larger of two p-values counts, the rounds' and that of the trials' medians, as in `speedup`. Where the trials
    are too few for theirs to reach `alpha`, all of their medians have to be above instead.

    P(B >= k) for B ~ Binomial(n, 1/2), exactly (W. J. Conover, Practical Nonparametric Statistics, 3rd ed., section
    3.4); values equal to the threshold count against.
    """
    middles = [median(trial) for trial in log_ratios if trial]
    above = sum(each > threshold for each in middles)
    p_trials = _tail(above, len(middles))
    if 0.5 ** len(middles) > alpha:
        p_trials = 0.0 if above == len(middles) > 0 else 1.0
    rounds = [each for trial in log_ratios for each in trial]
    return max(p_trials, _tail(sum(each > threshold for each in rounds), len(rounds)))


def _tail(k: int, n: int) -> float:
    """P(B >= k) for B ~ Binomial(n, 1/2)."""
    ways, total = 1, 0
    for successes in range(n, k - 1, -1):
        total += ways
        ways = ways * successes // (n - successes + 1)
    return float(total / 2**n)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses are rejected if all rejections together may err with probability `alpha`.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    rejected = [False] * len(p_values)
    for done, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        if p_values[index] > alpha / (len(p_values) - done):
            break
        rejected[index] = True
    return rejected


def rounds_for(half_width: float, now: Speedup, alpha: float) -> int | None:
    """About how many rounds would bring the half-width down to `half_width`; `None` where that can't be told yet.

    The width of an order-statistic interval shrinks with the square root of the number of rounds.
    """
    if not math.isfinite(now.half_width):
        fewest = next((n for n in range(1, 200) if order_rank(n, alpha) > 0), None)
        return None if fewest is None else max(fewest, now.rounds + 1)
    return math.ceil(now.rounds * (now.half_width / half_width) ** 2)


def _exp(log: float) -> float:
    return 0.0 if log == -math.inf else math.exp(log) if log < math.inf else math.inf

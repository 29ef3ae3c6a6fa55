"""What the known tools would conclude about two pieces of code, from repetitions that a trace or a model gives them.

Each tool keeps its structure (processes, warm-up, values, loops) and its own estimate and rule, from its own code where
it is Python. How often it measures is scaled so that its measured repetitions fill the same time as everyone's; what it
runs to warm up or to calibrate is not charged to it. Ratios are A's time / B's time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
import pyperf
from asv.commands.compare import _is_result_better
from asv_runner.statistics import compute_stats
from numpy.typing import ArrayLike
from pyperf._compare import CompareData, CompareResult
from pytest_benchmark.utils import parse_compare_fail

from pipeline import statistics
from pipeline.plan import ALPHA

from .noise import Floats, Model
from .traces import Trace

Values = list[float]


class Comparison(NamedTuple):
    """What a tool says: the ratio, and whether it calls A and B different."""

    ratio: float
    different: bool


@dataclass(frozen=True)
class Stream:
    """What repetitions would take in the order of time, in two views of one stretch of a machine's life.

    `slots`, of shape (repetitions, 2), are the log seconds that A and that B would take in each slot of time. `rounds`,
    of shape (rounds, 2), are those of A and B when they take turns.
    """

    slots: Floats
    rounds: Floats


def of_trace(trace: Trace, start: int, repetitions: int, log_ratio: float = 0.0) -> Stream:
    """The stretch from round `start` on; B is quicker by `log_ratio`.

    In its slots both of a trial's processes take turns, whose luck therefore half cancels for a tool that has one
    process: to the tool's advantage.
    """
    slots = trace.stream(2 * start, repetitions)
    rounds = trace.rounds[np.arange(start, start + -(-repetitions // 2)) % len(trace.rounds)]
    return Stream(slots[:, None] - [0, log_ratio], rounds - [0, log_ratio])


def of_model(model: Model, rng: np.random.Generator, repetitions: int, log_s: float, log_ratio: float = 0.0) -> Stream:
    """Noise around `log_s`; in the slots, a slot has a row of the model to itself."""
    work = np.array([log_s, log_s - log_ratio])
    return Stream(model(rng, repetitions) + work, model(rng, -(-repetitions // 2)) + work)


@dataclass(frozen=True)
class Plan:
    """How a tool takes one side's values: `processes` x `values`, each the mean of `loops` repetitions.

    Each process first discards `warm_ups` repetitions.
    """

    processes: int
    values: int
    loops: int = 1
    warm_ups: int = 0

    @property
    def repetitions(self) -> int:
        """All that it runs of one side."""
        return self.processes * (self.warm_ups + self.values * self.loops)

    def of(self, log_s: Floats) -> Values:
        """The values, seconds, from one side's repetitions."""
        processes = np.exp(log_s[: self.repetitions]).reshape(self.processes, -1)[:, self.warm_ups :]
        values: Values = processes.reshape(-1, self.loops).mean(axis=1).tolist()
        return values


@dataclass(frozen=True)
class Peer:
    """A tool: what it does with so many seconds for each side, and what it concludes from the values.

    `plan` is given the seconds of a repetition and of measuring; `decide` the values of A and of B. `order` is how its
    processes follow one another by default, here all of A and then all of B.
    """

    name: str
    plan: Callable[[float, float], Plan]
    decide: Callable[[Values, Values], Comparison]
    order: str = "AB"

    def compare(self, stream: Stream, plan: Plan) -> Comparison:
        """At its defaults, each side in blocks of time."""
        length = 2 * plan.repetitions // len(self.order)
        blocks = [stream.slots[at * length : (at + 1) * length, "AB".index(side)] for at, side in enumerate(self.order)]
        a, b = (
            np.concatenate([block for block, its in zip(blocks, self.order, strict=True) if its == side])
            for side in "AB"
        )
        return self.decide(plan.of(a), plan.of(b))

    def compare_interleaved(self, stream: Stream, plan: Plan) -> Comparison:
        """As many repetitions, A and B taking turns at each: finer than any of the tools can be told to."""
        rounds = stream.rounds[: plan.repetitions]
        return self.decide(plan.of(rounds[:, 0]), plan.of(rounds[:, 1]))


def _pyperf_plan(repetition_s: float, side_s: float) -> Plan:
    """Processes of 3 values after a warm-up value; a value's loops are doubled until it lasts 100 ms.

    pyperf's documentation, "Runner": 20 processes, 3 values, 1 warm-up, min_time 0.1 s.
    """
    loops = 2 ** math.ceil(math.log2(max(1.0, 0.1 / repetition_s)))
    return Plan(max(1, round(side_s / (3 * loops * repetition_s))), 3, loops, warm_ups=loops)


def _pyperf(a: Values, b: Values) -> Comparison:
    """`pyperf compare_to`: the ratio of means; Student's t-test at 95 %."""
    compared = CompareResult(*(CompareData(name, _pyperf_benchmark(values)) for name, values in (("B", b), ("A", a))))
    return Comparison(compared.norm_mean, compared.significant)


def _pyperf_benchmark(values: Values) -> pyperf.Benchmark:
    return pyperf.Benchmark([pyperf.Run(values, metadata={"name": "peer"}, collect_metadata=False)])


def _asv_plan(repetition_s: float, side_s: float) -> Plan:
    """Two processes, each warming up for 0.1 s; then samples of at least 10 ms.

    asv's documentation, "Timing benchmarks": rounds 2, warmup_time 0.1, sample_time 0.01, repeat 10 in all.
    """
    loops = math.ceil(0.01 / repetition_s)
    return Plan(2, max(1, round(side_s / (2 * loops * repetition_s))), loops, math.ceil(0.1 / repetition_s))


def _asv(a: Values, b: Values, factor: float = 1.1, *, recorded: bool = False) -> Comparison:
    """`asv compare`: the ratio of medians; different beyond the factor if the medians' 99 % intervals do not overlap.

    With samples `recorded`, which takes an option, a Mann-Whitney U test at 0.002 is in the place of the intervals.
    """
    (median_a, stats_a), (median_b, stats_b) = compute_stats(a, 1), compute_stats(b, 1)
    side_a, side_b = (stats_a, a if recorded else None), (stats_b, b if recorded else None)
    a_better = _is_result_better(median_a, median_b, side_a, side_b, factor)
    b_better = _is_result_better(median_b, median_a, side_b, side_a, factor)
    return Comparison(median_a / median_b, a_better or b_better)


def _hyperfine_plan(repetition_s: float, side_s: float) -> Plan:
    """A process for each run, at least 10 of them; no warm-up. hyperfine's README, "Features"."""
    return Plan(max(10, round(side_s / repetition_s)), 1)


def _hyperfine(a: Values, b: Values) -> Comparison:
    """Its summary, "1.05 ± 0.03 times faster than": the ratio of means, its error propagated from both deviations.

    It draws no conclusion itself; here they are different when 1 is outside the ±. hyperfine's source, relative_speed.
    """
    ratio = mean(a) / mean(b)
    larger = max(ratio, 1 / ratio)
    spread = larger * math.hypot(stdev(a) / mean(a), stdev(b) / mean(b))
    return Comparison(ratio, larger - spread > 1)


def _pytest_benchmark_plan(repetition_s: float, side_s: float) -> Plan:
    """One process; at least 5 rounds, after one that calibrates. pytest-benchmark's documentation, "Calibration"."""
    return Plan(1, max(5, round(side_s / repetition_s)), warm_ups=1)


def _pytest_benchmark(a: Values, b: Values) -> Comparison:
    """The column it sorts by, the minimum; and its documentation's `--benchmark-compare-fail=min:5%`, either way."""
    check = parse_compare_fail("min:5%")
    sides = {"min": min(a)}, {"min": min(b)}
    return Comparison(min(a) / min(b), bool(check.fails(*sides) or check.fails(*reversed(sides))))


PEERS = (
    Peer("pyperf", _pyperf_plan, _pyperf),
    Peer("asv run", _asv_plan, _asv),
    Peer("asv continuous", _asv_plan, _asv, order="BAAB"),
    Peer("asv, its U test alone", _asv_plan, partial(_asv, factor=1.0, recorded=True)),
    Peer("hyperfine", _hyperfine_plan, _hyperfine),
    Peer("pytest-benchmark", _pytest_benchmark_plan, _pytest_benchmark),
)


class Row(NamedTuple):
    """How a tool fared on identical code."""

    peer: str
    use: str
    false_positives: float
    """The share of comparisons that it called different."""
    error: float
    """The 95th percentile of the ratio's |log|."""


OURS = "adjacent rounds"


def compare_peers(trace: Trace, budget_s: float, repeats: int, rng: np.random.Generator) -> list[Row]:
    """Every tool on the same stretches of a trace of identical code, `budget_s` for A and B together.

    The last row is what this tool says of them, cut into the trials in which they were recorded.
    """
    side_s, repetition_s = budget_s / 2, trace.repetition_s
    plans = [peer.plan(repetition_s, side_s) for peer in PEERS]
    repetitions = 2 * max(plan.repetitions for plan in plans)
    starts = rng.integers(max(1, len(trace.rounds) - repetitions // 2), size=repeats)
    streams = [of_trace(trace, int(start), repetitions) for start in starts]
    rows = [
        _row(peer.name, use, [compare(stream, plan) for stream in streams])
        for peer, plan in zip(PEERS, plans, strict=True)
        for use, compare in (("default", peer.compare), ("interleaved", peer.compare_interleaved))
    ]
    rounds = round(side_s / repetition_s)
    each = trace.log_s.shape[1]
    ours = [
        _ours(stream.rounds[:rounds], each - int(start) % each, each)
        for stream, start in zip(streams, starts, strict=True)
    ]
    return [*rows, _row(OURS, "", ours)]


def _ours(rounds: Floats, first: int, each: int) -> Comparison:
    """One look at the interval of trials of `each` rounds, of which the first one has `first`."""
    log_ratios = rounds[:, 0] - rounds[:, 1]
    trials = np.split(log_ratios, range(first, len(log_ratios), each))
    found = statistics.speedup([trial.tolist() for trial in trials], ALPHA)
    return Comparison(found.estimate, not found.low <= 1 <= found.high)


def _row(peer: str, use: str, comparisons: Sequence[Comparison]) -> Row:
    ratios, different = zip(*comparisons, strict=True)
    return Row(peer, use, float(np.mean(different)), _error(np.log(ratios)))


def _error(log_ratios: ArrayLike) -> float:
    return float(np.quantile(np.abs(log_ratios), 0.95))

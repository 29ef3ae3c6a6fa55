"""Scaling curves whose law is known, measured under noise: are the laws that `pipeline.scaling` tells true?

Each family draws a curve at random. Rounds come from `noise.MODELS`, intervals from the real `statistics.speedup` at
the level that makes them simultaneous over the counts. Nothing takes real time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline import statistics
from pipeline.law import Estimate, Law, Point
from pipeline.scaling import LEAST_USL, StrongScaling, strong_scaling

from .noise import MODELS, Model
from .simulate import simulate

ALPHA = 0.05
ALL_MODELS = tuple(MODELS.values())
FEW, WIDE = (1, 2, 4, 8), (1, 2, 3, 4, 6, 8, 12, 16)
"""Worker counts: as most people ask for, and more than the USL takes."""


@dataclass(frozen=True)
class Curve:
    """True speed-ups over the plain loop; sigma and kappa where a law holds, peak where the curve has one."""

    speedup: Callable[[int], float]
    sigma: float | None = None
    kappa: float | None = None
    peak: float | None = None


Family = Callable[[np.random.Generator], Curve]
Played = Iterator[tuple[Curve, StrongScaling]]
"""Curves, and what is told of them."""


@dataclass(frozen=True)
class Effort:
    """How much a cell is measured: as much as a profile does, about."""

    trials: int
    rounds: int


DEFAULT, THOROUGH = Effort(12, 8), Effort(24, 32)


@dataclass(frozen=True)
class Rate:
    """In how many of the cases `tried` it was so."""

    what: str
    hits: int
    tried: int

    @property
    def share(self) -> float:
        """Not a number where nothing was tried."""
        return self.hits / self.tried if self.tried else math.nan


def usl_curve(sigma: float, kappa: float, gamma: float = 1.0) -> Curve:
    """The USL's, with its peak."""
    peak = max(1.0, math.sqrt((1 - sigma) / kappa)) if kappa > 0 else None
    return Curve(lambda n: gamma * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)), sigma, kappa, peak)


def linear(rng: np.random.Generator) -> Curve:
    """Sleeping tasks: N workers are N times as fast as one."""
    return usl_curve(0.0, 0.0, _pool(rng))


def amdahl(rng: np.random.Generator) -> Curve:
    """A serial share of up to a half."""
    return usl_curve(float(rng.uniform(0.005, 0.5)), 0.0, _pool(rng))


def flat(rng: np.random.Generator) -> Curve:
    """Threads under the GIL: no more than one at a time."""
    return usl_curve(1.0, 0.0, _pool(rng))


def ceiling(rng: np.random.Generator) -> Curve:
    """A lock that each task holds for a share of its time: min(N, 1 / share)."""
    most, gamma = float(rng.uniform(1.5, 10)), _pool(rng)
    return Curve(lambda n: gamma * min(n, most))


def soft_ceiling(rng: np.random.Generator) -> Curve:
    """The same where the tasks' times vary, which rounds the corner."""
    most, sharpness, gamma = float(rng.uniform(1.5, 10)), float(rng.uniform(2, 8)), _pool(rng)
    return Curve(lambda n: gamma * (n**-sharpness + most**-sharpness) ** (-1 / sharpness))


def cores(rng: np.random.Generator) -> Curve:
    """CPU-bound work with a serial share, on a machine of 2 to 6 cores."""
    of_law, most = amdahl(rng), int(rng.integers(2, 7))
    return Curve(lambda n: of_law.speedup(min(n, most)))


def smt(rng: np.random.Generator) -> Curve:
    """CPU-bound work on 2 to 6 cores of two hardware threads each, of which the second adds a third."""
    most, gamma = int(rng.integers(2, 7)), _pool(rng)
    return Curve(lambda n: gamma * (min(n, most) + 0.33 * max(0, min(n, 2 * most) - most)))


def power(rng: np.random.Generator) -> Curve:
    """No law known to us: N to a power."""
    exponent, gamma = float(rng.uniform(0.4, 0.95)), _pool(rng)
    return Curve(lambda n: gamma * n**exponent)


def peaked(rng: np.random.Generator) -> Curve:
    """The USL with a peak between 2 and 10 workers."""
    sigma, peak = float(rng.uniform(0, 0.3)), float(rng.uniform(2, 10))
    return usl_curve(sigma, (1 - sigma) / peak**2, _pool(rng))


def far_peaked(rng: np.random.Generator) -> Curve:
    """The USL with a peak between 30 and 100 workers, far beyond what is measured."""
    sigma, peak = float(rng.uniform(0, 0.3)), float(rng.uniform(30, 100))
    return usl_curve(sigma, (1 - sigma) / peak**2, _pool(rng))


def rippled(rng: np.random.Generator) -> Curve:
    """Nearly Amdahl's law: each count is up to 2 % off, as real machines are."""
    of_law, off = amdahl(rng), rng.uniform(-0.02, 0.02, 100)
    return Curve(lambda n: of_law.speedup(n) * math.exp(off[n]), of_law.sigma)


LAWFUL: tuple[Family, ...] = (linear, amdahl, flat)
LAWLESS: tuple[Family, ...] = (ceiling, soft_ceiling, cores, smt, power)
PEAKED: tuple[Family, ...] = (peaked, far_peaked)
PEAKLESS: tuple[Family, ...] = (*LAWFUL, *LAWLESS, far_peaked)


def measure(rng: np.random.Generator, model: Model, curve: Curve, counts: Sequence[int], effort: Effort) -> list[Point]:
    """Points with intervals that are simultaneous over the counts."""
    points = []
    for workers in counts:
        log_s = [model(rng, effort.rounds) for _ in range(effort.trials)]
        shift = math.log(curve.speedup(workers))
        ratios = [(trial[:, 0] - trial[:, 1] + shift).tolist() for trial in log_s]
        points.append(Point(workers, statistics.speedup(ratios, ALPHA / len(counts))))
    return points


def measure_adaptively(rng: np.random.Generator, model: Model, curve: Curve, counts: Sequence[int]) -> list[Point]:
    """The same through the real scheduling and stopping, whose looks share alpha."""
    run = simulate(rng, model, {("thread", workers): curve.speedup(workers) for workers in counts})
    points = []
    for cell in run.cells:
        plan = run.plan(cell)
        if cell["id"] in run.measured and plan is not None:
            alpha = plan.each_look(ALPHA) / len(counts)
            points.append(Point(cell["workers"], run.evidence[cell["id"]].speedup(alpha)))
    return points


def play(
    seed: int,
    families: Sequence[Family],
    counts: Sequence[int],
    effort: Effort | None,
    cases: int,
    models: Sequence[Model] = ALL_MODELS,
) -> Played:
    """Curves of all families under all models of noise in turn, and what is told of them.

    `effort` is `None` for the real stopping at its default.
    """
    rng = np.random.default_rng(seed)
    for case in range(cases):
        curve, model = families[case % len(families)](rng), models[case // len(families) % len(models)]
        if effort is None:
            points = measure_adaptively(rng, model, curve, counts)
        else:
            points = measure(rng, model, curve, counts, effort)
        yield curve, strong_scaling(points)


def coverage(played: Played, counts: Sequence[int]) -> list[Rate]:
    """How often the intervals hold the true f, sigma, kappa and peak; a true law that is refused counts as missed."""
    held: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for curve, found in played:
        for name, told, truth in _claims(curve, found, len(counts)):
            tried[name] += 1
            held[name] += told is not None and told.low - _ROUNDING <= truth <= told.high + _ROUNDING
    return [Rate(f"{name} in its interval", held[name], tried[name]) for name in tried]


def recovery(seed: int, counts: Sequence[int], effort: Effort | None, cases: int, within: float = 0.01) -> Rate:
    """How often Amdahl's f is estimated that closely where it is 0.10 or 0.25."""
    families = [lambda rng, f=f: usl_curve(f, 0.0, _pool(rng)) for f in (0.10, 0.25)]
    off = [
        abs(found.amdahl.sigma.estimate - (curve.sigma or 0.0)) if isinstance(found.amdahl, Law) else math.inf
        for curve, found in play(seed, families, counts, effort, cases)
    ]
    return Rate(f"Amdahl's f within {within}", sum(each <= within for each in off), cases)


def invented_peaks(played: Played) -> Rate:
    """How often a peak is told of curves that have none, or none within reach."""
    told = [_told_peak(found) is not None for _, found in played]
    return Rate("USL peaks told where there is none", sum(told), len(told))


def peaks_by_coefficients(played: Played, counts: Sequence[int]) -> Rate:
    """How often there would be one if it took no fall: kappa's interval above 0, a peak within 1.5 of the counts."""
    told = cases = 0
    for _, found in played:
        cases += 1
        if isinstance(found.usl, Law) and found.usl.kappa.low > 0:
            told += math.sqrt((1 - found.usl.sigma.estimate) / found.usl.kappa.estimate) <= 1.5 * counts[-1]
    return Rate("USL peaks where kappa's interval alone would tell them", told, cases)


def found_peaks(played: Played, counts: Sequence[int]) -> Rate:
    """How often the peak of a curve is told that has it below its largest count by a third."""
    told = [
        _told_peak(found) is not None
        for curve, found in played
        if curve.peak is not None and curve.peak < counts[-1] / 1.5
    ]
    return Rate("USL peaks told that are well within the counts", sum(told), len(told))


def wrong_laws(played: Played) -> list[Rate]:
    """How often Amdahl's law, and the USL, are told of curves that follow neither."""
    told = list(played)
    return [
        Rate("Amdahl's law told of what is none", sum(isinstance(found.amdahl, Law) for _, found in told), len(told)),
        Rate("the USL told of what is none", sum(isinstance(found.usl, Law) for _, found in told), len(told)),
    ]


_ROUNDING = 1e-9


def _claims(curve: Curve, found: StrongScaling, counts: int) -> Iterator[tuple[str, Estimate | None, float]]:
    """What is claimed, its interval if the law is told, and the truth."""
    if curve.sigma is None or curve.kappa is None:
        return
    if curve.kappa == 0:
        yield "Amdahl's f", found.amdahl.sigma if isinstance(found.amdahl, Law) else None, curve.sigma
    if counts >= LEAST_USL:
        yield "the USL's sigma", found.usl.sigma if isinstance(found.usl, Law) else None, curve.sigma
        yield "the USL's kappa", found.usl.kappa if isinstance(found.usl, Law) else None, curve.kappa
    peak = _told_peak(found)
    if peak is not None and curve.peak is not None:
        yield "a told peak", peak, curve.peak


def _told_peak(found: StrongScaling) -> Estimate | None:
    return found.usl.peak if isinstance(found.usl, Law) else None


def _pool(rng: np.random.Generator) -> float:
    """What a pool of one worker makes of the plain loop's speed."""
    return float(rng.uniform(0.85, 1.0))

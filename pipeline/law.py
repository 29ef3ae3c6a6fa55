"""A scaling law of one backend: what its speed-ups on 1, 2, 4, ... workers have in common.

Strong scaling throughout: the same batch on more workers. The laws share one form with fewer or more terms,

    S(N) = gamma N / (1 + sigma (N - 1) + kappa N (N - 1)),

the universal scalability law (USL; N. J. Gunther, Guerrilla Capacity Planning, Springer 2007, chapters 4 to 6);
with kappa = 0 it is Amdahl's (G. M. Amdahl, AFIPS 1967), where sigma is the serial share f. gamma is the speed-up of a
pool of one worker over the plain loop: 0.9 perhaps, as sending tasks costs time. That price is not the laws' subject
and would pass for a serial share, or refuse a true law, so gamma is fitted like the others. To divide by the measured
S(1) instead would put its error into every count, and need it.

The form is linear in the batch's time as a share of the plain loop's: 1/S = p/N + s + c (N - 1), where p, s, c >= 0 are
the parallel part, the serial part, and what each further worker adds; gamma = 1/(p + s), sigma = s/(p + s),
kappa = c/(p + s). A law is refused where no p, s and c keep within the intervals of all counts: these hold together, so
a true law is refused as rarely as they fail, whatever the noise. Numbers come from weighted least squares. Each count
has trials of its own, so errors add in quadrature, each taken as half the width of the count's interval. That is wider
than it would have to be for one count alone, which makes up for noise that is not normal: `tests/truth/curves.py` finds
that the laws' intervals cover under every noise tried. The ends of all that keeps within the intervals would need no
such proof, but are about twice as far apart, and meet where a law is only nearly true.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .statistics import Speedup

FURTHEST = 2
"""Nothing is said beyond this many times the largest count measured."""
_FINEST = 1e-6
"""No interval is narrower than this share of its estimate."""
_SOLVED = 1e-15
"""What is smaller than this share of the largest eigenvalue is rounding: nothing is known in that direction."""
_INFEASIBLE = 2
"""What `linprog` calls it."""

_Form = tuple[float, float, float]
"""What p, s and c are multiplied by."""
_PARALLEL: _Form = (1.0, 0.0, 0.0)
_SERIAL: _Form = (0.0, 1.0, 0.0)
_FURTHER: _Form = (0.0, 0.0, 1.0)
_ONE_WORKER: _Form = (1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Point:
    """What was measured of one backend on so many workers; its interval holds together with the other counts'."""

    workers: int
    speedup: Speedup


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; infinite where the data do not bound it."""

    estimate: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """What is infinite is `None`."""
        return {name: each if math.isfinite(each) else None for name, each in asdict(self).items()}


@dataclass(frozen=True)
class Refusal:
    """Why there is no such law here: the part of a sentence that follows a colon."""

    reason: str

    def to_json(self) -> dict[str, str]:
        """Told from a law's by its key."""
        return {"refused": self.reason}


@dataclass(frozen=True)
class Law:
    """A law that fits all of `points`, which are in the order of their workers.

    `best` are p, s and c, or p and s alone in Amdahl's law; `spread` is to the half-widths of their intervals what a
    covariance matrix is to standard deviations.
    """

    points: tuple[Point, ...]
    best: tuple[float, ...]
    spread: tuple[tuple[float, ...], ...]

    @property
    def gamma(self) -> Estimate:
        """The speed-up of one worker over the plain loop."""
        return self.speedup(1)

    @property
    def sigma(self) -> Estimate:
        """Contention; in Amdahl's law the serial share of the batch on one worker. From 0 to 1."""
        return self._ratio(_SERIAL, _ONE_WORKER, 1.0)

    @property
    def kappa(self) -> Estimate:
        """Coherency: what each further worker adds to the batch's time, as a share of that on one worker."""
        return self._ratio(_FURTHER, _ONE_WORKER)

    @property
    def peak(self) -> Estimate | None:
        """The workers with the highest speed-up, sqrt((1 - sigma) / kappa); `None` where no fall is seen.

        A curve that rises to a ceiling, as that of tasks which share a lock, bends like one that will fall. So a peak
        is only told once a fall is seen without any law, and then lies within the counts measured; see `turn`.
        """
        first, last = turn(self.points)
        if last is None or self.kappa.low <= 0:
            return None
        squared = self._ratio(_PARALLEL, _FURTHER)
        roots = (math.sqrt(each) for each in (squared.estimate, squared.low, squared.high))
        return Estimate(*(min(max(each, first), last) for each in roots))

    def speedup(self, workers: int) -> Estimate:
        """The law's speed-up over the plain loop.

        Raises:
            ValueError: for more than `FURTHEST` times the largest count measured.
        """
        if workers > FURTHEST * self.points[-1].workers:
            raise ValueError(f"{workers} workers are more than {FURTHEST} times the {self.points[-1].workers} measured")
        form = _terms(workers)
        time, error = _dot(form, self.best), math.sqrt(self._product(form, form))
        return Estimate(1 / time, 1 / (time + error), 1 / (time - error) if time > error else math.inf)

    def to_json(self) -> dict[str, Any]:
        """By the names that each law has for its terms."""
        sigma, one_worker = self.sigma.to_json(), {"one_worker": self.gamma.to_json()}
        if len(self.best) == 2:
            return {"serial_fraction": sigma, **one_worker}
        peak = self.peak.to_json() if self.peak else None
        return {"contention": sigma, "coherency": self.kappa.to_json(), "peak": peak, **one_worker}

    def _ratio(self, top: _Form, bottom: _Form, most: float = math.inf) -> Estimate:
        """Of two linear forms, from 0 to `most`; by E. C. Fieller's theorem (J. R. Stat. Soc. B 16(2), 1954)."""
        over, under = _dot(top, self.best), _dot(bottom, self.best)
        square = under**2 - self._product(bottom, bottom)
        if square <= 0:
            return Estimate(min(over / under, most) if under > 0 else most, 0.0, most)
        middle = over * under - self._product(top, bottom)
        root = math.sqrt(max(middle**2 - square * (over**2 - self._product(top, top)), 0.0))
        return Estimate(over / under, max((middle - root) / square, 0.0), min((middle + root) / square, most))

    def _product(self, one: _Form, other: _Form) -> float:
        return _dot(one, [_dot(other, row) for row in self.spread])


def turn(points: Sequence[Point]) -> tuple[int, int | None]:
    """Between which counts a curve with one peak at most has it, by no law: as far as it surely rises, where it fell.

    The second is `None` where no fall is seen, that is no count surely slower than a smaller one, and where there are
    more peaks than one, as a rise comes after it.
    """
    pairs = [(one, more) for one in points for more in points if one.workers < more.workers]
    rises = [one.workers for one, more in pairs if more.speedup.low > one.speedup.high]
    falls = [more.workers for one, more in pairs if one.speedup.low > more.speedup.high]
    first, last = max(rises, default=1), min(falls, default=None)
    return first, None if last is not None and last <= first else last


def fit(points: tuple[Point, ...], terms: int, least: int) -> Law | Refusal:
    """The law with so many terms, or why not: it takes `least` points, in the order of their workers."""
    if len(points) < least:
        there_are = "there is 1" if len(points) == 1 else f"there are {len(points)}"
        return Refusal(f"it takes {least} worker counts whose intervals hold beyond these trials, and {there_are}")
    from scipy.linalg import eigh
    from scipy.optimize import linprog, nnls

    errors = [_error(each) for each in points]
    weighted = [[x / error for x in _terms(each.workers)[:terms]] for each, error in zip(points, errors, strict=True)]
    # Columns of one length, so that thousands of workers are no trouble.
    lengths = [math.hypot(*column) for column in zip(*weighted, strict=True)]
    rows = [[x / length for x, length in zip(row, lengths, strict=True)] for row in weighted]
    found, _ = nnls(rows, [1 / (each.speedup.estimate * error) for each, error in zip(points, errors, strict=True)])
    best = tuple(float(x) / length for x, length in zip(found, lengths, strict=True))
    fitted = [1 / _dot(_terms(each.workers), best) for each in points]
    off = [max(each.speedup.low / fit, fit / each.speedup.high) for each, fit in zip(points, fitted, strict=True)]
    furthest, fit, worst = max(zip(off, fitted, points, strict=True), key=lambda each: each[0])
    ends = [1 / (each.speedup.low * error) for each, error in zip(points, errors, strict=True)]
    ends += [-1 / (each.speedup.high * error) for each, error in zip(points, errors, strict=True)]
    within = [*rows, *([-x for x in row] for row in rows)]
    if furthest > 1 + _FINEST and linprog([0.0] * terms, within, ends).status == _INFEASIBLE:
        measured = f"{worst.speedup.low:.2f} to {worst.speedup.high:.2f}"
        return Refusal(f"the nearest fit gives {fit:.2f} times on {worst.workers}, where {measured} was measured")
    columns = [*zip(*rows, strict=True)]
    values, vectors = eigh([[_dot(one, other) for other in columns] for one in columns])
    stretched = [
        [float(x) / length / math.sqrt(max(value, _SOLVED * values[-1])) for x, value in zip(axis, values, strict=True)]
        for axis, length in zip(vectors, lengths, strict=True)
    ]
    return Law(points, best, tuple(tuple(_dot(one, other) for other in stretched) for one in stretched))


def _terms(workers: int) -> _Form:
    """What p, s and c are multiplied by in the batch's time."""
    return 1.0 / workers, 1.0, workers - 1.0


def _error(point: Point) -> float:
    """Half the width of the interval of 1/S."""
    return max((1 / point.speedup.low - 1 / point.speedup.high) / 2, _FINEST / point.speedup.estimate)


def _dot(form: Sequence[float], values: Sequence[float]) -> float:
    """Over the terms that a law has: the third of a form is nothing to Amdahl's."""
    return sum(x * y for x, y in zip(form, values, strict=False))

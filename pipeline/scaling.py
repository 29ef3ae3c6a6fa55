"""What scaling laws say of one backend, and how that is said: strong scaling, the same batch on more workers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .law import FURTHEST, Estimate, Law, Point, Refusal, fit, turn
from .wording import pool_name

LEAST_AMDAHL, LEAST_USL = 3, 6
"""From how many worker counts on a law is tried."""
_TELLING = 0.25
"""An interval of the serial share wider than this says too little to name a number."""


@dataclass(frozen=True)
class StrongScaling:
    """What is told of one backend.

    `points` are those that the laws are of; `left_out` are worker counts above `attainable`, how many can run at once;
    `fractions` are `karp_flatt` for every count measured, or why not.
    """

    points: tuple[Point, ...]
    attainable: float
    left_out: tuple[int, ...]
    fractions: Mapping[int, Estimate | Refusal]
    amdahl: Law | Refusal
    usl: Law | Refusal

    def to_json(self) -> dict[str, Any]:
        """Both laws, and each count's serial fraction."""
        fractions = {str(workers): each.to_json() for workers, each in self.fractions.items()}
        laws = {"karp_flatt": fractions, "amdahl": self.amdahl.to_json(), "usl": self.usl.to_json()}
        return {"scaling": "strong", **laws, "left_out": list(self.left_out)}


def strong_scaling(points: Sequence[Point], attainable: float = math.inf) -> StrongScaling:
    """Both laws, where there are counts enough whose intervals hold beyond their own trials.

    Counts have different trials, so where a trial's luck is not in the intervals, a true law would not fit them.

    Args:
        points: of one backend, otherwise alike, one for each count; intervals simultaneous over the counts, as each at
            alpha / counts.
        attainable: how many workers can run at once, for CPU-bound work. Above that the speed-up levels off at the
            machine's own ceiling, which is neither law, so those counts are left out.
    """
    points = sorted(points, key=lambda each: each.workers)
    known = [each for each in points if each.speedup.beyond_these_trials and math.isfinite(each.speedup.half_width)]
    used = tuple(each for each in known if each.workers <= attainable)
    left_out = tuple(each.workers for each in points if each.workers > attainable)
    fractions = {each.workers: _fraction(each, attainable) for each in points if each.workers > 1}
    return StrongScaling(used, attainable, left_out, fractions, fit(used, 2, LEAST_AMDAHL), fit(used, 3, LEAST_USL))


def _fraction(point: Point, attainable: float) -> Estimate | Refusal:
    if point.workers > attainable:
        return Refusal(f"no more than {attainable:.3g} can run at once")
    if not point.speedup.beyond_these_trials or not math.isfinite(point.speedup.half_width):
        return Refusal("its interval does not hold beyond these trials")
    return karp_flatt(point)


def karp_flatt(point: Point) -> Estimate:
    """The experimentally determined serial fraction e = (1/S - 1/N) / (1 - 1/N) on N > 1 workers.

    From A. H. Karp and H. P. Flatt, Measuring parallel processor performance, CACM 33(5), 1990. S is over the plain
    loop. Where e is constant over N, a serial share explains it; where it grows, workers hinder one another; where it
    falls, the pool costs what does not depend on N. It falls as S grows, which turns the interval round.
    """

    def fraction(speedup: float) -> float:
        return (point.workers / speedup - 1) / (point.workers - 1) if speedup > 0 else math.inf

    return Estimate(fraction(point.speedup.estimate), fraction(point.speedup.high), fraction(point.speedup.low))


def on_a_shared_machine() -> StrongScaling:
    """What a neighbour takes would pass for a serial share."""
    refused = Refusal("the machine was shared meanwhile")
    return StrongScaling((), math.inf, (), {}, refused, refused)


def say(found: StrongScaling, backend: str) -> str:
    """What was found, in a sentence or three for a person; `backend` as it is called in a configuration."""
    said = [f"Strong scaling: {_say_amdahl(found, backend)}.", *_say_usl(found, backend), *_say_fractions(found)]
    if found.left_out:
        above = _list([*map(str, found.left_out)])
        said.append(f"Left out: {above}, as no more than {found.attainable:.3g} can run at once.")
    return " ".join(said)


def _say_fractions(found: StrongScaling) -> list[str]:
    said = [
        f"{each.estimate:.1%} ({each.low:.1%} to {each.high:.1%}) on {workers}"
        for workers, each in found.fractions.items()
        if isinstance(each, Estimate)
    ]
    return [f"Serial fraction by Karp and Flatt: {', '.join(said)}."] if said else []


def _say_amdahl(found: StrongScaling, backend: str) -> str:
    law = found.amdahl
    if isinstance(law, Refusal) and len(found.points) < LEAST_AMDAHL:
        return f"no law, as {law.reason}"
    largest = found.points[-1].workers
    pools = _list([*(str(each.workers) for each in found.points[:-1]), pool_name(backend, largest)])
    if isinstance(law, Refusal):
        return f"no one serial share explains {pools} (Amdahl's law): {law.reason}"
    share = law.sigma
    if share.high - share.low > _TELLING:
        return f"any serial share from {share.low:.0%} to {share.high:.0%} explains {pools} (Amdahl's law)"
    said = f"a serial share of {share.estimate:.1%} ({share.low:.1%} to {share.high:.1%}) explains {pools}"
    ahead = int(min(FURTHEST * largest, found.attainable))
    if ahead <= largest:
        return f"{said} (Amdahl's law)"
    then = law.speedup(ahead)
    gain = f"{then.estimate:.2f} times ({then.low:.2f} to {then.high:.2f}) as fast as a plain loop"
    return f"{said} (Amdahl's law); if it holds up to there, {pool_name(backend, ahead)} are {gain}"


def _say_usl(found: StrongScaling, backend: str) -> list[str]:
    law, (first, last) = found.usl, turn(found.points)
    if isinstance(law, Law) and law.peak is not None:
        near, least, most = round(law.peak.estimate), math.floor(law.peak.low), math.ceil(law.peak.high)
        return [f"The speed-up peaks near {pool_name(backend, near)} ({least} to {most}; USL)."]
    if last is not None:
        return [f"The speed-up falls again: its peak lies from {first} to {pool_name(backend, last)}."]
    if isinstance(found.amdahl, Law) or len(found.points) < LEAST_USL:
        return []
    if isinstance(law, Refusal):
        return [f"Nor do contention and coherency (USL): {law.reason}."]
    sigma, kappa = law.sigma, law.kappa
    said = (
        f"Contention of {sigma.estimate:.1%} ({sigma.low:.1%} to {sigma.high:.1%}) with coherency of "
        f"{kappa.estimate:.2g} ({kappa.low:.2g} to {kappa.high:.2g}) does (USL); no fall is seen."
    )
    return [said]


def _list(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]

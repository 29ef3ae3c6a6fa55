"""Scaling laws: exact where the truth is, refused where there is none, and never beyond what was measured."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from scipy.optimize import curve_fit

from pipeline.law import Estimate, Law, Point, Refusal, turn
from pipeline.scaling import karp_flatt, say, strong_scaling
from pipeline.statistics import Speedup

from .truth import curves

UNTOLD = Speedup(1.0, 0.0, math.inf, 3, 1, False)


def points(speedup: Callable[[int], float], counts: Sequence[int], half_width: float = 0.01) -> list[Point]:
    return [
        Point(each, Speedup(value, value / (1 + half_width), value * (1 + half_width), 100, 12, True))
        for each in counts
        for value in [speedup(each)]
    ]


def told(law: Law | Refusal) -> Law:
    assert isinstance(law, Law), law
    return law


def test_serial_fraction_is_that_of_karp_and_flatt() -> None:
    """The two examples of M. J. Quinn, Parallel Programming in C with MPI and OpenMP, 2003, section 7.5."""
    constant = [1.82, 2.50, 3.08, 3.57, 4.00, 4.38, 4.71]
    growing = [1.87, 2.61, 3.23, 3.73, 4.14, 4.46, 4.71]
    of = dict(zip(range(2, 9), constant, strict=True))
    assert [karp_flatt(each).estimate for each in points(of.__getitem__, list(of))] == pytest.approx(
        [0.1] * 7, abs=2e-3
    )
    of = dict(zip(range(2, 9), growing, strict=True))
    found = [karp_flatt(each).estimate for each in points(of.__getitem__, list(of))]
    assert found == pytest.approx([0.07, 0.075, 0.08, 0.085, 0.09, 0.095, 0.1], abs=1e-3)


def test_serial_fraction_is_low_where_the_speedup_is_high() -> None:
    """Its interval is the speed-up's, turned round; where that has none, there is none either."""
    (point,) = points(lambda _: 3.0, [4], 0.1)
    found = karp_flatt(point)
    assert found.low == pytest.approx((4 / 3.3 - 1) / 3)
    assert found.high == pytest.approx((4 * 1.1 / 3 - 1) / 3)
    assert karp_flatt(Point(4, UNTOLD)).to_json() == {"estimate": 1.0, "low": pytest.approx(-1 / 3), "high": None}


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("f", [0.0, 0.1, 0.25, 1.0])
def test_amdahls_serial_share_is_found_whatever_the_pool_costs(f: float, gamma: float) -> None:
    """From four counts known to a percent, f is exact, and its interval reaches from there by a hundredth or so."""
    law = told(strong_scaling(points(curves.usl_curve(f, 0.0, gamma).speedup, curves.FEW)).amdahl)
    assert law.sigma.estimate == pytest.approx(f, abs=1e-9)
    assert law.gamma.estimate == pytest.approx(gamma)
    reach = 0.006 if f < 1 else 0.015
    assert f - reach < law.sigma.low <= f + 1e-9
    assert f - 1e-9 <= law.sigma.high < f + reach


def test_usl_is_found_with_its_peak() -> None:
    """From eight exact counts sigma, kappa and the peak are exact, and lie in their intervals."""
    curve = curves.usl_curve(0.05, 0.02, 0.9)
    law = told(strong_scaling(points(curve.speedup, curves.WIDE)).usl)
    assert law.peak is not None
    assert curve.peak is not None
    for found, truth in ((law.sigma, 0.05), (law.kappa, 0.02), (law.gamma, 0.9), (law.peak, curve.peak)):
        assert found.estimate == pytest.approx(truth)
        assert found.low < truth < found.high
    assert law.peak.low > 6
    assert law.peak.high < 8


def test_usl_agrees_with_what_is_published() -> None:
    """SPEC SDM 91 on a SPARCcenter 2000: sigma 0.0277 and kappa 0.000104 (the README of CRAN's package usl)."""
    throughput = {18: 995.9, 36: 1652.4, 72: 1853.2, 108: 1828.9, 144: 1775.0, 216: 1702.2}
    law = told(strong_scaling(points(lambda each: throughput[each] / 64.9, list(throughput), 0.08)).usl)
    assert law.sigma.low < 0.0277 < law.sigma.high
    assert law.kappa.low < 0.000104 < law.kappa.high
    assert law.kappa.estimate == pytest.approx(0.000104, rel=0.02)


def test_errors_are_those_of_a_weighted_fit() -> None:
    """Estimates and spread are `curve_fit`'s for these half-widths, a ratio's interval is the delta method's."""
    wobble = {1: 1.01, 2: 0.99, 3: 1.0, 4: 1.012, 6: 0.99, 8: 1.005, 12: 0.99, 16: 1.01}
    curve = curves.usl_curve(0.1, 0.01, 0.9)
    law = told(strong_scaling(points(lambda each: curve.speedup(each) * wobble[each], curves.WIDE, 0.02)).usl)
    speedups = [each.speedup for each in law.points]
    fitted, covariance = curve_fit(
        lambda n, p, s, c: p / n + s + c * (n - 1),
        [float(each) for each in curves.WIDE],
        [1 / each.estimate for each in speedups],
        p0=(0.9, 0.1, 0.01),
        sigma=[(1 / each.low - 1 / each.high) / 2 for each in speedups],
        absolute_sigma=True,
    )
    assert law.best == pytest.approx(fitted, rel=1e-4)
    for row, of_peer in zip(law.spread, covariance, strict=True):
        assert row == pytest.approx(of_peer, rel=1e-3)
    parallel, serial, _ = fitted
    slope = [-serial / (parallel + serial) ** 2, parallel / (parallel + serial) ** 2, 0.0]
    half_width = math.sqrt(slope @ covariance @ slope)
    assert (law.sigma.high - law.sigma.low) / 2 == pytest.approx(half_width, rel=0.02)


def test_counts_of_too_few_trials_are_no_evidence() -> None:
    """A law compares counts, whose trials differ; where intervals hold for these trials only, nothing is said."""
    few = [Point(each, replace(points(float, [each])[0].speedup, beyond_these_trials=False)) for each in curves.WIDE]
    found = strong_scaling(few)
    assert found.amdahl == Refusal("it takes 3 worker counts whose intervals hold beyond these trials, and there are 0")
    assert sorted(found.fractions) == [2, 3, 4, 6, 8, 12, 16]


@pytest.mark.parametrize(
    ("counts", "amdahl", "usl"), [(2, False, False), (3, True, False), (5, True, False), (6, True, True)]
)
def test_laws_take_enough_counts(counts: int, amdahl: bool, usl: bool) -> None:
    """Amdahl's three, the USL six; a count without an interval is none."""
    measured = [*points(float, range(1, counts + 1)), Point(100, UNTOLD)]
    found = strong_scaling(measured)
    assert (isinstance(found.amdahl, Law), isinstance(found.usl, Law)) == (amdahl, usl)
    if not usl:
        assert isinstance(found.usl, Refusal)
        assert found.usl.reason.startswith("it takes 6 worker counts")
        assert found.usl.reason.endswith(f"and there are {counts}")


def test_a_ceiling_is_neither_law() -> None:
    """Work that four cores saturate is refused, and what the law would have said instead is named."""
    found = strong_scaling(points(lambda each: min(each, 4), curves.WIDE))
    assert isinstance(found.amdahl, Refusal)
    assert isinstance(found.usl, Refusal)
    assert "where 3.96 to 4.04 was measured" in found.usl.reason


def test_counts_above_what_can_run_at_once_are_left_out() -> None:
    """Below them the speed-up is linear, and nothing is said of more workers than can run."""
    found = strong_scaling(points(lambda each: min(each, 4), curves.WIDE), attainable=4)
    assert found.left_out == (6, 8, 12, 16)
    assert told(found.amdahl).sigma.estimate == pytest.approx(0, abs=1e-9)
    assert say(found, "process") == (
        "Strong scaling: a serial share of 0.0% (0.0% to 0.4%) explains 1, 2, 3 and 4 processes (Amdahl's law). "
        "Serial fraction by Karp and Flatt: 0.0% (-1.0% to 1.0%) on 2, 0.0% (-0.5% to 0.5%) on 3, "
        "0.0% (-0.3% to 0.3%) on 4. Left out: 6, 8, 12 and 16, as no more than 4 can run at once."
    )


def test_no_peak_is_told_before_a_fall_is_seen() -> None:
    """A peak at 10 workers, measured up to 8: coherency is there, and that it peaks would be an extrapolation."""
    law = told(strong_scaling(points(curves.usl_curve(0.0, 0.01).speedup, (1, 2, 3, 4, 6, 8))).usl)
    assert law.kappa.low > 0
    assert law.peak is None


def test_the_turn_needs_no_law() -> None:
    """It surely rises beyond 2, and surely fell at 8; 4 and 6 could be either way."""
    values = {1: 1.0, 2: 1.5, 4: 2.0, 6: 1.95, 8: 1.6}
    assert turn(points(values.__getitem__, list(values), 0.05)) == (2, 8)
    assert turn(points(float, curves.FEW)) == (4, None)


def test_nothing_is_said_beyond_twice_the_largest_count() -> None:
    """Eight were measured, so sixteen may be predicted, and seventeen may not."""
    law = told(strong_scaling(points(curves.usl_curve(0.1, 0.0).speedup, curves.FEW)).amdahl)
    ahead = law.speedup(16)
    assert ahead.estimate == pytest.approx(6.4)
    assert ahead.low < 6.4 < ahead.high
    with pytest.raises(ValueError, match="17 workers are more than 2 times the 8 measured"):
        law.speedup(17)


def test_a_law_that_barely_fits_does_not_look_precise() -> None:
    """Where the intervals hardly share one serial fraction, its interval is as wide as where they all agree on it."""
    exact = told(strong_scaling(points(curves.usl_curve(0.1, 0.0).speedup, curves.FEW)).amdahl)
    wobbling = {1: 1.0, 2: 1.8182 * 0.989, 4: 3.0769 * 1.0095, 8: 4.7059}
    barely = told(strong_scaling(points(wobbling.__getitem__, curves.FEW)).amdahl)
    assert barely.sigma.high - barely.sigma.low == pytest.approx(exact.sigma.high - exact.sigma.low, rel=0.05)


def test_identical_rounds_are_no_trouble() -> None:
    """Intervals of no width still give a law."""
    law = told(strong_scaling(points(curves.usl_curve(0.2, 0.0).speedup, curves.FEW, 0.0)).amdahl)
    assert law.sigma.estimate == pytest.approx(0.2)


def test_thousands_of_workers_are_no_trouble() -> None:
    """Asyncio runs as many as one likes: coefficients of a millionth are found."""
    curve = curves.usl_curve(0.001, 1e-7)
    law = told(strong_scaling(points(curve.speedup, (1, 10, 100, 1000, 3000, 10_000))).usl)
    assert law.kappa.estimate == pytest.approx(1e-7)
    assert law.kappa.low < 1e-7 < law.kappa.high
    assert law.peak is not None
    assert law.peak.estimate == pytest.approx(curve.peak)


AMDAHL = (
    "Strong scaling: a serial share of 10.0% (9.7% to 10.3%) explains 1, 2, 4 and 8 threads (Amdahl's law); "
    "if it holds up to there, 16 threads are 6.40 times (6.31 to 6.49) as fast as a plain loop."
)
PEAK = (
    "Strong scaling: no one serial share explains 1, 2, 3, 4, 6, 8, 12 and 16 threads (Amdahl's law): the nearest "
    "fit gives 3.41 times on 16, where 2.42 to 2.47 was measured. The speed-up peaks near 7 threads (6 to 7; USL)."
)
SAID: dict[str, tuple[list[Point], str]] = {
    "too few": (
        points(float, (1, 2)),
        "no law, as it takes 3 worker counts whose intervals hold beyond these trials, and there are 2.",
    ),
    "Amdahl": (points(curves.usl_curve(0.1, 0.0).speedup, curves.FEW), AMDAHL),
    "wide": (
        points(curves.usl_curve(0.3, 0.0).speedup, (1, 2, 3), 0.15),
        "Strong scaling: any serial share from 16% to 48% explains 1, 2 and 3 threads (Amdahl's law).",
    ),
    "peak": (points(curves.usl_curve(0.05, 0.02).speedup, curves.WIDE), PEAK),
    "fall": (
        points({1: 1.0, 2: 1.8, 4: 2.5, 8: 1.5}.__getitem__, curves.FEW),
        "The speed-up falls again: its peak lies from 2 to 8 threads.",
    ),
    "USL without a peak": (
        points(curves.usl_curve(0.02, 0.005).speedup, (1, 2, 4, 6, 8, 12)),
        "does (USL); no fall is seen.",
    ),
    "neither": (
        points(lambda each: min(each, 4), (1, 2, 4, 6, 8, 12)),
        "Nor do contention and coherency (USL): the nearest fit gives",
    ),
}


@pytest.mark.parametrize("name", list(SAID))
def test_what_was_found_is_said(name: str) -> None:
    found, text = SAID[name]
    assert text in say(strong_scaling(found), "thread")


def test_json_says_it_all() -> None:
    """Laws by their own terms, refusals by their reason; what has no bound is null."""
    found = json.loads(json.dumps(strong_scaling(points(curves.usl_curve(0.1, 0.0).speedup, curves.FEW)).to_json()))
    assert found["scaling"] == "strong"
    assert sorted(found["karp_flatt"]) == ["2", "4", "8"]
    assert found["amdahl"]["serial_fraction"]["estimate"] == pytest.approx(0.1)
    assert set(found["usl"]) == {"refused"}
    assert Estimate(1.0, 0.0, math.inf).to_json() == {"estimate": 1.0, "low": 0.0, "high": None}
    usl = strong_scaling(points(curves.usl_curve(0.05, 0.02).speedup, curves.WIDE)).usl.to_json()
    assert set(usl) == {"contention", "coherency", "peak", "one_worker"}


def test_importing_it_is_cheap() -> None:
    """Scipy is imported when a law is fitted, and not before."""
    code = "import sys, pipeline.scaling; print('scipy' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_intervals_hold_the_truth_under_every_noise() -> None:
    """Serial share, contention and coherency of random curves: in far over 95 % of the cases; `make truth` has more."""
    rates = [
        *curves.coverage(curves.play(1, curves.LAWFUL, curves.WIDE, curves.DEFAULT, 96), curves.WIDE),
        *curves.coverage(curves.play(2, curves.PEAKED, curves.WIDE, curves.DEFAULT, 96), curves.WIDE),
    ]
    assert len(rates) == 6
    for rate in rates:
        assert rate.share >= 0.95, rate


def test_a_serial_share_is_recovered_within_a_hundredth() -> None:
    """Of 0.10 and 0.25, on 1, 2, 4 and 8 workers, where each is known to a percent or so."""
    assert curves.recovery(3, curves.FEW, curves.THOROUGH, 48).share >= 0.95


def test_no_peak_is_invented() -> None:
    """Lines, serial shares, locks, cores, hardware threads: none of them has one, and most bend as if they had."""
    assert curves.invented_peaks(curves.play(4, curves.PEAKLESS, curves.WIDE, curves.DEFAULT, 216)).hits == 0
    assert (
        curves.peaks_by_coefficients(
            curves.play(4, curves.PEAKLESS, curves.WIDE, curves.DEFAULT, 216), curves.WIDE
        ).share
        > 0.05
    )


def test_peaks_within_the_counts_are_found() -> None:
    """Mostly, that is where half as many workers again were measured too."""
    rate = curves.found_peaks(curves.play(5, [curves.peaked], curves.WIDE, curves.DEFAULT, 96), curves.WIDE)
    assert rate.tried >= 80
    assert rate.share >= 0.8

"""Scaling laws on curves whose law is known."""

from __future__ import annotations

from collections.abc import Iterator

from . import curves, traces
from .row import Row, at_least, at_most

COUNTS = (1, 2, 3, 4, 6, 8, 12)
EFFORTS = {"12 trials of 8 rounds": curves.Effort(12, 8), "the real stopping": None}


def scaling(cases: int = 2_000) -> Iterator[Row]:
    """USL and Amdahl under all noise models in turn: intervals that hold the truth, and peaks that are not there."""
    for said, effort in EFFORTS.items():
        for rate in curves.coverage(curves.play(1, curves.LAWFUL, COUNTS, effort, cases), COUNTS):
            yield at_least(f"{rate.what}, {said}", rate.share, 0.95, detail=f"of {rate.tried:,}")
        rate = curves.invented_peaks(curves.play(2, curves.PEAKLESS, COUNTS, effort, cases))
        yield at_most(f"{rate.what}, {said}", rate.share, 0.025, detail=f"of {rate.tried:,}")
        found = curves.found_peaks(curves.play(3, curves.PEAKED, COUNTS, effort, cases), COUNTS)
        near = curves.recovery(4, curves.FEW, effort, cases)
        for rate in (found, near, *curves.wrong_laws(curves.play(5, curves.LAWLESS, COUNTS, effort, cases))):
            yield Row(f"{rate.what}, {said}", "", f"{rate.share:.1%} of {rate.tried:,}", None)
    for name in traces.NAMES:
        models = [traces.model(traces.load(name))]
        for rate in curves.coverage(curves.play(6, curves.LAWFUL, COUNTS, None, cases // 4, models), COUNTS):
            yield at_least(f"{rate.what}, the real stopping, {name}", rate.share, 0.95, detail=f"of {rate.tried:,}")
        rate = curves.invented_peaks(curves.play(7, curves.PEAKLESS, COUNTS, None, cases // 4, models))
        yield at_most(f"{rate.what}, the real stopping, {name}", rate.share, 0.025, detail=f"of {rate.tried:,}")


SECTIONS = {"scaling": scaling}

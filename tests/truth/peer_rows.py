"""How far off the known tools are on identical code, next to ours, in equal time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import traces
from .row import Row, at_most

BUDGETS_S = (4.0, 10.0)
BARS = {"default": 1 / 5, "interleaved": 1 / 1.5}
QUIET = "quiet"
"""The trace that was recorded while nobody else was there; the bars are for the others."""


def peers(repeats: int = 1_000) -> Iterator[Row]:
    """The 95th percentile of the A/A ratio's error: ours as a share of each tool's, at its defaults and interleaved.

    Stretches of one recording overlap: in brackets is how many independent ones there are, so these rows are rough.
    """
    from . import peers as tools

    for name in sorted(traces.NAMES, key=lambda name: (name == QUIET, name)):
        trace = traces.load(name)
        for budget_s in BUDGETS_S:
            *others, ours = tools.compare_peers(trace, budget_s, repeats, np.random.default_rng(1))
            windows = int(2 * len(trace.rounds) * trace.repetition_s / budget_s)
            at = f"{name}, {budget_s:.0f} s ({windows} such stretches)"
            called = f"{ours.error:.3f}; it calls {ours.false_positives:.1%} different"
            yield Row(f"{at}, this tool's own error", "", called, None)
            for other in others:
                what = f"{at}, {other.peer} {other.use}"
                detail = f"({ours.error:.3f} of {other.error:.3f}; it calls {other.false_positives:.1%} different)"
                share = ours.error / other.error
                if name == QUIET:
                    yield Row(what, "", f"{share:.2f} {detail}", None)
                else:
                    yield at_most(what, share, BARS[other.use], "{:.2f}", detail)


SECTIONS = {"peers": peers}

"""The simulated rows: how often the tool errs under every noise model and on every recorded trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from . import noise, rates, traces
from .row import Row, at_least, at_most

QUICK = replace(rates.DEFAULT, target=0.10, budget_s=4.0, trials=3, max_rounds=100)
"""As in conf/measure/quick.yaml: too few trials to speak of others."""
QUIET_SD = 0.12
"""Traces whose rounds' log-ratio scatters no more than this have a bar for what has to be found."""


def false_alarms(runs: int = 4_000) -> Iterator[Row]:
    """Identical code called different, family-wise, after adaptive stopping, play-off and all."""
    for name in rates.models():
        found = rates.spread(rates.count_false_alarms, name, runs)
        for kind, said in (("loop", "three cells as fast as the loop"), ("tied", "two faster cells alike")):
            yield at_most(f"A/A, {name}, {said}: called different", found[kind] / runs, 0.055, detail=f"of {runs:,}")


def coverage(runs: int = 4_000) -> Iterator[Row]:
    """Intervals that hold the truth after adaptive stopping."""
    for name in (*rates.models(), *rates.IN_A_ROW):
        found = rates.spread(rates.count_missed, name, runs)
        yield at_least(f"coverage, {name}", 1 - found["missed"] / runs, 0.94, detail=f"of {runs:,}")
        quick = rates.spread(partial(rates.count_missed, profile=QUICK), name, runs)
        said = f"coverage, {name}, measure=quick (of these trials only)"
        yield Row(said, "reported", f"{1 - quick['missed'] / runs:.1%} of {runs:,}", None)


def power(runs: int = 2_000) -> Iterator[Row]:
    """Planted differences found in ten seconds of measuring."""
    for name in traces.NAMES:
        sd = traces.load(name).sd
        for difference, bar in ((0.05, 0.90), (0.10, 0.99)):
            found = rates.spread(partial(rates.count_found, difference=difference), name, runs)
            right, wrong, fixed = (found[key] / runs for key in ("right", "wrong", "fixed"))
            what = f"{difference:.0%} in 10 s, {name} (sd {sd:.2f})"
            detail = f"(an interval of fixed length: {fixed:.1%})"
            if sd <= QUIET_SD:
                yield at_least(f"{what}: found", right, bar, detail=detail)
            else:
                yield Row(f"{what}: found", "shortfall reported", f"{right:.1%} {detail}", None)
            yield at_most(f"{what}: wrong sign", wrong, 0.005)


def choices(runs: int = 300) -> Iterator[Row]:
    """Recommendations on matrices whose best cell is known, and refusals where nothing can be told."""
    for name in ("lognormal", *sorted(traces.NAMES), *sorted(set(noise.MODELS) - {"lognormal"})):
        found = rates.spread(rates.count_choices, name, runs)
        for kind, said in (("curves", "USL curves"), ("ties", "ties"), ("nothing", "nothing worth using")):
            claimed = found[f"{kind} claimed"]
            detail = f"of {claimed:,} claims, {found[f'{kind} refused']:,} refused"
            yield at_least(
                f"{said}, {name}: within 5 % of the best", found[f"{kind} good"] / max(claimed, 1), 0.95, detail=detail
            )
        slow = found["slow claimed"] - found["slow stayed"]
        yield at_least(f"two cells alike, a batch of a second, {name}: one recommended", slow / runs, 0.90)
        held = 1 - found["headline missed"] / max(found["headlines"], 1)
        yield at_least(f"headlines, {name}: interval holds the truth", held, 0.94, detail=f"of {found['headlines']:,}")
        yield at_least(f"the best cell at the margin, {name}: refused", found["open refused"] / runs, 0.90)
        used = found["small claimed"] - found["small stayed"]
        yield at_most(f"a gain of half the margin, {name}: recommended", used / runs, 0.05)


def flags(runs: int = 400) -> Iterator[Row]:
    """How often a cell on each trace is flagged for what its times show alone; the others need a machine's counters."""
    for name in (*traces.NAMES, *rates.IN_A_ROW):
        found = rates.spread(rates.count_flags, name, runs)
        said = ", ".join(f"{flag} {found[flag] / runs:.1%}" for flag in ("noisy", "drifting"))
        yield Row(f"flags, {name}", "", said, None)


SECTIONS = {"false_alarms": false_alarms, "coverage": coverage, "power": power, "choices": choices, "flags": flags}

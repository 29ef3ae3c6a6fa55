"""Two runs held against each other: for each cell whether it got faster, slower, or neither, or nobody can tell.

The runs took no turns, so what the hour did to one of them it did not do to the other. Speed-ups over a plain loop of
the same minutes stand that best; times in seconds are compared within one environment alone, and say little. For two
revisions that did take turns see `interleaved`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import flags, thresholds
from .evidence import Evidence, Run
from .journal import Record
from .plan import ALPHA
from .statistics import Speedup, median_interval
from .wording import factor, pool_name

FASTER, SLOWER, SAME, OPEN = "faster", "slower", "the same", "can't tell"

_MANY = 1_000
"""So many differences in what was asked for and where are listed."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast the second run is, with an interval.

    `verdict` is one of the words above, and `why` its reason; the estimate is not a number where there is none.
    """

    estimate: float
    low: float
    high: float
    verdict: str
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """With `null` for what is not known or infinite."""
        numbers = {"estimate": self.estimate, "low": self.low, "high": self.high}
        known = {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        return {**known, "verdict": self.verdict, "why": self.why}


@dataclass(frozen=True)
class Compared:
    """A cell in both runs: its speed-up, which a plain loop has none of, and the time of its batch.

    `batch` is `None` where the runs are of two environments. Of interleaved revisions, which share a plain loop, there
    is no speed-up, but `batch_s`, the medians before and after, and whether the answers are alike.
    """

    workload: str
    pool: str
    speedup: Ratio | None
    batch: Ratio | None
    batch_s: tuple[float | None, float | None] | None = None
    answers: str | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Of both."""
        return tuple(each.verdict for each in (self.speedup, self.batch) if each is not None)


@dataclass(frozen=True)
class Change:
    """Something that is not the same in both runs; `kind` is `configuration`, `source` or `environment`."""

    kind: str
    key: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """What became of the cells that both runs have, what changed between them, and which cells only one has.

    `before` and `after` are the headers of runs; those of interleaved revisions are of one run and have a `revision`.
    """

    before: Record
    after: Record
    margin: float
    cells: tuple[Compared, ...]
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def one_environment(self) -> bool:
        """Whether machine, interpreter and packages are the same."""
        return _is_one(self.before, self.after)

    @property
    def interleaved(self) -> bool:
        """Whether both took turns, round by round."""
        return "revision" in self.before

    def any_is(self, verdict: str) -> bool:
        """Whether anything in it is that."""
        return any(verdict in each.verdicts for each in self.cells)


def compare(before: Run, after: Run) -> Comparison:
    """Hold `after` against `before`; all of the statements together err in at most `plan.ALPHA`."""
    olds, news = _cells(before), _cells(after)
    both = [key for key in olds if key in news]
    one_environment = _is_one(before.header, after.header)
    pairs = [(_Measured(before, olds[key]), _Measured(after, news[key])) for key in both]
    statements = sum((not old.is_anchor) + one_environment for old, _ in pairs)
    alpha = ALPHA / max(statements, 1) / 2  # half for the interval of either run
    margin = max(before.margin, after.margin)
    cells = tuple(_compare(old, new, alpha, margin, one_environment) for old, new in pairs)
    return Comparison(
        before.header,
        after.header,
        margin,
        cells,
        changes(before.header, after.header),
        tuple(_Measured(before, cell).name for key, cell in olds.items() if key not in news),
        tuple(_Measured(after, cell).name for key, cell in news.items() if key not in olds),
    )


def _is_one(old: Record, new: Record) -> bool:
    return bool(old["surroundings"]["id"] == new["surroundings"]["id"])


class _Measured:
    """A cell of a run, or the plain loop of a workload."""

    def __init__(self, run: Run, cell: Record) -> None:
        self.cell, self.is_anchor = cell, cell["id"] not in run.measured
        self.workload = cell["name"]
        self.pool = f"{pool_name(cell['backend'], cell['workers'])} {run.variants[cell['id']]}".rstrip()
        trials = run.of_anchor(cell["anchor"])
        self.evidence = (
            Evidence("measured", None, None, trials, len(trials)) if self.is_anchor else run.evidence[cell["id"]]
        )
        self.arm = "anchor" if self.is_anchor else "cell"
        self.shared = [
            each.detail
            for each in flags.find(cell, self.evidence, run.room(cell))
            if not self.is_anchor and each.name in flags.SHARED | flags.UNFIT
        ]

    @property
    def name(self) -> str:
        """The workload and the pool."""
        return f"{self.workload}, {self.pool}"

    def computes(self) -> bool:
        """Whether its workers compete for cores."""
        return self.cell["workers"] > 1 and (self.evidence.cores_used("anchor") or 0.0) > thresholds.CPU_BOUND

    def batch(self, alpha: float) -> Speedup:
        """The time of a batch as a speed: 1 / seconds; the trials' medians are what is independent."""
        middles = [-math.log(median(trial["arms"][self.arm]["batch_s"])) for trial in self.evidence.trials]
        if not middles:
            return Speedup(math.nan, 0.0, math.inf, 0, 0, beyond_these_trials=False)
        found = median_interval(middles, alpha)
        exists = math.isfinite(found.high)
        low, high = (math.exp(found.low), math.exp(found.high)) if exists else (0.0, math.inf)
        return Speedup(math.exp(median(middles)), low, high, len(middles), len(middles), beyond_these_trials=exists)


def _cells(run: Run) -> dict[str, Record]:
    """By what they are, whatever the source of what they measure."""
    keys = ("name", "backend", "workers", "options", "env", "python")
    return {json.dumps([cell[key] for key in keys], sort_keys=True): cell for cell in run.cells}


def _compare(old: _Measured, new: _Measured, alpha: float, margin: float, one_environment: bool) -> Compared:
    speedup = None if old.is_anchor else _speedups(old, new, alpha, margin)
    batch = None
    if one_environment:
        batch = _divide(new.batch(alpha), old.batch(alpha), thresholds.TIMES_BETWEEN_RUNS, margin)
    return Compared(new.workload, new.pool, speedup, batch)


def _speedups(old: _Measured, new: _Measured, alpha: float, margin: float) -> Ratio:
    found = _divide(new.evidence.speedup(alpha), old.evidence.speedup(alpha), thresholds.BETWEEN_RUNS, margin)
    why = next(_doubts(old, new), "")
    return Ratio(found.estimate, found.low, found.high, OPEN, why) if why else found


def _doubts(old: _Measured, new: _Measured) -> Iterator[str]:
    """Why nothing can be told, whatever the intervals say."""
    for each, when in ((old, "before"), (new, "after")):
        if not each.evidence.trials:
            yield f"{each.evidence.status} {when}"
        for detail in each.shared:
            yield f"{detail} {when}"
    then, now = old.evidence.capacity, new.evidence.capacity
    if old.computes() and then is not None and now is not None and (then.low > now.high or now.low > then.high):
        yield f"the machine offered {then.estimate:.2f} cores before and {now.estimate:.2f} after"


def _divide(new: Speedup, old: Speedup, allowance: float, margin: float) -> Ratio:
    """The quotient new / old, and the interval that holds where both of theirs do, wider by the factor `allowance`."""
    if not (new.rounds and old.rounds):
        return Ratio(math.nan, 0.0, math.inf, OPEN, "not measured in both")
    estimate = new.estimate / old.estimate
    if not (new.beyond_these_trials and old.beyond_these_trials and new.low > 0 and old.low > 0):
        return Ratio(estimate, 0.0, math.inf, OPEN, "too few trials for an interval")
    return judge(estimate, new.low / old.high / allowance, new.high / old.low * allowance, margin)


def judge(estimate: float, low: float, high: float, margin: float) -> Ratio:
    """What an interval shows: a difference, that there is none beyond the margin, or nothing."""
    if 1 / (1 + margin) <= low and high <= 1 + margin:
        return Ratio(estimate, low, high, SAME, f"within {margin:.0%}")
    if low > 1 or high < 1:
        return Ratio(estimate, low, high, FASTER if low > 1 else SLOWER)
    return Ratio(estimate, low, high, OPEN, f"anything from {factor(low)} to {factor(high)} times")


def changes(old: Record, new: Record) -> tuple[Change, ...]:
    """What differs between two runs, by their headers."""
    return tuple(_changes(old, new))[:_MANY]


def _changes(old: Record, new: Record) -> Iterator[Change]:
    for key in ("protocol", "measure", "margin"):  # cells are compared one by one
        yield from _differences("configuration", *(_flat(_at(header, "definition", key), key) for header in (old, new)))
    yield from _differences("source", *(_at(header, "definition", "sources") or {} for header in (old, new)))
    yield from _differences("source", *(_flat(_at(header, "surroundings", "code"), "code") for header in (old, new)))
    for key in ("machine", "interpreter", "packages"):
        yield from _differences("environment", *(_flat(_at(header, "surroundings", key), key) for header in (old, new)))


def _at(header: Record, *keys: str) -> Any:
    """What stands there; `None` where nothing does, as where code is in no repository."""
    found: Any = header
    for key in keys:
        found = (found or {}).get(key)
    return found


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of nested values, by their paths."""
    if not isinstance(value, dict):
        return {path: value}
    return {
        key: leaf
        for name, each in value.items()
        for key, leaf in _flat(each, f"{path}.{name}" if path else name).items()
    }


def _differences(kind: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys([*old, *new]):
        before, after = (_said(each, key) for each in (old, new))
        if before != after:
            yield Change(kind, key, before, after)


def _said(values: dict[str, Any], key: str) -> str:
    if key not in values:
        return "none"
    value = values[key]
    return value if isinstance(value, str) else json.dumps(value)


def to_json(comparison: Comparison) -> str:
    """All of it, for programs."""
    whole = {
        "before": _run(comparison.before),
        "after": _run(comparison.after),
        "interleaved": comparison.interleaved,
        "one_environment": comparison.one_environment,
        "margin": comparison.margin,
        "cells": [
            {
                "workload": each.workload,
                "pool": each.pool,
                "speedup": each.speedup and each.speedup.to_json(),
                "batch": each.batch and each.batch.to_json(),
                **({"batch_s": each.batch_s, "answers": each.answers} if comparison.interleaved else {}),
            }
            for each in comparison.cells
        ],
        "changes": [vars(each) for each in comparison.changes],
        "only_before": list(comparison.only_before),
        "only_after": list(comparison.only_after),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _run(header: Record) -> dict[str, Any]:
    told = {key: header[key] for key in ("name", "version", "began", "command")}
    return told | {key: header[key] for key in ("revision",) if key in header}


def names(cells: Sequence[Compared], verdict: str) -> list[str]:
    """The cells of which something is that."""
    return [f"{each.workload}, {each.pool}" for each in cells if verdict in each.verdicts]

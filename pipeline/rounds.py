"""The rounds of many trials as columns: a million of them fit where no round has an object of its own."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .journal import Record

Ints = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]


@dataclass(frozen=True)
class Layout:
    """Which row is what: for each its trial, arm and round, and its place where an arm's rounds are together.

    Trials and arms are counted through; `position` is the arm's in its round.
    """

    trial: Ints
    arm: Ints
    round: Ints
    place: Ints
    position: Ints

    @classmethod
    def of(cls, trials: Sequence[Record]) -> Layout:
        """A row for each arm of each round of each trial."""
        rounds, arms = (np.array([len(trial[what]) for trial in trials], "int64") for what in ("orders", "arms"))
        sizes = rounds * arms
        trial = np.repeat(np.arange(len(trials)), sizes)
        row = np.arange(len(trial)) - np.repeat(sizes.cumsum() - sizes, sizes)
        round_, arm = np.divmod(row, arms[trial])
        place = np.arange(len(trial)) - row + arm * rounds[trial] + round_
        return cls(trial, arm + (arms.cumsum() - arms)[trial], round_, place, _positions(trials))


def _positions(trials: Iterable[Record]) -> Ints:
    """Where each arm stood in each round."""
    found = array("q")
    known: dict[tuple[str, ...], array[int]] = {}  # there are few orders
    for trial in trials:
        arms = tuple(trial["arms"])
        for order in trial["orders"]:
            key = (*arms, *order)
            if key not in known:
                known[key] = array("q", [order.index(arm) for arm in arms])
            found.extend(known[key])
    return np.array(found, "int64")


def of_rounds(trials: Iterable[Record], column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Each arm's values, round by round; journals of schema 1 have some of them once a trial, and none here."""
    found = array("d")
    for trial in trials:
        rounds = len(trial["orders"])
        for arm in trial["arms"].values():
            values = arm.get(column)
            if not isinstance(values, array):
                given = values if isinstance(values, list) and values else [None] * rounds
                values = [math.nan if each is None else each for each in given]
            if len(values) != rounds:  # all that follow would be told of other rounds
                raise ValueError(f"{column} of cell {trial['cell']}: {len(values)} values of {rounds} rounds")
            found.extend(values)
    return np.array(found, "float64")

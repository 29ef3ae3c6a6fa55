"""Ways in which a machine disturbs a round: each gives the log times of two arms that do the same work.

A model is called once a trial and returns an array of shape (rounds, 2), the logarithms of the anchor's and the cell's
time, without the work itself. The true log-ratio of the medians is 0 for all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Model = Callable[[np.random.Generator, int], Floats]


def lognormal(rng: np.random.Generator, rounds: int) -> Floats:
    """Independent in every arm of every round."""
    return rng.normal(0, 0.05, (rounds, 2))


def bimodal(rng: np.random.Generator, rounds: int) -> Floats:
    """A quarter of all times is 20 % longer, as on a core that another guest shares."""
    return rng.normal(0, 0.01, (rounds, 2)) + 0.2 * (rng.random((rounds, 2)) < 0.25)


def drift(rng: np.random.Generator, rounds: int) -> Floats:
    """The machine slows down steadily; whichever arm runs second sees a little more of it."""
    slope = rng.normal(0, 0.02)
    first = rng.integers(0, 2, rounds)
    at = np.arange(rounds)[:, None] + 0.5 * (np.array([[0, 1]]) != first[:, None])
    drifted: Floats = slope * at + rng.normal(0, 0.02, (rounds, 2))
    return drifted


def bursts(rng: np.random.Generator, rounds: int) -> Floats:
    """Now and then a neighbour takes a core for a few rounds and slows each arm by its own share."""
    log = rng.normal(0, 0.02, (rounds, 2))
    at = 0
    while at < rounds:
        at += int(rng.geometric(0.1))
        length = int(rng.geometric(0.3))
        log[at : at + length] += rng.uniform(0, 0.6, (len(log[at : at + length]), 2))
        at += length
    return log


def autoregressive(rng: np.random.Generator, rounds: int) -> Floats:
    """Each arm's noise remembers its last round: AR(1) with coefficient 0.7."""
    log = np.empty((rounds, 2))
    state = rng.normal(0, 0.05, 2)
    for each in range(rounds):
        state = 0.7 * state + rng.normal(0, 0.05 * np.sqrt(1 - 0.7**2), 2)
        log[each] = state
    return log


def asymmetric(rng: np.random.Generator, rounds: int) -> Floats:
    """The cell scatters four times as much as the anchor."""
    return rng.normal(0, 1, (rounds, 2)) * np.array([0.02, 0.08])


def heavy_tail(rng: np.random.Generator, rounds: int) -> Floats:
    """Student's t with two degrees of freedom: now and then a round is far out."""
    return 0.03 * rng.standard_t(2, (rounds, 2))


_LUCK = 0.05 * np.sqrt(2 * 0.3 / 0.7)


def differing_trials(rng: np.random.Generator, rounds: int) -> Floats:
    """Each start of the processes has its own luck: an intraclass correlation of 0.3."""
    return rng.normal(0, 0.05, (rounds, 2)) + np.array([0.0, rng.normal(0, _LUCK)])


def start_anew(rng: np.random.Generator, model: Model, log_s: Floats) -> Floats:
    """Times of a cell as another cell's in the same trial: where starts have luck of their own, so has this one."""
    return log_s + (rng.normal(0, np.sqrt(2) * _LUCK) if model is differing_trials else 0.0)


MODELS: dict[str, Model] = {
    model.__name__: model
    for model in (
        lognormal,
        bimodal,
        drift,
        bursts,
        autoregressive,
        asymmetric,
        heavy_tail,
        differing_trials,
    )
}

"""Recorded traces: what identical code took in two arms, on a real machine, under a known load.

Each trace is one Parquet file beside this module, made by `record`; its true log-ratio is 0. A trace is a run of short
trials one right after the other, all of the same number of rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .noise import Floats, Model

FOLDER = Path(__file__).parent / "traces"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.parquet")))

SCHEMA = pa.schema(
    [
        ("trial", pa.int16()),
        ("round", pa.int16()),
        ("arm", pa.int8()),
        ("position", pa.int8()),  # 0 for the arm that ran first in its round
        ("began_s", pa.float32()),  # since the trace began
        ("took_s", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Trace:
    """What was recorded.

    `log_s` has the shape (trials, rounds of a trial, 2 arms): the logarithms of seconds. `first`, of shape (trials,
    rounds), is the arm that ran first. `began_s` is when each repetition began, in time order.
    """

    name: str
    log_s: Floats
    first: np.ndarray[tuple[int, ...], np.dtype[np.int8]]
    began_s: Floats

    @property
    def rounds(self) -> Floats:
        """All rounds in time order, shape (rounds, 2)."""
        return self.log_s.reshape(-1, 2)

    @cached_property
    def in_time_order(self) -> Floats:
        """The log times of all repetitions, whichever arm's, as they followed one another."""
        order = np.stack([self.first, 1 - self.first], axis=-1)
        return np.take_along_axis(self.log_s, order, axis=-1).ravel()

    @property
    def repetition_s(self) -> float:
        """What a repetition takes on average: seconds."""
        return float(np.exp(self.log_s).mean())

    @property
    def log_ratios(self) -> Floats:
        """Of every round, shape (trials, rounds of a trial)."""
        ratios: Floats = self.log_s[..., 0] - self.log_s[..., 1]
        return ratios

    @property
    def sd(self) -> float:
        """The standard deviation of the rounds' log-ratio."""
        return float(self.log_ratios.std(ddof=1))

    @property
    def icc(self) -> float:
        """The share of the log-ratio's variance that a trial's rounds have in common.

        The intraclass correlation ICC(1) of Shrout and Fleiss, Psychological Bulletin 86 (1979), from the mean squares
        between and within trials.
        """
        ratios = self.log_ratios
        each = ratios.shape[1]
        between = each * ratios.mean(axis=1).var(ddof=1)
        within = ratios.var(axis=1, ddof=1).mean()
        return float((between - within) / (between + (each - 1) * within))

    @property
    def lag_1(self) -> float:
        """The correlation of a round's log-ratio with the next one's in the same trial."""
        ratios = self.log_ratios
        return float(np.corrcoef(ratios[:, :-1].ravel(), ratios[:, 1:].ravel())[0, 1])

    def trials(self, rng: np.random.Generator, rounds: int) -> Floats:
        """The rounds of a simulated trial from anywhere in the trace, shape (rounds, 2): a `Model`.

        They are adjacent and from one recorded trial; a longer one goes on through the next trials, so what luck its
        processes had is renewed every so many rounds. Either arm may be the anchor.
        """
        trials, each, _ = self.log_s.shape
        if rounds <= each:
            start = rng.integers(trials) * each + rng.integers(each - rounds + 1)
        else:
            start = rng.integers(trials) * each
        return self.following(int(start), rounds, int(rng.integers(2)))

    def stream(self, start: int, repetitions: int) -> Floats:
        """The log times of so many repetitions as they followed one another, from the one numbered `start` on."""
        return self.in_time_order[np.arange(start, start + repetitions) % self.in_time_order.size]

    def following(self, start: int, rounds: int, anchor: int) -> Floats:
        """So many rounds from the one numbered `start` on, shape (rounds, 2), the arm `anchor` first."""
        taken = self.rounds[np.arange(start, start + rounds) % len(self.rounds)]
        return taken[:, [anchor, 1 - anchor]]


def model(trace: Trace) -> Model:
    """Trials spread at random over the trace, as a sweep spreads a cell's; times are relative to the trace's median."""
    typical = float(np.median(trace.log_s))
    return lambda rng, rounds: trace.trials(rng, rounds) - typical


def in_a_row(trace: Trace, rng: np.random.Generator) -> Model:
    """Trials that follow one another in time, from anywhere on, as where a command sweeps over one cell alone.

    Of one sweep: each starts anywhere else.
    """
    typical = float(np.median(trace.log_s))
    trials, each, _ = trace.log_s.shape
    following = int(rng.integers(trials))

    def model(rng: np.random.Generator, rounds: int) -> Floats:
        nonlocal following
        start = following * each
        following += -(-rounds // each)
        return trace.following(start, rounds, int(rng.integers(2))) - typical

    return model


def load(name: str) -> Trace:
    """The trace of that name."""
    table = pq.read_table(FOLDER / f"{name}.parquet", schema=SCHEMA).to_pydict()
    trials, rounds = max(table["trial"]) + 1, max(table["round"]) + 1
    at = tuple(np.array(table[column]) for column in ("trial", "round", "arm"))
    log_s = np.full((trials, rounds, 2), np.nan)
    log_s[at] = np.log(table["took_s"])
    position = np.empty((trials, rounds, 2), dtype=np.int8)
    position[at] = table["position"]
    return Trace(name, log_s, position.argmin(axis=-1).astype(np.int8), np.array(table["began_s"]))


def save(name: str, rows: Sequence[tuple[float, ...]]) -> None:
    """Write a trace's rows, in the order of the schema's columns."""
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), SCHEMA.types, strict=True)]
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), FOLDER / f"{name}.parquet", compression="zstd")


def describe(trace: Trace) -> str:
    """One line of figures."""
    return (
        f"{trace.name}: {len(trace.rounds)} rounds of 2 x {trace.repetition_s * 1e3:.1f} ms, log-ratio's sd "
        f"{trace.sd:.3f}, ICC {trace.icc:.2f}, lag-1 autocorrelation {trace.lag_1:.2f}"
    )

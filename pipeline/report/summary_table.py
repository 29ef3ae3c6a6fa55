"""The summary as a table to read: fewer columns than the files have, and numbers in their units."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..evidence import Flag
from ..thresholds import CPU_BOUND
from ..wording import UP, factor, megabytes, seconds
from . import meanings
from .text import first_line, one_line, shorten
from .these_trials import DAGGER

MOST_ROWS = 1_000
"""So many rows are shown; the files have all."""


@dataclass(frozen=True)
class Column:
    """A column's heading and whether it holds numbers."""

    title: str
    numeric: bool


@dataclass(frozen=True)
class Row:
    """A cell; `kind` is `anchor`, `chosen`, `missing` (not measured) or empty, `note` and `flags` what to know."""

    texts: tuple[str, ...]
    kind: str
    note: str
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class Table:
    """The table, the cells whose intervals have a dagger, and how many rows of the summary it leaves out."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    marked: frozenset[str]
    left_out: int


Cell = dict[str, Any]
_Say = Callable[[Cell], str]


def make_table(summary: pd.DataFrame, chosen: Collection[str]) -> Table:
    """A row a cell; columns that would say nothing are left out."""
    loops = summary.drop_duplicates("workload")
    anchors = set(loops["cell"])
    # What waits overlaps beyond the cores: there it means nothing what share of them it got.
    waiting = {loop["workload"] for loop in loops.to_dict("records") if not computes(loop)}
    shares = summary["capacity_efficiency"].mask(summary["workload"].isin(waiting))
    records: list[Cell] = [
        {str(key): None if value is None or value is pd.NA else value for key, value in record.items()}
        for record in summary.assign(of_capacity=shares).head(MOST_ROWS).to_dict("records")
    ]
    columns = [(column, say) for column, say, always in _COLUMNS if always or any(say(record) for record in records)]
    if len(anchors) == 1:
        columns = columns[1:]
    rows = tuple(
        Row(tuple(say(record) for _, say in columns), _kind(record, chosen, anchors), _note(record), _flags(record))
        for record in records
    )
    marked = frozenset(record["cell"] for record in records if _interval(record).endswith(DAGGER))
    return Table(tuple(column for column, _ in columns), rows, marked, len(summary) - len(rows))


def _kind(record: Cell, chosen: Collection[str], anchors: Collection[str]) -> str:
    if record["cell"] in chosen:
        return "chosen"
    if record["status"] != "measured":
        return "missing"
    return "anchor" if record["cell"] in anchors else ""


def computes(loop: Mapping[Any, Any]) -> bool:
    """Whether a plain loop, a row of the summary, keeps a core busy, so that its pools compete for them."""
    known = not (pd.isna(loop["cpu_s"]) or pd.isna(loop["serial_s"]))
    return known and bool(loop["cpu_s"] > CPU_BOUND * loop["serial_s"])


def _text(key: str) -> _Say:
    return lambda record: shorten(one_line(str(record[key] or "")), 120)


def _number(key: str, how: Callable[[Any], str]) -> _Say:
    return lambda record: "" if record[key] is None or math.isnan(record[key]) else how(record[key])


def _workers(record: Cell) -> str:
    return f"{record['workers']}{f' {UP}' if record['above_attainable'] else ''}"


def _interval(record: Cell) -> str:
    low, high = record["speedup_low"], record["speedup_high"]
    if low is None or high is None or low == high:
        return ""
    if not (low > 0 and high < math.inf):
        return "none yet"
    beyond = record["beyond_these_trials"]
    return f"{factor(low)} to {factor(high)}{'' if beyond is None or beyond else DAGGER}"


def _note(record: Cell) -> str:
    reason = first_line(str(record["reason"] or ""))
    return "" if record["status"] == "measured" else shorten(": ".join(filter(None, (record["status"], reason))), 200)


def _flags(record: Cell) -> tuple[Flag, ...]:
    return meanings.read(str(record["flags"] or ""))


_COLUMNS: tuple[tuple[Column, _Say, bool], ...] = (
    (Column("Workload", False), _text("workload"), True),
    (Column("Backend", False), _text("backend"), True),
    (Column("Workers", True), _workers, True),
    (Column("Variant", False), _text("variant"), False),
    (Column("Batch", True), _number("batch_s", seconds), True),
    (Column("Speed-up", True), _number("speedup", lambda times: f"{factor(times)}x"), True),
    (Column("95% interval", True), _interval, True),
    (Column("Efficiency", True), _number("efficiency", "{:.0%}".format), True),
    (Column("Of capacity", True), _number("of_capacity", "{:.0%}".format), False),
    (Column("Start-up", True), _number("startup_s", seconds), True),
    (Column("CPU", True), _number("cpu_s", seconds), False),
    (Column("Memory", True), _number("peak_rss_bytes", megabytes), False),
    (Column("Chunk", True), _number("chunksize", "{:,}".format), False),
    (Column("Trials", True), _number("trials", "{:,}".format), True),
    (Column("Rounds", True), _number("rounds", "{:,}".format), True),
)

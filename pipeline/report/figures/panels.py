"""What figures over workers share: one panel a workload, lines with labels on its right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from ...wording import pool_name
from ..text import one_line, shorten
from .labels import Label, put_labels, tell_apart
from .layout import MARGIN_IN, MOST_PANELS, Frame, lay_out, name_the_first, put_nothing
from .style import CHARACTER_IN

MOST_LINES = 10
MOST_DRAWN = 600
"""So many cells have a point in a figure, in all panels together."""
MOST_NAMED = 8
MOST_CHARACTERS = 30

_SAID = ["workload", "backend", "workers", "variant", "status"]

LEFT_IN = 0.86
"""Left of the axes, for ticks and what they count."""


@dataclass(frozen=True)
class Panel:
    """One workload's part of a figure.

    `rows` are those of the summary that were measured and are drawn, with a column `line` that tells, and labels,
    the line a row belongs to; `anchor` is the row of the plain loop.
    """

    workload: str
    anchor: pd.Series[float]
    rows: pd.DataFrame

    @property
    def counts(self) -> list[int]:
        """The worker counts that were measured."""
        return sorted({int(each) for each in self.rows["workers"]})


PutData = Callable[[Axes, Panel], list[Label]]
"""Draws a panel's data, sets its y axis, and says what stands at which height on the right."""


def draw_panels(summary: pd.DataFrame, title: str, y_label: str, put_data: PutData, notes: Sequence[str]) -> Figure:
    """A figure of one panel for each workload."""
    panels, more = panels_of(summary)
    panels, thinned = _thin(panels)
    columns = min(2, len(panels))
    width, height = (4.6, 3.0) if columns == 1 else (3.35, 2.5)
    longest = max(len(text) for panel in panels for text in ["plain loop", *panel.rows["line"]])
    frame = Frame(width, left=LEFT_IN, right=0.42 + longest * CHARACTER_IN)
    headings = [panel.workload for panel in panels]
    said = [*notes, *more, *thinned, *_not_drawn(summary)]
    figure, drawn = lay_out(title, headings, frame, [height] * len(panels), said)
    for axes, panel in zip(drawn, panels, strict=True):
        axes.grid(visible=False, axis="x")
        if panel.rows.empty:
            put_nothing(axes, "nothing was measured")
            continue
        _put_workers(axes, panel.counts)
        put_y_label(axes, frame, y_label)
        put_labels(axes, put_data(axes, panel))
    return figure


def put_y_label(axes: Axes, frame: Frame, y_label: str) -> None:
    """At the left edge of the panel, whatever the ticks say."""
    axes.set_ylabel(y_label, va="top")
    axes.yaxis.set_label_coords(-(frame.left - MARGIN_IN) / frame.width, 0.5)


def as_floats(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows with these columns as plain floats, where the first of them is known."""
    known = rows[rows[columns[0]].notna()]
    return known.assign(**{column: known[column].astype("float64") for column in columns})


def panels_of(summary: pd.DataFrame) -> tuple[list[Panel], list[str]]:
    """A panel for each workload, and what a caption says of those left out."""
    workloads = list(summary["workload"].unique())
    notes = name_the_first(len(workloads))
    panels, lines_left_out = [], False
    for workload in workloads[:MOST_PANELS]:
        own = summary[summary["workload"] == workload]
        anchor = own.iloc[0]
        rows = own[(own["status"] == "measured") & (own["speedup"].notna())]
        rows = rows[(rows["backend"] != "serial") | (rows["cell"] != anchor["cell"])]
        rows = rows.assign(line=_lines(list(zip(rows["backend"], rows["variant"], strict=True))))
        best = rows.groupby("line", sort=False)["speedup"].max().nlargest(MOST_LINES).index
        lines_left_out |= len(rows["line"].unique()) > MOST_LINES
        panels.append(Panel(str(workload), anchor, rows[rows["line"].isin(best)]))
    if lines_left_out:
        notes.append(f"Of each workload, the {MOST_LINES} lines that reach the highest speed-up; the table has all.")
    return panels, notes


def _thin(panels: Sequence[Panel]) -> tuple[list[Panel], list[str]]:
    """With as many cells of each line as there is room for, and what a caption says then."""
    if sum(len(panel.rows) for panel in panels) <= MOST_DRAWN:
        return list(panels), []
    most = most_of_a_line(panels)
    thinned = [
        replace(panel, rows=pd.concat([few(line, most) for _, line in panel.rows.groupby("line", sort=False)]))
        for panel in panels
    ]
    return thinned, [f"Of each line, the fastest cell and up to {most - 1:,} far from it; summary.csv has all."]


def most_of_a_line(panels: Sequence[Panel]) -> int:
    """How many cells of each line there is room for."""
    lines = sum(len(panel.rows["line"].unique()) for panel in panels)
    return MOST_DRAWN // max(lines, 1)


def rows_of(panels: Sequence[Panel], pick: Callable[[Panel], pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """What is picked of each panel, by its workload; panels of which nothing is are left out."""
    picked = {panel.workload: pick(panel) for panel in panels}
    return {workload: rows for workload, rows in picked.items() if not rows.empty}


def _lines(pools: Sequence[tuple[str, str]]) -> list[str]:
    """The label of the line that each backend and variant belongs to; different ones differ."""
    different = list(dict.fromkeys(pools))
    labels = tell_apart([say_variant(*pool) for pool in different], MOST_CHARACTERS)
    label_of = dict(zip(different, labels, strict=True))
    return [label_of[pool] for pool in pools]


def pool_labels(rows: pd.DataFrame, most: int = MOST_CHARACTERS) -> list[str]:
    """`4 threads`, `2 processes spawn`: what each row is, in at most so many characters; different ones differ."""
    pools = zip(rows["backend"], rows["workers"], rows["variant"], strict=True)
    said = [say_variant(_name(backend, workers), variant) for backend, workers, variant in pools]
    return tell_apart(said, most)


def _name(backend: str, workers: int) -> str:
    return "plain loop" if backend == "serial" else pool_name(backend, workers)


def few(rows: pd.DataFrame, most: int, along: str = "workers") -> pd.DataFrame:
    """At most so many rows: the fastest, then always the one farthest from those taken, on a log scale of `along`."""
    if len(rows) <= most:
        return rows
    logs = [math.log2(each) for each in rows[along]]
    taken = [int(rows["speedup"].to_numpy().argmax())]
    gaps = [abs(each - logs[taken[0]]) for each in logs]
    while len(taken) < most:
        taken.append(max(range(len(logs)), key=gaps.__getitem__))
        gaps = [min(gap, abs(each - logs[taken[-1]])) for gap, each in zip(gaps, logs, strict=True)]
    return rows.iloc[sorted(taken)]


def say_variant(pool: str, variant: str) -> str:
    """A backend or a pool, and what tells it from others, in few words."""
    return f"{pool} {variant.replace('start_method=', '')}"


def _not_drawn(summary: pd.DataFrame) -> list[str]:
    missing = summary[(summary["status"] != "measured") & summary.duplicated("workload")]
    if missing.empty:
        return []
    several = len(summary["workload"].unique()) > 1
    names = [
        shorten(one_line(f"{workload if several else ''} {pool_name(backend, workers)} {variant}"), 70) + f" ({status})"
        for workload, backend, workers, variant, status in missing.head(MOST_NAMED)[_SAID].itertuples(index=False)
    ]
    more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
    return [f"Not drawn: {', '.join(names)}{more}."]


def _put_workers(axes: Axes, counts: Sequence[int]) -> None:
    """A logarithmic axis of workers, with ticks at the counts measured as far as they have room."""
    axes.set_xscale("log", base=2)
    span = math.log2(counts[-1] / counts[0]) or 1.0
    axes.set_xlim(counts[0] * 2 ** (-0.06 * span), counts[-1] * 2 ** (0.06 * span))
    shown = [counts[-1]]
    for each in reversed(counts[:-1]):
        if math.log2(shown[-1] / each) / span > 0.055 + 0.015 * len(str(shown[-1])):
            shown.append(each)
    axes.xaxis.set_major_locator(FixedLocator([float(each) for each in shown]))
    axes.xaxis.set_major_formatter(FixedFormatter([str(each) for each in shown]))
    axes.xaxis.set_minor_locator(FixedLocator([]))

"""The layout that the figures share: one panel a workload over workers, labels on its right, a caption below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from ...wording import pool_name
from ..text import one_line, shorten, shorten_middle
from .labels import Label, put_labels
from .style import INK, MUTED, SMALL_PT, TEXT_PT

MOST_PANELS = 12
MOST_LINES = 10
MOST_NAMED = 8
MOST_CHARACTERS = 30

_SAID = ["workload", "backend", "workers", "variant", "status"]

_HEADING_IN, _TITLE_IN, _AXIS_IN, _LEFT_IN = 0.5, 0.36, 0.62, 0.86
_CAPTION_LINE_IN = 0.185
_CHARACTER_IN = {TEXT_PT: 0.092, SMALL_PT: 0.082}


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
    """A figure of one panel for each workload, laid out once, in inches.

    The page takes it apart: its panels, whose axes' ids begin with `panel_`, and its caption, all texts but the title.
    """
    panels, more = _panels(summary)
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = (4.6, 3.0) if columns == 1 else (3.35, 2.5)
    longest = max(len(text) for panel in panels for text in ["plain loop", *panel.rows["line"]])
    cell_width = _LEFT_IN + width + 0.42 + longest * _CHARACTER_IN[SMALL_PT]
    cell_height = _TITLE_IN + height + _AXIS_IN
    total_width = columns * cell_width
    said = [*notes, *more, *_not_drawn(summary)]
    characters = int((total_width - 0.3) / _CHARACTER_IN[SMALL_PT])
    caption = [line for note in said for line in textwrap.wrap(note, characters)]
    total_height = _HEADING_IN + rows * cell_height + _CAPTION_LINE_IN * len(caption) + 0.15

    figure = Figure(figsize=(total_width, total_height))
    left = 0.12 / total_width
    figure.text(left, 1 - 0.12 / total_height, title, size=TEXT_PT + 3, weight="bold", va="top", color=INK)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        bottom = total_height - _HEADING_IN - row * cell_height - _TITLE_IN - height
        box = ((column * cell_width + _LEFT_IN) / total_width, bottom / total_height)
        axes = figure.add_axes((*box, width / total_width, height / total_height))
        axes.set_title(shorten(one_line(panel.workload), int(cell_width * 9)), pad=10, x=-(_LEFT_IN - 0.12) / width)
        axes.set_gid(f"panel_{number}")
        axes.grid(visible=False, axis="x")
        if panel.rows.empty:
            _put_nothing(axes)
            continue
        _put_workers(axes, panel.counts)
        axes.set_ylabel(y_label, va="top")
        axes.yaxis.set_label_coords(-(_LEFT_IN - 0.12) / width, 0.5)
        put_labels(axes, put_data(axes, panel))
    for number, line in enumerate(caption):
        y = (0.12 + (len(caption) - 1 - number) * _CAPTION_LINE_IN) / total_height
        figure.text(left, y, line, size=SMALL_PT, color=MUTED, va="bottom")
    return figure


def as_floats(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows with these columns as plain floats, where the first of them is known."""
    known = rows[rows[columns[0]].notna()]
    return known.assign(**{column: known[column].astype("float64") for column in columns})


def _panels(summary: pd.DataFrame) -> tuple[list[Panel], list[str]]:
    workloads = list(summary["workload"].unique())
    notes = []
    if len(workloads) > MOST_PANELS:
        notes.append(f"The first {MOST_PANELS} of {len(workloads):,} workloads; the table has all.")
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


def _lines(pools: Sequence[tuple[str, str]]) -> list[str]:
    """The label of the line that each backend and variant belongs to; different ones differ."""
    labels: dict[tuple[str, str], str] = {}
    for backend, variant in dict.fromkeys(pools):
        said = variant.replace("start_method=", "")
        label = shorten_middle(one_line(f"{backend} {said}"), MOST_CHARACTERS)
        alike = sum(each.startswith(label) for each in labels.values())
        labels[backend, variant] = f"{label} ({alike + 1})" if alike and label in labels.values() else label
    return [labels[each] for each in pools]


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


def _put_nothing(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, "nothing was measured", transform=axes.transAxes, ha="center", va="center", color=MUTED)

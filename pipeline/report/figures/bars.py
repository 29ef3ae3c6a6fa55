"""Bar charts that somebody published, in their own form, each beside the same bars as measured here."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...wording import pool_name, seconds
from ..text import shorten
from .scales import set_seconds_from_zero
from .style import INK, MUTED, SMALL_PT, TEXT_PT, look
from .told import tell

TITLE = "As published, and here"
ALT = "Bar charts of seconds over workers: on the left as published, on the right the same pools as measured here. \
The summary table has the numbers of this run."

MOST_CHARTS = 12

_WIDTH_IN, _HEIGHT_IN, _LEFT_IN, _ROW_IN = 3.6, 2.0, 0.86, 3.0
_HEADING_IN, _TITLE_IN, _FOOT_IN = 0.5, 0.42, 0.5
_NOTE = "Each panel has an axis of its own: machines and batches are not the same, the shapes can be compared. Here: \
median batch, lines from the 10th to the 90th percentile of rounds."


@dataclass(frozen=True)
class Bar:
    """A pool's published seconds, and the id of the cell that it is held against, `None` where none was measured."""

    backend: str
    workers: int
    published_s: float
    cell: str | None


@dataclass(frozen=True)
class Chart:
    """A published chart."""

    title: str
    author: str
    bars: tuple[Bar, ...]


def draw(summary: pd.DataFrame, samples: pd.DataFrame, charts: Sequence[Chart]) -> Figure:
    """A row for each chart: the published bars, and those of this run."""
    charts = charts[:MOST_CHARTS]
    total_width, total_height = 2 * (_LEFT_IN + _WIDTH_IN + 0.2), _HEADING_IN + len(charts) * _ROW_IN + _FOOT_IN
    figure = Figure(figsize=(total_width, total_height))
    left = 0.12 / total_width
    figure.text(left, 1 - 0.12 / total_height, TITLE, size=TEXT_PT + 3, weight="bold", va="top", color=INK)
    rounds = _rounds(summary, samples)
    for row, chart in enumerate(charts):
        bottom = total_height - _HEADING_IN - row * _ROW_IN - _TITLE_IN - _HEIGHT_IN
        sides = ((shorten(chart.author, 16), _published(chart)), ("here", _measured(chart, rounds)))
        for column, (where, seconds_s) in enumerate(sides):
            box = ((column * total_width / 2 + _LEFT_IN) / total_width, bottom / total_height)
            axes = figure.add_axes((*box, _WIDTH_IN / total_width, _HEIGHT_IN / total_height))
            axes.set_gid(f"panel_{row * 2 + column}")
            axes.set_title(f"{shorten(chart.title, 30)}: {where}", pad=12, x=-(_LEFT_IN - 0.12) / _WIDTH_IN)
            _put_bars(axes, chart, seconds_s)
    lines = textwrap.wrap(_NOTE, int(total_width / 0.085))
    for above, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):  # as they are read
        y = (0.12 + above * 0.185) / total_height
        figure.text(left, y, line, size=SMALL_PT, color=MUTED, va="bottom")
    return figure


def _rounds(summary: pd.DataFrame, samples: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Each measured cell's median batch and the middle 80 % of its rounds, in seconds; also those of plain loops."""
    loops = summary.drop_duplicates("workload").set_index("workload")["cell"]
    of_anchors = samples[samples["arm"] == "anchor"]
    of_anchors = of_anchors.assign(cell=of_anchors["workload"].map(loops))
    batches = pd.concat([samples[samples["arm"] == "cell"], of_anchors]).groupby("cell")["batch_s"]
    found = pd.DataFrame({"low": batches.quantile(0.1), "middle": batches.median(), "high": batches.quantile(0.9)})
    return {str(cell): {str(name): value for name, value in row.items()} for cell, row in found.iterrows()}


def _published(chart: Chart) -> pd.DataFrame:
    """The chart's own bars, which have no spread."""
    published = pd.DataFrame({"middle": [bar.published_s for bar in chart.bars]})
    return published.assign(low=published["middle"], high=published["middle"])


def _measured(chart: Chart, rounds: dict[str, dict[str, float]]) -> pd.DataFrame:
    """The same bars here, by their places in the chart; those that were not measured are left out."""
    measured = [rounds.get(bar.cell or "", {}) for bar in chart.bars]
    return pd.DataFrame(measured, columns=["low", "middle", "high"]).dropna()


def _put_bars(axes: Axes, chart: Chart, bars: pd.DataFrame) -> None:
    """Bars of seconds at their places, with their spread and what they are."""
    import seaborn as sns

    kinds = {pool_name(bar.backend, 2).partition(" ")[2] for bar in chart.bars}
    names = [str(bar.workers) if len(kinds) == 1 else pool_name(bar.backend, bar.workers) for bar in chart.bars]
    places = range(len(names))
    axes.grid(visible=False, axis="x")
    if bars.empty:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=MUTED)
        return
    sns.barplot(
        data=bars.assign(place=bars.index),
        x="place",
        y="middle",
        order=places,
        hue="place",
        hue_order=places,
        palette=[look(bar.backend).colour for bar in chart.bars],
        saturation=1,
        width=0.62,
        dodge=False,
        errorbar=None,
        legend=False,
        ax=axes,
    )
    axes.set(xlabel=kinds.pop() if len(kinds) == 1 else "", ylabel="", xlim=(-0.6, len(names) - 0.4))
    axes.set_xticks(places, names)
    set_seconds_from_zero(axes, [*bars["high"]])
    drawn = {round(bar.get_x() + bar.get_width() / 2): bar for bar in axes.patches if isinstance(bar, Rectangle)}
    for place, low, middle, high in bars[["low", "middle", "high"]].itertuples():
        axes.plot([place, place], [low, high], color=INK, lw=1.4, solid_capstyle="butt")
        pool, spread = chart.bars[place], "" if low == high else f", middle 80% {seconds(low)} to {seconds(high)}"
        tell(drawn[place], [f"{pool_name(pool.backend, pool.workers)}: {seconds(middle)}{spread}"])
        at: dict[str, Any] = {"textcoords": "offset points", "xytext": (0, 3), "ha": "center", "va": "bottom"}
        axes.annotate(seconds(middle), (place, high), **at, size=SMALL_PT, color=INK, annotation_clip=False)

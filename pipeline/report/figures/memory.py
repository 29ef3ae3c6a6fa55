"""What a pool's speed costs in memory."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...tables import Tables
from ...wording import factor, memory
from .labels import Label, put_labels, spread
from .layout import Frame, draw_nothing, lay_out
from .lines import dashes_of
from .panels import LEFT_IN, Panel, as_floats, few, most_of_a_line, panels_of, pool_labels, put_y_label, rows_of
from .scales import set_bytes, set_times
from .style import CHARACTER_IN, GRID, INK, MUTED, PAPER, SMALL_PT, look
from .told import tell

TITLE = "Memory against speed-up"
ALT = "Scatter chart of the speed-up over a plain loop against the peak memory of all processes, one point a cell, \
joined by backend, and the Pareto front of the pools that no other beats in both; one panel a workload. The summary \
table has the same numbers."

_NOTE = (
    "Medians: resident memory at its peak, added up over the processes, so pages that they share count for each. The "
    "named pools are on the broad line, the Pareto front: no pool with as little memory is faster."
)
MOST_NAMED = 6
MOST_POINTS = 24

_HEIGHT_IN, _WIDTH_IN = 2.9, 3.5
_LABEL_GAP_PT = SMALL_PT * 1.3
_LEAST_FLAT = 0.35
"""Of the width, so much of the front's last step has room for its name."""


def draw(tables: Tables) -> Figure:
    """The summary's peak memory and speed-up of each cell; of very many cells of a line, some far from one another."""
    panels, notes = panels_of(tables.summary)
    most = min(MOST_POINTS, most_of_a_line(panels))
    points = rows_of(panels, lambda panel: _points(panel, most))
    if not points:
        return draw_nothing(TITLE, "no memory was recorded")
    if any((panel.rows["line"].value_counts() > most).any() for panel in panels):
        notes = [*notes, "Of very many cells some are drawn, far from one another; summary.csv has all."]
    longest = max(len(text) for rows in points.values() for text in rows["line"])
    frame = Frame(_WIDTH_IN, left=LEFT_IN, right=0.42 + longest * CHARACTER_IN)
    figure, drawn = lay_out(TITLE, list(points), frame, [_HEIGHT_IN] * len(points), [_NOTE, *notes])
    for axes, rows in zip(drawn, points.values(), strict=True):
        _put_points(axes, rows)
        axes.set_xlabel("peak memory")
        put_y_label(axes, frame, "speed-up")
        put_labels(axes, _name_lines(rows))
        _name_front(axes, rows[rows["named"]])
    return figure


def _points(panel: Panel, most: int) -> pd.DataFrame:
    """The rows that get points, the plain loop's first, so many of a line; those of the front to name are `named`."""
    own = panel.anchor.to_frame().T.assign(line="plain loop")
    rows = as_floats(pd.concat([own, panel.rows]), "peak_rss_bytes", "speedup")
    if len(rows) <= 1:
        return rows.iloc[:0]
    front = few(_front(rows), most, "speedup")
    named = few(front, MOST_NAMED, "speedup")["cell"]
    spread_out = pd.concat([few(line, most) for _, line in rows.groupby("line", sort=False)])
    rows = rows[rows["cell"].isin({*spread_out["cell"], *front["cell"]})].assign(label=pool_labels)
    return rows.assign(named=rows["cell"].isin(named))


def _front(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that are faster than every one that takes no more memory, from the least memory on."""
    ordered = rows.sort_values(["peak_rss_bytes", "speedup"], ascending=[True, False], kind="stable")
    return ordered[ordered["speedup"] > ordered["speedup"].cummax().shift(fill_value=-math.inf)]


def _put_points(axes: Axes, rows: pd.DataFrame) -> None:
    import seaborn as sns

    backends = dict(zip(rows["line"], rows["backend"], strict=True))
    looks = {backend: look(backend) for backend in backends.values()}
    ordered = rows.sort_values("workers", kind="stable")
    common: dict[str, Any] = {
        "data": ordered,
        "x": "peak_rss_bytes",
        "y": "speedup",
        "hue": "backend",
        "palette": {backend: each.colour for backend, each in looks.items()},
        "legend": False,
        "ax": axes,
    }
    _set_axes(axes, rows)
    _put_front(axes, _front(rows))
    sns.lineplot(**common, style="line", dashes=dashes_of(backends), estimator=None, sort=False, linewidth=1.4)
    markers = {backend: each.marker for backend, each in looks.items()}
    sns.scatterplot(**common, style="backend", markers=markers, s=42, linewidth=0, zorder=4)
    values = zip(pool_labels(ordered, most=100), ordered["speedup"], ordered["peak_rss_bytes"], strict=True)
    tell(axes.collections[-1], [f"{pool}: {factor(times)}x with {memory(count)}" for pool, times, count in values])
    axes.axhline(1, color=MUTED, lw=1.2, ls=(0, (4, 3)), zorder=1)


def _put_front(axes: Axes, front: pd.DataFrame) -> None:
    """As steps: with so much memory, none of these pools is faster."""
    low, high = axes.get_xlim()
    counts, times = list(front["peak_rss_bytes"]), list(front["speedup"])
    axes.step([*counts, high], [*times, times[-1]], where="post", color=GRID, lw=5, zorder=0.5)
    if math.log(high / counts[-1]) > _LEAST_FLAT * math.log(high / low):
        at: dict[str, Any] = {"textcoords": "offset points", "xytext": (-4, 6), "ha": "right"}
        axes.annotate("Pareto front", (high, times[-1]), **at, size=SMALL_PT, color=MUTED)


def _set_axes(axes: Axes, rows: pd.DataFrame) -> None:
    """With room for the front's names, to the left of their points and above the highest."""
    set_times(axes, list(rows["speedup"]), rows["speedup"].max() * 1.3)
    named, high = rows[rows["named"]], math.log(rows["peak_rss_bytes"].max() * 1.1)
    lows = [math.log(rows["peak_rss_bytes"].min() / 1.1)]
    for label, count in zip(named["label"], named["peak_rss_bytes"], strict=True):
        share = (len(label) * CHARACTER_IN + 0.2) / _WIDTH_IN
        lows.append((math.log(count) - share * high) / (1 - share))
    set_bytes(axes, math.exp(min(lows)), math.exp(high))


def _name_lines(rows: pd.DataFrame) -> list[Label]:
    """At their largest counts; the plain loop only where it is not named on the front."""
    ends = rows.sort_values("workers", kind="stable").drop_duplicates("line", keep="last")
    ends = ends[(ends["backend"] != "serial") | ~ends["named"]]
    said = ends[["line", "backend", "peak_rss_bytes", "speedup"]].itertuples(index=False)
    return [Label(line, count, times, look(backend)) for line, backend, count, times in said]


def _name_front(axes: Axes, named: pd.DataFrame) -> None:
    """To the upper left of the points, where no other can be."""
    up = 1 / (_HEIGHT_IN * 72)
    to_axes = axes.transData + axes.transAxes.inverted()
    places = [to_axes.transform(point) for point in zip(named["peak_rss_bytes"], named["speedup"], strict=True)]
    heights = spread([float(y) + 8 * up for _, y in places], _LABEL_GAP_PT * up)
    for label, (x, _), height in zip(named["label"], places, heights, strict=True):
        at: dict[str, Any] = {"xycoords": "axes fraction", "xytext": (-6, 0), "textcoords": "offset points"}
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
        axes.annotate(label, (x, height), **at, size=SMALL_PT, color=INK, ha="right", va="center_baseline", bbox=box)

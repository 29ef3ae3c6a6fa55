"""How many times as fast as a plain loop, over workers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...tables import Tables
from ...wording import factor
from ..summary_table import computes
from ..these_trials import SAID
from .labels import Label
from .lines import Values, put_lines
from .panels import Panel, as_floats, draw_panels
from .scales import set_times
from .style import GRID, MUTED, PAPER, SMALL_PT

TITLE = "Speed-up over a plain loop"
ALT = "Line chart of the speed-up over a plain loop against the number of workers, one line a backend, with 95% \
intervals, the ideal line (speed-up = workers), what the machine offered where the work computes, and a line at 1; one \
panel a workload. The summary table has the same numbers."

_NOTE = "Points are medians over rounds, bars their 95% intervals."
_VALUES = Values("speedup", "speedup_low", "speedup_high", lambda times: f"{factor(times)}x", "95% interval")
_CAPACITY = "Dotted, where the work computes: the capacity, how many cores' worth the machine offered meanwhile."
_NO_INTERVAL = "Open markers have no interval yet: too few rounds."
_THESE_ONLY = f"hold for these trials only: {SAID}."


def draw(tables: Tables) -> Figure:
    """Each cell's speed-up with the summary's own interval, on axes that both double."""
    capacities = _capacities(tables.summary)

    def put_data(axes: Axes, panel: Panel) -> list[Label]:
        rows = as_floats(panel.rows, "speedup", "speedup_low", "speedup_high")
        most = max(panel.counts)
        span = axes.get_xlim()
        axes.plot(span, span, color=GRID, lw=5, zorder=0.5, solid_capstyle="butt")
        labels = put_lines(axes, rows, _VALUES)
        finite = [*rows["speedup"], *rows["speedup_low"], *rows["speedup_high"]]
        capacity = capacities.get(panel.workload, {})
        values = [value for value in [*finite, *capacity.values()] if 0 < value < math.inf]
        set_times(axes, values, min(most, 4 * max([*values, 1.0])) * 1.15)
        ends = min(most, axes.get_ylim()[1] / 1.1)
        if ends >= panel.counts[0]:
            at: dict[str, Any] = {"textcoords": "offset points", "xytext": (-9, -1), "ha": "right", "va": "center"}
            box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
            axes.annotate("ideal", (ends, ends), **at, size=SMALL_PT, color=MUTED, zorder=0.7, bbox=box)
        axes.axhline(1, color=MUTED, lw=1.2, ls=(0, (4, 3)), zorder=1)
        return [*labels, *_put_capacity(axes, capacity), Label("plain loop", None, 1.0)]

    notes = [_NOTE, *([_CAPACITY] if capacities else []), *on_intervals(tables.summary)]
    return draw_panels(tables.summary, TITLE, "speed-up", put_data, notes)


def _capacities(summary: pd.DataFrame) -> dict[str, dict[int, float]]:
    """What the machine offered so many workers, as the median over cells, of workloads that compete for cores."""
    found = {}
    for workload, rows in summary.groupby("workload", sort=False):
        known = rows[rows["capacity"].notna()]
        if computes(rows.iloc[0].to_dict()) and not known.empty:
            offered = known.groupby("workers")["capacity"].median()
            # One worker has a core.
            found[str(workload)] = {1: 1.0, **dict(zip(offered.index, offered.astype("float64"), strict=True))}
    return found


def _put_capacity(axes: Axes, capacity: dict[int, float]) -> list[Label]:
    if not capacity:
        return []
    counts, offered = list(capacity), list(capacity.values())
    axes.plot(counts, offered, color=MUTED, lw=1.6, ls=(0, (1, 1.6)), zorder=0.9)
    return [Label("capacity", float(counts[-1]), offered[-1])]


def on_intervals(summary: pd.DataFrame) -> list[str]:
    """What a caption says where measured cells have no interval, or one that holds for their own trials only."""
    rows = as_floats(summary[summary["status"] == "measured"], "speedup", "speedup_low", "speedup_high")
    exists = (rows["speedup_low"] > 0) & (rows["speedup_high"] < math.inf)
    beyond = rows.loc[exists, "beyond_these_trials"].dropna().astype(bool)
    only = [] if beyond.all() else [f"{'Some' if beyond.any() else 'The'} intervals {_THESE_ONLY}"]
    return [*only, *([] if exists.all() else [_NO_INTERVAL])]

"""How many times as fast as a plain loop, over workers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...tables import Tables
from ...wording import factor
from ..these_trials import SAID
from .labels import Label
from .lines import Values, put_lines
from .panels import Panel, as_floats, draw_panels
from .scales import set_times
from .style import GRID, MUTED, PAPER, SMALL_PT

TITLE = "Speed-up over a plain loop"
ALT = "Line chart of the speed-up over a plain loop against the number of workers, one line a backend, with 95% \
intervals, the ideal line (speed-up = workers) and a line at 1; one panel a workload. The summary table has the same \
numbers."

_NOTE = "Points are medians over rounds, bars their 95% intervals."
_VALUES = Values("speedup", "speedup_low", "speedup_high", lambda times: f"{factor(times)}x", "95% interval")
_NO_INTERVAL = "Open markers have no interval yet: too few rounds."
_THESE_ONLY = f"hold for these trials only: {SAID}."


def draw(tables: Tables) -> Figure:
    """Each cell's speed-up with the summary's own interval, on axes that both double."""

    def put_data(axes: Axes, panel: Panel) -> list[Label]:
        rows = as_floats(panel.rows, "speedup", "speedup_low", "speedup_high")
        most = max(panel.counts)
        span = axes.get_xlim()
        axes.plot(span, span, color=GRID, lw=5, zorder=0.5, solid_capstyle="butt")
        labels = put_lines(axes, rows, _VALUES)
        finite = [*rows["speedup"], *rows["speedup_low"], *rows["speedup_high"]]
        values = [value for value in finite if 0 < value < math.inf]
        set_times(axes, values, min(most, 4 * max([*values, 1.0])) * 1.15)
        ends = min(most, axes.get_ylim()[1] / 1.1)
        if ends >= panel.counts[0]:
            at: dict[str, Any] = {"textcoords": "offset points", "xytext": (-9, -1), "ha": "right", "va": "center"}
            box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
            axes.annotate("ideal", (ends, ends), **at, size=SMALL_PT, color=MUTED, zorder=0.7, bbox=box)
        axes.axhline(1, color=MUTED, lw=1.2, ls=(0, (4, 3)), zorder=1)
        return [*labels, Label("plain loop", None, 1.0)]

    return draw_panels(tables.summary, TITLE, "speed-up", put_data, [_NOTE, *on_intervals(tables.summary)])


def on_intervals(summary: pd.DataFrame) -> list[str]:
    """What a caption says where measured cells have no interval, or one that holds for their own trials only."""
    rows = as_floats(summary[summary["status"] == "measured"], "speedup", "speedup_low", "speedup_high")
    exists = (rows["speedup_low"] > 0) & (rows["speedup_high"] < math.inf)
    beyond = rows.loc[exists, "beyond_these_trials"].dropna().astype(bool)
    only = [] if beyond.all() else [f"{'Some' if beyond.any() else 'The'} intervals {_THESE_ONLY}"]
    return [*only, *([] if exists.all() else [_NO_INTERVAL])]

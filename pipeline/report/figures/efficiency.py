"""How much of each worker the speed-up uses."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...tables import Tables
from .labels import Label
from .lines import Values, put_lines
from .panels import Panel, as_floats, draw_panels
from .scales import set_share
from .speedup import on_intervals
from .style import MUTED

TITLE = "Efficiency"
ALT = "Line chart of the efficiency (speed-up divided by workers) against the number of workers, one line a backend, \
with 95% intervals and a line at 100%; one panel a workload. The summary table has the same numbers."

_NOTE = "Efficiency is the speed-up divided by the number of workers; bars are 95% intervals."
_VALUES = Values("efficiency", "low", "high", "{:.0%}".format, "95% interval")


def draw(tables: Tables) -> Figure:
    """Speed-up a worker, with the summary's own interval of the speed-up divided likewise."""

    def put_data(axes: Axes, panel: Panel) -> list[Label]:
        rows = as_floats(panel.rows, "efficiency", "speedup_low", "speedup_high")
        rows = rows.assign(low=rows["speedup_low"] / rows["workers"], high=rows["speedup_high"] / rows["workers"])
        labels = put_lines(axes, rows, _VALUES)
        values = [*rows["efficiency"], *rows["low"], *rows["high"]]
        set_share(axes, [value for value in values if 0 < value < math.inf])
        axes.axhline(1, color=MUTED, lw=1.2, ls=(0, (4, 3)), zorder=1)
        return [*labels, Label("ideal", None, 1.0)]

    return draw_panels(tables.summary, TITLE, "speed-up / workers", put_data, [_NOTE, *on_intervals(tables.summary)])

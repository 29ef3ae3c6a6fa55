"""How long one batch takes, over workers."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...tables import Tables
from ...wording import seconds
from .labels import Label
from .lines import Values, put_lines
from .panels import Panel, as_floats, draw_panels
from .scales import set_seconds
from .style import MUTED

TITLE = "Run time"
ALT = "Line chart of the seconds that one batch takes against the number of workers, one line a backend, with the \
plain loop as a horizontal line; one panel a workload. The summary table has the same numbers."

_NOTE = "Points are the median batch, bars the middle 80% of rounds (10th to 90th percentile)."
_VALUES = Values("batch_s", "batch_low", "batch_high", seconds, "middle 80%")


def draw(tables: Tables) -> Figure:
    """Median batch and the spread of batches in each cell, against the median of the plain loop."""
    samples = tables.samples
    batches = samples[samples["arm"] == "cell"].groupby("cell")["batch_s"]
    spread = pd.DataFrame({"batch_low": batches.quantile(0.1), "batch_high": batches.quantile(0.9)})

    def put_data(axes: Axes, panel: Panel) -> list[Label]:
        rows = as_floats(panel.rows.merge(spread, left_on="cell", right_index=True), "batch_s")
        labels = put_lines(axes, rows, _VALUES)
        values = [*rows["batch_s"], *rows["batch_low"], *rows["batch_high"]]
        anchor_s = panel.anchor["serial_s"]
        if not pd.isna(anchor_s):
            values.append(float(anchor_s))
            axes.axhline(float(anchor_s), color=MUTED, lw=1.2, ls=(0, (4, 3)), zorder=1)
            labels.append(Label("plain loop", None, float(anchor_s)))
        set_seconds(axes, [value for value in values if 0 < value < math.inf])
        return labels

    return draw_panels(tables.summary, TITLE, "time of one batch", put_data, [_NOTE])

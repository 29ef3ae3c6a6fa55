"""Where the time of each cell's batch goes, as one stacked bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...tables import Tables
from ...wording import seconds
from ..where_time_goes import PARTS
from .layout import MARGIN_IN, TITLE_IN, Frame, draw_nothing, lay_out
from .legend import Entry, put_legend, wrap
from .panels import Panel, few, panels_of, pool_labels, rows_of
from .scales import set_parts
from .style import CHARACTER_IN, INK, MUTED, SMALL_PT
from .style import PARTS as COLOURS
from .told import tell

TITLE = "Where the time goes"
ALT = "Stacked bars of the parts of one batch's time, as shares of it, one bar a cell; one panel a workload. The table \
of where the time goes has the same numbers."

MOST_BARS = 16

_NOTE = (
    "Shares of each cell's median batch. Ideal is the plain loop's time / workers; outside the map, what a job does "
    "between its calls; dispatch, handing out tasks and serialising; imbalance, waiting for the last worker; waiting, "
    "for the GIL, another lock or an answer; machine, missing cores. Start-up comes once, before the first batch."
)
_OVER = "Parts that overlap, or that the machine disturbed, add up to more than the batch: bars beyond 100%."

_PITCH_PT, _BAR_PT = 19.0, 12.0
_HEADS_PT = 17.0
_WIDTH_IN, _COLUMN_IN = 2.8, 0.66
_FURTHEST, _LEAST_SAID, _LEAST_DRAWN, _ROUNDING = 1.4, 0.1, 0.002, 0.005


def draw(tables: Tables) -> Figure:
    """The summary's parts of each cell; of many cells of a line, the fastest and some far from it."""
    panels, notes = panels_of(tables.summary)
    bars = rows_of(panels, _bars)
    if not bars:
        return draw_nothing(TITLE, "no batch was instrumented")
    everything = pd.concat(bars.values())
    parts = [part for part in PARTS if (everything[part] >= _LEAST_DRAWN).any()]
    longest = max(map(len, everything["label"]))
    left, right = 0.2 + longest * CHARACTER_IN, 2 * _COLUMN_IN + MARGIN_IN
    legend = wrap([Entry(PARTS[part], COLOURS[part][0]) for part in parts], (left + _WIDTH_IN + right) * 72)
    above = TITLE_IN + (legend[-1].below_pt + _HEADS_PT) / 72
    frame = Frame(_WIDTH_IN, left=left, right=right, above=above, below=0.42)
    heights = [len(rows) * _PITCH_PT / 72 for rows in bars.values()]
    if any(len(bars.get(panel.workload, ())) < panel.rows["ideal_s"].notna().sum() for panel in panels):
        notes = [*notes, "Of each line, the fastest cell and some far from it; the table has all."]
    longest_bar = float(everything[parts].clip(lower=0).sum(axis=1).max())
    over = [_OVER] if longest_bar > 1 + _ROUNDING else []
    figure, drawn = lay_out(TITLE, list(bars), frame, heights, [_NOTE, *over, *notes])
    for axes, rows in zip(drawn, bars.values(), strict=True):
        set_parts(axes, min(_FURTHEST, longest_bar) if over else 1.0)
        _put_bars(axes, rows, parts)
        put_legend(axes, legend, ((frame.left - MARGIN_IN) * 72, _HEADS_PT))
        if over:
            axes.axvline(1, color=INK, lw=1, ls=(0, (2, 2)), zorder=1)
    return figure


def _bars(panel: Panel) -> pd.DataFrame:
    """The rows that get bars, their parts as shares of the batch."""
    rows = panel.rows[panel.rows["ideal_s"].notna()]
    lines = [line for _, line in rows.groupby("line", sort=False)]
    if lines:
        rows = pd.concat([few(line, MOST_BARS // len(lines)) for line in lines])
    shares = {part: (rows[part] / rows["batch_s"]).astype("float64").fillna(0.0) for part in PARTS}
    return rows.assign(label=pool_labels(rows), **shares)


def _put_bars(axes: Axes, rows: pd.DataFrame, parts: Sequence[str]) -> None:
    axes.set_ylim(len(rows) * _PITCH_PT, 0)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    across = axes.get_xlim()[1] / (_WIDTH_IN * 72)
    for head, column in (("batch", 1), ("start-up", 2)):
        _put_at_right(axes, -_HEADS_PT / 2, column, head, MUTED)
    for number, row in enumerate(rows.to_dict("records")):
        middle, begins = (number + 0.5) * _PITCH_PT, 0.0
        axes.text(-6 * across, middle, row["label"], size=SMALL_PT, ha="right", va="center_baseline")
        for column, what in ((1, "batch_s"), (2, "startup_s")):
            _put_at_right(axes, middle, column, "" if pd.isna(row[what]) else seconds(row[what]), INK)
        for part in parts:
            if row[part] >= _LEAST_DRAWN:
                said = f"{row['label']}: {PARTS[part].lower()} {row[part]:.0%}, {seconds(row[part] * row['batch_s'])}"
                tell(_put_part(axes, part, row[part], begins, middle), [said])
                begins += row[part]


def _put_part(axes: Axes, part: str, share: float, begins: float, middle: float) -> Rectangle:
    """With its share in it where that has room; what is beyond the axis is not seen."""
    colour, text_colour = COLOURS[part]
    most = axes.get_xlim()[1]
    gap = 0.7 * most / (_WIDTH_IN * 72)
    place = (begins, middle - _BAR_PT / 2)
    bar = Rectangle(place, max(share - gap, gap), _BAR_PT, color=colour, lw=0, zorder=2)
    axes.add_artist(bar)
    seen = min(begins + share, most) - begins
    if seen >= _LEAST_SAID * most:
        style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "size": SMALL_PT - 1, "in_layout": False}
        axes.text(begins + seen / 2, middle, f"{share:.0%}", color=text_colour, **style)
    return bar


def _put_at_right(axes: Axes, y: float, column: int, text: str, colour: str) -> None:
    x = 1 + (column * _COLUMN_IN) / _WIDTH_IN
    axes.text(
        x, y, text, transform=axes.get_yaxis_transform(), size=SMALL_PT, color=colour, ha="right", va="center_baseline"
    )

"""Who ran which task when: processes run side by side, threads under the GIL take turns."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from ...tables import Tables
from ...wording import seconds
from .layout import MOST_PANELS, Frame, draw_nothing, lay_out, name_the_first
from .panels import pool_labels
from .scales import set_elapsed
from .style import GRID, INK, MUTED, SMALL_PT, look
from .told import tell

TITLE = "Who ran which task when"
ALT = "Timeline of one batch in a plain loop and in pools: a lane for each worker, a bar for each task from its start \
to its end, filled to the share in which it computed; one panel a workload."

MOST_WORKERS = 8
"""Larger pools are drawn only where there is no other: they show no more."""
NEAR = 0.9
"""Of each backend the smallest pool is drawn that is as fast as this share of the fastest."""
MOST_POOLS = 4
MOST_LANES = 16
MOST_TOLD = 2_000
"""So many tasks tell their values, in all panels together."""

_NOTE = (
    "One batch each, of the first trial: a lane is a worker, a bar a task from its start to its end. A bar is filled "
    "to the share of that time in which the task computed, whenever it did; in the rest it waited for the GIL, a core, "
    "or an answer. Threads that take turns under the GIL fill a part of each bar; together one computes at a time."
)
_BARE = "Bars without a filling: how much of them computed is not known (tasks under 50 µs, or no counter)."
_CUT = "The beginning only, where a batch has more tasks than were recorded."
_LANES = f"Of larger pools the {MOST_LANES} workers that began first."

_HEAD_PT, _LANE_PT, _BAR_PT, _GAP_PT = 19.0, 11.0, 8.5, 9.0
_WIDTH_IN = 5.0
_WAITING = 0.32
"""How opaque the part of a bar is that did not compute."""


def choose(summary: pd.DataFrame) -> list[str]:
    """The ids of the cells that are drawn, where they have spans: of each workload the plain loop and some pools."""
    chosen = []
    for workload in summary["workload"].unique()[:MOST_PANELS]:
        own = summary[summary["workload"] == workload]
        chosen.append(str(own["cell"].iloc[0]))
        rows = own[(own["status"] == "measured") & own["ideal_s"].notna() & (own["backend"] != "serial")]
        for _, pools in list(rows.groupby("backend", sort=False))[:MOST_POOLS]:
            several = pools[pools["workers"].between(2, MOST_WORKERS)]
            chosen.append(_most_telling(pools if several.empty else several))
    return chosen


def _most_telling(pools: pd.DataFrame) -> str:
    near = pools[pools["speedup"] >= NEAR * pools["speedup"].max()]
    return str(near.sort_values(["workers", "speedup"], ascending=[True, False], kind="stable")["cell"].iloc[0])


def draw(tables: Tables) -> Figure:
    """The recorded spans of the cells that `choose` names."""
    spans = tables.spans
    cells = tables.summary[tables.summary["cell"].isin(spans["cell"])]
    if cells.empty:
        return draw_nothing(TITLE, "no tasks were recorded")
    panels = {
        str(workload): rows.assign(label=pool_labels(rows, 26))
        for workload, rows in cells.groupby("workload", sort=False)
    }
    heights = [_height_pt(rows) / 72 for rows in panels.values()]
    notes = [
        _NOTE,
        *([_BARE] if spans["computed_s"].isna().any() else []),
        *([_CUT] if (spans.groupby("cell")["cell"].transform("size") < spans["tasks"]).any() else []),
        *([_LANES] if (cells["workers"] > MOST_LANES).any() else []),
        *name_the_first(len(tables.summary["workload"].unique())),
    ]
    figure, drawn = lay_out(TITLE, list(panels), Frame(_WIDTH_IN, right=0.34), heights, notes)
    for axes, rows in zip(drawn, panels.values(), strict=True):
        _put_strips(axes, rows, spans[spans["cell"].isin(rows["cell"])], MOST_TOLD // len(cells))
    return figure


def _height_pt(rows: pd.DataFrame) -> float:
    return sum(_HEAD_PT + _lanes(workers) * _LANE_PT + _GAP_PT for workers in rows["workers"])


def _lanes(workers: int) -> int:
    return min(workers, MOST_LANES)


def _put_strips(axes: Axes, rows: pd.DataFrame, spans: pd.DataFrame, told: int) -> None:
    """One below the other, as far in time as all of them are known; of each so many tasks tell their values."""
    batches = dict(iter(spans.groupby("cell", sort=False)))
    until_s = min([spans["batch_s"].max(), *(own["start_s"].max() for own in batches.values() if _is_cut(own))])
    set_elapsed(axes, until_s)
    axes.set_xlabel("time since the batch began")
    axes.set_ylim(_height_pt(rows), 0)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    top = 0.0
    for cell, label, backend, workers in rows[["cell", "label", "backend", "workers"]].itertuples(index=False):
        own = batches[cell]
        axes.text(0, top + _HEAD_PT - 6, label, size=SMALL_PT, color=INK, va="baseline")
        axes.text(until_s, top + _HEAD_PT - 6, _sum_up(own), size=SMALL_PT, color=MUTED, ha="right", va="baseline")
        top += _HEAD_PT
        _put_lanes(axes, own, top, _lanes(workers), look(backend).colour, told)
        top += _lanes(workers) * _LANE_PT + _GAP_PT


def _is_cut(own: pd.DataFrame) -> bool:
    return len(own) < int(own["tasks"].iloc[0])


def _sum_up(own: pd.DataFrame) -> str:
    batch_s, computed_s = own["batch_s"].iloc[0], own["batch_computed_s"].iloc[0]
    return seconds(batch_s) + ("" if pd.isna(computed_s) else f", {computed_s / batch_s:.2f} computing at a time")


def _put_lanes(axes: Axes, own: pd.DataFrame, top: float, lanes: int, colour: str, told: int) -> None:
    until_s = axes.get_xlim()[1]
    floors = [top + (lane + 0.5) * _LANE_PT + _BAR_PT / 2 for lane in range(lanes)]
    axes.hlines(floors, 0, min(own["batch_s"].iloc[0], until_s), color=GRID, lw=1, zorder=1)
    hair_s = 0.7 * until_s / (_WIDTH_IN * 72)  # of paper, so that tasks are told apart
    shown = own[(own["worker"] < lanes) & (own["start_s"] < until_s)]
    starts_s, full_s = shown["start_s"], shown["end_s"] - shown["start_s"]
    seen_s = full_s.clip(upper=until_s - starts_s)
    boxes = pd.DataFrame(
        {
            "left": starts_s,
            "right": starts_s + (seen_s - hair_s).clip(lower=seen_s / 2),
            "floor": [floors[worker] for worker in shown["worker"]],
            "height": _BAR_PT,
        }
    )
    share = (shown["computed_s"] / full_s).clip(0, 1)
    _put_bars(axes, boxes.assign(height=share.fillna(0.0) * _BAR_PT), color=colour)
    # Over their fillings, whose colour stays the same below them: what is under a pointer is the whole bar.
    bars = _put_bars(axes, boxes[:told], color=colour, alpha=_WAITING)
    tell(bars, [_say_task(*each) for each in zip(shown["worker"], starts_s, shown["end_s"], share, strict=True)][:told])
    if len(boxes) > told:
        _put_bars(axes, boxes[told:], color=colour, alpha=_WAITING)


def _say_task(worker: int, start_s: float, end_s: float, share: float) -> str:
    computed = "" if pd.isna(share) else f", {share:.0%} of it computing"
    return f"worker {worker + 1}: {seconds(start_s) if start_s else 0} to {seconds(end_s)}{computed}"


def _put_bars(axes: Axes, boxes: pd.DataFrame, **style: Any) -> PathPatch:
    # No patch of the axes, whose limits are set: finding those of so long a path takes longer than drawing it.
    bars = PathPatch(_rectangles(boxes), lw=0, zorder=2, **style)
    axes.add_artist(bars)
    return bars


def _rectangles(boxes: pd.DataFrame) -> Path:
    """One path for all of them: a page may have thousands."""
    ceiling = boxes["floor"] - boxes["height"]
    xs = boxes[["left", "left", "right", "right", "left"]].to_numpy().ravel()
    ys = pd.concat([boxes["floor"], ceiling, ceiling, boxes["floor"], boxes["floor"]], axis=1).to_numpy().ravel()
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(boxes)
    return Path(list(zip(xs, ys, strict=True)), codes)

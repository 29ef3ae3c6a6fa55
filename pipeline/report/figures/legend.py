"""A legend in lines over a panel, for what is too small to have labels of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from .style import SMALL_PT

_SWATCH_PT, _LINE_PT, _CHARACTER_PT, _GAP_PT = 9.0, 16.0, 5.4, 12.0


@dataclass(frozen=True)
class Entry:
    """What a colour stands for."""

    name: str
    colour: str


@dataclass(frozen=True)
class Placed:
    """An entry's place in points: from the left, and from the top of the legend to the end of its line."""

    entry: Entry
    left_pt: float
    below_pt: float


def wrap(entries: Sequence[Entry], width_pt: float) -> list[Placed]:
    """The entries in lines of at most that width."""
    placed, left_pt, line = [], 0.0, 1
    for entry in entries:
        takes_pt = _SWATCH_PT + 4 + len(entry.name) * _CHARACTER_PT
        if left_pt and left_pt + takes_pt > width_pt:
            left_pt, line = 0.0, line + 1
        placed.append(Placed(entry, left_pt, line * _LINE_PT))
        left_pt += takes_pt + _GAP_PT
    return placed


def put_legend(axes: Axes, legend: Sequence[Placed], offset_pt: tuple[float, float]) -> None:
    """Its lower left is so many points left of and above the panel's upper left."""
    height_pt = legend[-1].below_pt
    for each in legend:
        x, y = each.left_pt - offset_pt[0], offset_pt[1] + height_pt - each.below_pt + _LINE_PT / 2
        at = offset_copy(axes.transAxes, axes.get_figure(root=True), x + _SWATCH_PT / 2, y, units="points")
        swatch = Line2D(
            [0], [1], marker="s", ms=_SWATCH_PT, mew=0, color=each.entry.colour, transform=at, clip_on=False
        )
        axes.add_line(swatch)
        place = (x + _SWATCH_PT + 4, y)
        beside: dict[str, Any] = {"xycoords": "axes fraction", "xytext": place, "textcoords": "offset points"}
        axes.annotate(each.entry.name, (0, 1), **beside, size=SMALL_PT, va="center_baseline", annotation_clip=False)

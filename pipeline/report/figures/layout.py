"""How the panels of a figure stand: a heading over each, a caption below all, sizes in inches."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..text import one_line, shorten
from .style import CHARACTER_IN, INK, MUTED, SMALL_PT, TEXT_PT

MOST_PANELS = 12
TITLE_IN, AXIS_IN, MARGIN_IN = 0.36, 0.62, 0.12

_HEADING_IN = 0.5
_CAPTION_LINE_IN = 0.185


@dataclass(frozen=True)
class Frame:
    """A panel: the width of its axes, and what is around them for labels."""

    width: float
    left: float = MARGIN_IN
    right: float = MARGIN_IN
    above: float = TITLE_IN
    below: float = AXIS_IN


def lay_out(
    title: str, headings: Sequence[str], frame: Frame, heights: Sequence[float], notes: Sequence[str]
) -> tuple[Figure, list[Axes]]:
    """A figure of a panel for each heading, with axes of these heights, in two columns.

    The page takes it apart: its panels, whose axes' ids begin with `panel_`, and its caption, all texts but the title.
    """
    columns = min(2, len(headings))
    cell_width = frame.left + frame.width + frame.right
    rows = [max(heights[first : first + columns]) for first in range(0, len(heights), columns)]
    total_width = columns * cell_width
    characters = int((total_width - 0.3) / CHARACTER_IN)
    caption = [line for note in notes for line in textwrap.wrap(note, characters)]
    around = frame.above + frame.below
    total_height = _HEADING_IN + sum(rows) + len(rows) * around + _CAPTION_LINE_IN * len(caption) + 0.15

    figure = Figure(figsize=(total_width, total_height))
    left = MARGIN_IN / total_width
    figure.text(left, 1 - 0.12 / total_height, title, size=TEXT_PT + 3, weight="bold", va="top", color=INK)
    panels = []
    for number, (heading, height) in enumerate(zip(headings, heights, strict=True)):
        row, column = divmod(number, columns)
        bottom = total_height - _HEADING_IN - sum(rows[:row]) - row * around - frame.above - height
        place = ((column * cell_width + frame.left) / total_width, bottom / total_height)
        axes = figure.add_axes((*place, frame.width / total_width, height / total_height))
        axes.set_title(
            shorten(one_line(heading), int(cell_width * 9)),
            pad=(frame.above - TITLE_IN) * 72 + 10,
            x=-(frame.left - MARGIN_IN) / frame.width,
        )
        axes.set_gid(f"panel_{number}")
        panels.append(axes)
    for number, line in enumerate(caption):
        y = (0.12 + (len(caption) - 1 - number) * _CAPTION_LINE_IN) / total_height
        figure.text(left, y, line, size=SMALL_PT, color=MUTED, va="bottom")
    return figure, panels


def draw_nothing(title: str, why: str) -> Figure:
    """A figure that says that there is nothing to draw."""
    figure, (axes,) = lay_out(title, [""], Frame(4.6, above=0.0, below=0.0), [0.6], [])
    put_nothing(axes, f"Nothing to draw: {why}.")
    return figure


def put_nothing(axes: Axes, said: str) -> None:
    """Words instead of data."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def name_the_first(count: int) -> list[str]:
    """What a caption says where there are more workloads than panels."""
    return [f"The first {MOST_PANELS} of {count:,} workloads; the table has all."] if count > MOST_PANELS else []

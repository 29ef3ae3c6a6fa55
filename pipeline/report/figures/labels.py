"""Labels at the right of a panel, each beside what it names and none on top of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .style import INK, MUTED, SMALL_PT, Look

_GAP_PT = SMALL_PT * 1.35


@dataclass(frozen=True)
class Label:
    """A text and the point, in data, that it belongs to; a reference line has no look and no x."""

    text: str
    x: float | None
    y: float
    look: Look | None = None


def put_labels(axes: Axes, labels: Sequence[Label]) -> None:
    """Set the labels; the panel's limits have to be final."""
    box = axes.get_position()
    figure = axes.figure
    height_pt = box.height * figure.get_figheight() * 72  # type: ignore[union-attr] # a Figure, never a SubFigure here
    to_axes = axes.transData + axes.transAxes.inverted()
    left = axes.get_xlim()[0]
    points = [to_axes.transform((label.x or left, label.y)) for label in labels]
    heights = spread([float(y) for _, y in points], _GAP_PT / height_pt)
    for label, (x, y), height in zip(labels, points, heights, strict=True):
        begins = 1.0 if label.x is None else float(x) + 0.012
        style: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False, "zorder": 1}
        axes.add_line(Line2D([begins, 1.035, 1.05], [y, height, height], color=MUTED, lw=0.6, alpha=0.7, **style))
        offset = 0
        if label.look is not None:
            offset = 11
            axes.add_line(
                Line2D([1.07], [height], color=label.look.colour, marker=label.look.marker, ms=6, ls="none", **style)
            )
        axes.annotate(
            label.text,
            (1.05, height),
            xycoords="axes fraction",
            xytext=(offset + 3, 0),
            textcoords="offset points",
            va="center_baseline",
            size=SMALL_PT,
            color=INK if label.look is not None else MUTED,
            annotation_clip=False,
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places as near to the wanted ones as they can be with at least `gap` between any two.

    That is isotonic regression of each place less the room that those below it take (pool adjacent violators).
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[list[float]] = []
    for rank, index in enumerate(order):
        blocks.append([wanted[index] - rank * gap])
        while len(blocks) > 1 and _mean(blocks[-2]) > _mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    level = [_mean(block) for block in blocks for _ in block]
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = level[rank] + rank * gap
    return placed


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

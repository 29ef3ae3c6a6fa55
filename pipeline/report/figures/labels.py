"""Labels at the right of a panel, each beside what it names and none on top of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..text import one_line, shorten_middle
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
    figure = axes.figure
    assert isinstance(figure, Figure)
    box = axes.get_position()
    across, up = 1 / (box.width * figure.get_figwidth() * 72), 1 / (box.height * figure.get_figheight() * 72)
    to_axes = axes.transData + axes.transAxes.inverted()
    left = axes.get_xlim()[0]
    points = [to_axes.transform((label.x or left, label.y)) for label in labels]
    heights = spread([float(y) for _, y in points], _GAP_PT * up)
    for label, (x, y), height in zip(labels, points, heights, strict=True):
        begins = 1.0 if label.x is None else float(x) + 3 * across
        leader = Line2D([begins, 1 + 8 * across, 1 + 12 * across], [y, height, height], color=MUTED, lw=0.6, alpha=0.7)
        _add_outside(axes, leader)
        if label.look is not None:
            marker = Line2D([1 + 17 * across], [height], color=label.look.colour, marker=label.look.marker, ms=6)
            _add_outside(axes, marker)
        axes.annotate(
            label.text,
            (1 + 12 * across, height),
            xycoords="axes fraction",
            xytext=(3 if label.look is None else 14, 0),
            textcoords="offset points",
            va="center_baseline",
            size=SMALL_PT,
            color=MUTED if label.look is None else INK,
            annotation_clip=False,
        )


def _add_outside(axes: Axes, line: Line2D) -> None:
    line.set(transform=axes.transAxes, clip_on=False, zorder=1)
    axes.add_line(line)


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


def tell_apart(texts: Sequence[str], most: int) -> list[str]:
    """Each in at most so many characters, and a number where others come out alike."""
    labels: list[str] = []
    counts: dict[str, int] = {}
    for text in texts:
        label = shorten_middle(one_line(text), most)
        counts[label] = counts.get(label, 0) + 1
        labels.append(f"{label} ({counts[label]})" if counts[label] > 1 else label)
    return labels


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

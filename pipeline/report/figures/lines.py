"""Lines over workers, with intervals that were estimated elsewhere: nothing is estimated here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from .labels import Label
from .panels import pool_labels
from .style import DASHES, PAPER, look
from .told import tell

_Dashes = dict[str, tuple[float, ...] | str]


@dataclass(frozen=True)
class Values:
    """The columns that a line's points and bars are drawn from, how a value is said, and what its bar is."""

    y: str
    low: str
    high: str
    say: Callable[[float], str]
    bar: str


def put_lines(axes: Axes, rows: pd.DataFrame, values: Values) -> list[Label]:
    """A line for each value of the column `line`, with bars from low to high where both are finite.

    Points without a bar are open; each tells its values.

    Returns:
        The labels of the lines' ends.
    """
    import seaborn as sns

    backends = dict(zip(rows["line"], rows["backend"], strict=True))
    dashes = dashes_of(backends)
    rows = rows.assign(x=_side_by_side(rows))
    sns.lineplot(
        data=rows,
        x="x",
        y=values.y,
        hue="backend",
        palette={backend: look(backend).colour for backend in backends.values()},
        style="line",
        dashes=dashes,
        estimator=None,
        errorbar=None,
        legend=False,
        linewidth=1.8,
        ax=axes,
    )
    axes.set_xlabel("workers")
    size = 6.5 if len(rows["workers"].unique()) <= 24 else 3.5
    labels = []
    for line, unsorted in rows.groupby("line", sort=False):
        own = unsorted.sort_values("workers")
        _put_points(axes, own, values, size)
        last = own.iloc[-1]
        name = str(line)
        labels.append(Label(name, float(last["x"]), float(last[values.y]), look(backends[name])))
    return labels


def _put_points(axes: Axes, rows: pd.DataFrame, values: Values, size: float) -> None:
    y, low, high = values.y, values.low, values.high
    drawn = look(str(rows["backend"].iloc[0]))
    colour, marker = drawn.colour, drawn.marker
    finite = (rows[low] > 0) & (rows[high] < math.inf)
    barred, bare = rows[finite], rows[~finite]
    ends = [barred[y] - barred[low], barred[high] - barred[y]]
    bars: dict[str, Any] = {"ecolor": colour, "elinewidth": 1.4, "capsize": 3, "capthick": 1.4}
    axes.errorbar(barred["x"], barred[y], yerr=ends, fmt="none", **bars)
    for some, fill in ((barred, colour), (bare, PAPER)):
        (points,) = axes.plot(some["x"], some[y], marker, ms=size, mfc=fill, mec=colour, mew=1.4, zorder=4, ls="none")
        tell(points, _texts(some, values))


def _texts(rows: pd.DataFrame, values: Values) -> list[str]:
    """`4 threads: 3.38x, 95% interval 3.31x to 3.42x`."""
    columns = (rows[column] for column in (values.y, values.low, values.high))
    named = zip(pool_labels(rows, most=100), *columns, strict=True)
    return [f"{pool}: {values.say(y)}, {_bar(low, high, values)}" for pool, y, low, high in named]


def _bar(low: float, high: float, values: Values) -> str:
    if not (low > 0 and high < math.inf):
        return "no interval yet"
    return f"{values.bar} {values.say(low)} to {values.say(high)}"


def _side_by_side(rows: pd.DataFrame) -> list[float]:
    """Workers moved a hair to either side, a step a line, so that lines of equal height hide nothing."""
    lines = list(rows["line"].unique())
    span = math.log2(rows["workers"].max() / rows["workers"].min()) or 1.0
    step = min(0.016, 0.05 / len(lines)) * span
    places = {line: 2 ** (step * (number - (len(lines) - 1) / 2)) for number, line in enumerate(lines)}
    return [float(workers) * places[line] for workers, line in zip(rows["workers"], rows["line"], strict=True)]


def dashes_of(backends: dict[str, str]) -> _Dashes:
    """The lines of one backend have its colour, and dashes of their own."""
    seen: dict[str, int] = {}
    dashes: _Dashes = {}
    for line, backend in backends.items():
        dashes[line] = DASHES[seen.get(backend, 0) % len(DASHES)]
        seen[backend] = seen.get(backend, 0) + 1
    return dashes

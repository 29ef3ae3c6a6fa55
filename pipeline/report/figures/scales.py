"""Axes: which span, which ticks, and what the ticks say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from ...wording import memory, seconds

_MOST_TICKS = 7


def set_seconds(axes: Axes, values: Sequence[float]) -> None:
    """From zero, or logarithmic where the values span more than a decade; ticks say their unit."""
    least, most = min(values), max(values)
    if most / least <= 10:
        set_seconds_from_zero(axes, values)
        return
    low, high = least / 1.25, most * 1.25
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps: tuple[int, ...] = (1, 2, 5) if len(decades) <= 3 else (1, 3) if len(decades) <= 4 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    _set_log(axes, low, high, ticks, [_in_seconds(tick) for tick in ticks], base=10)


def set_seconds_from_zero(axes: Axes, values: Sequence[float]) -> None:
    """From zero whatever the values span, as the lengths of bars need it."""
    _linear(axes, max(values), _in_seconds)


def set_times(axes: Axes, values: Sequence[float], highest: float) -> None:
    """Logarithmic with ticks at powers of two, as worker counts double; up to `highest` or as far as values go."""
    low, high = min([*values, 1.0]) / 1.2, max(max([*values, 1.0]) * 1.2, highest)
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    step = math.ceil((last - first + 1) / _MOST_TICKS)
    powers = [power for power in range(first, last + 1) if power % step == 0]
    ticks = [2.0**power for power in powers]
    if len(ticks) < 3:
        ticks = sorted({*ticks, *(tick * 1.5 for tick in ticks), *(tick * 0.75 for tick in ticks)})
    _set_log(axes, low, high, ticks, [_in_times(tick) for tick in ticks], base=2)


def set_share(axes: Axes, values: Sequence[float]) -> None:
    """From zero to a little over one, or over the highest value; ticks in per cent."""
    _linear(axes, max([*values, 1.0]), "{:.0%}".format)


def set_elapsed(axes: Axes, until_s: float) -> None:
    """Across: from zero to `until_s`; ticks say their unit."""
    axes.set_xlim(0, until_s)
    ticks = _round_ticks(0, until_s)
    _set_ticks(axes.xaxis, ticks, [_in_seconds(tick) for tick in ticks])


def set_parts(axes: Axes, until: float) -> None:
    """Across: from zero to `until`, at least a whole; ticks at its quarters in per cent."""
    axes.set_xlim(0, until)
    ticks = [quarters / 4 for quarters in range(5)]
    _set_ticks(axes.xaxis, ticks, [f"{tick:.0%}" for tick in ticks])


def set_bytes(axes: Axes, low: float, high: float) -> None:
    """Across: logarithmic; ticks say their unit."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) <= 4 else (1,)
    ticks = [tick for decade in decades for step in steps if low <= (tick := step * 10.0**decade) <= high]
    if len(ticks) < 3:
        ticks = _round_ticks(low, high)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    _set_ticks(axes.xaxis, ticks, [memory(tick) for tick in ticks])


def _linear(axes: Axes, most: float, say: Callable[[float], str]) -> None:
    top = most * 1.12
    ticks = _round_ticks(0, top)
    axes.set_ylim(0, top)
    _set_ticks(axes.yaxis, ticks, [say(tick) for tick in ticks])


def _round_ticks(low: float, high: float) -> list[float]:
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _set_log(axes: Axes, low: float, high: float, ticks: Sequence[float], texts: Sequence[str], base: int) -> None:
    shown = [(tick, text) for tick, text in zip(ticks, texts, strict=True) if low <= tick <= high]
    axes.set_yscale("log", base=base)
    axes.set_ylim(low, high)
    _set_ticks(axes.yaxis, [tick for tick, _ in shown], [text for _, text in shown])


def _set_ticks(axis: Axis, ticks: Sequence[float], texts: Sequence[str]) -> None:
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(texts))
    axis.set_minor_locator(FixedLocator([]))


def _in_seconds(tick: float) -> str:
    return seconds(float(f"{tick:.6g}")) if tick else "0"  # 0.001 s is 1 ms however it was reckoned


def _in_times(tick: float) -> str:
    return f"{tick:g}x" if tick >= 0.25 else f"1/{1 / tick:.0f}x"

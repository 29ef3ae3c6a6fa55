"""How numbers and pools are said, everywhere alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a word or two needs no statistics at start
    from .statistics import Speedup

UP = "\u2191"
"""Marks a count of more workers than cores to be had."""
_BYTES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))
_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u00ad\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)

_WORKERS = {"ray": "Ray worker"}
"""What a backend's workers are called where that is not its own name."""


def clean(text: str) -> str:
    """Without what XML, terminals or readers cannot take.

    These are control characters, lone surrogates, turned directions, and what is there without being seen, but for the
    joiners that some scripts need.
    """
    if text.isprintable():  # most are, and a run has millions
        return text
    return _UNSHOWABLE.sub("\ufffd", _ANSI.sub("", text.replace("\r\n", "\n")))


def pool_name(backend: str, workers: int) -> str:
    """`4 threads`, `1 process`, `a plain loop`."""
    if backend == "serial":
        return "a plain loop"
    one = _WORKERS.get(backend, backend)
    if workers == 1:
        return f"1 {one}"
    return f"{workers} {one}{'es' if one.endswith('s') else 's'}"


def joined(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of more than four the first two, and how many more."""
    *first, last = names if len(names) <= 4 else [*names[:2], f"{len(names) - 2} more"]
    return f"{', '.join(first)} and {last}" if first else last


def on_many_workers(cores: float) -> str:
    """What `UP` means."""
    return f"{UP} More workers than the {cores:.3g} cores that can be had: what computes shares them."


def seconds(value_s: float | None) -> str:
    """Three digits and the unit that fits: `1.05 s`, `28.9 ms`, `310 µs`."""
    if value_s is None:
        return "an unknown time"
    unit, size = next((each for each in _UNITS if value_s >= each[1]), _UNITS[-1])
    number = value_s / size
    return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def duration(value_s: float) -> str:
    """Whole seconds, minutes and hours: `4 s`, `2 min 5 s`, `1 h 3 min`."""
    whole = round(value_s)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def factor(value: float) -> str:
    """A ratio with two decimals, or two digits where it is small: `1.82`, `12.30`, `0.053`."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def megabytes(count: float) -> str:
    """`87 MB`."""
    return f"{count / 1e6:,.0f} MB"


def memory(count: float) -> str:
    """Three digits and the unit that fits: `850 kB`, `87 MB`, `1.25 GB`."""
    unit, size = next((each for each in _BYTES if count >= each[1]), _BYTES[-1])
    return f"{count / size:.3g} {unit}"


def times(speedup: Speedup) -> str:
    """`1.82 times (1.74 to 1.85)`; says so where there is no interval yet."""
    if not math.isfinite(speedup.half_width):
        return f"{factor(speedup.estimate)} times (no interval yet)"
    return f"{factor(speedup.estimate)} times ({factor(speedup.low)} to {factor(speedup.high)})"


def speedup_interval(speedup: Speedup) -> str:
    """`1.82x [1.74, 1.85]`, for tables."""
    if not math.isfinite(speedup.half_width):
        return f"{factor(speedup.estimate)}x [?]"
    return f"{factor(speedup.estimate)}x [{factor(speedup.low)}, {factor(speedup.high)}]"


def nearest(word: str, words: Iterable[str], prefix: str = "") -> str:
    """`did you mean ...?` for the word most alike, with `prefix` before it, and all of them."""
    import difflib

    words = sorted(words)
    alike = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    options = f"here are {', '.join(words)}"
    return f"did you mean {prefix}{alike[0]}? T{options}" if alike else f"t{options}"

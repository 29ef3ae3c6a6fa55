"""The figures of a report.

To add one, write a module with a `TITLE`, an `ALT` (what a reader who cannot see it is told) and
`draw(summary, samples) -> Figure`, and name it in `NAMES`.
"""

from __future__ import annotations

import importlib
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

import pandas as pd
from matplotlib.figure import Figure

NAMES = ("run_time", "speedup", "efficiency")
"""The modules of this package that draw a figure, in the order in which the report shows them."""

PNG_DPI = 144


class Module(Protocol):
    """A figure's module."""

    @property
    def TITLE(self) -> str:  # noqa: N802 - a module's constant
        """The figure's heading."""
        ...

    @property
    def ALT(self) -> str:  # noqa: N802 - a module's constant
        """What it shows, for those who cannot see it."""
        ...

    def draw(self, summary: pd.DataFrame, samples: pd.DataFrame) -> Figure:
        """The figure, from `tables.summarise` and `tables.samples`."""
        ...


@dataclass(frozen=True)
class Drawing:
    """A figure as files."""

    name: str
    title: str
    alt: str
    svg: str
    png: bytes


def draw_all(summary: pd.DataFrame, samples: pd.DataFrame) -> list[Drawing]:
    """Every figure, drawn alike whatever this machine's settings of matplotlib are."""
    with _seaborn(), _settings():
        return [_draw(name, summary, samples) for name in NAMES]


def _draw(name: str, summary: pd.DataFrame, samples: pd.DataFrame) -> Drawing:
    module = cast(Module, importlib.import_module(f".{name}", __name__))
    figure = module.draw(summary, samples)
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return Drawing(name, module.TITLE, module.ALT, _with_system_fonts(svg.getvalue()), png.getvalue())


def _with_system_fonts(svg: str) -> str:
    """Text stays text in our SVGs; it is set in the reader's own font, which is no wider than DejaVu."""
    return svg.replace("'DejaVu Sans'", "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif")


@contextmanager
def _settings() -> Iterator[None]:
    import matplotlib.style

    from .style import SETTINGS

    with (
        matplotlib.style.context(SETTINGS, after_reset=True),
        matplotlib.rc_context({"svg.hashsalt": "pipeline"}),
        warnings.catch_warnings(),
    ):
        # Names in scripts that DejaVu lacks: right in the SVG, boxes in the PNG.
        warnings.filterwarnings("ignore", message="(?s)Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


@contextmanager
def _seaborn() -> Iterator[None]:
    """Import seaborn without SciPy, which costs 1.5 s and is for plots that we don't draw.

    What was imported so is forgotten afterwards: a notebook that measured gets its own, whole seaborn.
    """
    if "seaborn" in sys.modules or "scipy" in sys.modules:
        yield
        return
    sys.modules["scipy"] = None  # type: ignore[assignment] # documented: an import of it then fails
    try:
        importlib.import_module("seaborn")
    finally:
        del sys.modules["scipy"]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "seaborn"]:
            del sys.modules[name]

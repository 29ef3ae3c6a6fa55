"""The figures of a report.

To add one, write a module with a `TITLE`, an `ALT` (what a reader who cannot see it is told) and
`draw(tables) -> Figure`, and name it in `NAMES`.
"""

from __future__ import annotations

import importlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from matplotlib.figure import Figure

from ...tables import Tables
from . import bars, told
from .bars import Chart

NAMES = ("run_time", "speedup", "efficiency", "where_time_goes", "timeline", "memory")
"""The modules of this package that draw a figure, in the order in which the report shows them."""

PNG_DPI = 144


class Titled(Protocol):
    """What every figure's module has."""

    @property
    def TITLE(self) -> str:  # noqa: N802 - a module's constant
        """The figure's heading."""
        ...

    @property
    def ALT(self) -> str:  # noqa: N802 - a module's constant
        """What it shows, for those who cannot see it."""
        ...


class Module(Titled, Protocol):
    """The module of a figure that every report has."""

    def draw(self, tables: Tables) -> Figure:
        """The figure, from tables alone."""
        ...


@dataclass(frozen=True)
class Box:
    """Where a panel with all its labels is, in points from the figure's upper left, and what stands above it."""

    left: float
    top: float
    width: float
    height: float
    heading: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure as files; `panels` are the boxes of the groups in the SVG that the page can set apart, by their ids."""

    name: str
    title: str
    alt: str
    caption: str
    panels: dict[str, Box]
    svg: str
    png: bytes


def draw_all(tables: Tables, charts: Sequence[Chart] = ()) -> list[Drawing]:
    """Every figure, drawn alike whatever this machine's settings of matplotlib are; bars if there are `charts`."""
    with _seaborn(), _settings():
        drawn = [_draw(name, tables) for name in NAMES]
        if charts:
            drawn.append(_save("bars", bars, bars.draw(tables.summary, tables.samples, charts)))
        return drawn


def _draw(name: str, tables: Tables) -> Drawing:
    module = cast(Module, importlib.import_module(f".{name}", __name__))
    return _save(name, module, module.draw(tables))


def _save(name: str, module: Titled, figure: Figure) -> Drawing:
    texts = told.number(figure)
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    caption = " ".join(text.get_text() for text in figure.texts if text.get_text() != module.TITLE)
    drawn = told.put_texts(_with_system_fonts(svg.getvalue()), texts)
    return Drawing(name, module.TITLE, module.ALT, caption, _panels(figure), drawn, png.getvalue())


def _panels(figure: Figure) -> dict[str, Box]:
    """The boxes of all axes that have an id, all with the margins of the widest, so that they are shown alike."""
    found = {str(axes.get_gid()): axes for axes in figure.axes if axes.get_gid()}
    if not found:
        return {}
    inner = [axes.get_window_extent() for axes in found.values()]
    outer = [axes.get_tightbbox() for axes in found.values()]
    margins = [
        (each.x0 - around.x0, around.x1 - each.x1, each.y0 - around.y0, around.y1 - each.y1)
        for each, around in zip(inner, outer, strict=True)
        if around is not None
    ]
    left, right, below, above = (max(side) for side in zip(*margins, strict=True))
    right *= 1.08  # labels in a reader's own font
    to_pt, top = 72 / figure.dpi, figure.bbox.height
    return {
        id_: Box(
            (each.x0 - left) * to_pt,
            (top - each.y1 - above) * to_pt,
            (each.width + left + right) * to_pt,
            (each.height + below + above) * to_pt,
            axes.get_title("left"),
        )
        for (id_, axes), each in zip(found.items(), inner, strict=True)
    }


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

"""The report as one self-contained page."""

from __future__ import annotations

import re
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .content import Report
from .figures import Drawing
from .figures.style import THEMED


def render(report: Report) -> str:
    """The page's HTML; whatever a user can set is escaped."""
    environment = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.jinja").render(report=report, inline=inline)


def inline(drawing: Drawing) -> Markup:
    """The figure's SVG for within the page: its ids its own, its ink and paper those of the page."""
    svg = drawing.svg[drawing.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", svg, flags=re.DOTALL)
    prefix = f"figure-{drawing.name}-"
    svg = re.sub(r'(<[^<>]*?\bid=")', rf"\1{prefix}", svg)
    svg = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\1{prefix}", svg)
    for colour, variable in THEMED.items():
        svg = re.sub(rf'(style="[^"]*?){colour}', rf"\1var({variable})", svg)
        svg = re.sub(rf'(style="[^"]*?){colour}', rf"\1var({variable})", svg)
    label = escape(f"{drawing.title}. {drawing.alt}")
    width = re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"', svg)
    most = f"{float(width[1]) * 4 / 3:.0f}px" if width else "100%"
    opening = f'<svg role="img" aria-label="{label}" style="max-width: {most}"'
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg.replace("<svg", opening, 1), count=2)
    return Markup(svg)  # noqa: S704 - made by matplotlib, which escapes the texts in it

"""The report as one self-contained page."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .content import Report
from .figures import Box, Drawing
from .figures.style import THEMED


def render_report(report: Report) -> str:
    """The report's HTML."""
    return render("report.html.jinja", report=report, inline=inline)


def render(template: str, **values: object) -> str:
    """A page's HTML; whatever a user can set is escaped, and nothing but our own script may run or load anything."""
    loader = PackageLoader("pipeline.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = loader.get_source(environment, "report.js")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = _POLICY.format(digest=digest)
    # Our own file, in which jinja has nothing to set.
    return environment.get_template(template).render(script=Markup(script), policy=policy, **values)  # noqa: S704


_POLICY = (
    "default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


def inline(drawing: Drawing) -> list[Markup]:
    """The figure's SVGs for within the page, one a panel: their ids their own, ink and paper those of the page."""
    svg = drawing.svg[drawing.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", svg, flags=re.DOTALL)
    prefix = f"figure-{drawing.name}-"
    svg = re.sub(r'(<[^<>]*?\bid=")', rf"\1{prefix}", svg)
    svg = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\1{prefix}", svg)
    svg = re.sub(r'\bstyle="[^"]*"', lambda style: re.sub(r"#[0-9a-f]{6}\b", _themed, style[0]), svg)
    groups = [_group(svg, f"{prefix}{id_}") for id_ in drawing.panels]
    # Clip paths are shared; they are found from every panel, as all are in one document.
    shared = svg[svg.rindex("\n </g>") + len("\n </g>") : svg.rindex("</svg>")]
    alone = f"{drawing.title}. {drawing.alt}"
    if not groups:
        size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
        assert size is not None
        content = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
        return [_svg(Box(0, 0, float(size[1]), float(size[2])), content, alone)]
    labels = [alone] if len(groups) == 1 else [f"{drawing.title}, {box.heading}" for box in drawing.panels.values()]
    contents = [groups[0] + shared, *groups[1:]]
    return [_svg(*each) for each in zip(drawing.panels.values(), contents, labels, strict=True)]


def _themed(colour: re.Match[str]) -> str:
    return f"var({THEMED[colour[0]]})" if colour[0] in THEMED else colour[0]


def _group(svg: str, id_: str) -> str:
    """The group of that id: matplotlib indents by depth, and the texts within are escaped."""
    found = re.search(rf'^  <g id="{re.escape(id_)}">\n.*?^  </g>\n', svg, flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0]


def _svg(box: Box, content: str, label: str) -> Markup:
    view = f"{box.left:.2f} {box.top:.2f} {box.width:.2f} {box.height:.2f}"
    return Markup(  # noqa: S704 - made by matplotlib, which escapes the texts in it
        f'<svg role="img" aria-label="{escape(label)}" style="max-width: {box.width * 4 / 3:.0f}px" viewBox="{view}" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n{content}</svg>'
    )

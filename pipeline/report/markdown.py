"""The report as Markdown, for where a page cannot go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .content import Headline, Report
from .summary_table import Column, Row, Table
from .surroundings import Facts
from .text import one_line
from .troubles import Excerpt

_SPECIAL = re.compile(r"([\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w))")
_BLOCK = re.compile(r"^(\d{1,9}(?=[.)](?: |$))|(?=(?:[-+]|#{1,6})(?: |$)|[-=][-= ]*$))")
"""Where a text would be a list, a heading or a rule."""


def render(report: Report) -> str:
    """The whole report; what users named or printed is escaped or stands in code blocks."""
    return "\n\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield f"# {_text(report.name)}"
    yield _text(f"Measured on {report.measured_on}: {report.machine}. Version {report.version}.")
    if report.unfinished:
        yield f"**{_text(report.unfinished.sentence)}**"
        yield _code(report.unfinished.command, "sh")
    for headline in report.headlines:
        yield from _headline(headline)
    yield "## Summary"
    yield _table(report.table)
    if report.footnote:
        yield _text(report.footnote)
    if report.table.left_out:
        yield f"{report.table.left_out:,} more rows are in summary.csv."
    yield from _flags(report)
    yield from _claims(report)
    if report.parts:
        yield "## Where the time goes"
        yield _table(report.parts)
        yield _text(f"Shares of the batch. {report.parts_mean}")
    yield "## Figures"
    for drawing in report.drawings:
        yield f"![{_text(drawing.title)}. {_text(drawing.alt)}](figures/{drawing.name}.svg)"
    yield "## How it was measured"
    yield from map(_text, report.method)
    yield from _excerpts("Not measured", "Details", report.failures)
    yield from _excerpts("What the measured functions printed", "Output", report.printed)
    yield "## Environment"
    yield from map(_facts, report.environment)
    yield _folded(f"Packages ({len(report.packages.rows)})", _rows(report.packages))
    yield "## Version"
    yield from map(_text, report.version_means)
    yield from map(_facts, (*report.configuration, *report.accompanies))
    yield "## Repeat it"
    yield _code(report.command, "sh")


def _flags(report: Report) -> Iterator[str]:
    if report.flags:
        yield "## What the flags mean"
        yield _list(f"{name}: {meaning.says} {meaning.remedy}" for name, meaning in report.flags)


def _claims(report: Report) -> Iterator[str]:
    for held in report.claims:
        yield f"## What {_text(held.author)} says, and what was found here"
        yield _table(held.table)
        yield _text(held.means)


def _headline(headline: Headline) -> Iterator[str]:
    yield f"## {_text(headline.workload)}"
    if headline.about:
        yield _text(headline.about)
    yield f"**{_text(headline.sentence)}**"
    yield _list(headline.because)
    if headline.snippet:
        yield "Use it:"
        yield _code(headline.snippet.rstrip("\n"), "python")
    if headline.scaling:
        yield "How it scales:"
        yield _list(headline.scaling)


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_text(each)}" for each in sentences)


def _table(table: Table) -> str:
    columns = [*table.columns, *([Column("Note", numeric=False)] if any(map(_note, table.rows)) else [])]
    heads = [_text(column.title) for column in columns]
    rules = ["---:" if column.numeric else ":---" for column in columns]
    rows = [[_marked(_text(text), row.kind) for text in (*row.texts, _note(row))[: len(columns)]] for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rules, *rows])


def _note(row: Row) -> str:
    return "; ".join(filter(None, (row.note, *map(str, row.flags))))


def _marked(text: str, kind: str) -> str:
    return f"**{text}**" if kind == "chosen" and text else text


def _excerpts(title: str, what: str, excerpts: tuple[Excerpt, ...]) -> Iterator[str]:
    if excerpts:
        yield f"## {title}"
    for each in excerpts:
        yield f"**{_text(each.title)}**" + (f" {_text(each.sentence)}" if each.sentence else "")
        if each.text:
            yield _folded(what, _code(each.text, "text"))


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _facts(facts: Facts) -> str:
    return f"### {_text(facts.title)}\n\n{_rows(facts)}".rstrip()


def _rows(facts: Facts) -> str:
    return "\n".join(f"- {_text(name)}: {_text(value)}" for name, value in facts.rows)


def _text(text: str) -> str:
    return _BLOCK.sub(r"\1\\", _SPECIAL.sub(r"\\\1", one_line(text)))


def _code(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"

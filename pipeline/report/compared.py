"""A comparison of two runs, for a terminal and as a page."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..comparison import FASTER, OPEN, SLOWER, Compared, Comparison, Ratio, names
from ..evidence import Run
from ..interleaved import DIFFERENT, NOT_COMPARED
from ..journal import Record
from ..summary import headline
from ..verdict import NOT_ENOUGH, Verdict, decide
from ..wording import factor, pool_name, seconds
from . import page as pages
from .text import one_line, shorten

WIDTH = 80
MOST_CHANGES = 12
"""So many of each kind are printed; the page and the JSON have all."""


@dataclass(frozen=True)
class Page:
    """What the template sets."""

    title: str
    before: str
    after: str
    sentences: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    changes: tuple[tuple[str, ...], ...]
    scope: tuple[str, ...]


def text(comparison: Comparison) -> str:
    """A table that fits 80 columns, what is faster and slower, and what changed."""
    written = io.StringIO()
    screen = Console()
    colours = screen.is_terminal and not screen.legacy_windows
    console = Console(file=written, force_terminal=colours, width=WIDTH, highlight=False, emoji=False)
    table = Table(box=None, padding=(0, 1))
    for head in _heads(comparison):
        table.add_column(head, overflow="fold")
    for row in _rows(comparison):
        table.add_row(*map(escape, row))
    if comparison.interleaved:
        console.print(escape(f"before: {_about(comparison.before)}\nafter: {_about(comparison.after)}\n"))
    console.print(table)
    console.print()
    for sentence in _sentences(comparison):
        console.print(f"[bold]{escape(sentence)}[/bold]")
    for kind in dict.fromkeys(change.kind for change in comparison.changes):
        changes = [change for change in comparison.changes if change.kind == kind]
        console.print(f"  {kind}:")
        for change in changes[:MOST_CHANGES]:
            console.print(f"    {escape(_change(change.key, change.before, change.after))}")
        if len(changes) > MOST_CHANGES:
            console.print(f"    and {len(changes) - MOST_CHANGES} more")
    for sentence in _scope(comparison):
        console.print(escape(sentence))
    return written.getvalue().rstrip()


def conclusions(before: Run, after: Run, comparison: Comparison) -> Iterator[str]:
    """For each workload whether its verdict held, and where it did not, why that may be."""
    olds, news = ({each.workload: each for each in decide(run)} for run in (before, after))
    for workload, old in olds.items():
        new = news.get(workload)
        if new is None:
            yield f"{workload}: not measured again."
        elif _choice(old) == _choice(new):
            yield f"{workload}: held. {headline(new)}{_shift(old, comparison)}"
        else:
            yield f"{workload}: changed. Before: {headline(old)} Now: {headline(new)} {_why(old, new, comparison)}"


def _choice(verdict: Verdict) -> tuple[str, str | None]:
    return verdict.decision, None if verdict.chosen is None else verdict.chosen.name


def _recommended(verdict: Verdict, comparison: Comparison) -> Compared | None:
    """What became of the pool that was recommended."""
    if verdict.chosen is None:
        return None
    cell = verdict.chosen.cell
    pool = f"{pool_name(cell['backend'], cell['workers'])} {verdict.chosen.variant}".rstrip()
    return next((each for each in comparison.cells if (each.workload, each.pool) == (verdict.workload, pool)), None)


def _shift(old: Verdict, comparison: Comparison) -> str:
    """The same pool may be recommended for another gain."""
    found = _recommended(old, comparison)
    if old.chosen is None or found is None or found.speedup is None or found.speedup.verdict not in (FASTER, SLOWER):
        return ""
    return f" Its speed-up did not hold: {factor(old.chosen.speedup.estimate)} times before."


def _why(old: Verdict, new: Verdict, comparison: Comparison) -> str:
    found = _recommended(old, comparison)
    if found is not None and found.speedup is not None and not math.isfinite(found.speedup.estimate):
        return f"Of {found.pool} there is no speed-up to compare: {found.speedup.why}."
    kinds = list(dict.fromkeys(change.kind for change in comparison.changes))
    cells = [each for each in comparison.cells if each.workload == new.workload and each.speedup is not None]
    if any(each.speedup is not None and each.speedup.verdict in (FASTER, SLOWER) for each in cells):
        said = f"{' and '.join(kinds)} changed" if kinds else "nothing that is known of changed but the hour"
        return f"Its speed-ups are not what they were: {said}."
    if new.decision == NOT_ENOUGH:
        return new.because[0]
    return "No speed-up is shown to have changed: both choices are near one another, or the evidence then was thin."


def page(comparison: Comparison) -> str:
    """As one self-contained page."""
    changes = tuple(
        tuple(shorten(one_line(each), 200) for each in (change.kind, change.key, change.before, change.after))
        for change in comparison.changes
    )
    return pages.render(
        "compare.html.jinja",
        compared=Page(
            "Two revisions, interleaved" if comparison.interleaved else "Comparison",
            _about(comparison.before),
            _about(comparison.after),
            tuple(_sentences(comparison)),
            tuple(_heads(comparison)),
            tuple(tuple(map(one_line, row)) for row in _rows(comparison)),
            changes,
            (*_scope(comparison), *([_measured(comparison.after)] if comparison.interleaved else [])),
        ),
    )


def _heads(comparison: Comparison) -> list[str]:
    if comparison.interleaved:
        return ["cell", "before", "after", "times as fast", "why"]
    return ["cell", "speed-up", *(["batch"] if comparison.one_environment else []), "why"]


def _rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    several = len({each.workload for each in comparison.cells}) > 1
    for each in comparison.cells:
        why = [ratio.why for ratio in (each.speedup, each.batch) if ratio is not None and ratio.verdict == OPEN]
        batch = [_said(each.batch)] if comparison.one_environment else []
        if each.answers == NOT_COMPARED and each.batch is not None and math.isfinite(each.batch.estimate):
            why.append("answers not compared")
        before = [_said(each.speedup)] if each.batch_s is None else [_seconds(value_s) for value_s in each.batch_s]
        name = f"{each.workload}, {each.pool}" if several else each.pool
        yield name, *before, *batch, "; ".join(one_line(said) for said in dict.fromkeys(filter(None, why)))


def _seconds(value_s: float | None) -> str:
    return "" if value_s is None else seconds(value_s)


def _said(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    if not math.isfinite(ratio.estimate):
        return ratio.verdict
    said = f"{factor(ratio.estimate)}x"
    if ratio.low > 0 and math.isfinite(ratio.high):
        said += f" [{factor(ratio.low)}, {factor(ratio.high)}]"
    return f"{said} {ratio.verdict}"


def _sentences(comparison: Comparison) -> Iterator[str]:
    changed = [f"{each.workload}, {each.pool}" for each in comparison.cells if each.answers == DIFFERENT]
    if changed:
        yield f"The answers changed, so that times say nothing: {_some(changed, 3)}."
    for verdict in ("faster", "slower"):
        found = names(comparison.cells, verdict)
        if found:
            yield f"{verdict.capitalize()}: {_some(found, 3)}."
    if not comparison.cells:
        yield "The runs have no cell in common."
    elif not (comparison.any_is("faster") or comparison.any_is("slower")):
        yield "Nothing is shown to be faster or slower."


def _some(listed: Sequence[str], most: int) -> str:
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return f"{'; '.join(listed[:most])}{more}"


def _scope(comparison: Comparison) -> Iterator[str]:
    if comparison.interleaved:
        yield from _scope_interleaved(comparison)
        return
    yield (
        f"x is how many times as fast as before; the same: within {comparison.margin:.0%}. The runs took no turns, so "
        "these intervals are wider than those between cells of one run."
    )
    if not comparison.one_environment:
        yield "The runs are of two environments: times in seconds are not compared, speed-ups over a plain loop are."
    for which, cells in (("before", comparison.only_before), ("after", comparison.only_after)):
        if cells:
            yield f"Only {which}: {_some(cells, 5)}."


def _scope_interleaved(comparison: Comparison) -> Iterator[str]:
    before, after = comparison.before["revision"], comparison.after["revision"]
    yield (
        f"x is how many times as fast {after['asked']} is as {before['asked']}; the same: within "
        f"{comparison.margin:.0%}. They were interleaved: both ran in every round, one right after the other, in "
        "random order, so no hour was better to either. The intervals hold for all cells at once."
    )
    if before["tree"] == after["tree"]:
        yield "Both are the same code: this shows how alike the same comes out here (A/A)."
    elif not comparison.changes:
        yield "The measured source is the same in both; what it imports, and data, may not be."


def _change(key: str, before: str, after: str) -> str:
    return one_line(f"{shorten(key, 60)}: {shorten(before, 60)} -> {shorten(after, 60)}")


def _about(header: Record) -> str:
    if "revision" in header:
        revision = header["revision"]
        return one_line(f"{revision['asked']}, commit {revision['commit'][:12]}: {shorten(revision['subject'], 200)}")
    return _measured(header)


def _measured(header: Record) -> str:
    began = datetime.fromtimestamp(header["began"], UTC).strftime("%d %B %Y, %H:%M UTC")
    return one_line(f"{header['name']}, version {header['version']}, measured on {began}: {header['command']}")

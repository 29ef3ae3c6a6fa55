"""Other people's claims and what became of them, as tables, and the charts that they published."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .. import gil
from ..claims import CORES, SPEEDUP, Claims, Statement, Which
from ..evidence import Run
from ..journal import Record
from ..judgement import MISSING, VERDICTS, Judged, find_cells, judge
from ..wording import factor, megabytes, pool_name, seconds
from .figures.bars import Bar, Chart
from .summary_table import Column, Row, Table
from .text import first_line, one_line, shorten
from .these_trials import DAGGER, SAID

MEANS = (
    "A claim holds where the whole interval is on its side of the bound, and does not hold where the whole interval is "
    "on the other side; otherwise, and where other things kept the machine busy, it cannot be told here. Each interval "
    "is at 95% for its claim by itself; that of a ratio of two cells holds where both of theirs do."
)
_THESE_ONLY = f"{DAGGER} In these trials only: {SAID}."

_QUANTITIES: dict[str, tuple[str, Callable[[float], str]]] = {
    SPEEDUP: ("speed", lambda value: f"{factor(value)}x"),
    CORES: ("cores used", factor),
    "startup_s": ("start-up", seconds),
    "pss_bytes": ("memory", megabytes),
    "peak_rss_bytes": ("peak memory", megabytes),
}
"""How a statement's quantity is called, and how its values are said."""


@dataclass(frozen=True)
class Held:
    """One author's claims held against the run, and what the table means."""

    author: str
    table: Table
    means: str


def make_tables(run: Run) -> tuple[Held, ...]:
    """A table for each author; none where nobody claims anything."""
    return tuple(_hold(run, claims) for claims in run.claims if claims.statements)


def _hold(run: Run, claims: Claims) -> Held:
    heads = ("Claim", "Verdict", claims.author, "Here", "95% interval", "Compared here")
    judged = [each for statement in claims.statements for each in judge(run, statement)]
    rows = tuple(_row(run, each) for each in judged)
    columns = tuple(Column(_text(head[:1].upper() + head[1:]), numeric=False) for head in heads)
    table = Table(columns, rows, frozenset(), 0)
    marked = any(DAGGER in text for row in rows for text in row.texts)
    means = f"{_count(judged)} {MEANS}"
    return Held(_text(claims.author), table, f"{means} {_THESE_ONLY}" if marked else means)


def _count(judged: Sequence[Judged]) -> str:
    counts = Counter(each.verdict for each in judged)
    return "; ".join(f"{verdict}: {counts[verdict]}" for verdict in VERDICTS if counts[verdict]).capitalize() + "."


def _row(run: Run, judged: Judged) -> Row:
    statement, found = judged.statement, judged.found
    here = interval = mark = ""
    if found is not None:
        say = _QUANTITIES[SPEEDUP if statement.over else statement.quantity][1]
        here = say(found.estimate)
        if found.low > 0 and found.high < math.inf:
            interval = f"{say(found.low)} to {say(found.high)}"
            mark = "" if found.beyond_these_trials or judged.why else f" {DAGGER}"
    note = first_line(judged.why) or _without_gil(run, judged.cell)
    if judged.verdict == MISSING and statement.words:
        note = f"This measures it: python -m pipeline {statement.words}"
    texts = (statement.says, f"{judged.verdict}{mark}", statement.figure, here, interval, _compared(run, judged))
    return Row(tuple(map(_text, texts)), "missing" if judged.verdict == MISSING else "", _text(note))


def _without_gil(run: Run, cell: Record | None) -> str:
    if cell is None or cell["backend"] != "thread" or gil.has_gil(run.evidence[cell["id"]]):
        return ""
    return "This Python is free-threaded: it has no GIL, and its threads run Python code at the same time."


def _compared(run: Run, judged: Judged) -> str:
    """What was held against which bounds: the cells, or the pools that were to be found."""
    statement, cell, over = judged.statement, judged.cell, judged.over
    is_ratio = statement.over is not None or statement.quantity == SPEEDUP
    against: str | None
    if cell is None:
        workload, pool = _workload(statement.cell), pool_name(statement.cell.backend, statement.cell.workers)
        against = pool_name(statement.over.backend, statement.over.workers) if statement.over else None
    else:
        workload, pool, against = cell["name"], _pool(run, cell), _pool(run, over) if over else None
    quantity, say = _QUANTITIES[statement.quantity]
    pools = f"{pool} / {against or 'a plain loop'}" if is_ratio else pool
    return f"{workload}: {quantity}, {pools}, {_bounds(statement, _QUANTITIES[SPEEDUP][1] if is_ratio else say)}"


def _bounds(statement: Statement, say: Callable[[float], str]) -> str:
    sides = (("above", statement.above), ("below", statement.below))
    return " and ".join(f"{side} {say(bound)}" for side, bound in sides if bound is not None)


def _workload(which: Which) -> str:
    return " ".join([which.workload, *(f"{name}={value}" for name, value in which.params.items())])


def _pool(run: Run, cell: Record) -> str:
    return f"{pool_name(cell['backend'], cell['workers'])} {run.variants[cell['id']]}".rstrip()


def _text(text: str) -> str:
    return shorten(one_line(text), 200)


def find_charts(run: Run) -> list[Chart]:
    """The published charts of which something was measured, each bar with the cell that it is held against.

    Where several cells are meant it is the first of them.
    """
    charts = []
    for claims in run.claims:
        for chart in claims.charts:
            bars = tuple(_bars(run, [(bar.cell, bar.seconds) for bar in chart.bars]))
            if any(bar.cell for bar in bars):
                charts.append(Chart(_text(chart.title), _text(claims.author), bars))
    return charts


def _bars(run: Run, published: list[tuple[Which, float]]) -> Iterator[Bar]:
    for which, published_s in published:
        found = find_cells(run, which)
        yield Bar(which.backend, which.workers, published_s, found[0]["id"] if found else None)

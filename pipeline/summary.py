"""The end of a command: a table that fits 80 columns, and the verdicts."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .findings import Findings
from .verdict import STAY_SERIAL, Verdict
from .wording import UP, factor, on_many_workers, pool_name, seconds, times

WIDTH = 80
#: What is printed of a matrix that is larger: its first workloads, and of each its first cells.
MOST_WORKLOADS, MOST_CELLS = 20, 60
_DETAIL = re.compile(r" \([^;]*\)")


def summary_text(findings: Findings) -> str:
    """Each workload's table and verdict, with colours where standard output is a terminal."""
    run = findings.run
    screen = Console()
    width = min(screen.width, WIDTH) if screen.is_terminal else WIDTH
    colours = screen.is_terminal and not screen.legacy_windows
    text = io.StringIO()
    console = Console(file=text, force_terminal=colours, width=width, highlight=False, emoji=False)
    workloads = dict(iter(findings.summary.groupby("workload", sort=False)))
    for verdict in findings.verdicts[:MOST_WORKLOADS]:
        console.print()
        own = workloads[verdict.workload]
        shown = own.head(MOST_CELLS + 1).to_dict("records")
        console.print(_table(shown))
        if len(own) > len(shown):
            console.print(f" {len(own) - len(shown):,} more cells are in the report.")
        if any(_is_above(row) for row in shown):
            console.print(f" {on_many_workers(min(run.room(cell).attainable_cores for cell in run.cells))}")
        console.print()
        console.print(f"[bold]{escape(headline(verdict))}[/bold]")
        for sentence in verdict.because:
            console.print(f"  {escape(sentence)}")
    if len(findings.verdicts) > MOST_WORKLOADS:
        console.print(f"\n{len(findings.verdicts) - MOST_WORKLOADS:,} more workloads are in the report.")
    return text.getvalue()


def headline(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    if verdict.chosen is not None:
        return (
            f"{verdict.workload}: use {verdict.chosen.name}, {times(verdict.chosen.speedup)} as fast as a plain loop."
        )
    if verdict.decision == STAY_SERIAL:
        return f"{verdict.workload}: stay serial; nothing that was measured beats a plain loop."
    if verdict.nothing_ran:
        return f"{verdict.workload}: nothing could be measured."
    return f"{verdict.workload}: not enough evidence to recommend anything."


def _table(rows: Sequence[Mapping[Any, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1), title_justify="left", title_style="bold")
    table.add_column("pool", overflow="fold")
    for column in ("batch", "speed-up", "95 % interval", "rounds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for row in rows:
        mark = UP if _is_above(row) else ""
        name = " ".join(filter(None, (pool_name(row["backend"], row["workers"]), mark, row["variant"])))
        table.add_row(escape(name), *_figures(row), escape(_note(row)))
    return table


def _figures(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    if row["rounds"] == 0:
        return ("", "", "", "")
    batch, estimate = seconds(row["batch_s"]), f"{factor(row['speedup'])}x"
    if row["backend"] == "serial":
        return batch, estimate, "", str(row["rounds"])
    exists = row["speedup_low"] > 0 and math.isfinite(row["speedup_high"])
    interval = f"{factor(row['speedup_low'])} to {factor(row['speedup_high'])}" if exists else "none yet"
    return batch, estimate, interval, str(row["rounds"])


def _is_above(row: Mapping[Any, Any]) -> bool:
    return row["above_attainable"] is True  # nothing of the plain loop


def _note(row: Mapping[Any, Any]) -> str:
    reason = str(row["reason"]).partition("\n")[0]  # a row has one line
    status = "" if row["status"] == "measured" else f"{row['status']}: {reason}"
    names = _DETAIL.sub("", row["flags"])  # the report has the figures behind them
    return "; ".join(filter(None, (status, names)))

"""The end of a command: a table that fits 80 columns, and the verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .evidence import Run
from .tables import summarise
from .verdict import NOT_ENOUGH, STAY_SERIAL, Verdict, decide
from .wording import pool_name, seconds, times

WIDTH = 80


def print_summary(run: Run) -> None:
    """Print each workload's table and verdict to standard output."""
    console = Console(highlight=False, soft_wrap=False)
    console = console if console.is_terminal and console.width <= WIDTH else Console(highlight=False, width=WIDTH)
    rows = summarise(run).to_dict("records")
    for verdict in decide(run):
        console.print()
        console.print(_table([row for row in rows if row["workload"] == verdict.workload]))
        console.print()
        console.print(f"[bold]{escape(headline(verdict))}[/bold]")
        for sentence in verdict.because:
            console.print(f"  {escape(sentence)}")


def headline(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    if verdict.chosen is not None:
        return (
            f"{verdict.workload}: use {verdict.chosen.name}, {times(verdict.chosen.speedup)} as fast as a plain loop."
        )
    if verdict.decision == STAY_SERIAL:
        return f"{verdict.workload}: stay serial; nothing here beats a plain loop."
    assert verdict.decision == NOT_ENOUGH
    return f"{verdict.workload}: not enough evidence to recommend anything."


def _table(rows: Sequence[Mapping[Any, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1), title_justify="left", title_style="bold")
    table.add_column("pool", overflow="fold")
    for column in ("batch", "speed-up", "95 % interval", "rounds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for row in rows:
        name = " ".join(filter(None, (pool_name(row["backend"], row["workers"]), row["variant"])))
        table.add_row(escape(name), *_figures(row), escape(_note(row)))
    return table


def _figures(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    if row["rounds"] == 0:
        return ("", "", "", "")
    batch, estimate = seconds(row["batch_s"]), f"{row['speedup']:.2f}x"
    if row["backend"] == "serial":
        return batch, estimate, "", str(row["rounds"])
    exists = row["speedup_low"] > 0 and math.isfinite(row["speedup_high"])
    interval = f"{row['speedup_low']:.2f} to {row['speedup_high']:.2f}" if exists else "none yet"
    return batch, estimate, interval, str(row["rounds"])


def _note(row: Mapping[Any, Any]) -> str:
    status = "" if row["status"] == "measured" else f"{row['status']}: {row['reason']}"
    return "; ".join(filter(None, (status, row["flags"])))

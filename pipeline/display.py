"""What a person sees while it measures: one live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .cells import Cell, Sweep
from .evidence import variants
from .sweep import CellProgress
from .wording import duration, pool_name, speedup_interval

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_EVERY_S = 0.5
"""Drawing takes some milliseconds on the machine that measures: not more often than this."""


class Silent:
    """A display that shows nothing."""

    def begin(self, sweep: Sweep, folder: Path, resumed: int) -> None:
        """Nothing."""

    def preflight(self, workload: str) -> None:
        """Nothing."""

    def update(self, progress: Mapping[str, CellProgress], measuring: tuple[Cell, int] | None) -> None:
        """Nothing."""


class Lines:
    """A line when it begins and one for each cell that is done."""

    def __init__(self) -> None:
        self._done: set[str] = set()
        self._names: dict[str, str] = {}

    def begin(self, sweep: Sweep, folder: Path, resumed: int) -> None:
        """Say what is measured and where it goes."""
        self._names = _names(sweep)
        going_on = f", going on after {resumed} trials" if resumed else ""
        self._say(f"measuring {_count(len(sweep.measured), 'cell')} into {folder}{going_on}")

    def preflight(self, workload: str) -> None:
        """Say which workload is looked at."""
        self._say(f"looking at {workload}")

    def update(self, progress: Mapping[str, CellProgress], measuring: tuple[Cell, int] | None) -> None:
        """Say which cells are done since the last time."""
        for id_, each in progress.items():
            if each.done and id_ not in self._done:
                self._done.add(id_)
                self._say(f"[{len(self._done)}/{len(progress)}] {self._names[id_]}: {_state(each)}")

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class LiveTable:
    """All cells, with rounds and interval so far; time passed and about how much is to come."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live
        self._began = self._drawn = time.monotonic()
        self._title = ""
        self._names: dict[str, str] = {}

    def begin(self, sweep: Sweep, folder: Path, resumed: int) -> None:
        """Show the title."""
        self._names = _names(sweep)
        self._began = time.monotonic()
        going_on = f", going on after {resumed} trials" if resumed else ""
        self._title = f"{_count(len(sweep.measured), 'cell')} of {sweep.name}{going_on}"

    def preflight(self, workload: str) -> None:
        """Show which workload is looked at."""
        from rich.text import Text

        self._live.update(Text(f"looking at {workload} ..."), refresh=True)

    def update(self, progress: Mapping[str, CellProgress], measuring: tuple[Cell, int] | None) -> None:
        """Draw again, unless it was drawn just now."""
        now = time.monotonic()
        if now - self._drawn >= _EVERY_S or all(each.done for each in progress.values()):
            self._drawn = now
            self._live.update(self._render(progress, measuring), refresh=True)

    def _render(self, progress: Mapping[str, CellProgress], measuring: tuple[Cell, int] | None) -> RenderableType:
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, padding=(0, 1))
        for column in ("", "cell", "rounds", "speed-up"):
            table.add_column(column, justify="right" if column == "rounds" else "left", no_wrap=True)
        shown = _window(list(progress.values()), measuring, self._console.height - 6)
        for each in shown:
            under_way = measuring is not None and measuring[0].id == each.cell.id
            rounds = each.speedup.rounds + (measuring[1] if measuring is not None and under_way else 0)
            mark = "[green]✓" if each.done else "[bold]>" if under_way else " "
            table.add_row(mark, escape(self._names[each.cell.id]), str(rounds), escape(_state(each)))
        passed = time.monotonic() - self._began
        left = _expected(progress)
        to_go = "" if left is None else f", at most {duration(left)} to go"
        done = sum(each.done for each in progress.values())
        return Group(
            f"[bold]{escape(self._title)}", table, f"{done} of {len(progress)} done, {duration(passed)}{to_go}"
        )


@contextmanager
def open_display() -> Iterator[Lines | LiveTable]:
    """The live display where standard error is a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Lines()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    # Drawn when something happened, not by a thread of its own: that would compete with what is measured.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield LiveTable(console, live)


def _window(cells: list[CellProgress], measuring: tuple[Cell, int] | None, height: int) -> list[CellProgress]:
    if len(cells) <= max(height, 3):
        return cells
    ids = [each.cell.id for each in cells]
    at = ids.index(measuring[0].id) if measuring is not None else 0
    first = min(max(0, at - height // 2), len(cells) - height)
    return cells[first : first + height]


def _expected(progress: Mapping[str, CellProgress]) -> float | None:
    measured = [each for each in progress.values() if each.evidence.trials]
    if not measured:
        return None
    took = {each.cell.id: _mean_s(each) for each in measured}
    usual = sum(took.values()) / len(took)
    return sum(each.trials_left * took.get(each.cell.id, usual) for each in progress.values())


def _mean_s(each: CellProgress) -> float:
    elapsed_s: float = sum(trial["elapsed_s"] for trial in each.evidence.trials)
    return elapsed_s / len(each.evidence.trials)


def _names(sweep: Sweep) -> dict[str, str]:
    variant = variants([cell.record() for cell in sweep.measured])
    return {
        cell.id: f"{cell.workload.name}, {pool_name(cell.backend, cell.workers)} {variant[cell.id]}".rstrip()
        for cell in sweep.measured
    }


def _state(each: CellProgress) -> str:
    if each.evidence.status not in ("measured", "not run"):
        return f"{each.evidence.status}: {each.evidence.reason}"
    if not each.speedup.rounds:
        return ""
    if math.isinf(each.speedup.half_width):
        return f"{each.speedup.estimate:.2f}x"
    return speedup_interval(each.speedup)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

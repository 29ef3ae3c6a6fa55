"""What a person sees while it measures: one live display on a terminal, plain lines elsewhere.

Where nobody looks any more, at the other end of a broken pipe or of a terminal that hung up, measuring goes on unseen.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import hardware
from .cells import Sweep
from .evidence import variants
from .sweep import CellProgress, Key
from .wording import clean, duration, factor, megabytes, pool_name, speedup_interval

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

_EVERY_S = 0.5
"""A round's result is drawn while the next round is being measured already, and that takes some milliseconds of CPU
time on the same machine: not more often than this."""
_ENDING = "ending after the trial under way; once more to end now"
_MOST_NODES = 8
"""So many of a cluster's nodes have lines."""


class Silent:
    """A display that shows nothing."""

    def begin(self, sweep: Sweep, folder: Path, resumed: int, cut_bytes: int = 0) -> None:
        """Nothing."""

    def preflight(self, workload: str) -> None:
        """Nothing."""

    def wait_for(self, what: str) -> None:
        """Nothing."""

    def travel(self, folder: Path, size_bytes: int, at_most: bool) -> None:
        """Nothing."""

    def join(self, node: str, kind: str, about: Mapping[str, Any]) -> None:
        """Nothing."""

    def turn_down(self, node: str, why: str) -> None:
        """Nothing."""

    def lose(self, node: str) -> None:
        """Nothing."""

    def leave(self, node: str) -> None:
        """Nothing."""

    def end_soon(self) -> None:
        """Nothing."""

    def update(self, progress: Mapping[Key, CellProgress], measuring: Mapping[str, tuple[Key, int]]) -> None:
        """Nothing."""


class Lines:
    """A line when it begins and one for each cell that is done."""

    def __init__(self) -> None:
        self._done: set[Key] = set()
        self._names: dict[str, str] = {}
        self._seen = True
        self._waited_for = ""
        self._travelled = False
        self._nodes: set[str] = set()
        self._unfit: set[tuple[str, str]] = set()
        self._kinds = _Kinds()

    def begin(self, sweep: Sweep, folder: Path, resumed: int, cut_bytes: int = 0) -> None:
        """Say what is measured and where it goes."""
        self._names = _names(sweep)
        going_on = _going_on(resumed, cut_bytes)
        self._say(f"measuring {_count(len(sweep.measured), 'cell')} into {folder}{going_on}")

    def preflight(self, workload: str) -> None:
        """Say which workload is looked at."""
        self._say(f"looking at {workload}")

    def wait_for(self, what: str) -> None:
        """Say it once: two sweeps wait for one another at every trial."""
        if what != self._waited_for:
            self._waited_for = what
            self._say(f"waiting for {what}")

    def travel(self, folder: Path, size_bytes: int, at_most: bool) -> None:
        """Say it once, before the first one joins."""
        if not self._travelled:
            self._travelled = True
            self._say(_travels(folder, size_bytes, at_most))

    def join(self, node: str, kind: str, about: Mapping[str, Any]) -> None:
        """Say it of a cluster's nodes."""
        self._kinds.add(kind, about)
        if "/" in node and node not in self._nodes:
            self._nodes.add(node)
            machine = about["machine"]
            self._say(f"{node} joined: {machine['cpu']}, {_count(machine['usable_cores'], 'core')}")

    def turn_down(self, node: str, why: str) -> None:
        """Say it once."""
        if (node, why) not in self._unfit:
            self._unfit.add((node, why))
            self._say(f"{node} cannot take part: {why}")

    def lose(self, node: str) -> None:
        """Say it."""
        self._say(f"what {node} was measuring is lost, and taken again")

    def leave(self, node: str) -> None:
        """Say it, too."""
        self._nodes.discard(node)
        self._say(f"{node} left")

    def end_soon(self) -> None:
        """Say it at once."""
        self._say(_ENDING)

    def update(self, progress: Mapping[Key, CellProgress], measuring: Mapping[str, tuple[Key, int]]) -> None:
        """Say which cells and matches are done since the last time."""
        for key, each in progress.items():
            if each.done and key not in self._done:
                self._done.add(key)
                name = _name(each, self._names) + self._kinds.tell(progress)[key[0]]
                self._say(f"[{len(self._done)}/{len(progress)}] {name}: {_state(each)}")

    def _say(self, text: str) -> None:
        if self._seen:
            try:
                print(clean(text), file=sys.stderr, flush=True)
            except OSError:
                self._seen = False


class LiveTable:
    """All cells, with rounds and interval so far; time passed and about how much is to come."""

    def __init__(self, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = live
        self._clock = clock
        self._began = self._drawn = clock()
        self._title = ""
        self._figure, self._plays_off = "speed-up", True
        self._names: dict[str, str] = {}
        self._nodes: list[str] = []
        self._unfit: dict[str, str] = {}
        self._kinds = _Kinds()
        self._seen = True
        self._shown: RenderableType = ""
        self._ending = False

    def begin(self, sweep: Sweep, folder: Path, resumed: int, cut_bytes: int = 0) -> None:
        """Show the title."""
        self._names = _names(sweep)
        self._began = self._clock()
        self._title = f"{_count(len(sweep.measured), 'cell')} of {sweep.name}{_going_on(resumed, cut_bytes)}"
        if sweep.interleaved:
            self._figure, self._plays_off = "times as fast", False

    def preflight(self, workload: str) -> None:
        """Show which workload is looked at."""
        from rich.text import Text

        self._show(Text(f"looking at {clean(workload)} ..."))

    def wait_for(self, what: str) -> None:
        """Show it in place of the table."""
        from rich.text import Text

        title, waits = Text(self._title, style="bold"), Text(f"waiting for {clean(what)}")
        self._show(Text("\n").join([title, waits] if self._title else [waits]))

    def travel(self, folder: Path, size_bytes: int, at_most: bool) -> None:
        """Show it until something happens."""
        from rich.text import Text

        self._show(Text(clean(_travels(folder, size_bytes, at_most))))

    def join(self, node: str, kind: str, about: Mapping[str, Any]) -> None:
        """A cluster's nodes have a line each."""
        self._kinds.add(kind, about)
        self._unfit.pop(node, None)
        if "/" in node and node not in self._nodes:
            self._nodes.append(node)

    def turn_down(self, node: str, why: str) -> None:
        """It has a line that says so."""
        self._unfit[node] = why

    def lose(self, node: str) -> None:
        """Its line shows what it does next."""

    def leave(self, node: str) -> None:
        """Its line goes."""
        self._unfit.pop(node, None)
        if node in self._nodes:
            self._nodes.remove(node)

    def end_soon(self) -> None:
        """Say it below what is shown, from now on."""
        self._ending = True
        self._show(self._shown)

    def update(self, progress: Mapping[Key, CellProgress], measuring: Mapping[str, tuple[Key, int]]) -> None:
        """Draw again, unless it was drawn just now."""
        now = self._clock()
        if now - self._drawn >= _EVERY_S or all(each.done for each in progress.values()):
            self._drawn = now
            self._show(self._render(progress, measuring))

    def _show(self, what: RenderableType) -> None:
        from rich.console import Group

        self._shown = what
        if self._seen:
            try:
                self._live.update(Group(what, _ENDING) if self._ending else what, refresh=True)
            except OSError:
                self._seen = False

    def _render(self, progress: Mapping[Key, CellProgress], measuring: Mapping[str, tuple[Key, int]]) -> RenderableType:
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, padding=(0, 1))
        for column in ("", "cell", "rounds", self._figure):
            table.add_column(column, justify="right" if column == "rounds" else "left", no_wrap=True)
        rounds_of = dict(measuring.values())
        of_kind = self._kinds.tell(progress)
        names = {key: _name(each, self._names) + of_kind[key[0]] for key, each in progress.items()}
        nodes = self._tell_nodes(names, measuring)
        room = self._live.console.height - 6 - self._ending - len(nodes)
        for key in _window(progress, rounds_of, room):
            each = progress[key]
            under_way = key in rounds_of and not each.done
            rounds = each.speedup.rounds + (rounds_of[key] if under_way else 0)
            mark = "[green]✓" if each.done else "[bold]>" if under_way else " "
            table.add_row(mark, escape(names[key]), str(rounds), escape(_state(each)))
        passed = self._clock() - self._began
        left = _expected(progress)
        is_last = not self._plays_off or any(each.leader for each in progress.values())
        to_come = "" if is_last else " before the play-off"
        to_go = "" if left is None else f", at most {duration(left)} to go{to_come}"
        done = sum(each.done for each in progress.values())
        last = f"{done} of {len(progress)} done, {duration(passed)}{to_go}"
        return Group(f"[bold]{escape(self._title)}", table, *nodes, last)

    def _tell_nodes(self, names: Mapping[Key, str], measuring: Mapping[str, tuple[Key, int]]) -> list[Text]:
        """A line for each node, as many as there is room for."""
        from rich.text import Text

        does = {node: names.get(key, "a look at a workload") for node, (key, _) in measuring.items()}
        lines = [f"{node}: {does.get(node, 'free')}" for node in self._nodes]
        lines += [f"{node} cannot take part: {why}" for node, why in self._unfit.items()]
        if len(lines) > _MOST_NODES:
            lines = [*lines[: _MOST_NODES - 1], f"and {len(lines) - _MOST_NODES + 1} nodes more"]
        return [Text(clean(line), no_wrap=True, overflow="ellipsis") for line in lines]


@contextmanager
def open_display() -> Iterator[Silent | Lines | LiveTable]:
    """The live display where standard error is a terminal, plain lines elsewhere, nothing where it is closed."""
    if sys.stderr is None:
        yield Silent()
        return
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Lines()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False, emoji=False)
    # Drawn when something happened, at most every half second, and by no thread of its own that would never rest.
    live = Live(console=console, auto_refresh=False, transient=True)
    with suppress(OSError):
        live.start()
    try:
        yield LiveTable(live)
    finally:
        with suppress(OSError):
            live.stop()


def _window(cells: Iterable[Key], under_way: Collection[Key], height: int) -> list[Key]:
    """As many cells as a screen has lines for, around the first one under way."""
    cells = list(cells)
    height = max(height, 3)
    if len(cells) <= height:
        return cells
    at = next((number for number, key in enumerate(cells) if key in under_way), 0)
    first = min(max(0, at - height // 2), len(cells) - height)
    return cells[first : first + height]


def _expected(progress: Mapping[Key, CellProgress]) -> float | None:
    """Seconds until every cell has had all of its trials, if a trial goes on taking as long as so far."""
    took = {key: _mean_s(each) for key, each in progress.items() if each.evidence.trials}
    if not took:
        return None
    usual = sum(took.values()) / len(took)
    return sum(each.trials_left * took.get(key, usual) for key, each in progress.items())


def _mean_s(each: CellProgress) -> float:
    elapsed_s: float = sum(trial["elapsed_s"] for trial in each.evidence.trials)
    return elapsed_s / len(each.evidence.trials)


class _Kinds:
    """What the kinds of nodes that joined are called."""

    def __init__(self) -> None:
        self._abouts: dict[str, Mapping[str, Any]] = {}

    def add(self, kind: str, about: Mapping[str, Any]) -> None:
        self._abouts[kind] = about

    def tell(self, progress: Iterable[Key]) -> dict[str, str]:
        """What follows the names of each kind's cells: nothing where there is one kind."""
        kinds = {kind for kind, _ in progress}
        if len(kinds) == 1:
            return dict.fromkeys(kinds, "")
        machines = {kind: about["machine"] for kind, about in self._abouts.items()}
        pythons = {kind: about["interpreter"]["python"] for kind, about in self._abouts.items()}
        labels = hardware.labels(machines, pythons)
        return {kind: f" on {clean(labels.get(kind, kind))}" for kind in kinds}


def _names(sweep: Sweep) -> dict[str, str]:
    variant = variants([cell.record() for cell in sweep.measured])
    return {
        cell.id: clean(f"{cell.workload.name}, {pool_name(cell.backend, cell.workers)} {variant[cell.id]}".rstrip())
        for cell in sweep.measured
    }


def _name(each: CellProgress, names: Mapping[str, str]) -> str:
    """A cell's name; of a match, both."""
    if each.leader is None:
        return names[each.cell.id]
    return f"{names[each.cell.id]} against {names[each.leader.id].partition(', ')[2]}"


def _state(each: CellProgress) -> str:
    if each.evidence.status not in ("measured", "not run"):
        reason = clean(str(each.evidence.reason)).partition("\n")[0]  # a row has one line
        return f"{each.evidence.status}: {reason}"
    if not each.speedup.rounds:
        return ""
    if math.isinf(each.speedup.half_width):
        return f"{factor(each.speedup.estimate)}x"
    return speedup_interval(each.speedup)


def _going_on(resumed: int, cut_bytes: int) -> str:
    torn = f" and a torn record, cut off ({_count(cut_bytes, 'byte')})" if cut_bytes else ""
    return f", going on after {resumed} trials{torn}" if resumed or torn else ""


def _travels(folder: Path, size_bytes: int, at_most: bool) -> str:
    size = "less than 1 MB" if size_bytes < 1e6 else f"{'at most ' * at_most}{megabytes(size_bytes)}"
    return f"every node gets a copy of {folder}, {size}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""What a person sees on the screen: the live table, the plain lines, and the table at the end."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from pipeline.cells import Cell, Sweep, Workload
from pipeline.display import Lines, LiveTable, open_display
from pipeline.evidence import Evidence
from pipeline.findings import Findings
from pipeline.statistics import Speedup
from pipeline.summary import summary_text
from pipeline.sweep import CellProgress, Key

from .recorded import MEASURE, Told, Work, run


def _cell(workers: int, name: str = "io") -> Cell:
    return Cell(Workload(name, "work.py:work", None, 4, {}, "auto", "auto", None), "thread", workers, {}, {}, None)


def _sweep(*cells: Cell) -> Sweep:
    return Sweep("mine", cells, MEASURE, margin=0.05, seed=0, fresh=False, output="outputs", runner="local")


def _progress(
    cell: Cell,
    *,
    estimate: float = 1.0,
    interval: tuple[float, float] = (0, math.inf),
    trials: int = 0,
    left: int = 3,
    failure: str | None = None,
) -> CellProgress:
    status = "failed" if failure else "measured" if trials else "not run"
    evidence = Evidence(status, failure, None, tuple({"elapsed_s": 4.0} for _ in range(trials)), trials)
    speedup = Speedup(estimate, *interval, rounds=8 * trials, trials=trials, beyond_these_trials=False)
    progress = CellProgress(cell, None, evidence, 0.05, left)
    vars(progress)["speedup"] = speedup  # what it would work out from rounds
    return progress


class Screen:
    """A terminal, and a clock that stands still until it is set."""

    def __init__(self, height: int = 25) -> None:
        self.now_s = 0.0
        self._file = io.StringIO()
        console = Console(file=self._file, force_terminal=True, width=80, height=height, color_system=None)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()
        self.table = LiveTable(self._live, lambda: self.now_s)

    def drawn(self, draw: Callable[[LiveTable], None]) -> list[str]:
        """The lines that are put on the screen by this, without trailing blanks and control sequences."""
        self._file.truncate(0)
        self._file.seek(0)
        draw(self.table)
        text = self._file.getvalue().rpartition("\x1b[2K")[2]
        return [line.rstrip() for line in text.splitlines()]

    def after(self, seconds: float, *cells: CellProgress, measuring: tuple[str, int] | None = None) -> list[str]:
        """The lines after this time."""
        self.now_s += seconds
        under_way = {} if measuring is None else {"here": (("kind", measuring[0]), measuring[1])}
        return self.drawn(lambda table: table.update(_of_kind("kind", *cells), under_way))


def _of_kind(kind: str, *cells: CellProgress) -> dict[Key, CellProgress]:
    return {(kind, each.cell.id): each for each in cells}


def _about(cpu: str) -> dict[str, Any]:
    return {"machine": {"cpu": cpu, "usable_cores": 2}, "interpreter": {"python": "3.11.7"}}


def test_each_cell_has_a_row_with_its_rounds_and_interval() -> None:
    """The one under way is marked and has the rounds of its trial so far; those that are done are ticked."""
    one, two, three, four = map(_cell, (1, 2, 3, 4))
    screen = Screen()
    screen.table.begin(_sweep(one, two, three, four), Path("outputs/run"), resumed=3)
    lines = screen.after(
        1,
        _progress(one, estimate=1.82, interval=(1.74, 1.85), trials=3, left=0),
        _progress(two, estimate=0.053, trials=1, left=2),
        _progress(three),
        _progress(four, failure="ValueError: no\nluck", left=0),
        measuring=(two.id, 5),
    )
    assert [" ".join(line.split()) for line in lines] == [
        "4 cells of mine, going on after 3 trials",
        "cell rounds speed-up",
        "✓ io, 1 thread 24 1.82x [1.74, 1.85]",
        "> io, 2 threads 13 0.053x",
        "io, 3 threads 0",
        "✓ io, 4 threads 0 failed: ValueError: no",
        "2 of 4 done, 1 s, at most 20 s to go before the play-off",
    ]


def test_names_and_reasons_are_shown_as_they_are() -> None:
    """Square brackets are markup to what draws."""
    cell = _cell(2, "[bold]io[/nothing]")
    screen = Screen()
    screen.table.begin(_sweep(cell), Path("outputs/run"), resumed=0)
    text = "\n".join(screen.after(1, _progress(cell, failure="KeyError: '[red]'", left=0)))
    assert "[bold]io[/nothing], 2 threads" in text
    assert "failed: KeyError: '[red]'" in text


@pytest.mark.parametrize(("under_way", "first", "last"), [(1, 1, 6), (20, 17, 22), (40, 35, 40)])
def test_of_many_cells_those_around_the_one_under_way_are_shown(under_way: int, first: int, last: int) -> None:
    """As many as there are lines for, so that the screen never scrolls."""
    cells = [_cell(workers) for workers in range(1, 41)]
    screen = Screen(height=12)
    screen.table.begin(_sweep(*cells), Path("outputs/run"), resumed=0)
    lines = screen.after(1, *map(_progress, cells), measuring=(cells[under_way - 1].id, 0))
    assert len(lines) < 12
    rows = [line.split(", ")[1].split()[0] for line in lines if "io, " in line]
    assert rows == [str(workers) for workers in range(first, last + 1)]


@pytest.mark.parametrize("height", [1, 5, 8])
def test_the_smallest_screens_have_some_rows(height: int) -> None:
    cells = [_cell(workers) for workers in range(1, 41)]
    screen = Screen(height)
    screen.table.begin(_sweep(*cells), Path("outputs/run"), resumed=0)
    assert screen.after(1, *map(_progress, cells), measuring=(cells[20].id, 0)) != []


def test_how_long_it_will_take_is_said_once_something_was_measured() -> None:
    """Trials that are left, each as long as those of its cell so far, or else of all cells."""
    one, two = map(_cell, (1, 2))
    screen = Screen()
    screen.table.begin(_sweep(one, two), Path("outputs/run"), resumed=0)
    assert screen.after(1, _progress(one), _progress(two))[-1].strip() == "0 of 2 done, 1 s"
    lines = screen.after(64, _progress(one, trials=1, left=2), _progress(two, left=30))
    assert lines[-1].strip() == "0 of 2 done, 1 min 5 s, at most 2 min 8 s to go before the play-off"


def test_it_is_not_drawn_more_often_than_every_half_second() -> None:
    """Drawing takes time of the machine that measures; but the end is always drawn."""
    one, two = map(_cell, (1, 2))
    screen = Screen()
    screen.table.begin(_sweep(one, two), Path("outputs/run"), resumed=0)
    assert screen.after(0.6, _progress(one)) != []
    assert screen.after(0.4, _progress(one)) == []
    assert screen.after(0.2, _progress(one)) != []
    assert screen.after(0.0, _progress(one, left=0)) != []


def test_what_is_looked_at_is_shown_before_measuring() -> None:
    assert Screen().drawn(lambda table: table.preflight("[io]"))[-1] == "looking at [io] ..."


def test_that_it_ends_soon_is_said_below_what_is_shown_from_then_on() -> None:
    """The lines that are drawn are all there are: none is left on the screen when the display goes."""
    screen = Screen()
    screen.drawn(lambda table: table.preflight("io"))
    ending = ["looking at io ...", "ending after the trial under way; once more to end now"]
    assert screen.drawn(LiveTable.end_soon) == ending
    assert screen.drawn(lambda table: table.preflight("io")) == ending


class _HungUp(io.StringIO):
    """A stream whose other end has gone."""

    tries = 0

    def write(self, _text: str) -> int:
        self.tries += 1
        raise OSError(5, "Input/output error")

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_screen_that_goes_away_ends_the_display_alone(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """Nothing is raised into the measuring, and nothing more is tried."""
    gone = _HungUp()
    monkeypatch.setattr(sys, "stderr", gone)
    monkeypatch.setenv("TERM", term)
    cell = _cell(2)
    with open_display() as display:
        assert isinstance(display, Lines if term == "dumb" else LiveTable)
        display.preflight("io")
        before = gone.tries
        display.begin(_sweep(cell), Path("outputs/run"), 0)
        display.update(_of_kind("kind", _progress(cell, left=0)), {})
        assert gone.tries == before
    assert sys.stderr is gone


def test_plain_lines_tell_of_each_cell_once(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = map(_cell, (1, 2))
    lines = Lines()
    lines.preflight("io")
    lines.begin(_sweep(one, two), Path("outputs/run"), 2)
    done = _progress(one, estimate=1.82, interval=(1.74, 1.85), trials=3, left=0)
    lines.update(_of_kind("kind", done, _progress(two)), {})
    lines.update(_of_kind("kind", done, _progress(two, failure="ValueError: no\nluck", left=0)), {})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "looking at io",
        "measuring 2 cells into outputs/run, going on after 2 trials",
        "[1/2] io, 1 thread: 1.82x [1.74, 1.85]",
        "[2/2] io, 2 threads: failed: ValueError: no",
    ]


def test_a_second_kind_of_node_has_lines_of_its_own_and_none_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """From when it joins, every line says of which kind it is; what was said before is not said again."""
    cell = _cell(2)
    lines = Lines()
    lines.begin(_sweep(cell), Path("outputs/run"), 0)
    done = _progress(cell, estimate=1.82, interval=(1.74, 1.85), trials=3, left=0)
    lines.join("one/1", "a", _about("Old CPU"))
    lines.update(_of_kind("a", done), {})
    lines.join("two/2", "b", _about("New CPU"))
    lines.update(_of_kind("a", done) | _of_kind("b", _progress(cell)), {})
    lines.update(_of_kind("a", done) | _of_kind("b", done), {})
    assert capsys.readouterr().err.splitlines()[1:] == [
        "one/1 joined: Old CPU, 2 cores",
        "[1/1] io, 2 threads: 1.82x [1.74, 1.85]",
        "two/2 joined: New CPU, 2 cores",
        "[2/2] io, 2 threads on New CPU: 1.82x [1.74, 1.85]",
    ]


def test_what_becomes_of_nodes_is_said_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Once each: also why one cannot take part, and that what was lost is taken again."""
    lines = Lines()
    for _ in range(2):
        lines.join("one/1", "a", _about("A CPU"))
        lines.turn_down("two/2", "OSError: disk full")
    lines.lose("one/1")
    lines.leave("one/1")
    assert capsys.readouterr().err.splitlines() == [
        "one/1 joined: A CPU, 2 cores",
        "two/2 cannot take part: OSError: disk full",
        "what one/1 was measuring is lost, and taken again",
        "one/1 left",
    ]


def test_each_node_has_a_line_with_what_it_measures() -> None:
    """Below the rows, of which those of its kind alone are marked; one that left has none."""
    cell = _cell(2)
    screen = Screen()
    table = screen.table
    table.begin(_sweep(cell), Path("outputs/run"), resumed=0)
    for node, kind, cpu in (("one/1", "a", "Old CPU"), ("two/2", "b", "New CPU"), ("three/3", "b", "New CPU")):
        table.join(node, kind, _about(cpu))
    table.turn_down("four/4", "OSError: disk full")
    screen.now_s += 1
    progress = _of_kind("a", _progress(cell)) | _of_kind("b", _progress(cell, trials=1, left=2))
    lines = screen.drawn(lambda table: table.update(progress, {"two/2": (("b", cell.id), 5)}))
    assert [" ".join(line.split()) for line in lines[2:]] == [
        "io, 2 threads on Old CPU 0",
        "> io, 2 threads on New CPU 13 1.00x",
        "one/1: free",
        "two/2: io, 2 threads on New CPU",
        "three/3: free",
        "four/4 cannot take part: OSError: disk full",
        "0 of 2 done, 1 s, at most 20 s to go before the play-off",
    ]
    table.leave("one/1")
    screen.now_s += 1
    lines = screen.drawn(lambda table: table.update(progress, {}))
    assert not [line for line in lines if "one/1" in line]


def test_many_nodes_leave_room_for_the_cells() -> None:
    """So many have lines, and of the others it is said how many they are."""
    cell = _cell(2)
    screen = Screen()
    screen.table.begin(_sweep(cell), Path("outputs/run"), resumed=0)
    for number in range(20):
        screen.table.join(f"host/{number}", "kind", _about("A CPU"))
    lines = screen.after(1, _progress(cell))
    assert [line for line in lines if line.startswith("host/")] == [f"host/{number}: free" for number in range(7)]
    assert "and 13 nodes more" in lines


def test_the_last_table_has_a_line_for_a_reason_and_digits_for_a_small_speed_up() -> None:
    """A reason is as long as the user's exception; a speed-up of 0.00x would say nothing."""
    slow = Told(workers=2, speedup=0.0123)
    failed = Told(workers=4, failure="failed", reason="ValueError: no\nluck\nat all")
    text = summary_text(Findings(run(Work([slow, failed]))))
    table = text.partition("\nio: ")[0]
    assert "0.012x" in table
    assert "0.00" not in table
    assert "ValueError: no" in " ".join(table.split())
    assert "luck" not in table
    assert all(len(line) <= 80 for line in text.splitlines())

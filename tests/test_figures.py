"""Each figure says what it shows, in text, however few or many cells there are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipeline import tables
from pipeline.evidence import Run
from pipeline.report import figures, page
from pipeline.report.figures import Drawing, panels, timeline, told
from pipeline.wording import factor, pool_name, seconds

from . import recorded
from .recorded import Told, Work

NEW = ("where_time_goes", "timeline", "memory")
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script> $x$ & "q" ' + 50 * "long "


def tell(run: Run) -> tables.Tables:
    summary = tables.summarise(run)
    return tables.Tables(summary, tables.samples(run), tables.spans(run, timeline.choose(summary)))


def draw(name: str, *works: Work) -> Drawing:
    return draw_run(name, recorded.run(*works))


def draw_run(name: str, run: Run) -> Drawing:
    with figures._seaborn(), figures._settings():
        return figures._draw(name, tell(run))


def draw_all(run: Run) -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in figures.draw_all(tell(run))}


def texts(drawing: Drawing) -> list[str]:
    return [element.text or "" for element in ET.fromstring(drawing.svg).iter(f"{SVG}text")]


def titles(drawing: Drawing) -> list[str]:
    return [element.text or "" for element in ET.fromstring(drawing.svg).iter(f"{SVG}title")]


def changed(run: Run, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Run:
    """With every arm of every trial changed."""
    return Run(
        tuple(
            {**record, "arms": {name: change(arm) for name, arm in record["arms"].items()}}
            if record["kind"] == "trial"
            else record
            for record in run.records
        )
    )


@pytest.fixture(scope="module")
def run() -> Run:
    """Threads that win, processes that take more memory for less."""
    threads = [Told("thread", n, n**0.9 - 0.1, noise=0) for n in (1, 2, 4, 8, 16)]
    return recorded.run(Work([*threads, *(Told("process", n, n**0.5, noise=0) for n in (2, 4))]))


@pytest.fixture(scope="module")
def drawn(run: Run) -> dict[str, Drawing]:
    return draw_all(run)


def test_every_figure_is_drawn_alike_again(run: Run, drawn: dict[str, Drawing]) -> None:
    assert tuple(drawn) == figures.NAMES
    assert draw_all(run) == drawn


def test_every_cell_tells_its_values(run: Run, drawn: dict[str, Drawing]) -> None:
    """In a title of each mark, as the summary has them."""
    for row in tables.summarise(run).iloc[1:].to_dict("records"):
        pool, times = pool_name(row["backend"], row["workers"]), f"{factor(row['speedup'])}x"
        for name, said in (
            ("run_time", f"{pool}: {seconds(row['batch_s'])}, middle 80% "),
            ("speedup", f"{pool}: {times}, 95% interval "),
            ("memory", f"{pool}: {times} with "),
        ):
            assert sum(each.startswith(said) for each in titles(drawn[name])) == 1, said
    assert len(titles(drawn["timeline"])) == 3 * 16  # tasks of the loop, of threads and of processes
    assert "8 threads: imbalance 0%" not in " ".join(titles(drawn["where_time_goes"]))  # nothing to point at


@pytest.mark.parametrize(
    ("name", "across", "up"),
    [
        ("run_time", r"^(\d+) ", r": ([\d.]+ \w+), "),
        ("speedup", r"^(\d+) ", r": ([\d.]+)x, "),
        ("efficiency", r"^(\d+) ", r": (\d+)%, "),
        ("memory", r" with (\d+ MB)$", r": ([\d.]+)x with "),
    ],
)
def test_a_mark_tells_of_the_place_where_it_is(drawn: dict[str, Drawing], name: str, across: str, up: str) -> None:
    """From left to right and from below to above, what the marks tell grows."""
    marks = places(drawn[name])
    assert len(marks) >= 7
    for axis, pattern in enumerate((across, up)):
        found = sorted((place[axis], quantity(pattern, text)) for text, place in marks.items())
        assert [value for _, value in found] == sorted(value for _, value in found)
        assert len({value for _, value in found}) > 4


def places(drawing: Drawing) -> dict[str, tuple[int, int]]:
    """Where the middle of each marker is, to the right and up, in points, by what it tells."""
    found = {}
    for mark in ET.fromstring(drawing.svg).iterfind(f".//{SVG}g[@class='told']"):
        title, marker = mark
        said = marker.get("d") or f"{marker.attrib['x']} {marker.attrib['y']}"
        numbers = [float(each) for each in re.findall(r"[\d.]+", said)]
        x, y = ((min(each) + max(each)) / 2 for each in (numbers[::2], numbers[1::2]))
        found[str(title.text)] = (round(x), -round(y))
    return found


def quantity(pattern: str, text: str) -> float:
    """The number that is told, in one unit."""
    found = re.search(pattern, text)
    assert found is not None, text
    number, _, unit = found[1].partition(" ")
    return float(number) * {"µs": 1e-6, "ms": 1e-3}.get(unit, 1)


def test_what_a_mark_tells_is_text_whatever_it_names() -> None:
    """And stays so on the page."""
    drawing = draw("speedup", Work([Told(HOSTILE, 2, 1.5)]))
    (told,) = titles(drawing)
    assert told.startswith('2 <script>alert(1)</script> $x$ & "q" long')
    (svg,) = page.inline(drawing)
    assert "&lt;script&gt;" in svg
    assert "<script" not in svg


def test_marks_that_were_not_all_drawn_tell_nothing() -> None:
    """Rather than each the values of another."""
    svg = '  <g id="told_0">\n    <use x="1"/>\n    <use x="2"/>\n  </g>\n'
    assert told.put_texts(svg, [("one", "two")]).count("<title>") == 2
    assert told.put_texts(svg, [("one", "two", "three")]) == svg.replace(' id="told_0"', "")


def test_the_capacity_is_drawn_where_the_work_computes() -> None:
    """What waits is not held back by it."""
    for computing, drawn in ((0.9, True), (0.1, False)):
        run = recorded.run(Work([Told("process", n, 1.5) for n in (1, 2, 4)], computing=computing))
        offered = [each | ({"capacity": [1.6] * 8} if each["kind"] == "trial" else {}) for each in run.records]
        drawing = draw_run("speedup", Run(tuple(offered)))
        assert ("capacity" in texts(drawing)) == ("Dotted" in drawing.caption) == drawn


def test_of_very_many_cells_some_are_drawn_and_it_is_said() -> None:
    """All lines, each to its ends."""
    methods = [{"start_method": each} for each in ("fork", "spawn", "forkserver")]
    cells = [Told("process", n, n**0.3, trials=1, rounds=1, options=each) for n in range(1, 301) for each in methods]
    drawing = draw("run_time", Work(cells))
    said = titles(drawing)
    assert 500 < len(said) <= panels.MOST_DRAWN
    assert "Of each line, the fastest cell and up to 199 far from it; summary.csv has all." in drawing.caption
    assert sum(each.startswith(("1 process ", "300 processes ")) for each in said) == 6


def test_bars_have_the_parts_and_the_times_they_are_parts_of(drawn: dict[str, Drawing]) -> None:
    said = texts(drawn["where_time_goes"])
    assert {"io", "batch", "start-up", "Ideal", "Dispatch", "100%"} <= set(said)
    assert [each for each in said if re.fullmatch(r"\d+ (thread|process)\w*", each)] == [
        *("1 thread", "2 threads", "4 threads", "8 threads", "16 threads"),
        *("2 processes", "4 processes"),
    ]
    assert "16 ms" in said  # what opening 16 threads takes


def test_the_shares_of_a_bar_are_the_summarys(run: Run, drawn: dict[str, Drawing]) -> None:
    row = tables.summarise(run).set_index(["backend", "workers"]).loc[("thread", 2)]
    assert f"{row['ideal_s'] / row['batch_s']:.0%}" in texts(drawn["where_time_goes"])


def test_parts_that_are_more_than_the_batch_are_said_to_be() -> None:
    within, beyond = (draw("where_time_goes", Work([Told("thread", 2, each, noise=0)])) for each in (0.9, 3.0))
    assert "beyond 100%" not in within.caption
    assert "beyond 100%" in beyond.caption


def test_a_timeline_has_the_loop_and_of_each_backend_the_smallest_pool_that_is_about_as_fast() -> None:
    threads = [Told("thread", n, s) for n, s in ((1, 1.0), (2, 1.9), (4, 3.8), (8, 3.9), (16, 5.0))]
    processes = [Told("process", n, s) for n, s in ((1, 1.0), (16, 2.0))]
    said = texts(draw("timeline", Work([*threads, *processes])))
    assert [each for each in said if re.search("loop|thread|process", each)][:3] == [
        "plain loop",
        "4 threads",
        "16 processes",
    ]
    assert sum("computing at a time" in each for each in said) == 3


def test_a_timeline_ends_where_a_batch_is_not_known_further() -> None:
    """The first of 1,000 tasks are recorded; in the pool they end earlier than in the loop."""
    of_all = draw("timeline", Work([Told("thread", 4, 4.0)], tasks=100))
    of_some = draw("timeline", Work([Told("thread", 4, 4.0)], tasks=1000))
    assert "The beginning only" not in of_all.caption
    assert "The beginning only" in of_some.caption
    ticks = [[each for each in texts(drawing) if re.fullmatch(r"\d+ ms", each)] for drawing in (of_all, of_some)]
    assert ticks == [["20 ms", "40 ms", "60 ms", "80 ms"], ["1 ms", "2 ms", "3 ms", "4 ms"]]


def test_a_task_whose_cpu_time_is_not_known_is_said_to_be_bare(run: Run) -> None:
    def bare(arm: dict[str, Any]) -> dict[str, Any]:
        return {**arm, "spans": [[*span[:3], None] for span in arm.get("spans", [])]}

    assert "Bars without a filling" in draw_run("timeline", changed(run, bare)).caption
    assert "Bars without a filling" not in draw_run("timeline", run).caption


@pytest.mark.parametrize("width", [0, 3])
def test_without_spans_there_is_nothing_to_draw(run: Run, width: int) -> None:
    """Or with those of earlier journals, which did not tell how much of a task computed."""

    def without(arm: dict[str, Any]) -> dict[str, Any]:
        return {**arm, "spans": [span[:3] for span in arm.get("spans", [])][: width and None]}

    drawing = draw_run("timeline", changed(run, without))
    assert "Nothing to draw: no tasks were recorded." in texts(drawing)
    assert "Nothing to draw" in "".join(page.inline(drawing))


def test_the_pareto_front_names_those_that_nothing_beats_in_both(drawn: dict[str, Drawing]) -> None:
    said = texts(drawn["memory"])
    named = [each for each in said if re.search(r"loop$|\d thread|\d process", each)]
    assert named == ["plain loop", "2 threads", "4 threads", "8 threads", "16 threads"]
    assert {"thread", "process", "peak memory"} <= set(said)
    assert any(each.endswith(" MB") for each in said)


def test_of_a_long_front_some_pools_are_named() -> None:
    """Every count takes more, and is faster."""
    cells = [Told("thread", n, 1 + n / 10, noise=0) for n in range(2, 42)]
    named = [each for each in texts(draw("memory", Work(cells))) if re.search(r"loop$|\d thread", each)]
    assert len(named) == 6
    assert {"plain loop", "41 threads"} <= set(named)


def test_where_memory_is_not_told_there_is_nothing_to_draw(run: Run) -> None:
    drawing = draw_run("memory", changed(run, lambda arm: {**arm, "peak_rss_bytes": None}))
    assert "Nothing to draw: no memory was recorded." in texts(drawing)


@pytest.mark.parametrize("told", [Told("thread", 1), Told("process", 64, 8.0)], ids=["one", "many"])
def test_one_cell_is_drawn(told: Told) -> None:
    for name in NEW:
        said = texts(draw(name, Work([told])))
        assert "io" in said
        assert not any("Nothing to draw" in each for each in said)


def test_where_all_failed_it_says_so() -> None:
    works = (Work([Told("thread", 2, failure="failed")]), Work([Told()], name="cpu", failure="failed"))
    for drawing in (draw(name, *works) for name in NEW):
        assert any(each.startswith("Nothing to draw") for each in texts(drawing))
        assert len(page.inline(drawing)) == 1


def test_a_workload_that_failed_takes_no_room_from_those_that_did_not() -> None:
    works = (Work([Told("thread", 2)]), Work([Told()], name="cpu", failure="failed"))
    for name in NEW:
        assert list(draw(name, *works).panels) == ["panel_0"]


def test_of_many_cells_some_are_drawn() -> None:
    cells = [
        Told(backend, n, n**0.5, trials=1, rounds=2, noise=0)
        for backend in ("thread", "process")
        for n in range(1, 251)
    ]
    many = recorded.run(Work(cells))
    found = {name: draw_run(name, many) for name in NEW}
    bars = [each for each in texts(found["where_time_goes"]) if re.fullmatch(r"\d+ (thread|process)\w*", each)]
    assert len(bars) == 16
    assert {"1 thread", "250 threads", "1 process", "250 processes"} <= set(bars)
    assert "the table has all" in found["where_time_goes"].caption
    assert sum(len(drawing.svg) for drawing in found.values()) < 300_000


def test_variants_are_told_apart() -> None:
    methods = ("fork", "spawn")
    cells = [Told("process", n, n * 0.8, options={"start_method": each}) for each in methods for n in (1, 2)]
    found = {name: texts(draw(name, Work(cells))) for name in NEW}
    for each in methods:
        assert f"2 processes {each}" in found["where_time_goes"]
        assert f"process {each}" in found["memory"]
    assert any(f"2 processes {each}" in found["timeline"] for each in methods)


def test_variants_with_long_names_are_told_apart() -> None:
    cells = [Told("thread", 2, env={"A": f"{'x' * 100}{each}{'y' * 100}"}) for each in "ab"]
    labels = [each for each in texts(draw("where_time_goes", Work(cells))) if each.startswith("2 threads")]
    assert len(set(labels)) == 2


def test_whatever_is_named_is_text() -> None:
    cells = [Told("process", 2, 1.5, env={"A": HOSTILE}), Told("process", 2, 1.5, env={"A": "x"}), Told(HOSTILE, 2)]
    for drawing in (draw(name, Work(cells, name=HOSTILE)) for name in NEW):
        assert any(each.startswith("<script>alert(1)</script> $x$ &") for each in texts(drawing))
        assert "<script" not in "".join(page.inline(drawing))


def test_every_colour_of_a_part_follows_the_page(drawn: dict[str, Drawing]) -> None:
    css = Path(figures.__file__).parent.parent.joinpath("templates", "report.css").read_text()
    inlined = "".join(page.inline(drawn["where_time_goes"]))
    assert not re.findall(r'style="[^"]*#[0-9a-f]{6}', inlined)
    for variable in set(re.findall(r"var\((--[a-z]+)\)", inlined)):
        assert css.count(f"{variable}: light-dark(#") == 1, variable

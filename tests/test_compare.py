"""Two runs held against each other: what is told of differences that are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.comparison import FASTER, OPEN, SAME, SLOWER, Comparison, compare
from pipeline.evidence import Run

from . import recorded
from .conftest import Command
from .recorded import Told, Work


def _run(*cells: Told, serial_s: float = 0.1, **changed: Any) -> Run:
    """Enough trials for intervals of all, and little noise."""
    run = recorded.run(Work([replace(cell, trials=20, noise=0.004) for cell in cells], serial_s=serial_s))
    return Run(({**run.header, **changed}, *run.records[1:]))


def _verdicts(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    return {each.pool: each.verdicts for each in comparison.cells}


BEFORE = _run(Told(workers=2, speedup=1.9), Told("process", 4, speedup=3.0))


def test_a_pool_that_gains_more_than_before_is_faster() -> None:
    """In its speed-up and in seconds; the others are the same."""
    after = _run(Told(workers=2, speedup=1.9), Told("process", 4, speedup=3.9))
    found = compare(BEFORE, after)
    assert _verdicts(found) == {
        "a plain loop": (OPEN,),  # seconds vary from hour to hour
        "2 threads": (SAME, OPEN),
        "4 processes": (FASTER, FASTER),
    }
    assert _verdicts(compare(after, BEFORE))["4 processes"] == (SLOWER, SLOWER)


def test_a_function_that_became_slower_is_slower_in_seconds() -> None:
    """However it is run; what pools gain is the same."""
    found = _verdicts(compare(BEFORE, _run(*_told(), serial_s=0.13)))
    assert found == {"a plain loop": (SLOWER,), "2 threads": (SAME, SLOWER), "4 processes": (SAME, SLOWER)}


def _told() -> list[Told]:
    return [Told(workers=2, speedup=1.9), Told("process", 4, speedup=3.0)]


def test_seconds_of_two_machines_are_not_compared() -> None:
    """Their speed-ups are."""
    surroundings = BEFORE.header["surroundings"]
    elsewhere = {**surroundings, "id": "another", "machine": {**surroundings["machine"], "cpu": "Another"}}
    found = compare(BEFORE, _run(*_told(), serial_s=0.5, surroundings=elsewhere))
    assert _verdicts(found) == {"a plain loop": (), "2 threads": (SAME,), "4 processes": (SAME,)}
    assert [(each.kind, each.key, each.after) for each in found.changes] == [("environment", "machine.cpu", "Another")]


def test_few_trials_tell_nothing() -> None:
    found = compare(BEFORE, recorded.run(Work([replace(told, trials=3) for told in _told()])))
    assert {verdict for verdicts in _verdicts(found).values() for verdict in verdicts} == {OPEN}


def test_nothing_is_told_of_what_failed_or_is_not_in_both() -> None:
    found = compare(BEFORE, _run(Told(workers=2, failure="failed"), Told("process", 8, speedup=4.0)))
    assert _verdicts(found)["2 threads"] == (OPEN, OPEN)
    assert found.cells[1].speedup is not None
    assert found.cells[1].speedup.why == "failed after"
    assert (found.only_before, found.only_after) == (("io, 4 processes",), ("io, 8 processes",))


def test_nothing_is_told_of_what_computes_where_the_machine_offered_less() -> None:
    """The capacity of the same trials decides, whatever the intervals say."""
    then, now = (_with_capacity(_run(Told("process", 2, speedup=speedup)), speedup) for speedup in (1.9, 1.6))
    (_, cell) = compare(then, now).cells
    assert cell.speedup is not None
    assert cell.speedup.verdict == OPEN
    assert cell.speedup.why == "the machine offered 1.90 cores before and 1.60 after"


def _with_capacity(run: Run, cores: float) -> Run:
    records = [
        {**record, "capacity": [cores, cores * 1.001, cores * 0.999]} if record["kind"] == "trial" else record
        for record in run.records
    ]
    return Run(tuple(records))


def test_the_command_prints_and_writes_it(pipeline: Command) -> None:
    """A table of 80 columns, a page, and JSON; `--fail-on` has an exit status of its own."""
    after = _run(Told(workers=2, speedup=1.9), Told("process", 4, speedup=2.0))
    for name, run in (("a", BEFORE), ("b", after)):
        recorded.write(pipeline.folder / "outputs" / "io" / name / "20260101T000000", run)
    done = pipeline("compare", "io@a", "io@b", "--output", "found")
    assert done.status == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 80
    assert "Slower: io, 4 processes." in done.out
    whole = json.loads((pipeline.folder / "found" / "compare.json").read_text(), parse_constant=pytest.fail)
    assert [cell["speedup"] and cell["speedup"]["verdict"] for cell in whole["cells"]] == [None, SAME, SLOWER]
    assert pipeline("compare", "io@a", "io@b", "--fail-on", "slower").status == 3
    assert pipeline("compare", "io@a", "io@b", "--fail-on", "faster").status == 0


def test_two_runs_of_the_same_code_differ_in_nothing(pipeline: Command) -> None:
    """Measured one after the other, with as many trials as intervals of all take, whatever they come to."""
    # So long that what a busy machine adds to a sleep is far below the 5 % that are called a difference.
    words = ("workload=sleep", "workload.inputs=2", "workload.params.seconds=0.15", "backend=thread", "workers=2")
    profile = {"target": 0.001, "budget_s": 60, "trials": 8, "max_rounds": 8}
    words += ("measure=quick", *(f"measure.{key}={value}" for key, value in profile.items()), "name=aa", "-m")
    for fresh in ("false", "true"):
        done = pipeline(*words, f"fresh={fresh}")
        assert done.status == 0, done.err
    done = pipeline("compare", "aa@-1", "aa@latest", "--fail-on", "slower", "--output", "found")
    assert done.status == 0, done.out
    assert "Nothing is shown to be faster or slower." in done.out
    cells = json.loads((pipeline.folder / "found" / "compare.json").read_text())["cells"]
    intervals = [each["high"] for cell in cells for each in (cell["speedup"], cell["batch"]) if each]
    assert len(intervals) == 3
    assert None not in intervals  # it could have been told


def test_its_page_escapes_what_it_is_given(pipeline: Command) -> None:
    run = recorded.run(Work([Told()], name="<script>alert(1)</script>"), command="<b>")
    recorded.write(pipeline.folder / "run", run)
    assert pipeline("compare", "run", "run", "--output", "found").status == 0
    page = Path(pipeline.folder, "found", "compare.html").read_text()
    assert page.count("<script") == 1  # its own
    assert "<b>" not in page

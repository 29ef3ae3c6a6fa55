"""The GIL is blamed where it is the cause, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import gil
from pipeline.evidence import Room, gather
from pipeline.playoff import Candidate

RUN: Any = SimpleNamespace(room=lambda _: Room(2, 2, 2))


def _candidate(backend: str, speedup: float, **changes: Any) -> Candidate:
    """Two workers; the loop takes 0.1 s, all of it CPU time, and threads wait for half of theirs."""
    batch_s = 0.1 / speedup
    loop = {"wall_s": 0.1, "map_s": 0.1, "in_tasks_s": 0.1, "cpu_s": 0.1, "queue_s": 0.0, "nothing_s": 0.0}
    blocked_s = changes.get("blocked_s", 2 * batch_s - 0.1)
    pool = {**loop, "wall_s": batch_s, "map_s": batch_s, "in_tasks_s": 0.1 + blocked_s, "imbalance_s": 0.0}
    trial = {
        "trial": 0,
        "status": "measured",
        "repeat": 1,
        "phases_s": {"rounds": 4.0},
        "orders": [["anchor", "cell"]] * 20,
        "machine": {"busy_s": changes.get("busy_s", 4.0)},
        "capacity": [changes.get("capacity", 1.9)] * 20,
        "arms": {
            "anchor": {
                "batch_s": [0.1] * 20,
                "cpu_s": [changes.get("loop_cpu_s", 0.1)] * 20,
                "queue_s": [0.0] * 20,
                "instrumented": {**loop, "imbalance_s": 0.0},
            },
            "cell": {
                "batch_s": [batch_s] * 20,
                "cpu_s": [changes.get("cpu_s", 0.1)] * 20,
                "interpreter": {"gil": changes.get("gil", True)},
                "instrumented": {**pool, "gil_held": changes.get("gil_held", 0.95)},
            },
        },
    }
    trials = [{**trial, "trial": number} for number in range(12)]
    evidence = gather(trials, None)
    cell = {"id": backend, "backend": backend, "workers": 2, "options": {}, "env": {}, "python": None}
    return Candidate(cell, "", evidence, evidence.speedup(0.01), 0.01)


def _said(twin: float = 1.85, **changes: Any) -> str:
    return " ".join(gil.explain(RUN, [_candidate("thread", 1.0, **changes), _candidate("process", twin)]))


def test_the_gil_is_blamed_with_the_numbers_that_show_it() -> None:
    """As a teacher could read it out."""
    assert _said() == (
        "Threads gain nothing: the GIL let one thread run at a time (CPU share 1.00 of one core, blocked 50%), "
        "while 2 processes got 1.85x of the 1.90 cores that the machine offered."
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"gil_held": None}, id="nobody looked whether it was held"),
        pytest.param({"blocked_s": 0.0}, id="threads were not blocked"),
    ],
)
def test_what_is_not_shown_is_only_consistent_with_it(changes: dict[str, Any]) -> None:
    """One missing piece is enough."""
    assert "consistent with the GIL" in _said(**changes)


def test_a_lock_of_the_tasks_own_is_told_from_the_gil() -> None:
    """Threads are blocked, and the GIL is free."""
    said = _said(gil_held=0.1)
    assert "The GIL was free" in said
    assert "consistent" not in said


def test_processes_of_another_interpreter_are_no_twins() -> None:
    """They may be faster for reasons of their own."""
    threads, processes = _candidate("thread", 1.0), _candidate("process", 1.85)
    other = replace(processes, cell={**processes.cell, "python": "python3.13"})
    assert gil.explain(RUN, [threads, other]) == gil.explain(RUN, [threads])


def test_without_processes_to_compare_with_it_is_only_consistent_with_it() -> None:
    """Whether the work would scale without the GIL is not known."""
    (said,) = gil.explain(RUN, [_candidate("thread", 1.0)])
    assert "consistent with the GIL" in said


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"gil": False}, id="there is no GIL"),
        pytest.param({"capacity": 1.2}, id="the machine had no second core"),
        pytest.param({"busy_s": 6.0}, id="others used the machine"),
        pytest.param({"cpu_s": 0.02}, id="threads wait for something else"),
        pytest.param({"twin": 1.0}, id="processes gain nothing either"),
    ],
)
def test_where_something_else_may_be_the_cause_nothing_is_said(changes: dict[str, Any]) -> None:
    """Rather than a guess."""
    assert _said(**changes) == ""

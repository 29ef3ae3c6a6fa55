"""Where the time goes: parts of batches whose composition is known."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.attribution import attribute
from pipeline.evidence import Evidence, gather


def _evidence(batch_s: float, anchor: dict[str, Any], pool: dict[str, Any]) -> Evidence:
    trial = {
        "trial": 0,
        "status": "measured",
        "arms": {
            "anchor": {"batch_s": [anchor["wall_s"]], "instrumented": anchor},
            "cell": {"batch_s": [batch_s], "instrumented": pool},
        },
    }
    return gather([trial], None)


def _batch(wall_s: float, in_tasks_s: float, **changes: Any) -> dict[str, Any]:
    common = {"wall_s": wall_s, "map_s": wall_s, "tasks": 8, "in_tasks_s": in_tasks_s, "nothing_s": 0.0}
    return {**common, "cpu_s": in_tasks_s, "queue_s": 0.0, "imbalance_s": 0.0, **changes}


LOOP = _batch(1.0, 1.0)


@pytest.mark.parametrize(
    ("part", "batch_s", "pool"),
    [
        ("dispatch_s", 0.6, _batch(0.6, 1.0, nothing_s=0.1)),
        ("imbalance_s", 0.6, _batch(0.6, 1.0, imbalance_s=0.1)),
        ("waiting_s", 0.6, _batch(0.6, 1.2, cpu_s=1.0)),
        ("machine_s", 0.6, _batch(0.6, 1.2, cpu_s=1.0, queue_s=0.2)),
        ("machine_s", 0.6, _batch(0.6, 1.2)),
        ("unexplained_s", 0.6, _batch(0.6, 1.0)),
    ],
)
def test_what_two_workers_lack_of_half_the_time_is_named(part: str, batch_s: float, pool: dict[str, Any]) -> None:
    """Each part for itself, and all of them sum up to the batch."""
    parts = attribute({"backend": "process", "workers": 2}, _evidence(batch_s, LOOP, pool))
    assert parts is not None
    assert parts.ideal_s == pytest.approx(0.5)
    assert getattr(parts, part) == pytest.approx(0.1)
    assert sum(value for value in vars(parts).values()) == pytest.approx(batch_s)


def test_what_a_job_does_between_its_maps_is_a_part_of_its_own() -> None:
    """0.2 s of a second by itself: two workers share the other 0.8."""
    loop, pool = _batch(1.0, 0.8, map_s=0.8), _batch(0.6, 0.8, map_s=0.4)
    parts = attribute({"backend": "thread", "workers": 2}, _evidence(0.6, loop, pool))
    assert parts is not None
    assert parts.phases_s == pytest.approx(0.1)
    assert parts.unexplained_s == pytest.approx(0.0)


def test_what_the_loop_waits_itself_is_not_held_against_the_pool() -> None:
    """Waiting overlaps: it belongs to the ideal."""
    waits = {"cpu_s": 0.0}
    parts = attribute(
        {"backend": "thread", "workers": 2}, _evidence(0.5, _batch(1.0, 1.0, **waits), _batch(0.5, 1.0, **waits))
    )
    assert parts is not None
    assert (parts.waiting_s, parts.unexplained_s) == (0.0, 0.0)


def test_what_the_system_does_not_count_stays_unexplained() -> None:
    """And is not guessed."""
    pool = _batch(0.6, 1.2, queue_s=None)
    parts = attribute({"backend": "process", "workers": 2}, _evidence(0.6, LOOP, pool))
    assert parts is not None
    assert (parts.waiting_s, parts.machine_s) == (None, None)
    assert parts.unexplained_s == pytest.approx(0.1)


def test_threads_that_switch_under_the_gil_do_not_lack_cores() -> None:
    """The CPU time of switching belongs to waiting for the GIL."""
    pool = _batch(1.0, 2.0, cpu_s=1.1, gil_held=0.9)
    parts = attribute({"backend": "thread", "workers": 2}, _evidence(1.0, LOOP, pool))
    assert parts is not None
    assert (parts.waiting_s, parts.machine_s) == (pytest.approx(0.5), 0.0)


def test_without_an_instrumented_batch_nothing_is_said() -> None:
    """As in journals of earlier versions."""
    trial = {"trial": 0, "status": "measured", "arms": {"anchor": {"batch_s": [1.0]}, "cell": {"batch_s": [0.5]}}}
    assert attribute({"backend": "thread", "workers": 2}, gather([trial], None)) is None

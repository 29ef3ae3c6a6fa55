"""What restricts the claims: each flag on a cell made up to have it, and none on one that has not."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import flags
from pipeline.evidence import Room, gather

CELL = {"backend": "thread", "workers": 2, "options": {}}


def _trial(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Ten rounds of a loop that takes 100 ms of CPU time, and of two workers that take 50 ms."""
    rounds = 10
    anchor = {"batch_s": [0.1] * rounds, "cpu_s": [0.1] * rounds, "cold_s": 0.11}
    cell = {"batch_s": [0.05] * rounds, "cpu_s": [0.1] * rounds, "busy": 2, "answers": "alike"}
    machine = {"busy_s": 2.0, "steal_s": 0.0, "pressure_s": 0.0, "throttled_s": 0.0}
    trial = {
        "trial": number,
        "status": "measured",
        "repeat": 1,
        "arms": {
            "anchor": anchor | {"machine_pressure_s": [0.0] * rounds} | changes.pop("anchor", {}),
            "cell": cell | changes.pop("cell", {}),
        },
        "orders": [["anchor", "cell"]] * rounds,
        "phases_s": {"rounds": 2.0},
        "machine": machine | changes.pop("machine", {}),
        "capacity": [1.95] * 8,
    }
    return trial | changes


def _flags(*trials: dict[str, Any], workers: int = 2) -> dict[str, str]:
    found = flags.find({**CELL, "workers": workers}, gather(trials, None), Room(2, 2, 2))
    return {flag.name: flag.detail for flag in found}


def test_a_quiet_run_has_no_flag() -> None:
    """Nothing to say."""
    assert _flags(*(_trial(number) for number in range(6))) == {}


@pytest.mark.parametrize(
    ("name", "detail", "changes"),
    [
        ("starved", "1.20 of 2 cores", {"capacity": [1.2] * 8}),
        ("crowded", "others used 25%", {"machine": {"busy_s": 3.0}}),
        ("stolen", "5%", {"machine": {"steal_s": 0.2}}),
        ("throttled", "10%", {"cell": {"machine_throttled_s": [0.005] * 10}}),
        ("noisy", "for 20%", {"anchor": {"machine_pressure_s": [0.02] * 10}}),
        ("noisy", "varied by", {"anchor": {"batch_s": [0.1, 0.15] * 5}}),
        ("not repeatable", "of the first", {"anchor": {"cold_s": 0.5}}),
        ("impossible", "2.00 cores, where the machine offered 1.60", {"capacity": [1.6] * 8}),
        ("idle workers", "1 of 2", {"cell": {"busy": 1}}),
        ("answers not compared", "pickled", {"cell": {"answers": "not comparable"}}),
    ],
)
def test_what_is_seen_is_flagged(name: str, detail: str, changes: dict[str, Any]) -> None:
    """With the numbers that were seen."""
    assert detail in _flags(*(_trial(number, **changes) for number in range(6)))[name]


def test_a_loop_that_becomes_slower_is_drifting() -> None:
    """The last third of the trials against the first."""
    trials = [_trial(number, anchor={"batch_s": [0.1 + 0.01 * number] * 10}) for number in range(6)]
    assert "slower" in _flags(*trials)["drifting"]


def test_thread_pools_within_workers_are_named_with_their_variable() -> None:
    """Where the loop itself uses several cores; pools that rest are no trouble."""
    pools = [{"library": "openblas", "threads": 2, "variable": "OPENBLAS_NUM_THREADS"}]
    busy = {"anchor": {"cpu_s": [0.19] * 10}, "cell": {"pools": pools, "batch_s": [0.1] * 10}}
    assert "+env.OPENBLAS_NUM_THREADS=1" in _flags(_trial(**busy))["oversubscribed"]
    assert "oversubscribed" not in _flags(_trial(cell={"pools": pools}))
    assert "oversubscribed" not in _flags(_trial(**busy), workers=1)


def test_waiting_may_overlap_beyond_what_the_machine_offers() -> None:
    """It takes no core."""
    waits = {"anchor": {"cpu_s": [0.001] * 10}, "cell": {"batch_s": [0.01] * 10, "cpu_s": [0.001] * 10}}
    assert "impossible" not in _flags(_trial(**waits))


def test_capped_thread_pools_are_no_trouble() -> None:
    """One thread in each worker, as the flag advises, while the loop has its own at work."""
    pools = [{"library": "openblas", "threads": 1, "variable": "OPENBLAS_NUM_THREADS"}]
    busy = {"anchor": {"cpu_s": [0.19] * 10}, "cell": {"pools": pools, "batch_s": [0.1] * 10}}
    assert "oversubscribed" not in _flags(_trial(**busy), workers=4)


def test_hyper_threads_are_not_taken_for_a_neighbour() -> None:
    """Two of one core are worth little more than one."""
    evidence = gather([_trial(number, capacity=[1.3] * 8) for number in range(6)], None)
    found = {
        whole: [flag.name for flag in flags.find({**CELL, "workers": 2}, evidence, Room(2, 2, whole))]
        for whole in (1, 2)
    }
    assert "starved" not in found[1]
    assert "starved" in found[2]


def test_what_the_system_does_not_count_is_no_flag() -> None:
    """Not on Windows, and not in journals of earlier versions."""
    nothing = {"machine": dict.fromkeys(("busy_s", "steal_s", "pressure_s", "throttled_s")), "capacity": []}
    arms = {"anchor": {"cpu_s": [], "machine_pressure_s": [None] * 10}, "cell": {"cpu_s": []}}
    assert _flags(_trial(**nothing, **arms)) == {}

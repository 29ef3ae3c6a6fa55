"""The measured side: calibration, answers, capacity."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench import check, counters
from pipeline.bench.capacity import open_probe, usable_cores
from pipeline.bench.trial import LEAST_REPETITION_S, MOST_STRETCHED_S, calibrate
from pipeline.bench.workload import spread


@pytest.mark.parametrize("shorter_s", [1e-6, 1e-4, 0.003, 0.02, 1.0])
@pytest.mark.parametrize("factor", [1, 3, 50, 1000])
def test_short_batches_are_repeated_until_they_can_be_timed(shorter_s: float, factor: int) -> None:
    """Until the shorter arm lasts 20 ms, but the longer one is not stretched past a quarter of a second for that."""
    times = calibrate([shorter_s, shorter_s * factor])
    assert times >= 1
    long_enough = times * shorter_s >= LEAST_REPETITION_S * (1 - 1e-9)
    would_stretch = (times + 1) * shorter_s * factor > MOST_STRETCHED_S
    assert long_enough or would_stretch


class Plain:
    """A class that leaves == to mean the same object."""

    kind = "kind"

    def __init__(self, value: Any) -> None:
        self.value = value
        self.kind = Plain.kind


class Equal(Plain):
    """One that says what equal means."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]


class Unpicklable:
    """One that does not travel."""

    def __reduce__(self) -> str:
        raise TypeError("not me")


@pytest.mark.parametrize(
    ("expected", "got", "answer"),
    [
        ([1, 2.5, "a"], [1, 2.5, "a"], check.ALIKE),
        ([1, 2], [1, 3], check.DIFFERENT),
        ([1, 2], [1], check.DIFFERENT),
        (3, 3, check.ALIKE),
        ([], [], check.ALIKE),
        ([Plain(1), Plain(2)], [Plain(1), Plain(2)], check.ALIKE),
        ([Plain(1)], [Plain(2)], check.NOT_COMPARABLE),
        ([Equal(1)], [Equal(1)], check.ALIKE),
        ([Equal(1)], [Equal(2)], check.DIFFERENT),
        ([Unpicklable()], [Unpicklable()], check.NOT_COMPARABLE),
        ([float("nan")], [float("nan")], check.ALIKE),
    ],
)
def test_answers_are_alike_where_equal_or_else_equally_pickled(
    tmp_path: Path, expected: Any, got: Any, answer: str
) -> None:
    """Where neither can tell, nothing is called different."""
    check.save(expected, tmp_path / "expected")
    assert check.compare(tmp_path / "expected", got, "auto")[0] == answer


def test_what_differs_is_said(tmp_path: Path) -> None:
    """With the input's number and both results."""
    check.save([1, 2, 3], tmp_path / "expected")
    _, said = check.compare(tmp_path / "expected", [1, 2, 4], "auto")
    assert said == "the result for input number 2: 3 there, 4 here"


@pytest.mark.skipif(usable_cores() < 2, reason="there is one core")
def test_the_probe_spins_on_two_cores() -> None:
    """What it finds is the machine's affair; that both took part shows in the CPU time."""
    with open_probe(2) as probe:
        assert probe is not None
        probe.calibrate()
        assert probe.width == 2
        spun_s = 0.0
        for _ in range(3):
            assert probe.measure() > 0
            assert probe.spun_s > spun_s
            spun_s = probe.spun_s


def test_one_worker_needs_no_probe() -> None:
    """Its capacity is one by definition."""
    with open_probe(1) as probe:
        assert probe is None


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not count")
def test_counters_grow_with_what_is_done() -> None:
    """CPU time at least as much as was spun."""
    before = counters.read_tree([])
    sum(range(3_000_000))
    counted = counters.since(before, counters.read_tree([]))
    assert counted["cpu_s"] is not None
    assert counted["cpu_s"] > 0.001


@pytest.mark.parametrize(("count", "available"), [(1, 1), (3, 10), (7, 7), (64, 10_000)])
def test_samples_are_spread_evenly(count: int, available: int) -> None:
    """No gap is more than one longer than another, and both ends are near."""
    indices = spread(count, available)
    gaps = [after - before for before, after in itertools.pairwise(indices)]
    assert len(set(indices)) == count
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert indices[0] <= available / count
    assert indices[-1] >= available - available / count - 1

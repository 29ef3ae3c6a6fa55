"""The measured side: calibration, answers, and trials of three arms."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench import check
from pipeline.bench.errors import Unavailable
from pipeline.bench.warmup import LEAST_REPETITION_S, MOST_STRETCHED_S, calibrate
from pipeline.bench.workload import spread

from .trials import THREADS, describe, describe_arm, measure


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


def test_answers_that_cannot_be_kept_are_no_fault_of_theirs(tmp_path: Path) -> None:
    """The trial is taken again."""
    with pytest.raises(Unavailable, match="its results could not be kept"):
        check.save([1], tmp_path / "gone" / "expected")


def test_what_differs_is_said(tmp_path: Path) -> None:
    """With the input's number and both results."""
    check.save([1, 2, 3], tmp_path / "expected")
    _, said = check.compare(tmp_path / "expected", [1, 2, 4], "auto")
    assert said == "the result for input number 2: 3 there, 4 here"


@pytest.mark.parametrize(("count", "available"), [(1, 1), (3, 10), (7, 7), (64, 10_000)])
def test_samples_are_spread_evenly(count: int, available: int) -> None:
    """No gap is more than one longer than another, and both ends are near."""
    indices = spread(count, available)
    gaps = [after - before for before, after in itertools.pairwise(indices)]
    assert len(set(indices)) == count
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert indices[0] <= available / count
    assert indices[-1] >= available - available / count - 1


LEADER = describe_arm("leader", "process", 2)


class TestPlayOff:
    """A trial of the plain loop, the leader and a rival."""

    def test_measures_three_arms_in_every_round(self, tmp_path: Path) -> None:
        """In random order, repeated alike, all held against the plain loop's answers, none without its counters."""
        tmp_path.joinpath("tasks.py").write_text("def task(x):\n    return sum(range(10_000))\n")
        reply = measure(describe(tmp_path, LEADER, THREADS, workload={"task": "tasks:task"}, rounds=8, spans=3))
        assert reply["status"] == "measured", reply
        assert reply["failed_arm"] is None
        assert list(reply["arms"]) == ["anchor", "leader", "cell"]
        assert all(sorted(order) == ["anchor", "cell", "leader"] for order in reply["orders"])
        assert len({tuple(order) for order in reply["orders"]}) > 1
        assert reply["repeat"] > 1
        assert [arm.get("answers") for arm in reply["arms"].values()] == [None, "alike", "alike"]
        for arm in reply["arms"].values():
            each_round = {what: len(value) for what, value in arm.items() if what.endswith("_s") and what in _LISTS}
            assert each_round == dict.fromkeys(_LISTS, 8)
            assert arm["instrumented"]["tasks"] == 6
            assert len(arm["spans"]) == 3
            assert arm["pools"] is not None

    @pytest.mark.parametrize(("wrong", "where"), [("process", "in the leader: "), ("thread", "")])
    def test_says_whose_answers_differ(self, tmp_path: Path, wrong: str, where: str) -> None:
        """The leader's, or the cell's."""
        tmp_path.joinpath("tasks.py").write_text(_tell_backend("return True", wrong))
        reply = measure(describe(tmp_path, LEADER, THREADS, workload={"task": "tasks:task"}))
        assert reply["status"] == "invalid"
        assert reply["reason"].startswith(f"{where}its results differ from the plain loop's")
        assert reply["failed_arm"] == ("leader" if where else "cell")

    @pytest.mark.parametrize(
        ("wrong", "where", "arm"),
        [("serial", "in the plain loop: ", "anchor"), ("process", "in the leader: ", "leader"), ("thread", "", "cell")],
    )
    def test_says_whose_task_failed(self, tmp_path: Path, wrong: str, where: str, arm: str) -> None:
        """Of all three."""
        tmp_path.joinpath("tasks.py").write_text(_tell_backend("raise ValueError('no')", wrong))
        reply = measure(describe(tmp_path, LEADER, THREADS, workload={"task": "tasks:task"}))
        assert reply["status"] == "failed"
        assert reply["reason"] == f"{where}ValueError: no"
        assert reply["failed_arm"] == arm
        assert reply["orders"] == []


_LISTS = ["batch_s", "cpu_s", "queue_s", *(f"machine_{each}_s" for each in ("busy", "steal", "pressure", "throttled"))]


def _tell_backend(then: str, backend: str) -> str:
    """A task that does something else in one of the backends."""
    return (
        "import multiprocessing, threading\n"
        "def task(x):\n"
        "    backend = 'serial' if threading.current_thread() is threading.main_thread() else 'thread'\n"
        "    if multiprocessing.parent_process() is not None:\n"
        "        backend = 'process'\n"
        f"    if backend == {backend!r}:\n"
        f"        {then}\n"
    )

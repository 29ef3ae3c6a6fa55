"""The runner on a cluster's nodes: which node does what, by what the process that speaks to the cluster tells it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import __version__, cluster
from pipeline.errors import ClusterLost, InputError
from pipeline.runners import Assignment, Event, Outcome, Place, Setting, Started, Travels, Unfit, Waiting
from pipeline.runners.ray import GRACE_S, PATIENCE_S, OnNodes

TIMEOUT_S = 10.0
PYTHON = "3.11.7"
DONE = {"status": "measured", "reason": None, "traceback": None}


class Told:
    """A driver of which it is written what it tells, and when: numbers are seconds that pass."""

    def __init__(self, *script: dict[str, Any] | float) -> None:
        self.script = deque(script)
        self.asked: list[dict[str, Any]] = []
        self.now_s = 0.0
        self._idle = 0

    def clock(self) -> float:
        return self.now_s

    def tell(self, do: str, **details: Any) -> None:
        self.asked.append({"do": do, **details})

    def receive(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        if self.script and isinstance(self.script[0], dict):
            return self.script.popleft()  # type: ignore[return-value]
        assert timeout_s is not None
        self._idle += 1
        assert self._idle < 2000, "it waits for something that is never told"
        self.now_s += self.script.popleft() if self.script else timeout_s  # type: ignore[operator]
        return None

    def given(self, node: str) -> list[int]:
        """The keys of what a node was given."""
        return [each["key"] for each in self.asked if each["do"] == "run" and each["node"] == node]


def _joined(
    id_: str, cpu: str = "A", *, held: bool = True, python: str = PYTHON, pipeline: str | None = None
) -> dict[str, Any]:
    machine = {"cpu": cpu, "usable_cores": 2, "host": "host", "memory_bytes": 8}
    about = {"machine": machine, "interpreter": {"python": python}, "host": "host", "pipeline": pipeline}
    return {"joined": {"id": id_, "about": about, "held": held}}


def _done(key: int) -> dict[str, Any]:
    return {"done": key, "reply": DONE}


def _goes_on(key: int, **progress: Any) -> dict[str, Any]:
    return {"goes on": key, "progress": progress}


def _assignment(name: str, *, clustered: bool = False) -> Assignment:
    workload = {"task": "work:task", "job": None, "reset": None, "check": "auto", "inputs": 4}
    return Assignment(name, name, 0, 1, {"workload": workload, "path": [], "timeout_s": TIMEOUT_S}, clustered)


def _runner(driver: Told) -> OnNodes:
    folder = Path("/folder")
    about = {"interpreter": {"python": PYTHON}}
    setting = Setting(folder, folder / "shipped", None, "local", folder / "log", about, "kind", folder / "scratch")
    return OnNodes(driver, setting, Travels(folder, 0, at_most=False), driver.clock)


def _bag(*plain: str) -> Callable[[Place], Assignment | None]:
    """Something for whoever asks, as long as there is."""
    left = [_assignment(name) for name in plain]
    return lambda _place: left.pop(0) if left else None


class Bags:
    """Something for each kind of node: the first that asks is of the first kind."""

    def __init__(self, *bags: list[Assignment]) -> None:
        self._bags, self._of = list(bags), dict[str, list[Assignment]]()

    def take(self, place: Place) -> Assignment | None:
        if place.kind not in self._of:
            self._of[place.kind] = self._bags.pop(0)
        left = self._of[place.kind]
        return left.pop(0) if left else None


def _outcomes(events: Iterator[Event]) -> list[tuple[str, bool]]:
    return [(event.assignment.id, event.reply is not None) for event in events if isinstance(event, Outcome)]


def test_who_waits_for_the_machine_does_not_hang() -> None:
    """However long others measure there; its time begins when it has the machine, and is all its own."""
    driver = Told(
        {"expected": ["a"]},
        _joined("a"),
        _goes_on(0, waits_for="process 7"),
        36_000.0,
        _goes_on(0, rounds=0),
        TIMEOUT_S + GRACE_S - 1,
        _done(0),
    )
    events = list(_runner(driver).run(_bag("one")))
    assert _outcomes(iter(events)) == [("one", True)]
    waits = [event for event in events if isinstance(event, Waiting) and "process 7" in event.what]
    assert [event.node for event in waits] == ["host/a"] * 2  # said again, so that somebody may ask for the end
    assert not [each for each in driver.asked if each["do"] == "give up"]


def test_a_keeper_that_says_nothing_is_killed_and_then_given_up() -> None:
    """Beyond the trial's time, also after a wait; its node is given nothing more until it has a new one."""
    late_s = TIMEOUT_S + GRACE_S + 1
    driver = Told({"expected": ["a"]}, _joined("a"), _goes_on(0, waits_for="7"), 900.0, _goes_on(0, rounds=0), late_s)
    events = _runner(driver).run(_bag("one", "two"))
    driver.script += [GRACE_S + 1]
    assert next(event for event in events if isinstance(event, Outcome)).reply is None
    assert [each["key"] for each in driver.asked if each["do"] == "give up"] == [0]
    lost_s = driver.now_s
    driver.script += [5.0, _joined("a"), _done(1)]
    assert next(event for event in events if isinstance(event, Started)).assignment.id == "two"
    assert driver.now_s >= lost_s + 5
    assert _outcomes(events) == [("two", True)]


def test_nobody_waits_for_a_kind_of_node_that_is_gone() -> None:
    """What was taken for it is never begun; the others do what they have."""
    bags = Bags([_assignment("one"), _assignment("two")], [_assignment("alone", clustered=True)])
    driver = Told({"expected": ["a", "b"]}, _joined("a"), _joined("b", "B"), {"left": "b"}, _done(0), _done(1))
    assert _outcomes(_runner(driver).run(bags.take)) == [("one", True), ("two", True)]
    assert driver.given("b") == []
    assert driver.now_s < PATIENCE_S


def test_a_kind_whose_cpus_are_others_keeps_nobody_else_waiting() -> None:
    """In the end it is waited for, and not for ever."""
    bags = Bags([_assignment("alone", clustered=True), _assignment("one"), _assignment("two")], [_assignment("three")])
    driver = Told({"expected": ["a", "b"]}, _joined("a"), _joined("b", "B"), _done(0), _joined("a"), _done(1), _done(2))
    done = []
    with pytest.raises(ClusterLost, match="others' work holds their CPUs"):
        done += [event.assignment.id for event in _runner(driver).run(bags.take) if isinstance(event, Outcome)]
    assert driver.given("a") == [0, 1, 2]
    assert driver.given("b") == []


def test_what_takes_the_whole_cluster_has_it_alone() -> None:
    """Nothing is begun beside it, and who has something else to do waits until it is over."""
    bags = Bags([_assignment("one"), _assignment("two")], [_assignment("alone", clustered=True), _assignment("three")])
    driver = Told({"expected": ["a", "b"]}, _joined("a"), _joined("b", "B"))
    running: set[str] = set()
    begun: list[str] = []
    for event in _runner(driver).run(bags.take):
        if isinstance(event, Started):
            begun.append(event.assignment.id)
            assert not running or "alone" not in running | {event.assignment.id}
            running.add(event.assignment.id)
            driver.script += [_joined("a"), _joined("b", "B")] if event.assignment.id == "alone" else []
            driver.script.append(_done(len([each for each in driver.asked if each["do"] == "run"]) - 1))
        elif isinstance(event, Outcome):
            running.remove(event.assignment.id)
            if event.assignment.id == "alone":
                driver.script += [_joined("a"), _joined("b", "B")]
    assert begun[:2] == ["one", "alone"]  # though the first node was free again first
    assert [each["hold"] for each in driver.asked if each["do"] == "reserve"] == [False, True]


def test_a_keeper_lost_beside_what_takes_the_whole_cluster_is_replaced() -> None:
    """Its node has no CPUs of ours then, and is given what comes next."""
    alone = [_assignment("first", clustered=True), _assignment("again", clustered=True), _assignment("one")]
    driver = Told(
        {"expected": ["a"]},
        _joined("a"),
        {"lost": 0, "reason": "its keeper died"},
        5.0,
        _joined("a", held=False),
        _done(1),
        _joined("a"),
        _done(2),
    )
    assert _outcomes(_runner(driver).run(Bags(alone).take)) == [("first", False), ("again", True), ("one", True)]
    assert driver.now_s < PATIENCE_S


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"python": "3.12.1"}, f"it has Python 3.12.1, and here is {PYTHON}; use one of them everywhere"),
        ({"pipeline": "0.0.1"}, f"it has pipeline 0.0.1, and here is {__version__}; install one of them everywhere"),
    ],
)
def test_a_node_of_other_versions_ends_it_before_anything_is_measured(
    other: dict[str, str], said: str, is_first: bool
) -> None:
    """Whichever joins first, with what there is and what to do."""
    messages = [_joined("a"), _joined("b", **other)]  # type: ignore[arg-type]
    driver = Told({"expected": ["a", "b"]}, *(messages[::-1] if is_first else messages))
    with pytest.raises(InputError, match=re.escape(f"the node host/b: {said}")):
        list(_runner(driver).run(_bag("one")))
    assert not driver.given("a")


def test_a_node_does_one_thing_at_a_time() -> None:
    """Each gets its next when it is done, also where there is another one of its kind."""
    driver = Told({"expected": ["a", "b"]}, _joined("a"), _joined("b"))
    busy: dict[str, int] = {}
    for event in _runner(driver).run(_bag(*map(str, range(6)))):
        if isinstance(event, Started):
            assert event.node not in busy
            busy[event.node] = len(driver.asked) - 1
            driver.script += [_done(busy[event.node])] if len(busy) == 2 else []
        elif isinstance(event, Outcome):
            del busy[event.node]
            driver.script += [_done(key) for key in busy.values()]
    assert len(driver.given("a")) == len(driver.given("b")) == 3


def test_one_that_comes_late_is_left_to_others() -> None:
    """It is said why, and the rest goes on."""
    driver = Told({"expected": ["a"]}, _joined("a"), _joined("b", python="3.12.1"), _done(0))
    events = list(_runner(driver).run(_bag("one")))
    assert _outcomes(iter(events)) == [("one", True)]
    assert [event.node for event in events if isinstance(event, Unfit)] == ["host/b"]
    assert {"do": "dismiss", "node": "b"} in driver.asked


def test_why_a_node_cannot_take_part_is_said_once_and_as_long_as_it_is_so() -> None:
    """Also to those who wait for one."""
    full = {"unfit": "a", "name": "host/a", "reason": "OSError: disk full"}
    lost = {"lost": 0, "reason": "its keeper died"}
    driver = Told({"expected": ["a"]}, full, 1.0, full, 1.0, _joined("a"), lost, 1.0, _joined("a"), _done(1))
    events = list(_runner(driver).run(_bag("one", "two")))
    assert [event for event in events if isinstance(event, Unfit)] == [Unfit("host/a", "OSError: disk full")]
    waits = [event.what for event in events if isinstance(event, Waiting)]
    assert "disk full" in waits[0]
    assert "disk full" not in waits[-1]
    assert _outcomes(iter(events)) == [("one", False), ("two", True)]


def test_what_links_lead_to_is_weighed_too(tmp_path: Path) -> None:
    """As Ray packs it; a link to a folder that it is in has no end, and is not followed."""
    data, folder = tmp_path / "data", tmp_path / "folder"
    data.mkdir()
    folder.mkdir()
    data.joinpath("large").write_bytes(bytes(1000))
    folder.joinpath("link").symlink_to(data)
    folder.joinpath("loop").symlink_to(folder)
    assert cluster.weigh(folder) == (1000, False)


def test_what_a_rayignore_names_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """It is Ray's to say what that is: until then, the size is the most that travels."""
    with tmp_path.joinpath("large").open("wb") as large:
        large.truncate(cluster.MOST_BYTES + 1)
    with pytest.raises(InputError, match=r"in a \.rayignore"):
        cluster.weigh(tmp_path)
    tmp_path.joinpath(".rayignore").write_text("large")
    assert cluster.weigh(tmp_path) == (cluster.MOST_BYTES + 1 + 5, True)

"""Trials on the nodes of a Ray cluster, one at a time on each.

The cluster's own process speaks to Ray (see `cluster`); here it is decided which node does what. A trial whose pool is
the cluster itself waits until no other trial runs; for it the nodes' CPUs are let go, and others' work may take them.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..bench import messages, pools
from ..cells import digest
from ..cluster import FOLDER, PICKLED, SHIPPED, Driver, open_driver, weigh
from ..errors import ClusterLost, InputError
from . import Assignment, Event, Joined, Left, Outcome, Place, Progress, Setting, Started, Take, Travels, Waiting

#: A keeper that says nothing for so long after a trial's time is up hangs, and is given up.
GRACE_S = 60.0
#: So long may it take until a node is free for us,
PATIENCE_S = 120.0
#: and so long until all that are there at first have been seen to be fit, or busy with others' work.
ALL_S = 20.0
_EVERY_S = 0.5


@contextmanager
def open_runner(setting: Setting) -> Iterator[_Ray]:
    """A connection to the cluster, whose nodes get their keepers."""
    size = weigh(setting.folder)
    library = setting.log.with_name("library.zip")
    library.write_bytes(_pack(setting.shipped))
    pickled = None if setting.pickled is None else str(setting.pickled)
    keepers = {"library": str(library), "folder": str(setting.folder), "pickled": pickled}
    with open_driver(setting.address, setting.log) as driver:
        driver.open(keepers=keepers)
        yield _Ray(driver, setting, Travels(setting.folder, size))


def _pack(shipped: Path) -> bytes:
    """A zip file of the measured side, as the local runner's library has it, and our own experiments."""
    packed = io.BytesIO()
    found = importlib.util.find_spec("threadpoolctl")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as library:
        for folder, name in ((Path(pools.__file__).parent, "pipeline_bench"), (shipped, "shipped")):
            for path in sorted(folder.rglob("*.py")):
                library.write(path, f"{name}/{path.relative_to(folder)}")
        if found is not None and found.origin is not None:
            library.write(found.origin, f"{pools.APART}/threadpoolctl.py")
    return packed.getvalue()


@dataclass
class _Node:
    """A node with a keeper. `busy` is the number of what it does; its CPUs are ours while it is `held`.

    One that lost something is not `well` until it has a new keeper: it may be gone, and nobody has noticed yet.
    """

    id: str
    name: str
    kind: str
    held: bool
    busy: int | None = None
    well: bool = True

    @property
    def is_free(self) -> bool:
        """Whether it can be given something."""
        return self.well and self.busy is None


@dataclass
class _Given:
    """What a node was given, and until when it has to say something of it; then it is `given_up`."""

    assignment: Assignment
    node: _Node
    until: float
    given_up: bool = False


class _Ray:
    def __init__(self, driver: Driver, setting: Setting, travels: Travels) -> None:
        self._driver, self._setting, self._travels = driver, setting, travels
        self._nodes: dict[str, _Node] = {}
        self._about: dict[str, dict[str, Any]] = {}
        self._expected: set[str] | None = None
        self._unfit: dict[str, str] = {}
        self._given: dict[int, _Given] = {}
        self._next: tuple[Assignment, str] | None = None
        self._numbers = itertools.count()
        self._holds = True

    def run(self, take: Take) -> Iterator[Event]:
        yield self._travels
        for node in list(self._nodes.values()):
            yield Joined(node.name, node.kind, self._about[node.id])
        yield from self._await_all()
        until = time.monotonic() + PATIENCE_S
        while True:
            yield from self._give(take)
            if self._given:
                until = time.monotonic() + PATIENCE_S
            elif self._next is None and self._are_free(all if time.monotonic() <= until else any):
                return
            else:
                yield self._wait(until)
            yield from self._hear()
            yield from self._give_up()

    def _are_free(self, how_many: Callable[[Iterable[bool]], bool]) -> bool:
        """Whether nodes are: one that is not well may have something left to do once it is again."""
        return bool(self._nodes) and how_many(node.is_free for node in self._nodes.values())

    def _hear(self) -> Iterator[Event]:
        message = self._driver.receive(_EVERY_S)
        if message is not None:
            yield from self._heed(message)

    def _await_all(self) -> Iterator[Event]:
        """Those that are there at first: a short sweep would be over before it has seen all kinds of them."""
        until = time.monotonic() + ALL_S
        while time.monotonic() < until and (self._expected is None or self._expected - {*self._nodes, *self._unfit}):
            yield from self._hear()

    def _wait(self, until: float) -> Waiting:
        """For a node, as long as one has patience.

        Raises:
            ClusterLost: none became free.
        """
        why = "; ".join(self._unfit.values()) or "others' work holds their CPUs"
        if time.monotonic() > until:
            raise ClusterLost(f"no node of the Ray cluster became free within {PATIENCE_S:.0f} s: {why}")
        return Waiting(f"a node of the Ray cluster: {why}")

    def _give(self, take: Take) -> Iterator[Event]:
        """Everybody who is free something to do; what takes the whole cluster only where nobody does anything."""
        if any(given.assignment.clustered for given in self._given.values()):
            return
        for node in [each for each in self._nodes.values() if each.is_free]:
            if self._next is None:
                taken = take(Place(node.kind))
                if taken is None:
                    continue
                self._next = taken, node.kind
            assignment, kind = self._next
            if assignment.clustered:
                if self._given:
                    return
                self._hold(hold=False)
            elif not self._holds:
                self._hold(hold=True)
            if kind == node.kind and (assignment.clustered or node.held):
                self._next = None
                yield self._start(assignment, node)
                if assignment.clustered:
                    return

    def _hold(self, *, hold: bool) -> None:
        """Hold the nodes' CPUs, or let them go: that of each is known when it joins anew."""
        if self._holds != hold:
            self._holds = hold
            for node in self._nodes.values():
                node.held = False
            self._driver.tell("reserve", hold=hold)

    def _start(self, assignment: Assignment, node: _Node) -> Started:
        number = node.busy = next(self._numbers)
        description = _placed(assignment.description, self._setting)
        self._given[number] = _Given(assignment, node, _until(assignment))
        self._driver.tell("run", node=node.id, key=number, description=description)
        return Started(assignment, node.name)

    def _heed(self, message: messages.Message) -> Iterator[Event]:
        match message:
            case {"expected": ids}:
                self._expected = set(ids)
            case {"joined": {"id": id_, "about": about, "held": held}}:
                yield from self._joined(id_, about, held=held)
            case {"unfit": id_, "reason": reason}:
                self._unfit[id_] = reason
            case {"left": id_}:
                yield from self._left(id_)
            case {"goes on": number, "progress": progress} if number in self._given:
                yield from self._goes_on(self._given[number], progress)
            case {"done": number, "reply": reply}:
                yield from self._ended(number, reply, "its keeper was killed")
            case {"lost": number, "reason": reason}:
                if number in self._given:
                    self._given[number].node.well = False
                yield from self._ended(number, None, reason)

    def _joined(self, id_: str, about: dict[str, Any], *, held: bool) -> Iterator[Event]:
        held = held and self._holds
        if id_ in self._nodes:
            self._nodes[id_].well, self._nodes[id_].held = True, held
            return
        problem = _mismatch(about, self._setting)
        if problem is not None and not self._about:
            raise InputError(f"the node {about['host']}: {problem}")
        if problem is not None:  # one that came late
            self._unfit[id_] = f"the node {about['host']}: {problem}"
            return
        self._unfit.pop(id_, None)
        machine = {key: value for key, value in about["machine"].items() if key not in ("host", "memory_bytes")}
        known = {"machine": machine, "interpreter": about["interpreter"]}
        node = self._nodes[id_] = _Node(id_, f"{about['host']}/{id_[:8]}", digest(known), held)
        self._about[id_] = about
        yield Joined(node.name, node.kind, about)

    def _left(self, id_: str) -> Iterator[Event]:
        self._unfit.pop(id_, None)
        self._expected = None if self._expected is None else self._expected - {id_}
        node = self._nodes.pop(id_, None)
        if node is not None:
            yield Left(node.name)

    def _goes_on(self, given: _Given, progress: dict[str, Any] | None) -> Iterator[Event]:
        if progress is None:
            return
        if "waits_for" in progress:  # its time begins when it has the machine
            given.until = _until(given.assignment)
            yield Waiting(f"{progress['waits_for']} on {given.node.name}; runner.exclusive=false does not wait")
        else:
            yield Progress(given.assignment, given.node.name, progress["rounds"])

    def _ended(self, number: int, reply: dict[str, Any] | None, lost: str) -> Iterator[Event]:
        given = self._given.pop(number, None)
        if given is None:  # given up already
            return
        given.node.busy = None
        yield Outcome(given.assignment, given.node.name, given.node.kind, reply, lost)

    def _give_up(self) -> Iterator[Event]:
        """Have the keepers killed that hang; whose end nobody hears of, because it is gone, is lost."""
        for number, given in list(self._given.items()):
            if time.monotonic() <= given.until:
                continue
            if given.given_up:
                given.node.well = False
                yield from self._ended(number, None, "its keeper did not answer any more")
            else:
                self._driver.tell("give up", key=number)
                given.until, given.given_up = time.monotonic() + GRACE_S, True


def _until(assignment: Assignment) -> float:
    return float(time.monotonic() + assignment.description["timeout_s"] + GRACE_S)


def _mismatch(about: dict[str, Any], setting: Setting) -> str | None:
    """Why a node cannot take part: what is measured there would be something else."""
    here, there = setting.about["interpreter"], about["interpreter"]
    if here["python"].rpartition(".")[0] != there["python"].rpartition(".")[0]:
        return f"it has Python {there['python']}, and here is {here['python']}; use one of them everywhere"
    if about["pipeline"] not in (None, __version__):
        return f"it has pipeline {about['pipeline']}, and here is {__version__}; install one of them everywhere"
    return None


def _placed(description: dict[str, Any], setting: Setting) -> dict[str, Any]:
    """With places of this machine replaced by names for what the node has in their stead.

    Raises:
        InputError: a file does not travel.
    """
    workload = dict(description["workload"])
    for key in ("task", "job", "reset", "check", "inputs"):
        if isinstance(workload[key], str):
            place, colon, name = workload[key].rpartition(":")
            workload[key] = _named(place, setting) + colon + name if place.endswith(".py") else workload[key]
    if isinstance(workload["inputs"], dict):
        workload["inputs"] = {"pickle": PICKLED}
    path = [_named(each, setting) for each in description["path"]]
    return {**description, "workload": workload, "folder": FOLDER, "path": path}


def _named(place: str, setting: Setting) -> str:
    for name, folder in ((SHIPPED, setting.shipped), (FOLDER, setting.folder)):
        for each in (folder, folder.resolve()):
            if Path(place).is_relative_to(each):
                return "/".join(filter(None, [name, Path(place).relative_to(each).as_posix().removesuffix(".")]))
    raise InputError(f"{place} is not in {setting.folder}, and does not travel to other nodes; start from above it")

"""Trials on the nodes of a Ray cluster, one at a time on each.

The cluster's own process speaks to Ray (see `cluster`); here it is decided which node does what. A trial whose pool is
the cluster itself waits until no other trial of ours runs, and its workers take the nodes' CPUs as they find them.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .. import __version__
from ..bench import messages
from ..cells import digest
from ..cluster import open_driver, weigh
from ..cluster.packing import pack, placed
from ..errors import ClusterLost, InputError
from . import Assignment, Event, Joined, Left, Outcome, Place, Progress, Setting, Started, Take, Travels, Unfit, Waiting

#: A keeper that says nothing for so long after a trial's time is up hangs, and is given up.
GRACE_S = 60.0
#: So long may it take until a node is free for us,
PATIENCE_S = 120.0
#: and so long until all that are there at first have been seen to be fit, or busy with others' work.
ALL_S = 20.0
_EVERY_S = 0.5


@contextmanager
def open_runner(setting: Setting) -> Iterator[OnNodes]:
    """A connection to the cluster, whose nodes get their keepers."""
    travels = Travels(setting.folder, *weigh(setting.folder))
    library = setting.log.with_name("library.zip")
    library.write_bytes(pack(setting.shipped))
    pickled = None if setting.pickled is None else str(setting.pickled)
    keepers = {"library": str(library), "folder": str(setting.folder), "pickled": pickled}
    with open_driver(setting.address, setting.log) as driver:
        driver.open(keepers=keepers)
        yield OnNodes(driver, setting, travels)


class Speaks(Protocol):
    """The process that speaks to the cluster, see `cluster.Driver`."""

    def tell(self, do: str, **details: Any) -> None:
        """Send a command."""
        ...

    def receive(self, timeout_s: float | None = None) -> messages.Message | None:
        """The next message; `None` when there is none in time."""
        ...


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
    """What a node was given, and until when it has to say something of it; then it is `given_up`.

    While it `waits` for the machine there is no such time: others may measure for hours.
    """

    assignment: Assignment
    node: _Node
    until: float
    given_up: bool = False
    waits: Waiting | None = None


class OnNodes:
    """The runner."""

    def __init__(
        self, driver: Speaks, setting: Setting, travels: Travels, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """On the nodes of which `driver` tells."""
        self._driver, self._setting, self._travels, self._clock = driver, setting, travels, clock
        self._nodes: dict[str, _Node] = {}
        self._about: dict[str, dict[str, Any]] = {}
        self._expected: set[str] | None = None
        self._unfit: dict[str, Unfit] = {}
        self._given: dict[int, _Given] = {}
        self._pending: dict[str, Assignment] = {}
        self._numbers = itertools.count()
        self._holds, self._is_begun = True, False

    def run(self, take: Take) -> Iterator[Event]:
        """Give the nodes what is taken, until there is no more.

        Raises:
            InputError: a node that was there at first has other versions.
            ClusterLost: no node was free for too long.
        """
        self._pending.clear()
        yield self._travels
        for node in list(self._nodes.values()):
            yield Joined(node.name, node.kind, self._about[node.id])
        yield from list(self._unfit.values())
        yield from self._await_all()
        until = self._clock() + PATIENCE_S
        while True:
            yield from self._give(take)
            if self._given:
                until = self._clock() + PATIENCE_S
            elif self._is_over(all if self._clock() <= until else any):
                return
            else:
                yield self._wait(until)
            yield from self._hear()
            yield from self._give_up()
            # Each time: whoever asks for the end meanwhile is heard.
            yield from [given.waits for given in self._given.values() if given.waits is not None]

    def _is_over(self, how_many: Callable[[Iterable[bool]], bool]) -> bool:
        """Whether nodes are free and nothing waits for them: one that is not well may have something to do once it is.

        What waits for a kind of node that is gone does so until such a node joins, and keeps nobody else waiting.
        """
        nodes = self._nodes.values()
        waits = any(node.kind in self._pending for node in nodes)
        return bool(nodes) and not waits and how_many(node.is_free for node in nodes)

    def _hear(self) -> Iterator[Event]:
        message = self._driver.receive(_EVERY_S)
        if message is not None:
            yield from self._heed(message)

    def _await_all(self) -> Iterator[Event]:
        """Those that are there at first: a short sweep would be over before it has seen all kinds of them."""
        until = self._clock() + ALL_S
        while self._clock() < until and (self._expected is None or self._expected - {*self._nodes, *self._unfit}):
            yield from self._hear()
        self._is_begun = True

    def _wait(self, until: float) -> Waiting:
        """For a node, as long as one has patience.

        Raises:
            ClusterLost: none became free.
        """
        why = "; ".join(f"{each.node}: {each.why}" for each in self._unfit.values()) or "others' work holds their CPUs"
        if self._clock() > until:
            raise ClusterLost(f"no node of the Ray cluster became free within {PATIENCE_S:.0f} s: {why}")
        return Waiting(f"a node of the Ray cluster: {why}")

    def _give(self, take: Take) -> Iterator[Event]:
        """Everybody who is free something to do; what takes the whole cluster only where nobody does anything."""
        if any(given.assignment.clustered for given in self._given.values()):
            return
        free = [each for each in self._nodes.values() if each.is_free]
        for node in sorted(free, key=self._comes_after):
            assignment = self._pending.pop(node.kind, None) or take(Place(node.kind))
            if assignment is None:
                continue
            if assignment.clustered and self._given:
                self._pending[node.kind] = assignment
                return
            self._hold(hold=not assignment.clustered)
            if assignment.clustered or node.held:
                yield self._start(assignment, node)
            else:  # another one of its kind may be held
                self._pending[node.kind] = assignment
            if assignment.clustered:
                return

    def _comes_after(self, node: _Node) -> bool:
        """Not where something waits that takes the whole cluster: else others would be given more meanwhile."""
        pending = self._pending.get(node.kind)
        return pending is None or not pending.clustered

    def _hold(self, *, hold: bool) -> None:
        """Hold the nodes' CPUs, or let them go: that of each is known when it joins anew."""
        if self._holds != hold:
            self._holds = hold
            for node in self._nodes.values():
                node.held = False
            self._driver.tell("reserve", hold=hold)

    def _start(self, assignment: Assignment, node: _Node) -> Started:
        number = node.busy = next(self._numbers)
        description = placed(assignment.description, self._setting.shipped, self._setting.folder)
        self._given[number] = _Given(assignment, node, self._until(assignment))
        self._driver.tell("run", node=node.id, key=number, description=description)
        return Started(assignment, node.name)

    def _heed(self, message: messages.Message) -> Iterator[Event]:
        match message:
            case {"expected": ids}:
                self._expected = set(ids)
            case {"joined": {"id": id_, "about": about, "held": held}}:
                yield from self._joined(id_, about, held=held)
            case {"unfit": id_, "name": name, "reason": reason}:
                yield from self._is_unfit(id_, name, reason)
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
        self._unfit.pop(id_, None)
        if id_ in self._nodes:
            self._nodes[id_].well, self._nodes[id_].held = True, held
            return
        name, problem = f"{about['host']}/{id_[:8]}", _mismatch(about, self._setting)
        if problem is not None and not self._is_begun:
            raise InputError(f"the node {name}: {problem}")
        if problem is not None:  # one that came late
            self._driver.tell("dismiss", node=id_)
            yield from self._is_unfit(id_, name, problem)
            return
        machine = {key: value for key, value in about["machine"].items() if key not in ("host", "memory_bytes")}
        known = {"machine": machine, "interpreter": about["interpreter"]}
        node = self._nodes[id_] = _Node(id_, name, digest(known), held)
        self._about[id_] = about
        yield Joined(node.name, node.kind, about)

    def _is_unfit(self, id_: str, name: str, reason: str) -> Iterator[Event]:
        """Say so, and not again at each time that it is tried."""
        unfit = Unfit(name, reason)
        if self._unfit.get(id_) != unfit:
            self._unfit[id_] = unfit
            yield unfit

    def _left(self, id_: str) -> Iterator[Event]:
        self._unfit.pop(id_, None)
        self._expected = None if self._expected is None else self._expected - {id_}
        node = self._nodes.pop(id_, None)
        if node is not None:
            yield Left(node.name)

    def _goes_on(self, given: _Given, progress: dict[str, Any] | None) -> Iterator[Event]:
        if progress is None or given.given_up:
            return
        if "waits_for" in progress:
            what = f"{progress['waits_for']} on {given.node.name}; runner.exclusive=false does not wait"
            given.until, given.waits = math.inf, Waiting(what, given.node.name)
        else:
            if given.waits is not None:  # now it has the machine, and its time begins
                given.until, given.waits = self._until(given.assignment), None
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
            if self._clock() <= given.until:
                continue
            if given.given_up:
                given.node.well = False
                yield from self._ended(number, None, "its keeper did not answer any more")
            else:
                self._driver.tell("give up", key=number)
                given.until, given.given_up = self._clock() + GRACE_S, True

    def _until(self, assignment: Assignment) -> float:
        return float(self._clock() + assignment.description["timeout_s"] + GRACE_S)


def _mismatch(about: dict[str, Any], setting: Setting) -> str | None:
    """Why a node cannot take part: what is measured there would be something else."""
    here, there = setting.about["interpreter"], about["interpreter"]
    if here["python"].rpartition(".")[0] != there["python"].rpartition(".")[0]:
        return f"it has Python {there['python']}, and here is {here['python']}; use one of them everywhere"
    if about["pipeline"] not in (None, __version__):
        return f"it has pipeline {about['pipeline']}, and here is {__version__}; install one of them everywhere"
    return None

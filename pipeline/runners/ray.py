"""Trials on the nodes of a Ray cluster, one at a time on each.

The cluster's own process speaks to Ray (see `cluster`); here it is decided which node does what. Trials whose pool is
the cluster itself run when no other trial does, one after the other, and then the nodes' CPUs are let go for them.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..bench import messages, pools, travel
from ..cells import digest
from ..cluster import FOLDER, PICKLED, SHIPPED, Driver, open_driver
from ..errors import InputError
from . import Assignment, Event, Joined, Left, Outcome, Place, Setting, Started, Take, Travels

#: A keeper that says nothing for so long after a trial's time is up hangs, and is given up.
GRACE_S = 60.0
#: So long may it take until a node is free for us.
PATIENCE_S = 120.0
#: Ray brings no larger folder to its nodes.
MOST_BYTES = 500 * 1024 * 1024
_EVERY_S = 0.5


@contextmanager
def open_runner(setting: Setting) -> Iterator[_Ray]:
    """A connection to the cluster, whose nodes get their keepers."""
    size = travel.size_bytes(setting.folder)
    if size > MOST_BYTES:
        raise InputError(
            f"runner=ray brings {setting.folder} to every node, {size / 1e6:,.0f} MB, and Ray takes "
            f"{MOST_BYTES / 1e6:.0f} MB at most; start from the folder that holds the measured code alone"
        )
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
    """A node with a keeper. `busy` is the number of what it does.

    One that lost something is not `well` until it has a new keeper: it may be gone, and nobody has noticed yet.
    """

    id: str
    name: str
    kind: str
    busy: int | None = None
    well: bool = True

    @property
    def free(self) -> bool:
        """Whether it can be given something."""
        return self.well and self.busy is None


@dataclass(frozen=True)
class _Given:
    """What a node was given, and until when it has to be done."""

    assignment: Assignment
    node: _Node
    until: float


class _Ray:
    def __init__(self, driver: Driver, setting: Setting, travels: Travels) -> None:
        self._driver, self._setting, self._travels = driver, setting, travels
        self._nodes: dict[str, _Node] = {}
        self._about: dict[str, dict[str, Any]] = {}
        self._unfit: dict[str, str] = {}
        self._given: dict[int, _Given] = {}
        self._numbers = itertools.count()
        self._holds = True

    def run(self, take: Take) -> Iterator[Event]:
        yield self._travels
        for node in list(self._nodes.values()):
            yield Joined(node.name, node.kind, self._about[node.id])
        while True:
            yield from self._await_a_node()
            yield from self._give(take)
            if not self._given:
                return
            message = self._driver.receive(_EVERY_S)
            if message is not None:
                yield from self._heed(message)
            self._give_up()

    def _await_a_node(self) -> Iterator[Event]:
        until = time.monotonic() + PATIENCE_S
        while not self._given and not any(node.free for node in self._nodes.values()):
            message = self._driver.receive(_EVERY_S)
            if message is not None:
                yield from self._heed(message)
            elif time.monotonic() > until:
                why = "; ".join(self._unfit.values()) or "others' work holds their CPUs"
                raise InputError(f"no node of the Ray cluster became free within {PATIENCE_S:.0f} s: {why}")

    def _give(self, take: Take) -> Iterator[Event]:
        """Everybody who is free something to do; what takes the whole cluster only where nobody does anything."""
        if self._holds:
            for node in list(self._nodes.values()):
                if node.free and (assignment := take(Place(node.kind, clustered=False))) is not None:
                    yield self._start(assignment, node)
        for node in [each for each in self._nodes.values() if each.free]:
            if self._given:
                return
            assignment = take(Place(node.kind, clustered=True))
            if assignment is not None:
                yield from self._hold(hold=False)
                yield self._start(assignment, node)
        if not self._given and not self._holds:
            yield from self._hold(hold=True)
            yield from self._give(take)

    def _hold(self, *, hold: bool) -> Iterator[Event]:
        """Hold the nodes' CPUs, or let them go."""
        if self._holds == hold:
            return
        self._driver.tell("reserve", hold=hold)
        while self._holds != hold:
            message = self._driver.receive()
            assert message is not None
            yield from self._heed(message)

    def _start(self, assignment: Assignment, node: _Node) -> Started:
        number = node.busy = next(self._numbers)
        description = _placed(assignment.description, self._setting)
        until = time.monotonic() + description["timeout_s"] + GRACE_S
        self._given[number] = _Given(assignment, node, until)
        self._driver.tell("run", node=node.id, key=number, description=description)
        return Started(assignment, node.name)

    def _heed(self, message: messages.Message) -> Iterator[Event]:
        match message:
            case {"joined": {"id": id_, "about": about}}:
                yield from self._joined(id_, about)
            case {"unfit": id_, "reason": reason}:
                self._unfit[id_] = reason
            case {"left": id_}:
                node = self._nodes.pop(id_, None)
                if node is not None:
                    yield Left(node.name)
            case {"reserved": hold}:
                self._holds = hold
            case {"done": number, "reply": reply}:
                yield from self._ended(number, reply, "its keeper was killed")
            case {"lost": number, "reason": reason}:
                if number in self._given:
                    self._given[number].node.well = False
                yield from self._ended(number, None, reason)

    def _joined(self, id_: str, about: dict[str, Any]) -> Iterator[Event]:
        if id_ in self._nodes:
            self._nodes[id_].well = True
            return
        problem = _mismatch(about, self._setting)
        if problem is not None:
            raise InputError(f"the node {about['host']}: {problem}")
        machine = {key: value for key, value in about["machine"].items() if key not in ("host", "memory_bytes")}
        known = {"machine": machine, "interpreter": about["interpreter"]}
        node = self._nodes[id_] = _Node(id_, f"{about['host']}/{id_[:8]}", digest(known))
        self._about[id_] = about
        yield Joined(node.name, node.kind, about)

    def _ended(self, number: int, reply: dict[str, Any] | None, lost: str) -> Iterator[Event]:
        given = self._given.pop(number, None)
        if given is None:  # given up already
            return
        given.node.busy = None
        yield Outcome(given.assignment, given.node.name, given.node.kind, reply, lost)

    def _give_up(self) -> None:
        for given in self._given.values():
            if time.monotonic() > given.until:
                self._driver.tell("give up", node=given.node.id)


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
                return "/".join(filter(None, [name, Path(place).relative_to(each).as_posix().strip(".")]))
    raise InputError(f"{place} is not in {setting.folder}, and does not travel to other nodes; start from above it")

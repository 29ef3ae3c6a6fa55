"""Where trials run: one module a runner, named as in the configuration.

Each gives `open_runner(setting)`, a context manager that yields a `Runner`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

HERE = "local"
"""The runner that stays on this machine."""


@dataclass(frozen=True)
class Setting:
    """What a runner finds where the sweep was asked for.

    `folder` is the user's, `shipped` that of our own experiments, `pickled` a file of inputs; `address` is the
    cluster's, `log` where chatter goes; `about` is what this machine is, and `kind` stands for it. `scratch` is a
    private folder, which a keeper that the conductor's death ends removes.
    """

    folder: Path
    shipped: Path
    pickled: Path | None
    address: str
    log: Path
    about: dict[str, Any]
    kind: str
    scratch: Path


@dataclass(frozen=True)
class Place:
    """Where an assignment is asked for: any node of a `kind`."""

    kind: str


@dataclass(frozen=True, eq=False)
class Assignment:
    """Something for a keeper to do: a trial of a cell, or the preflight of a workload, whose `name` it has.

    One that is `clustered` takes the whole cluster, and runs when nothing else does.
    """

    id: str
    name: str
    trial: int | None
    attempt: int
    description: dict[str, Any]
    clustered: bool = False


@dataclass(frozen=True)
class Travels:
    """Every node gets a copy of the user's folder, of so many bytes, or at most so many."""

    folder: Path
    size_bytes: int
    at_most: bool


@dataclass(frozen=True)
class Joined:
    """A node is there; `about` is what it is, and `kind` stands for that: trials on two of a kind count as one's."""

    node: str
    kind: str
    about: dict[str, Any]


@dataclass(frozen=True)
class Left:
    """A node is gone."""

    node: str


@dataclass(frozen=True)
class Unfit:
    """A node is there that can do nothing, and why."""

    node: str
    why: str


@dataclass(frozen=True)
class Started:
    """An assignment is with a node."""

    assignment: Assignment
    node: str


@dataclass(frozen=True)
class Progress:
    """`rounds` of an assignment are measured."""

    assignment: Assignment
    node: str
    rounds: int


@dataclass(frozen=True)
class Waiting:
    """Nothing goes on until something is there: `what`, and why; of a `node` that has an assignment, nothing there."""

    what: str
    node: str | None = None


@dataclass(frozen=True)
class Outcome:
    """An assignment is done; `reply` is what the keeper said of it, `None` where it was lost on the way: see `lost`."""

    assignment: Assignment
    node: str
    kind: str
    reply: dict[str, Any] | None
    lost: str = ""


Event = Travels | Joined | Left | Unfit | Started | Progress | Waiting | Outcome
Take = Callable[[Place], Assignment | None]


class Runner(Protocol):
    """Takes assignments whenever a place is free for one."""

    def run(self, take: Take) -> Iterator[Event]:
        """Work until `take` has no more; what a consumer does with an event comes before the next `take`."""
        ...


OpenRunner = Callable[[Setting], AbstractContextManager[Runner]]


def find(name: str) -> OpenRunner:
    """The `open_runner` of the runner called `name`."""
    open_runner: OpenRunner = importlib.import_module(f"{__name__}.{name}").open_runner
    return open_runner

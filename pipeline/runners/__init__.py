"""Where trials run: one module a runner, named as in the configuration.

Each gives `open_runner()`, a context manager that yields a `Runner`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Assignment:
    """Something for a keeper to do: a trial of a cell, or the preflight of a workload."""

    id: str
    trial: int | None
    attempt: int
    description: dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """`rounds` of an assignment are measured."""

    assignment: Assignment
    rounds: int


@dataclass(frozen=True)
class Waiting:
    """An assignment waits for somebody else who measures on its machine."""

    assignment: Assignment
    holder: str


@dataclass(frozen=True)
class Outcome:
    """An assignment is done; `reply` is what the keeper said of it, `None` where it was lost on the way."""

    assignment: Assignment
    node: str
    reply: dict[str, Any] | None


class Runner(Protocol):
    """Takes assignments whenever a place is free for one."""

    def run(self, take: Callable[[], Assignment | None]) -> Iterator[Progress | Waiting | Outcome]:
        """Work until `take` has no more; what a consumer does with an outcome comes before the next `take`."""
        ...


def find(name: str) -> Callable[[], AbstractContextManager[Runner]]:
    """The `open_runner` of the runner called `name`."""
    module = importlib.import_module(f"{__name__}.{name}")
    open_runner: Callable[[], AbstractContextManager[Runner]] = module.open_runner
    return open_runner

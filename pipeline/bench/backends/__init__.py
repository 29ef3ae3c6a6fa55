"""Ways to run a batch: one module a backend, named as in the configuration.

Each gives `open_pool(workers, options, modules)`, a context manager that opens a pool, waits until every
worker has answered, and yields a `Pool`, which also says how a user writes the same. `options` are those that
the backend's YAML names under `takes`, and of a `clustered` one `env`, the cell's own variables, `None` for those
that are unset, and `memory_bytes`, what a worker may have, `None` for a share of what its machine has; `modules` are
what each worker has to import (see `reference.load_module`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..workload import Map


class Worker(NamedTuple):
    """A worker's process: `node` is the host's name, and on a cluster, after a slash, that of the node on it."""

    node: str
    pid: int

    @property
    def host(self) -> str:
        """The machine's name."""
        return self.node.partition("/")[0]


class Code(NamedTuple):
    """The same pool in a script of the user's, as it was opened: options that were left open are settled here.

    `imports` and `definitions` are lines for the top of the script, `opens` those that open the pool, the last of them
    a `with`, if any; `map` is the expression of all results, in which `{function}` and `{inputs}` stand for names.
    """

    map: str
    imports: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pool:
    """An open pool: its map, the same as code, and those of its workers that are no descendants of this process."""

    map: Map
    code: Code
    outside: tuple[Worker, ...] = ()


OpenPool = Callable[[int, Mapping[str, Any], Sequence[str]], AbstractContextManager[Pool]]


def find(name: str) -> OpenPool:
    """The `open_pool` of the backend called `name`."""
    open_pool: OpenPool = importlib.import_module(f"{__name__}.{name}").open_pool
    return open_pool

"""Ways to run a batch: one module a backend, named as in the configuration.

Each gives `open_pool(workers, options, modules)`, a context manager that opens a pool, waits until every
worker has answered, and yields a `Map`. `options` are those that the backend's YAML names under `takes`;
`modules` are what each worker has to import (see `reference.load_module`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..workload import Map

OpenPool = Callable[[int, Mapping[str, Any], Sequence[str]], AbstractContextManager[Map]]


def find(name: str) -> OpenPool:
    """The `open_pool` of the backend called `name`."""
    open_pool: OpenPool = importlib.import_module(f"{__name__}.{name}").open_pool
    return open_pool

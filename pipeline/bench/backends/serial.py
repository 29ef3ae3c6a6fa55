"""A plain loop, here: what every speed-up is relative to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..workload import Map


@contextmanager
def open_pool(workers: int, options: Mapping[str, Any], modules: Sequence[str]) -> Iterator[Map]:
    """Nothing to open: the arm itself is the one worker."""
    yield lambda function, inputs: [function(each) for each in inputs]

"""A plain loop, here: what every speed-up is relative to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from . import Code, Pool


@contextmanager
def open_pool(workers: int, options: Mapping[str, Any], modules: Sequence[str]) -> Iterator[Pool]:
    """Nothing to open: the arm itself is the one worker."""
    yield Pool(
        lambda function, inputs: [function(each) for each in inputs],
        Code("[{function}(x) for x in {inputs}]"),
    )

"""Threads of one interpreter: `concurrent.futures.ThreadPoolExecutor`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from . import Code, Pool


@contextmanager
def open_pool(workers: int, options: Mapping[str, Any], modules: Sequence[str]) -> Iterator[Pool]:
    """A pool whose threads have all answered: they met at a barrier that opens for `workers` of them at once."""
    barrier = threading.Barrier(workers)
    with ThreadPoolExecutor(workers) as pool:
        try:
            for meeting in [pool.submit(barrier.wait) for _ in range(workers)]:
                meeting.result()
        except BaseException:
            barrier.abort()  # leaving the block waits for the threads, and they for one another
            raise
        yield Pool(lambda function, inputs: list(pool.map(function, inputs)), _code(workers))


def _code(workers: int) -> Code:
    return Code(
        "list(pool.map({function}, {inputs}))",
        imports=("from concurrent.futures import ThreadPoolExecutor",),
        opens=(f"with ThreadPoolExecutor({workers}) as pool:",),
    )

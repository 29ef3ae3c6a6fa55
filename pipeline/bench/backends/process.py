"""Worker processes: `concurrent.futures.ProcessPoolExecutor`.

Never `multiprocessing.Pool`, whose `map` waits for ever when a worker is killed.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from .. import reference
from . import Code, Pool

_barrier: Barrier


@contextmanager
def open_pool(workers: int, options: Mapping[str, Any], modules: Sequence[str]) -> Iterator[Pool]:
    """A pool whose processes have all answered, with the measured modules imported.

    They met at a barrier that opens for `workers` of them at once, so that many distinct ones there are.
    """
    method = options["start_method"]
    if method == "auto":
        method = "forkserver" if sys.platform == "linux" else "spawn"
    chunksize = options["chunksize"]
    context = multiprocessing.get_context(method)
    barrier = context.Barrier(workers)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(barrier, modules)) as pool:
        try:
            for meeting in [pool.submit(_meet) for _ in range(workers)]:
                meeting.result()
        except BaseException:
            barrier.abort()  # leaving the block waits for the workers, and they for one another
            raise
        yield Pool(
            lambda function, inputs: list(pool.map(function, inputs, chunksize=chunksize)),
            _code(workers, method, chunksize),
        )


def _code(workers: int, method: str, chunksize: int) -> Code:
    return Code(
        f"list(pool.map({{function}}, {{inputs}}, chunksize={chunksize}))",
        imports=("from concurrent.futures import ProcessPoolExecutor", "from multiprocessing import get_context"),
        opens=(f'with ProcessPoolExecutor({workers}, mp_context=get_context("{method}")) as pool:',),
    )


def _start(barrier: Barrier, modules: Sequence[str]) -> None:
    global _barrier
    _barrier = barrier
    for place in modules:
        reference.load_module(place, place)


def _meet() -> None:
    _barrier.wait()

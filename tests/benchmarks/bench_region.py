"""What the timed region adds to the bare `list(pool.map(f, inputs))` of the same pool, on batches of 20 ms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

from pipeline.bench.arm import repeat
from pipeline.bench.workload import Workload

from .figure import Figure, paired


def _sleep(_: int) -> None:
    time.sleep(0.0025)


def _spin(_: int) -> None:
    until = time.perf_counter() + 0.0025
    while time.perf_counter() < until:
        pass


def run() -> list[Figure]:
    """Two threads that wait, and two processes that compute."""
    inputs = range(16)
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as processes:
        return [
            Figure("timed region, threads", _ratio(threads, _sleep, inputs), 1.02),
            Figure("timed region, processes", _ratio(processes, _spin, inputs), 1.02),
        ]


def _ratio(pool: Any, task: Callable[[int], None], inputs: Sequence[int]) -> float:
    batch = Workload(task, None, inputs, len(inputs), None).bind(lambda f, each: list(pool.map(f, each)))

    def ours() -> float:
        return repeat(batch, 1, None)

    def bare() -> float:
        began = time.perf_counter()
        list(pool.map(task, inputs))
        return time.perf_counter() - began

    bare()
    return paired(ours, bare, 200)

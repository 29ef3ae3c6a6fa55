"""Worker processes: `concurrent.futures.ProcessPoolExecutor`.

Never `multiprocessing.Pool`, whose `map` waits for ever when a worker is killed.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Barrier, BrokenBarrierError
from typing import Any

from .. import ending, reference
from ..errors import WorkerDied
from . import Code, Pool

_barrier: Barrier
_failure: BaseException | None = None


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
    others, started, heard = multiprocessing.active_children(), [], []
    try:
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(barrier, modules)) as pool:
            try:
                meetings = [pool.submit(_meet) for _ in range(workers)]
                started = [each for each in multiprocessing.active_children() if each not in others]
                heard = _hear_why(pool)
                _raise_first([meeting.exception() for meeting in meetings])
            except BaseException:
                barrier.abort()  # leaving the block waits for the workers, and they for one another
                raise
            yield Pool(
                lambda function, inputs: list(pool.map(function, inputs, chunksize=chunksize)),
                _code(workers, method, chunksize),
            )
    except BrokenProcessPool as broken:
        raise _explain(broken, started, heard) from broken


def _raise_first(failures: Sequence[BaseException | None]) -> None:
    """Raise what kept the workers from meeting: rather why one did not come than that the others missed it."""
    raised = [each for each in failures if each is not None]
    for each in sorted(raised, key=lambda each: isinstance(each, BrokenBarrierError)):
        raise each


def _hear_why(pool: ProcessPoolExecutor) -> list[str]:
    """A list for the traceback of what the pool cannot read, if that is why it breaks.

    It tells those futures alone that it has at that moment, and the map may be handing out more tasks. So this listens
    to the thread that ends it, a part of the library that has no public name; where there is none, nothing is heard.
    """
    heard: list[str] = []
    manager: Any = getattr(pool, "_executor_manager_thread", None)
    terminate = getattr(manager, "terminate_broken", None)
    if terminate is not None:

        def hear_and_terminate(cause: Sequence[str] | None) -> None:
            heard.extend(cause or ())
            terminate(cause)

        manager.terminate_broken = hear_and_terminate
    return heard


def _explain(broken: BrokenProcessPool, workers: Sequence[BaseProcess], heard: Sequence[str]) -> Exception:
    """Why the pool broke; by now all of `workers` have ended, those that had no part in it by the pool's SIGTERM."""
    codes = [each.exitcode for each in workers if each.exitcode is not None]
    by_itself = [code for code in codes if code != -signal.SIGTERM]
    if by_itself:
        return WorkerDied(f"a worker process {ending.say(by_itself[0])}")
    if heard:
        said = f"what a worker gave back cannot be unpickled: {heard[-1].strip()}"
        return pickle.UnpicklingError("\n\n".join([said, "".join(heard)]))
    return (
        WorkerDied("a worker process was ended by SIGTERM, or closed its end of the pool's pipes") if codes else broken
    )


def _code(workers: int, method: str, chunksize: int) -> Code:
    return Code(
        f"list(pool.map({{function}}, {{inputs}}, chunksize={chunksize}))",
        imports=("from concurrent.futures import ProcessPoolExecutor", "from multiprocessing import get_context"),
        opens=(f'with ProcessPoolExecutor({workers}, mp_context=get_context("{method}")) as pool:',),
    )


def _start(barrier: Barrier, modules: Sequence[str]) -> None:
    global _barrier, _failure
    _barrier = barrier
    try:
        for place in modules:
            reference.load_module(place, place)
    except BaseException as error:  # a pool only says that it broke, and not by what
        _failure = error


def _meet() -> None:
    if _failure is not None:
        _barrier.abort()
        raise _failure
    _barrier.wait()

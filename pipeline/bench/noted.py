"""What travels to workers in an instrumented batch: the task with notes of how it ran, and the task that does nothing.

Everything here that is kept belongs to one process (or subinterpreter) that runs tasks.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .runqueue import RunQueue

Worker = tuple[int, int, int]
"""A process, a module of ours in it (subinterpreters have one each), a thread."""

Note = tuple[int, int, Worker, int | None, int | None]
"""A task's start and end on this host's clock, who ran it, its thread's CPU time and run-queue wait meanwhile; in ns.
A plain tuple: it is pickled for every task."""

#: A process keeps so many results at most,
MOST_KEPT = 64
#: and so many bytes of them, as `shallow_bytes` sees them; its first one whatever it takes.
MOST_KEPT_BYTES = 16_000_000


class Noted:
    """A task that comes back with a `Note` beside its result.

    Args:
        counts: note CPU time and run-queue wait, too: some 10 us a task, next to 1 us.
        keeps: keep the result for `Nothing`.
    """

    def __init__(self, function: Callable[[Any], Any], *, counts: bool = False, keeps: bool = False) -> None:
        self.function, self.counts, self.keeps = function, counts, keeps

    def __call__(self, each: Any) -> tuple[Note, Any]:
        """Run the task."""
        waited_ns = ran_ns = None
        if self.counts:
            # The kernel takes a core away when a system call ends. Whoever had to give it up for others before does so
            # in this call, and not in the reading of the queue, which would count it into the task.
            os.getpid()
            waited_ns, ran_ns = _run_queue.waited_ns(), time.thread_time_ns()
        start_ns = time.perf_counter_ns()
        result = self.function(each)
        end_ns = time.perf_counter_ns()
        if waited_ns is not None:
            after_ns = _run_queue.waited_ns()
            waited_ns = None if after_ns is None else after_ns - waited_ns
        if ran_ns is not None:
            ran_ns = time.thread_time_ns() - ran_ns
        if self.keeps:
            _results.keep(result)
        thread = threading.get_ident()
        return (start_ns, end_ns, _workers.get(thread) or _name_worker(thread), ran_ns, waited_ns), result


class Nothing:
    """A task that does nothing and gives back what real ones gave here before; the function goes along unused."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, _: Any) -> Any:
        """Give back a result of another one."""
        kept = _results.kept
        return kept[next(_results.turn) % len(kept)] if kept else None


def prepare(_: object) -> None:
    """A task that has this process import what noting takes."""
    _run_queue.waited_ns()


def forget(_: object) -> tuple[int, int]:
    """A task that drops what this process keeps, and tells which one it is: the first two of a `Worker`."""
    _results.forget()
    _run_queue.close()
    return here()


def here() -> tuple[int, int]:
    """This process (or subinterpreter): the first two of a `Worker`."""
    return os.getpid(), id(_results)


def _name_worker(thread: int) -> Worker:
    return _workers.setdefault(thread, (*here(), thread))


def shallow_bytes(value: Any) -> int:
    """The memory of a value without what it refers to: whole for bytes and arrays, little of nested ones."""
    try:
        return sys.getsizeof(value)
    except Exception:  # whatever the measured code's own __sizeof__ raises
        return 0


class _Results:
    """Results that tasks gave in this process, to be handed out again in turn.

    Few of them stand for all: the driver has every result of a batch at once anyway, but what workers keep comes on
    top of that. Where a process gave none, `None` stands for one.
    """

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self._bytes = 0
        self._is_full = False
        self.turn = itertools.count()

    def keep(self, result: Any) -> None:
        if self._is_full:
            return
        size = shallow_bytes(result)
        if self.kept and self._bytes + size > MOST_KEPT_BYTES:
            self._is_full = True
            return
        self.kept.append(result)
        self._bytes += size
        self._is_full = len(self.kept) >= MOST_KEPT

    def forget(self) -> None:
        self.kept, self.turn, self._bytes, self._is_full = [], itertools.count(), 0, False


_results = _Results()
_run_queue = RunQueue()
_workers: dict[int, Worker] = {}
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_workers.clear)

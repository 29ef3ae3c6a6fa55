"""An arm: one fresh process that opens one pool and runs batches of one workload when told to.

Its keeper writes commands to its standard input and reads a reply to each from its standard output; whatever
the measured code prints goes to a file instead. The order of commands is fixed by nested blocks: `load`, then
`preflight` or `open`; inside an open pool those that `_Batches.do` knows; then `close`.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from . import backends, check, counters, shared
from .backends import Pool
from .errors import BadInput, Unavailable, Unfit, WorkerDied, WorkerTooLarge
from .ground import own_ground
from .memory import Memory
from .messages import Message, receive, send, take_over_standard_streams
from .reference import describe, say_traceback
from .workload import Map, Workload, modules, open_workload


class _Channel:
    """One command at a time, each answered once."""

    def __init__(self) -> None:
        self._commands, self._replies = take_over_standard_streams()

    def receive(self) -> Message:
        command = receive(self._commands)
        if command is None:  # the keeper is gone: so is the reason to be here
            os._exit(1)
        return command

    def reply(self, **message: Any) -> None:
        send(self._replies, message)


def main() -> None:
    """Serve one trial, then end."""
    channel = _Channel()
    try:
        _serve(channel)
    except BaseException as error:  # whatever the measured code raises, SystemExit too, belongs to the trial
        with own_ground():
            channel.reply(error=_explain(error))


def _explain(error: BaseException) -> Message:
    """What becomes of the trial: status, message and traceback; is_unfit, see `errors.Unfit`."""
    match error:
        case Unfit():
            return {"status": error.status, "message": str(error), "traceback": None, "is_unfit": True}
        case BadInput():
            return {"status": "bad input", "message": str(error), "traceback": None, "is_unfit": False}
        case Unavailable():
            return {"status": "not run", "message": str(error), "traceback": None, "is_unfit": False}
        case WorkerDied():
            status, message = "crashed", str(error)
        case WorkerTooLarge():
            status, message = "out of memory", str(error)
        case BrokenExecutor():
            status, message = "crashed", describe(error)
        case MemoryError():
            status, message = "out of memory", describe(error)
        case _:
            status, message = "failed", describe(error)
    return {"status": status, "message": message, "traceback": say_traceback(error), "is_unfit": False}


def _serve(channel: _Channel) -> None:
    described = channel.receive()["workload"]
    with open_workload(described) as workload:
        channel.reply(tasks=workload.available, interpreter=_interpreter())
        command = channel.receive()
        if command["do"] == "preflight":
            from . import preflight  # late: no other arm needs it

            channel.reply(**preflight.run(workload, command))
            return
        open_pool = backends.find(command["backend"])
        helpers = counters.descendants(os.getpid())  # such as a server that the inputs started: not the pool's
        began = time.perf_counter()
        with open_pool(command["workers"], command["options"], modules(described)) as pool:
            startup_s = time.perf_counter() - began
            processes = _processes(pool, helpers)
            told = {"startup_s": startup_s, "code": pool.code._asdict(), "outside": _outside(pool), **_placed(pool)}
            channel.reply(**told, shared=shared.semaphores(), workers=_workers(pool))
            sampled = workload.sampled(command["sample"])
            batches = _Batches(sampled, pool.map, command["workers"], processes)
            while (following := channel.receive())["do"] != "close":
                channel.reply(**batches.do(following))
            began = time.perf_counter()
        channel.reply(shutdown_s=time.perf_counter() - began)


def _processes(pool: Pool, helpers: Collection[int]) -> list[int] | None:
    """The pool's own processes; `None` where some are on other machines, whose counters are not read."""
    if any(worker.host != platform.node() for worker in pool.outside):
        return None
    below = [pid for pid in counters.descendants(os.getpid()) or _children() if pid not in helpers]
    return below + [worker.pid for worker in pool.outside]


def _workers(pool: Pool) -> list[int]:
    """Those on this machine that are no descendants of this process."""
    return sorted({worker.pid for worker in pool.outside if worker.host == platform.node()})


def _outside(pool: Pool) -> list[int]:
    """`_workers`, and who serves them."""
    workers = _workers(pool)
    parents = {parent for pid in workers if (parent := counters.parent(pid)) is not None}
    return sorted({*workers}.union(parents, *map(counters.descendants, parents)))


def _placed(pool: Pool) -> Message:
    """Where the workers are that are not here: how many on each node."""
    return {"placed": Counter(worker.node for worker in pool.outside)} if pool.outside else {}


def _children() -> list[int]:
    """The worker processes of this one as far as it knows itself: for systems that do not list them."""
    started = sys.modules.get("multiprocessing")
    return [] if started is None else [each.pid for each in started.active_children()]


class _Batches:
    """What can be done inside an open pool; `processes` are the pool's, `None` where they are not all here."""

    def __init__(self, workload: Workload, map_: Map, workers: int, processes: list[int] | None) -> None:
        self._workload, self._map, self._workers, self._processes = workload, map_, workers, processes
        self._batch = workload.bind(map_)
        self._memory = self._new_memory()
        self._results: Any = None

    def do(self, command: Message) -> Message:
        """Obey one command; returns the reply."""
        reply: Message = {}
        match command["do"]:
            case "cold":
                reply = self._cold()
            case "save":
                reply = {"saved": check.save(self._take_results(), Path(command["path"]))}
            case "check":
                path, how = Path(command["path"]), command["check"]
                answers, difference = check.compare(path, self._take_results(), how)
                reply = {"answers": answers, "difference": difference}
            case "time":
                reply = {"batch_s": self._repeat(1)}
            case "run":
                self._memory.begin()
                times = command["repeat"]
                reply = self._counted(lambda: self._repeat(times), self._memory, times)
            case "instrument":
                with own_ground():
                    from . import instrument  # late, too

                self._take_results()
                if self._processes is None:  # clocks of two machines have nothing in common
                    return reply
                reply = instrument.run(self._workload, self._map, command | {"workers": self._workers})
            case "pools":
                with own_ground():
                    from . import pools

                reply = {"pools": pools.ask(self._map, self._workers)}
            case unknown:
                raise NotImplementedError(unknown)
        return reply

    def _take_results(self) -> Any:
        results, self._results = self._results, None
        return results

    def _repeat(self, times: int) -> float:
        self._take_results()  # what is measured has its memory to itself
        return repeat(self._batch, times, self._workload.reset)

    def _cold(self) -> Message:
        """The first batch, whose results stay for the next command; the peak of memory is that of the arm so far."""

        def run() -> float:
            began = time.perf_counter()
            self._results = self._batch()
            return time.perf_counter() - began

        if self._workload.reset:
            self._workload.reset()
        return self._counted(run, self._new_memory())

    def _new_memory(self) -> Memory:
        return Memory(None if self._processes is None else [os.getpid(), *self._processes])

    def _counted(self, run: Callable[[], float], memory: Memory, times: int = 1) -> Message:
        """What `run` says a batch took, and what the system counted meanwhile, in a batch on average."""
        before = counters.read_tree(self._processes)
        batch_s = run()
        counted = counters.since(before, counters.read_tree(self._processes), times)
        return {"batch_s": batch_s, **counted, **memory.read()}


def repeat(batch: Callable[[], Any], times: int, reset: Callable[[], object] | None) -> float:
    """Seconds a batch takes, on average over `times` of them one right after the other.

    With a `reset` each batch is timed by itself, so that resetting is not.
    """
    clock = time.perf_counter_ns
    if reset is None:
        began = clock()
        for _ in range(times):
            batch()
        return (clock() - began) / times / 1e9
    total = 0
    for _ in range(times):
        reset()
        began = clock()
        batch()
        total += clock() - began
    return total / times / 1e9


def _interpreter() -> dict[str, Any]:
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return {"python": platform.python_version(), "implementation": sys.implementation.name, "gil": gil}

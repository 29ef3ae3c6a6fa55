"""An arm: one fresh process that opens one pool and runs batches of one workload when told to.

Its keeper writes commands to its standard input and reads a reply to each from its standard output; whatever
the measured code prints goes to a file instead. The order of commands is fixed by nested blocks: `load`, then
`preflight` or `open`; inside an open pool any of `cold`, `save`, `check`, `spans` and `run`; then `close`.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from . import backends, check, counters, preflight
from .errors import BadInput
from .messages import Message, receive, send, take_over_standard_streams
from .reference import describe
from .spans import Spans
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
    except BadInput as error:
        channel.reply(error={"kind": "input", "message": str(error)})
    except BaseException as error:  # whatever the measured code raises, SystemExit too, belongs to the trial
        kind = "crashed" if isinstance(error, BrokenExecutor) else "raised"
        channel.reply(error={"kind": kind, "message": describe(error), "traceback": traceback.format_exc()})


def _serve(channel: _Channel) -> None:
    described = channel.receive()["workload"]
    with open_workload(described) as workload:
        channel.reply(tasks=workload.available, interpreter=_interpreter())
        command = channel.receive()
        if command["do"] == "preflight":
            channel.reply(**preflight.run(workload, command))
            return
        open_pool = backends.find(command["backend"])
        helpers = counters.descendants(os.getpid())  # such as a server that the inputs started: not the pool's
        began = time.perf_counter()
        with open_pool(command["workers"], command["options"], modules(described)) as map_:
            startup_s = time.perf_counter() - began
            pool = [pid for pid in counters.descendants(os.getpid()) if pid not in helpers]
            channel.reply(startup_s=startup_s)
            _run_batches(channel, workload.sampled(command["sample"]), map_, pool)
            began = time.perf_counter()
        channel.reply(shutdown_s=time.perf_counter() - began)


def _run_batches(channel: _Channel, workload: Workload, map_: Map, pool: list[int]) -> None:
    batch = workload.bind(map_)
    results: Any = None
    while (command := channel.receive())["do"] != "close":
        match command["do"]:
            case "cold":
                if workload.reset:
                    workload.reset()
                began = time.perf_counter()
                results = batch()
                cold_s = time.perf_counter() - began
                # Before results are compared: what that takes is none of the workload's memory.
                everyone = [os.getpid(), *pool]
                memory = {
                    "peak_rss_bytes": counters.peak_rss_bytes(everyone),
                    "pss_bytes": counters.pss_bytes(everyone),
                }
                channel.reply(cold_s=cold_s, **memory)
            case "save":
                channel.reply(saved=check.save(results, Path(command["path"])))
                results = None
            case "check":
                answers, difference = check.compare(Path(command["path"]), results, command["check"])
                channel.reply(answers=answers, difference=difference)
                results = None
            case "spans":
                channel.reply(**_run_spans(workload, map_, command["most"]))
            case "run":
                results = None
                before = counters.read_tree(pool)
                batch_s = repeat(batch, command["repeat"], workload.reset)
                counted = counters.since(before, counters.read_tree(pool), command["repeat"])
                channel.reply(batch_s=batch_s, **counted)


def _run_spans(workload: Workload, map_: Map, most: int) -> Message:
    """One batch whose tasks note when and where they ran: at `most` so many of them, and how many workers were busy."""
    if workload.reset:
        workload.reset()
    spans = Spans()
    began = time.perf_counter()
    workload.bind(spans.wrap(map_))()
    tasks = [(start - began, end - began, worker) for start, end, worker in spans.tasks]
    return {"spans": tasks[:most], "busy": len({worker for _, _, worker in tasks})}


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

"""One batch outside the rounds that tells where its time goes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from . import heartbeat, nothing
from .messages import Message
from .noted import forget, here, prepare
from .spans import Spans, imbalance_s
from .workload import Map, Workload

#: So many batches are run, but no more than the trial had rounds, as far as all of them last this long at most; the one
#: of median length is told of.
BATCHES, BATCHES_NS = 5, 300_000_000
SHORTEST_TASK_S = 50e-6
"""In shorter tasks, reading CPU time and run-queue wait would measure itself."""


def run(workload: Workload, map_: Map, command: Message) -> Message:
    """Run instrumented batches, then the calls of the map again with nothing to do; tell of one of these batches.

    Args:
        command: `workers`, `rounds` (of the trial), `most` (how many spans to give), `warm_s` (a batch in a plain
            loop) and `task_s` (a task there, `None` where that is not known).

    Returns:
        `spans`, (start_s, end_s, worker, cpu_s) of the `most` tasks that started first, see `Spans.tasks`; `busy`, how
        many workers ran one; and `instrumented`, in seconds:
            wall_s: the batch;
            map_s: of that, inside calls of the map;
            tasks: how many ran;
            in_tasks_s: the sum of their times;
            cpu_s, queue_s: of that, CPU time of the threads that ran them, and their waiting for a core;
            imbalance_s: how long a worker waits for the last one on average, summed over calls of the map;
            nothing_s: the same calls with tasks that do nothing, the median of some repetitions;
            gil_held: where several threads of this process ran the tasks, the share of the time in which the GIL was
                not free for another one; see `heartbeat`.
        Where tasks are shorter than `SHORTEST_TASK_S`, cpu_s, queue_s and imbalance_s are `None`.
    """
    counts = _task_s(workload, command) >= SHORTEST_TASK_S
    # So that workers import what noting takes before, not meanwhile.
    map_(prepare if counts else forget, range(len(workload.inputs)))
    batches = [_run_one(workload, map_, Spans(counts=counts, keeps=nothing.MOST_CALLS))]
    most = min(BATCHES, command["rounds"])
    while len(batches) < most and sum(each.wall_ns for each in batches) + batches[-1].wall_ns <= BATCHES_NS:
        batches.append(_run_one(workload, map_, Spans(counts=counts)))
    kept = batches[0].spans.calls
    nothing_s = nothing.measure(map_, kept)
    nothing.drop_kept(map_, kept)
    spans, began_ns, wall_ns = sorted(batches, key=lambda each: each.wall_ns)[(len(batches) - 1) // 2]
    tasks, notes = spans.tasks(began_ns), spans.notes
    by_threads = command["workers"] > 1 and {worker[:2] for _, _, worker, _, _ in notes} == {here()}
    in_tasks_s = sum(end_s - start_s for start_s, end_s, *_ in tasks)
    return {
        "spans": tasks[: command["most"]],
        "busy": len({worker for _, _, worker, _ in tasks}),
        "instrumented": {
            "wall_s": wall_ns / 1e9,
            "map_s": sum(call.took_ns for call in spans.calls) / 1e9,
            "tasks": len(tasks),
            "in_tasks_s": in_tasks_s,
            "cpu_s": _total_s(ran_ns for _, _, _, ran_ns, _ in notes),
            "queue_s": _total_s(waited_ns for _, _, _, _, waited_ns in notes),
            "imbalance_s": imbalance_s(spans.calls, command["workers"]) if counts else None,
            "nothing_s": nothing_s,
            "gil_held": heartbeat.held_share(workload.bind(map_), workload.reset) if by_threads else None,
        },
    }


class _Batch(NamedTuple):
    """An instrumented batch: what was noted, on the clock of `began_ns`, and how long it took."""

    spans: Spans
    began_ns: int
    wall_ns: int


def _run_one(workload: Workload, map_: Map, spans: Spans) -> _Batch:
    if workload.reset:
        workload.reset()
    batch = workload.bind(spans.wrap(map_))
    began_ns = time.perf_counter_ns()
    batch()
    return _Batch(spans, began_ns, time.perf_counter_ns() - began_ns)


def _task_s(workload: Workload, command: Message) -> float:
    known_s: float | None = command["task_s"]
    return command["warm_s"] / len(workload.inputs) if known_s is None else known_s


def _total_s(each_ns: Iterable[int | None]) -> float | None:
    total_ns = 0
    for each in each_ns:
        if each is None:
            return None
        total_ns += each
    return total_ns / 1e9

"""Who ran which task when: a batch through a `Map` that notes each task."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from .noted import Note, Noted, Worker, shallow_bytes
from .workload import Map

#: A job's calls are kept while what they hold is less: it may drop each block of its data before it makes the next.
MOST_KEPT_BYTES = 64_000_000


@dataclass(frozen=True)
class Call:
    """One call of a map: its tasks, its time, and the function and inputs for making it again, where they are kept."""

    notes: Sequence[Note]
    took_ns: int
    again: tuple[Callable[[Any], Any], Sequence[Any]] | None


class Spans:
    """The calls of `wrap`ped maps.

    Attributes:
        calls: in the order in which they ended.
    """

    def __init__(self, *, counts: bool = False, keeps: int = 0) -> None:
        """Notes tasks as `Noted` does; `keeps` of the first calls for making them again, and what their tasks gave."""
        self.calls: list[Call] = []
        self._counts, self._keeps, self._kept_bytes = counts, keeps, 0.0

    def wrap(self, map_: Map) -> Map:
        """A map that gives the same results and notes each task."""

        def mapped(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            keeps = len(self.calls) < self._keeps and self._kept_bytes < MOST_KEPT_BYTES
            noted = Noted(function, counts=self._counts, keeps=keeps)
            began_ns = time.perf_counter_ns()
            # A copy, as a job may fill its list anew for the next call, or give an iterator.
            given = inputs if isinstance(inputs, range) or not keeps else list(inputs)
            outcomes = map_(noted, given)
            took_ns = time.perf_counter_ns() - began_ns
            # Results may be large: once the job has dropped its own, nothing here holds them.
            notes = [note for note, _ in outcomes]
            self.calls.append(Call(notes, took_ns, (function, given) if keeps else None))
            if keeps:
                self._kept_bytes += _roughly_bytes(function, given)
            return [result for _, result in outcomes]

        return mapped

    @property
    def notes(self) -> list[Note]:
        """All tasks."""
        return [note for call in self.calls for note in call.notes]

    def tasks(self, began_ns: int) -> list[tuple[float, float, int, float | None]]:
        """One (start_s, end_s, worker, cpu_s) a task in the order of their starts, which are counted from `began_ns`.

        Workers are numbered in the order of their first tasks; `cpu_s` is `None` where it was not noted.
        """
        numbers: dict[Worker, int] = {}
        return [
            (
                (start_ns - began_ns) / 1e9,
                (end_ns - began_ns) / 1e9,
                numbers.setdefault(worker, len(numbers)),
                None if ran_ns is None else ran_ns / 1e9,
            )
            for start_ns, end_ns, worker, ran_ns, _ in sorted(self.notes, key=itemgetter(0))
        ]


def _roughly_bytes(function: Callable[[Any], Any], inputs: Sequence[Any]) -> float:
    """What a call holds in memory, from some of its inputs and what its function is bound to."""
    bound = [*function.args, *function.keywords.values()] if isinstance(function, functools.partial) else []
    some = inputs[:: max(1, len(inputs) // 16)]
    mean = sum(map(shallow_bytes, some)) / max(1, len(some))
    return sum(map(shallow_bytes, bound)) + mean * len(inputs)


def imbalance_s(calls: Sequence[Call], workers: int) -> float:
    """How long a worker waits for the last one, on average over `workers`, summed over calls of the map.

    In each call a worker waits from the end of its own last task to the end of the last task of all; one that had no
    task, from the start of the first.
    """
    total_ns = 0.0
    for call in calls:
        last_ns: dict[Worker, int] = {}
        for _, end_ns, worker, _, _ in call.notes:
            last_ns[worker] = max(end_ns, last_ns.get(worker, end_ns))
        if not last_ns:
            continue
        ended_ns, began_ns = max(last_ns.values()), min(start_ns for start_ns, *_ in call.notes)
        ends_ns = [*last_ns.values(), *[began_ns] * (workers - len(last_ns))]
        total_ns += sum(ended_ns - each for each in ends_ns) / len(ends_ns)
    return total_ns / 1e9

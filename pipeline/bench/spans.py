"""Who ran which task when: a batch through a `Map` that notes each task's start, end and worker."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from .workload import Map


class Spans:
    """The tasks that went through `wrap`ped maps.

    Attributes:
        tasks: one (start_s, end_s, worker) a task, on one clock of this host; workers are numbered as they appear.
        calls: the number of inputs of each call of the map.
    """

    def __init__(self) -> None:
        self.tasks: list[tuple[float, float, int]] = []
        self.calls: list[int] = []
        self._workers: dict[tuple[int, int], int] = {}

    def wrap(self, map_: Map) -> Map:
        """A map that gives the same results and notes each task."""

        def mapped(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            outcomes = map_(_Noted(function), inputs)
            self.calls.append(len(outcomes))
            for start_ns, end_ns, worker, _ in outcomes:
                number = self._workers.setdefault(worker, len(self._workers))
                self.tasks.append((start_ns / 1e9, end_ns / 1e9, number))
            return [result for _, _, _, result in outcomes]

        return mapped


class _Noted:
    """A function that can travel to a worker and comes back with when and where it ran."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, each: Any) -> tuple[int, int, tuple[int, int], Any]:
        start_ns = time.perf_counter_ns()
        result = self.function(each)
        end_ns = time.perf_counter_ns()
        return start_ns, end_ns, (os.getpid(), threading.get_ident()), result

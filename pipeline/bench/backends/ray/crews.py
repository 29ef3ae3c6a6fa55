"""The workers of a pool as one process of the user's has them, and how they share out a batch."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import ray

from ... import reference
from .. import Worker
from .placing import Placing
from .worker import Actor, Barrier, Ran, Setting, meet, run

#: So many chunks are with a worker at a time: the one that it runs, and one that it finds when that is done.
AHEAD = 2
#: So often, while no chunk is done, it is looked whether the nodes are there: with one goes what waits for its place.
_LOOKS_EVERY_S = 5.0


class Crew(Protocol):
    """The workers of a pool, whatever they are."""

    workers: tuple[Worker, ...]

    def hold(self, function: Callable[[Any], Any]) -> None:
        """Have the workers hold the function of the chunks that come."""
        ...

    def submit(self, worker: int, chunk: Sequence[Any]) -> ray.ObjectRef:
        """Give a chunk to one of them, if it has a say in that; the reference to the results."""
        ...


class _Actors:
    """One actor for each worker, which keeps what it imported and the function that it was given."""

    def __init__(self, workers: int, placing: Placing, setting: Setting) -> None:
        options = {"max_restarts": 0, "max_task_retries": 0}
        self._placing = placing
        self._actors = [
            ray.remote(Actor).options(**placing.options(place), **options).remote() for place in range(workers)
        ]
        # Not as they are made: what is raised then is told as their death.
        self.workers = _met([actor.enter.remote(setting) for actor in self._actors], placing)
        self._held: Callable[[Any], Any] | None = None

    def hold(self, function: Callable[[Any], Any]) -> None:
        if function is not self._held:
            self._held = None
            held = ray.put(function)
            told = [actor.hold.remote(held) for actor in self._actors]
            _await(told, len(told), self._placing)
            ray.get(told)
            self._held = function

    def submit(self, worker: int, chunk: Sequence[Any]) -> ray.ObjectRef:
        return self._actors[worker].run.remote(chunk)


class _Tasks:
    """A task for each chunk: Ray chooses the worker, and gives the function along."""

    def __init__(self, workers: int, placing: Placing, setting: Setting) -> None:
        self._setting = ray.put(setting)
        barrier = ray.remote(Barrier).options(num_cpus=0).remote(workers)
        options = {**placing.options(), "max_retries": 0}
        self._run = ray.remote(run).options(**options)
        meeting = ray.remote(meet).options(**options)
        self.workers = _met([meeting.remote(self._setting, barrier) for _ in range(workers)], placing)
        self._held: Callable[[Any], Any] | None = None
        self._function: list[ray.ObjectRef] = []

    def hold(self, function: Callable[[Any], Any]) -> None:
        if function is not self._held:
            self._held, self._function = function, [ray.put(function)]  # in a list, Ray leaves it for the task to get

    def submit(self, worker: int, chunk: Sequence[Any]) -> ray.ObjectRef:
        return self._run.remote(self._setting, self._function, chunk)


def _met(answers: Sequence[ray.ObjectRef], placing: Placing) -> tuple[Worker, ...]:
    return tuple(Worker(*ray.get(_await([answer], 1, placing))) for answer in answers)


STYLES: dict[str, Callable[[int, Placing, Setting], Crew]] = {"actor": _Actors, "task": _Tasks}


def map_(
    crew: Crew, placing: Placing, function: Callable[[Any], Any], inputs: Sequence[Any], chunksize: int
) -> list[Any]:
    """All results, in order; `AHEAD` chunks are with every worker, and who is done gets the next."""
    crew.hold(function)
    workers = len(crew.workers)
    given: list[ray.ObjectRef] = []
    running: dict[ray.ObjectRef, int] = {}
    for number, at in enumerate(range(0, len(inputs), chunksize)):
        worker = number % workers if number < AHEAD * workers else running.pop(_await(list(running), 1, placing))
        given.append(crew.submit(worker, inputs[at : at + chunksize]))
        running[given[-1]] = worker
    if running:  # once for all of them: to wait for each takes time that the workers need
        _await(list(running), len(running), placing)
    return [result for ran in ray.get(given) for result in _taken(ran)]


def _await(references: list[ray.ObjectRef], count: int, placing: Placing) -> ray.ObjectRef:
    """Wait until so many are done; the first of them."""
    while True:
        done, _ = ray.wait(references, num_returns=count, timeout=_LOOKS_EVERY_S)
        if len(done) == count:
            return done[0]
        placing.look()


class _InWorker(Exception):
    """The traceback of what a worker raised, as the cause of that here."""


def _taken(ran: Ran) -> list[Any]:
    """The results.

    Raises:
        UnpicklingError: what a call raised cannot be unpickled; otherwise it is raised.
    """
    if isinstance(ran, list):
        return ran
    pickled, said = ran
    try:
        error = ray.cloudpickle.loads(pickled)
    except Exception as why:
        what = f"what a worker gave back cannot be unpickled: {reference.describe(why)}"
        raise pickle.UnpicklingError(what) from _InWorker(said)
    raise error from _InWorker(said)

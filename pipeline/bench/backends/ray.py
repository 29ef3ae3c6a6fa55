"""Worker processes of a Ray cluster, on this machine or on many: actors that stay, or tasks.

The cluster is there already, at `RAY_ADDRESS`: what opens here is a connection to it and the workers. A placement group
holds their places before any of them starts, so that where they are does not depend on what else the cluster does.
Where there are more workers than CPUs, they share them.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import pickle
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pprint import pformat
from typing import Any, ClassVar, Protocol

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put  # as Ray's libraries
from ray.util.placement_group import PlacementGroup, placement_group_table
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from .. import places, reference, travel
from ..errors import Unavailable, WorkerDied, WorkerTooLarge
from . import Code, Pool, Worker

#: So many chunks are with a worker at a time: the one that it runs, and one that it finds when that is done.
AHEAD = 2
#: Others' work may have the CPUs for so long: less than a trial's usual time. One that is not run comes again later.
PATIENCE_S = 30.0
#: A node that is gone is noticed by then: a head asks its nodes for 17 s, unless it was told otherwise.
NOTICED_S = 30.0
#: So often, while no chunk is done, it is looked whether the nodes are there: with one goes what waits for its place.
_LOOKS_EVERY_S = 5.0
#: Where the cluster's head keeps what workers leave word of.
_NOTES = "pipeline"
_PLACEMENTS = {"pack": "PACK", "spread": "SPREAD"}


@contextmanager
def open_pool(workers: int, options: Mapping[str, Any], modules: Sequence[str]) -> Iterator[Pool]:
    """A pool whose workers have all answered; which processes they are, and where, is part of what it yields."""
    given = {"PYTHONHASHSEED": os.environ["PYTHONHASHSEED"], **options["env"]}  # sets have one order in all arms
    runtime_env: dict[str, Any] = {"env_vars": {name: value for name, value in given.items() if value is not None}}
    if int(os.environ["PIPELINE_HOSTS"]) > 1:
        runtime_env |= travel.runtime_env(str(Path.cwd()))
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", runtime_env=runtime_env)
    except Exception as error:  # its own types, and Python's
        raise Unavailable(f"the Ray cluster cannot be reached ({reference.describe(error)})") from error
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # other nodes may lack this package
    try:
        with _places(workers, _PLACEMENTS[options["placement"]]) as placing:
            unset = [name for name in ("OMP_NUM_THREADS", *options["env"]) if name not in os.environ]
            setting = _Setting.here(modules, unset, options["memory_bytes"])
            chunksize = options["chunksize"]
            with _translated(placing):
                crew = _STYLES[options["style"]](workers, placing, setting)
            code = _code(workers, options, placing.cpus, unset)

            def map_(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
                with _translated(placing):
                    return _map(crew, placing, function, inputs, chunksize)

            yield Pool(map_, code, crew.workers)
    finally:
        ray.shutdown()


class _Placing:
    """The places of a pool's workers, as options for what runs there."""

    def __init__(self, group: PlacementGroup, cpus: float) -> None:
        self._group, self.cpus = group, cpus
        # Now: when a node is gone, the group has places elsewhere.
        self._nodes: set[str] = set(placement_group_table(group)["bundles_to_node_id"].values())

    def options(self, place: int = -1) -> dict[str, Any]:
        """For a worker in one of the places, or in any of them."""
        strategy = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=place)
        return {"num_cpus": self.cpus, "scheduling_strategy": strategy}

    def look(self) -> None:
        """See that the cluster still has all of its nodes.

        Raises:
            Unavailable: one is gone.
        """
        gone = self._nodes - {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        if gone:
            raise _lost(min(gone))

    def knock(self) -> None:
        """See that all nodes answer: a worker's end is heard of sooner than that of its node.

        Raises:
            Unavailable: one does not.
        """
        there = {id_: NodeAffinitySchedulingStrategy(id_, soft=False) for id_ in self._nodes}
        answer, options = ray.remote(_here), {"num_cpus": 0, "max_retries": 0}
        knocks = {id_: answer.options(scheduling_strategy=at, **options).remote() for id_, at in there.items()}
        for id_, knock in knocks.items():
            try:
                ray.get(knock, timeout=NOTICED_S)
            except RayError as error:
                raise _lost(id_) from error


def _lost(node: str) -> Unavailable:
    return Unavailable(f"the Ray cluster lost the node {node[:8]}, where a worker was")


@contextmanager
def _places(workers: int, strategy: str) -> Iterator[_Placing]:
    """A place for each worker, and the CPUs of each."""
    cpus = _share([node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]], workers)
    until = time.monotonic() + PATIENCE_S
    group = places.hold([{"CPU": cpus}] * workers, lambda: time.monotonic() < until, strategy=strategy)
    if group is None:
        raise Unavailable(f"the Ray cluster's CPUs were not free within {PATIENCE_S:.0f} s: others' work holds them")
    try:
        yield _Placing(group, cpus)
    finally:
        places.give_back(group)


def _share(nodes: Sequence[float], workers: int) -> float:
    """The CPUs of each worker so that all of them have a place on the nodes: one, or as large a part as there can be.

    Raises:
        Unavailable: the nodes have none.
    """
    for parts in range(1, workers + 1):
        if sum(math.floor(cpus * parts) for cpus in nodes) >= workers:
            return 1.0 if parts == 1 else math.floor(10_000 / parts) / 10_000  # Ray counts in ten-thousandths
    raise Unavailable("no node of the Ray cluster has a CPU")


class _Setting:
    """What a worker needs to find the measured code: it travels as a value, as other nodes may lack this package."""

    entered: ClassVar[bool] = False  # in a worker's process, which finds this class again whenever it comes

    def __init__(
        self,
        folder: str,
        path: list[str],
        modules: Sequence[str],
        files: dict[str, bytes],
        unset: Sequence[str],
        memory_bytes: int | None,
    ) -> None:
        self._folder, self._path, self._modules, self._files = folder, path, list(modules), files
        self._unset, self._memory_bytes = unset, memory_bytes
        self._temporary = tempfile.gettempdir()

    @classmethod
    def here(cls, modules: Sequence[str], unset: Sequence[str], memory_bytes: int | None) -> _Setting:
        """As this process finds it; variables that are `unset` here Ray may have set there, or whoever started it.

        What is in the user's folder is named from there on: on other machines that is elsewhere.
        """
        folder = Path.cwd()
        absolute = [Path(os.path.abspath(each)) for each in sys.path]
        path = [str(each.relative_to(folder) if each.is_relative_to(folder) else each) for each in absolute]
        files = {place: Path(place).read_bytes() for place in modules if place.endswith(".py")}
        return cls(str(folder), path, modules, files, unset, memory_bytes)

    def enter(self) -> None:
        """Have this process keep its limit and import the code, once its variables are those of the other arms."""
        if type(self).entered:
            return
        for name in self._unset:
            os.environ.pop(name, None)
        if os.access(self._temporary, os.W_OK):  # on this machine: what is there goes with the trial
            os.environ["TMPDIR"] = tempfile.tempdir = self._temporary
        if Path(self._folder).is_dir():  # on other machines Ray has brought it, and is in it
            os.chdir(self._folder)
        found = [os.path.abspath(each) for each in self._path]
        sys.path += [each for each in found if each not in sys.path and Path(each).is_dir()]
        limits = importlib.import_module("pipeline_bench.limits")
        limits.guard_itself(self._memory_bytes, f"a worker on {_here()[0]}", _note)
        reference = importlib.import_module("pipeline_bench.reference")
        for place in self._modules:
            reference.load_module(place, place, self._files.get(place))
        type(self).entered = True


def _here() -> tuple[str, int]:
    return f"{platform.node()}/{ray.get_runtime_context().get_node_id()[:8]}", os.getpid()


def _note(why: str) -> None:
    """Leave word for the driver why this process ends: Ray tells it only that it did."""
    _internal_kv_put(ray.get_runtime_context().get_job_id(), why, namespace=_NOTES)


def _take_note() -> str | None:
    """What a worker of this driver's left."""
    job = ray.get_runtime_context().get_job_id()
    found = _internal_kv_get(job, namespace=_NOTES)
    _internal_kv_del(job, namespace=_NOTES)
    return None if found is None else found.decode()


_Ran = list[Any] | tuple[bytes, str]
"""The results of a chunk; or what a call of it raised, pickled, and the traceback."""


def _ran(function: Callable[[Any], Any], chunk: Sequence[Any]) -> _Ran:
    """What is raised travels as other things do: Ray ends the worker for some exceptions, and loses what others say."""
    try:
        return [function(each) for each in chunk]
    except Exception as error:
        said = importlib.import_module("pipeline_bench.reference").say_traceback(error)
        try:
            return ray.cloudpickle.dumps(error), said
        except Exception as why:  # it holds what cannot be pickled
            return ray.cloudpickle.dumps(why), said


class _InWorker(Exception):
    """The traceback of what a worker raised, as the cause of that here."""


def _taken(ran: _Ran) -> list[Any]:
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


class _Crew(Protocol):
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

    def __init__(self, workers: int, placing: _Placing, setting: _Setting) -> None:
        options = {"max_restarts": 0, "max_task_retries": 0}
        self._actors = [
            ray.remote(_Actor).options(**placing.options(place), **options).remote() for place in range(workers)
        ]
        # Not as they are made: what is raised then is told as their death.
        self.workers = _met([actor.enter.remote(setting) for actor in self._actors], placing)
        self._held: Callable[[Any], Any] | None = None

    def hold(self, function: Callable[[Any], Any]) -> None:
        if function is not self._held:
            self._held = None
            reference = ray.put(function)
            ray.get([actor.hold.remote(reference) for actor in self._actors])
            self._held = function

    def submit(self, worker: int, chunk: Sequence[Any]) -> ray.ObjectRef:
        return self._actors[worker].run.remote(chunk)


class _Actor:
    def enter(self, setting: _Setting) -> tuple[str, int]:
        setting.enter()
        return _here()

    def hold(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def run(self, chunk: Sequence[Any]) -> _Ran:
        return _ran(self._function, chunk)


class _Tasks:
    """A task for each chunk: Ray chooses the worker, and gives the function along."""

    def __init__(self, workers: int, placing: _Placing, setting: _Setting) -> None:
        self._setting = ray.put(setting)
        barrier = ray.remote(_Barrier).options(num_cpus=0).remote(workers)
        meet, run = ray.remote(_meet), ray.remote(_run)
        options = {**placing.options(), "max_retries": 0}
        self._run = run.options(**options)
        self.workers = _met([meet.options(**options).remote(self._setting, barrier) for _ in range(workers)], placing)
        self._held: Callable[[Any], Any] | None = None
        self._function: list[ray.ObjectRef] = []

    def hold(self, function: Callable[[Any], Any]) -> None:
        if function is not self._held:
            self._held, self._function = function, [ray.put(function)]  # in a list, Ray leaves it for the task to get

    def submit(self, worker: int, chunk: Sequence[Any]) -> ray.ObjectRef:
        return self._run.remote(self._setting, self._function, chunk)


class _Barrier:
    """Lets everybody go once `expected` of them are there."""

    def __init__(self, expected: int) -> None:
        self._missing, self._all_there = expected, asyncio.Event()

    async def arrive(self) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._all_there.set()
        await self._all_there.wait()


def _meet(setting: _Setting, barrier: Any) -> tuple[str, int]:
    setting.enter()
    ray.get(barrier.arrive.remote())
    return _here()


def _run(setting: _Setting, held: Sequence[ray.ObjectRef], chunk: Sequence[Any]) -> _Ran:
    setting.enter()  # before the function is unpickled: it may be the first task of a new process
    return _ran(ray.get(held[0]), chunk)


def _met(answers: Sequence[ray.ObjectRef], placing: _Placing) -> tuple[Worker, ...]:
    return tuple(Worker(*ray.get(_await([answer], 1, placing))) for answer in answers)


_STYLES: dict[str, Callable[[int, _Placing, _Setting], _Crew]] = {"actor": _Actors, "task": _Tasks}


def _map(
    crew: _Crew, placing: _Placing, function: Callable[[Any], Any], inputs: Sequence[Any], chunksize: int
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


def _await(references: list[ray.ObjectRef], count: int, placing: _Placing) -> ray.ObjectRef:
    """Wait until so many are done; the first of them."""
    while True:
        done, _ = ray.wait(references, num_returns=count, timeout=_LOOKS_EVERY_S)
        if len(done) == count:
            return done[0]
        placing.look()


@contextmanager
def _translated(placing: _Placing) -> Iterator[None]:
    """What Ray raises as what has happened; what the measured code raised is raised as it was.

    Raises:
        Unavailable: a node is gone, or results that were on it.
        WorkerDied: a worker ended, and its node is there.
        WorkerTooLarge: for what it had of memory.
    """
    try:
        yield
    except RayTaskError as error:
        _excuse(error.cause, placing)
        if isinstance(error.cause, Exception):
            raise error.cause from error
        raise
    except OutOfMemoryError as error:
        raise WorkerTooLarge(_first_line(error)) from error
    except RayError as error:
        _excuse(error, placing)
        if isinstance(error, (RayActorError, WorkerCrashedError, NodeDiedError)):
            if (why := _take_note()) is not None:
                raise WorkerTooLarge(why) from error
            raise WorkerDied(_first_line(error)) from error
        raise


def _excuse(error: object, placing: _Placing) -> None:
    """See that it is not for the cluster that Ray raised something.

    Raises:
        Unavailable: it is.
    """
    if isinstance(error, ObjectLostError):
        raise Unavailable(f"the Ray cluster lost what a worker gave back ({type(error).__name__})") from error
    if isinstance(error, RayError):
        placing.knock()


def _first_line(error: BaseException) -> str:
    """Ray's own text goes on for pages."""
    return str(error).strip().partition("\n")[0]


_ACTORS_CODE = """
@ray.remote
class Worker:
    def __init__(self):
        for name in UNSET:
            os.environ.pop(name, None)

    def hold(self, function):
        self.function = function

    def run(self, chunk):
        return [self.function(x) for x in chunk]


def ray_map(workers, function, inputs, chunksize):
    held = ray.put(function)
    ray.get([worker.hold.remote(held) for worker in workers])
    free, given, running = workers * AHEAD, [], {}
    for at in range(0, len(inputs), chunksize):
        if not free:
            (done,), _ = ray.wait(list(running))
            free.append(running.pop(done))
        worker = free.pop(0)
        given.append(worker.run.remote(inputs[at : at + chunksize]))
        running[given[-1]] = worker
    return [x for chunk in ray.get(given) for x in chunk]
"""
_TASKS_CODE = """
@ray.remote
def run(held, chunk):
    for name in UNSET:
        os.environ.pop(name, None)
    function = ray.get(held[0])
    return [function(x) for x in chunk]


def ray_map(placed, workers, function, inputs, chunksize):
    held, given, running = [ray.put(function)], [], []
    for at in range(0, len(inputs), chunksize):
        if len(running) == workers * AHEAD:
            _, running = ray.wait(running)
        given.append(placed.remote(held, inputs[at : at + chunksize]))
        running.append(given[-1])
    return [x for chunk in ray.get(given) for x in chunk]
"""


def _code(workers: int, options: Mapping[str, Any], cpus: float, unset: Sequence[str]) -> Code:
    """`ray.init()` finds the cluster at `RAY_ADDRESS` as it does here, or else starts one."""
    environment: dict[str, Any] = {}
    if given := {name: value for name, value in options["env"].items() if value is not None}:
        environment["env_vars"] = given
    if int(os.environ["PIPELINE_HOSTS"]) > 1:
        environment |= travel.working_dir(str(Path.cwd())) | {"working_dir": "."}
    arguments = f"runtime_env={pformat(environment, width=90, sort_dicts=False)}" if environment else ""
    strategy, share = _PLACEMENTS[options["placement"]], f"num_cpus={cpus:g}"
    if options["style"] == "actor":
        definitions, held = _ACTORS_CODE, "workers"
        placed = f"[Worker.options({share}, scheduling_strategy=In(places, n)).remote() for n in range({workers})]"
    else:
        definitions, held = _TASKS_CODE, f"placed, {workers}"
        placed = f"run.options({share}, scheduling_strategy=In(places), max_retries=0)"
    return Code(
        f"ray_map({held}, {{function}}, {{inputs}}, chunksize={options['chunksize']})",
        imports=(
            "import os",
            "import ray",
            "from ray.util.placement_group import placement_group",
            "from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy as In",
        ),
        definitions=(
            f"AHEAD = {AHEAD}  # chunks with a worker at a time: the one that it runs, and the next",
            f"UNSET = {list(unset)}  # which Ray sets where its workers start",
            "",
            *definitions.splitlines(),
        ),
        opens=(
            *f"with ray.init({arguments}):  # at RAY_ADDRESS, or else it starts one here".splitlines(),
            f'    places = placement_group([{{"CPU": {cpus:g}}}] * {workers}, strategy="{strategy}")',
            "    ray.get(places.ready())",
            f"    {held.partition(',')[0]} = {placed}",
        ),
    )

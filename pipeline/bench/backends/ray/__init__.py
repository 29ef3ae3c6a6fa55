"""Worker processes of a Ray cluster, on this machine or on many: actors that stay, or tasks.

The cluster is there already, at `RAY_ADDRESS`: what opens here is a connection to it and the workers. A placement group
holds their places before any of them starts, so that where they are does not depend on what else the cluster does.
Where there are more workers than CPUs, they share them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

from ... import reference, travel
from ...errors import Unavailable, WorkerDied, WorkerTooLarge
from .. import Pool
from . import code, crews, worker
from .placing import PLACEMENTS, Placing, open_places


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
    ray.cloudpickle.register_pickle_by_value(worker)  # other nodes may lack this package
    try:
        with open_places(workers, PLACEMENTS[options["placement"]]) as placing:
            unset = [name for name in ("OMP_NUM_THREADS", *options["env"]) if name not in os.environ]
            setting = worker.Setting.here(modules, unset, options["memory_bytes"])
            chunksize = options["chunksize"]
            with _translated(placing):
                crew = crews.STYLES[options["style"]](workers, placing, setting)
            placing.watch(crew.workers, they_stay=options["style"] == "actor")  # Ray ends idle tasks' workers

            def map_(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
                with _translated(placing):
                    return crews.map_(crew, placing, function, inputs, chunksize)

            yield Pool(map_, code.say(workers, options, placing.cpus, unset), crew.workers)
    finally:
        ray.shutdown()


@contextmanager
def _translated(placing: Placing) -> Iterator[None]:
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
            if (why := worker.take_note()) is not None:
                raise WorkerTooLarge(why) from error
            raise WorkerDied(placing.say_death() or _first_line(error)) from error
        raise


def _excuse(error: object, placing: Placing) -> None:
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

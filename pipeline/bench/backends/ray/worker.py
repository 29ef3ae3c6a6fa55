"""What runs in a worker's process, and the word it leaves. It travels as a value: nodes may lack this package."""

from __future__ import annotations

import asyncio
import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ray
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put  # as Ray's libraries

#: Where the cluster's head keeps what workers leave word of.
_NOTES = "pipeline"


class Setting:
    """What a worker needs to find the measured code."""

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
    def here(cls, modules: Sequence[str], unset: Sequence[str], memory_bytes: int | None) -> Setting:
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
        limits.guard_itself(self._memory_bytes, f"a worker on {here()[0]}", _note)
        reference = importlib.import_module("pipeline_bench.reference")
        for place in self._modules:
            reference.load_module(place, place, self._files.get(place))
        type(self).entered = True


def here() -> tuple[str, int]:
    """The fields of this process as a `backends.Worker`."""
    return f"{platform.node()}/{ray.get_runtime_context().get_node_id()[:8]}", os.getpid()


def _note(why: str) -> None:
    """Leave word for the driver why this process ends: Ray tells it only that it did."""
    _internal_kv_put(ray.get_runtime_context().get_job_id(), why, namespace=_NOTES)


def take_note() -> str | None:
    """What a worker of this driver's left."""
    job = ray.get_runtime_context().get_job_id()
    found = _internal_kv_get(job, namespace=_NOTES)
    _internal_kv_del(job, namespace=_NOTES)
    return None if found is None else found.decode()


Ran = list[Any] | tuple[bytes, str]
"""The results of a chunk; or what a call of it raised, pickled, and the traceback."""


def _ran(function: Callable[[Any], Any], chunk: Sequence[Any]) -> Ran:
    """What is raised travels as other things do: Ray ends the worker for some exceptions, and loses what others say."""
    try:
        return [function(each) for each in chunk]
    except Exception as error:
        said = importlib.import_module("pipeline_bench.reference").say_traceback(error)
        try:
            return ray.cloudpickle.dumps(error), said
        except Exception as why:  # it holds what cannot be pickled
            return ray.cloudpickle.dumps(why), said


class Actor:
    """A worker that stays."""

    def enter(self, setting: Setting) -> tuple[str, int]:
        """Have it import the code."""
        setting.enter()
        return here()

    def hold(self, function: Callable[[Any], Any]) -> None:
        """Have it keep the function of the chunks that come."""
        self._function = function

    def run(self, chunk: Sequence[Any]) -> Ran:
        """Do a chunk."""
        return _ran(self._function, chunk)


class Barrier:
    """Lets everybody go once `expected` of them are there."""

    def __init__(self, expected: int) -> None:
        self._missing, self._all_there = expected, asyncio.Event()

    async def arrive(self) -> None:
        """Wait for the others."""
        self._missing -= 1
        if self._missing == 0:
            self._all_there.set()
        await self._all_there.wait()


def meet(setting: Setting, barrier: Any) -> tuple[str, int]:
    """A task that lasts until there are as many workers as there are of it."""
    setting.enter()
    ray.get(barrier.arrive.remote())
    return here()


def run(setting: Setting, held: Sequence[ray.ObjectRef], chunk: Sequence[Any]) -> Ran:
    """A task that does a chunk."""
    setting.enter()  # before the function is unpickled: it may be the first task of a new process
    return _ran(ray.get(held[0]), chunk)

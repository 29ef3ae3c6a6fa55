"""The same pool in a script of the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from pprint import pformat
from typing import Any

from ... import travel
from .. import Code
from .crews import AHEAD
from .placing import PLACEMENTS

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


def say(workers: int, options: Mapping[str, Any], cpus: float, unset: Sequence[str]) -> Code:
    """`ray.init()` finds the cluster at `RAY_ADDRESS` as it does here, or else starts one."""
    environment: dict[str, Any] = {}
    if given := {name: value for name, value in options["env"].items() if value is not None}:
        environment["env_vars"] = given
    if int(os.environ["PIPELINE_HOSTS"]) > 1:
        environment |= travel.working_dir(str(Path.cwd())) | {"working_dir": "."}
    arguments = f"runtime_env={pformat(environment, width=90, sort_dicts=False)}" if environment else ""
    strategy, share = PLACEMENTS[options["placement"]], f"num_cpus={cpus:g}"
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

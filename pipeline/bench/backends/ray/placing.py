"""Where the workers of a pool are: a placement group holds their places before any of them starts."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group_table
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from ... import counters, places
from ...deaths import Watch
from ...errors import Unavailable
from .. import Worker
from .worker import here

#: Others' work may have the CPUs for so long: less than a trial's usual time. One that is not run comes again later.
PATIENCE_S = 30.0
#: A node that is gone is noticed by then: a head asks its nodes for 17 s, unless it was told otherwise.
NOTICED_S = 30.0
PLACEMENTS = {"pack": "PACK", "spread": "SPREAD"}


class Placing:
    """The places of a pool's workers, as options for what runs there."""

    def __init__(self, group: PlacementGroup, cpus: float) -> None:
        self._group, self.cpus = group, cpus
        # Now: when a node is gone, the group has places elsewhere.
        self._nodes: set[str] = set(placement_group_table(group)["bundles_to_node_id"].values())
        self._workers, self._node = Watch(()), Watch(())

    def options(self, place: int = -1) -> dict[str, Any]:
        """For a worker in one of the places, or in any of them."""
        strategy = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=place)
        return {"num_cpus": self.cpus, "scheduling_strategy": strategy}

    def watch(self, workers: Iterable[Worker], *, they_stay: bool) -> None:
        """Have an eye on what started those that are on this machine: the node itself; and on them, if they stay."""
        pids = [each.pid for each in workers if each.host == platform.node()]
        self._node = Watch({up for pid in pids if (up := counters.parent(pid)) is not None})
        self._workers = Watch(pids if they_stay else ())

    def say_death(self) -> str | None:
        """How a worker ended, where that can be told: Ray says only that one did."""
        said = self._workers.say()
        return None if said is None else f"a worker process {said}"

    def look(self) -> None:
        """See that the cluster still has all of its nodes.

        Raises:
            Unavailable: one is gone.
        """
        if self._node.is_gone():  # the cluster's head notices that some twenty seconds later
            raise Unavailable("the Ray cluster lost the node of this machine, where a worker was")
        gone = self._nodes - {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        if gone:
            raise _lost(min(gone))

    def knock(self) -> None:
        """See that all nodes answer: a worker's end is heard of sooner than that of its node.

        Raises:
            Unavailable: one does not.
        """
        self.look()
        there = {id_: NodeAffinitySchedulingStrategy(id_, soft=False) for id_ in self._nodes}
        answer, options = ray.remote(here), {"num_cpus": 0, "max_retries": 0}
        knocks = {id_: answer.options(scheduling_strategy=at, **options).remote() for id_, at in there.items()}
        for id_, knock in knocks.items():
            try:
                ray.get(knock, timeout=NOTICED_S)
            except RayError as error:
                raise _lost(id_) from error


def _lost(node: str) -> Unavailable:
    return Unavailable(f"the Ray cluster lost the node {node[:8]}, where a worker was")


@contextmanager
def open_places(workers: int, strategy: str) -> Iterator[Placing]:
    """A place for each worker, and the CPUs of each."""
    cpus = _share([node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]], workers)
    until = time.monotonic() + PATIENCE_S
    group = places.hold([{"CPU": cpus}] * workers, lambda: time.monotonic() < until, strategy=strategy)
    if group is None:
        raise Unavailable(f"the Ray cluster's CPUs were not free within {PATIENCE_S:.0f} s: others' work holds them")
    try:
        yield Placing(group, cpus)
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

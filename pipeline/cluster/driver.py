"""The process that speaks to a Ray cluster: it reads commands of `cluster.Driver` and writes what becomes of them.

Every node gets a keeper as soon as all of its CPUs are ours: a placement group of one bundle holds them, so that nobody
else's work, and no other trial, shares the node meanwhile.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ..bench import counters, ending, places, travel
from ..bench.deaths import Watch
from ..bench.messages import Message, receive, send, take_over_standard_streams
from . import ADDRESS, CLUSTER, FOLDER, HOSTS, LOCAL, PICKLED, SHIPPED, keeper

#: Nodes that joined or left are looked for so often;
EVERY_S = 1.0
#: one that could not have a keeper is tried again after so long, and then after twice that, up to
TRIES_AGAIN_S, SELDOM_S = 4.0, 64.0

#: Whoever does not answer in this time is not there.
KNOCK_S = 10.0
#: A cluster of our own that is not down by then hangs.
LEAVES_S = 15.0
#: So long has a keeper to end what it started and to remove its folder.
TIDIES_S = 12.0
#: A head that is there and has not let us in by then will not: it has another token.
OPENS_IN_S = "5"

#: How a trial goes is asked for once a second at most, and that it goes on is heard of at least so often.
HEARS_S, LONGEST_S = 1.0, 20.0

_NAMES = {
    "folder": FOLDER,
    "shipped": SHIPPED,
    "pickled": PICKLED,
    "cluster": CLUSTER,
    "address": ADDRESS,
    "hosts": HOSTS,
}

Tell = Callable[[Message], None]


def main() -> None:
    """Serve until standard input closes."""
    ending.become_subreaper()
    commands, replies = take_over_standard_streams()
    lock = threading.Lock()

    def tell(message: Message) -> None:
        with lock, suppress(OSError):  # the conductor went: the loop below ends
            send(replies, message)

    nodes, own = None, Watch(())
    while (command := receive(commands)) is not None:
        match command.pop("do"):
            case "open":
                nodes = _open(command, tell)
                own = Watch(_started())
            case "run" if nodes is not None:
                nodes.run(**command)
            case "give up" if nodes is not None:
                nodes.give_up(**command)
            case "reserve" if nodes is not None:
                nodes.reserve(**command)
            case "dismiss" if nodes is not None:
                nodes.dismiss(**command)
            case "knock":
                tell({"answers": not own.is_gone() and _answers(**command)})
    _leave(ending.GRACE_S if nodes is None else TIDIES_S)


def _open(command: Message, tell: Tell) -> _Nodes | None:
    address = command["address"]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Only a cluster of our own: on others these are for whoever started them to choose.
    ours = {"include_dashboard": False, "_temp_dir": command["scratch"]} if address == LOCAL else {}
    travels = {} if command["keepers"] is None else {"runtime_env": travel.working_dir(command["keepers"]["folder"])}
    try:
        if address != LOCAL:
            _knock(address)
            os.environ.setdefault("RAY_gcs_server_port_wait_time_s", OPENS_IN_S)
        ray.init(address, log_to_driver=False, logging_level="ERROR", **ours, **travels)
    except Exception as error:  # noqa: BLE001 - no cluster there, other versions, no permission: each its own type
        tell({"refused": f"cluster.address={address}: {_why(error)}"})
        return None
    secrets = {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH_")}
    hosts = {node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
    tell({"opened": {"RAY_ADDRESS": ray.get_runtime_context().gcs_address, **secrets}, "hosts": len(hosts)})
    if command["keepers"] is None:
        return None
    nodes = _Nodes(command["keepers"], tell)
    threading.Thread(target=nodes.watch, daemon=True).start()
    return nodes


def _started() -> Iterator[int]:
    """The processes that a cluster of our own stands and falls with; others' are no children of ours."""
    for pid in counters.descendants(os.getpid()):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() in ("gcs_server", "raylet"):
                yield pid


def _answers(within_s: float) -> bool:
    """Whether one of the nodes does; that one is gone Ray notices after a while, and not that it hangs."""
    there = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in ray.nodes() if node["Alive"]]
    asked = ray.remote(lambda: None)  # which travels as a value: nodes may lack this package
    knocks = [asked.options(num_cpus=0, max_retries=0, scheduling_strategy=each).remote() for each in there]
    while knocks:
        done, knocks = ray.wait(knocks, timeout=within_s)
        if not done:
            return False
        with suppress(RayError):
            ray.get(done)
            return True
    return False


def _leave(most_s: float) -> None:
    """Leave the cluster, or take our own down; one that hangs is killed."""

    def kill() -> None:
        ending.kill_descendants()
        os._exit(0)

    timer = threading.Timer(LEAVES_S, kill)
    timer.daemon = True
    timer.start()
    ray.shutdown()
    timer.cancel()
    # Of a cluster of our own: keepers, which end what is theirs before they go, and what workers left.
    ending.outlast_descendants(most_s)
    os._exit(0)  # threads that wait for nodes have nothing to wait for any more


def _knock(address: str) -> None:
    """See that somebody is there: Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


def _said(error: BaseException) -> str:
    """In a line; what a keeper raised, without Ray's wrapping."""
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {' '.join(str(cause).split())[:500]}"


def _why(error: BaseException) -> str:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    if any("RAY_AUTH_TOKEN" in str(each) for each in causes):
        return "its token is missing here, or another one; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to its own"
    if "ersion mismatch" in str(error):
        return f"it has other versions of Ray or Python than this one ({_said(error)}); use the same everywhere"
    if isinstance(error, OSError):  # ConnectionError too
        return f"{_said(error)}; start one with `ray start --head`, or write another address"
    return _said(error)


@dataclass
class _Node:
    """A node that is there. `keeper` is its actor, once it has one, and `about` what that said of it.

    Whoever holds `settling` gives it what it lacks, unless it was `dismissed`.
    """

    id: str
    name: str
    cpus: float
    dismissed: bool = False
    group: PlacementGroup | None = None
    keeper: Any = None
    about: Message | None = None
    settling: threading.Lock = field(default_factory=threading.Lock)


class _Nodes:
    """The keepers of a cluster's nodes."""

    def __init__(self, settings: Message, tell: Tell) -> None:
        self._tell = tell
        ray.cloudpickle.register_pickle_by_value(keeper)
        self._library = ray.put(Path(settings["library"]).read_bytes())
        pickled = settings["pickled"]
        self._pickled = None if pickled is None else ray.put(Path(pickled).read_bytes())
        self._nodes: dict[str, _Node] = {}
        self._asked: dict[int, Any] = {}
        self._wanted = True
        self._reserving = threading.Lock()

    def watch(self) -> None:
        """Notice who joins and who leaves, for ever; the first time, tell of whom a keeper can be expected."""
        tick, is_first = threading.Event(), True
        while True:
            with suppress(Exception):  # the cluster's head may not answer for a moment; who is gone for good says so
                joined = self._look()
                if is_first:
                    self._tell({"expected": [node.id for node in joined]})
                    is_first = False
                for node in joined:
                    self._start_settling(node)
            tick.wait(EVERY_S)

    def _look(self) -> list[_Node]:
        """Those who joined since the last time."""
        there = {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")}
        for id_ in [each for each in self._nodes if each not in there]:
            with self._reserving:  # whoever settles it says nothing of it afterwards
                gone = self._nodes.pop(id_)
                self._tell({"left": id_})
            # It may take a while.
            threading.Thread(target=self._let_go, args=(gone,), daemon=True).start()
        found = [
            _Node(id_, f"{node['NodeManagerHostname']}/{id_[:8]}", node["Resources"]["CPU"])
            for id_, node in there.items()
            if id_ not in self._nodes
        ]
        self._nodes |= {node.id: node for node in found}
        return found

    def _start_settling(self, node: _Node) -> None:
        threading.Thread(target=self._settle, args=(node,), daemon=True).start()

    def _settle(self, node: _Node) -> None:
        """Give a node its keeper, once its CPUs are ours where that is wanted, and say so; try again until it is gone.

        A node that cannot have one leaves its CPUs to others meanwhile.
        """
        tick, pause_s = threading.Event(), TRIES_AGAIN_S
        with node.settling:
            while self._is_there(node):
                try:
                    if self._wanted and node.group is None:
                        self._hold(node)
                    if node.keeper is None and self._is_there(node):
                        self._give_keeper(node)
                except Exception as error:  # noqa: BLE001 - it left meanwhile, or its workers cannot start
                    node.keeper = None
                    self._let_go(node)
                    if self._is_there(node):
                        self._tell({"unfit": node.id, "name": node.name, "reason": _said(error)})
                    tick.wait(pause_s)
                    pause_s = min(2 * pause_s, SELDOM_S)
                    continue
                if self._is_settled(node):
                    return

    def _is_there(self, node: _Node) -> bool:
        return self._nodes.get(node.id) is node and not node.dismissed

    def _is_settled(self, node: _Node) -> bool:
        """Say that it is, unless it has gone, or its CPUs became wanted meanwhile."""
        with self._reserving:
            if not self._is_there(node):
                return True
            if node.keeper is None or (self._wanted and node.group is None):
                return False
            self._tell({"joined": {"id": node.id, "about": node.about, "held": node.group is not None}})
            return True

    def _hold(self, node: _Node) -> None:
        """Wait for all of the node's CPUs, as long as they are wanted."""

        def is_wanted() -> bool:
            return self._wanted and self._is_there(node)

        selector = [{"ray.io/node-id": node.id}]
        group = places.hold([{"CPU": node.cpus}], is_wanted, bundle_label_selector=selector)
        if group is None:
            return
        with self._reserving:
            if is_wanted():
                node.group = group
                return
        places.give_back(group)

    def _let_go(self, node: _Node) -> None:
        """Leave the node's CPUs to others."""
        with self._reserving:
            group, node.group = node.group, None
        if group is not None:
            with suppress(Exception):  # it went with the node
                places.give_back(group)

    def _give_keeper(self, node: _Node) -> None:
        node.keeper = (
            ray.remote(keeper.Keeper)
            .options(
                num_cpus=0,  # what is held is held for what it starts
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
                max_restarts=0,
                max_concurrency=2,  # it is asked, and heard of meanwhile
            )
            .remote(self._library, _NAMES)
        )
        node.about = ray.get(node.keeper.describe.remote())
        if node.about is None:
            raise RuntimeError("its keeper was killed")

    def run(self, node: str, key: int, description: Message) -> None:
        """Have a node's keeper do something; how it goes and what becomes of it is told when it is known."""
        there = self._nodes.get(node)
        asked = None if there is None else there.keeper
        if there is None or asked is None:
            self._tell({"lost": key, "reason": "its node left the cluster"})
            return
        self._asked[key] = asked
        answer = asked.ask.remote(description, self._pickled, key)
        answer.future().add_done_callback(lambda done: self._ended(there, key, done))
        threading.Thread(target=self._hear, args=(key, asked), daemon=True).start()

    def _hear(self, key: int, asked: Any) -> None:
        tick = threading.Event()
        with suppress(Exception):  # the keeper is gone: that is told where it is asked
            while key in self._asked:
                progress = ray.get(asked.hear.remote(key, LONGEST_S))
                self._tell({"goes on": key, "progress": progress})
                tick.wait(HEARS_S)

    def _ended(self, node: _Node, key: int, done: Any) -> None:
        asked, error = self._asked.pop(key), done.exception()
        if error is None:
            self._tell({"done": key, "reply": done.result()})
            return
        if node.keeper is asked:
            node.keeper = None
        self._tell({"lost": key, "reason": _said(error)})
        self._start_settling(node)

    def give_up(self, key: int) -> None:
        """Kill the keeper that does something, and with it whatever it does."""
        asked = self._asked.get(key)
        if asked is not None:  # it may just have ended
            ray.kill(asked)

    def reserve(self, hold: bool) -> None:
        """Hold all nodes' CPUs, and say of each when that is so, or leave them to the workers of a backend."""
        with self._reserving:
            self._wanted = hold
        for node in list(self._nodes.values()):
            if hold:
                self._start_settling(node)
            else:
                self._let_go(node)

    def dismiss(self, node: str) -> None:
        """Leave a node to others, for good."""
        there = self._nodes.get(node)
        if there is not None:
            there.dismissed, there.keeper = True, None
            self._let_go(there)


if __name__ == "__main__":
    sys.exit("for pipeline.cluster.Driver to start")

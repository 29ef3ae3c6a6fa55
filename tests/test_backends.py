"""One contract for every backend that has a YAML in conf/backend/."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pkgutil import iter_modules
from typing import Any

import pytest
import yaml

from pipeline.bench import backends, counters, instrument
from pipeline.bench.noted import Noted, Nothing, forget
from pipeline.bench.workload import Workload

from .conftest import ROOT

BACKENDS = sorted(path.stem for path in ROOT.joinpath("conf", "backend").glob("*.yaml"))


def _options(name: str, **chosen: Any) -> dict[str, Any]:
    described = yaml.safe_load((ROOT / "conf" / "backend" / f"{name}.yaml").read_text())
    options = {key: described[key] for key in described["takes"] if key != "workers"}
    return options | ({"chunksize": 1} if "chunksize" in options else {}) | chosen


def _variants() -> Iterator[Any]:
    for name in BACKENDS:
        if name == "ray":  # its workers are a cluster's: tests/cluster/test_backend.py
            continue
        options = _options(name)
        methods = ["fork", "forkserver", "spawn"] if "start_method" in options else [None]
        for method in methods:
            chosen = {} if method is None else {"start_method": method}
            yield pytest.param(name, _options(name, **chosen), id="-".join(filter(None, [name, method])))


def _square(each: int) -> int:
    return each * each


def _fail_on_three(each: int) -> int:
    if each == 3:
        raise ValueError("three")
    return each


def _meet(port: int) -> tuple[int, int]:
    """Knock at the port and wait to be let go."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.recv(1)
    return os.getpid(), threading.get_ident()


def let_go(listener: socket.socket, expected: int) -> None:
    """Let `expected` callers go once all of them are there at the same time."""
    callers = [listener.accept()[0] for _ in range(expected)]
    for caller in callers:
        caller.sendall(b".")
        caller.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("name", "options"), list(_variants()))
class TestEveryBackend:
    """What a batch may rely on."""

    def test_maps_in_order(self, name: str, options: dict[str, Any]) -> None:
        """The results are those of a loop, as a list, at once."""
        with backends.find(name)(3, options, []) as pool:
            assert pool.map(_square, range(20)) == [each * each for each in range(20)]

    def test_maps_nothing_to_nothing(self, name: str, options: dict[str, Any]) -> None:
        """No inputs give no results."""
        with backends.find(name)(2, options, []) as pool:
            assert pool.map(_square, []) == []

    def test_raises_what_the_task_raises(self, name: str, options: dict[str, Any]) -> None:
        """An exception of a task comes out of the map."""
        with backends.find(name)(2, options, []) as pool, pytest.raises(ValueError, match="three"):
            pool.map(_fail_on_three, range(6))

    def test_runs_as_many_tasks_at_once_as_it_has_workers(self, name: str, options: dict[str, Any]) -> None:
        """That many tasks wait for one another, and all of them come through, each from a worker of its own."""
        workers = 1 if name == "serial" else 3
        with socket.create_server(("127.0.0.1", 0)) as listener:
            doorman = threading.Thread(target=let_go, args=(listener, workers))
            doorman.start()
            with backends.find(name)(workers, options, []) as pool:
                met = pool.map(_meet, [listener.getsockname()[1]] * workers)
            doorman.join()
        assert len(set(met)) == workers

    def test_leaves_no_worker_behind(self, name: str, options: dict[str, Any]) -> None:
        """After the block the pool's processes are gone; multiprocessing's own two helpers may stay for the next."""
        with backends.find(name)(2, options, []) as pool:
            workers = set(pool.map(_pid, range(8)))
        assert not (workers - {os.getpid()}) & set(counters.descendants(os.getpid()))

    def test_tells_where_its_time_goes(self, name: str, options: dict[str, Any]) -> None:
        """What an instrumented batch tells is the same of each."""
        command = {"workers": 2, "rounds": 9, "most": 5, "warm_s": 1.0, "task_s": 1.0}
        with backends.find(name)(2, options, []) as pool:
            told = instrument.run(Workload(_square, None, range(20), 20, None), pool.map, command)
        assert len(told["spans"]) == 5
        assert told["busy"] in (1, 2)
        assert told["instrumented"]["tasks"] == 20
        for what in ("wall_s", "map_s", "in_tasks_s", "cpu_s", "nothing_s"):
            assert told["instrumented"][what] > 0
        assert told["instrumented"]["imbalance_s"] >= 0

    def test_hands_out_again_what_tasks_gave(self, name: str, options: dict[str, Any]) -> None:
        """From tasks that do nothing, until the worker forgets it."""
        squares = [each * each for each in range(6)]
        with backends.find(name)(1, options, []) as pool:
            assert [result for _, result in pool.map(Noted(_square, keeps=True), range(6))] == squares
            assert pool.map(Nothing(_square), range(6)) == squares
            pool.map(forget, [None])
            assert pool.map(Nothing(_square), range(6)) == [None] * 6


def _pid(_: int) -> int:
    return os.getpid()


def test_every_backend_is_one_module_and_one_yaml() -> None:
    """Neither is there without the other."""
    modules = {each.name for each in iter_modules(backends.__path__)}
    assert modules == set(BACKENDS)

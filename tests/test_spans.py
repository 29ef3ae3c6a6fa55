"""Instrumented batches: where the time goes, tasks that do nothing, and thread pools inside workers."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench import instrument, noted, nothing, pools
from pipeline.bench.noted import Note, Nothing
from pipeline.bench.spans import MOST_KEPT_BYTES, Call, Spans, imbalance_s
from pipeline.bench.workload import Map, Workload

from .trials import PROCESSES, THREADS, describe, describe_arm, measure

MS = 1_000_000
SPUN_S = 0.002
SPIN = f"""
import time
def spin(x):
    until = time.thread_time() + {SPUN_S}
    while time.thread_time() < until:
        pass
    return x
"""


def _loop(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
    return [function(each) for each in inputs]


def _instrument(workload: Workload, map_: Map = _loop, task_s: float = 1.0, workers: int = 1) -> dict[str, Any]:
    known = {"warm_s": task_s * len(workload.inputs), "task_s": task_s}
    return instrument.run(workload, map_, {"workers": workers, "rounds": 9, "most": 100, **known})


def _same(x: Any) -> Any:
    return x


def _make(size: int, _: Any) -> bytes:
    return bytes(size)


def _call(*tasks: tuple[int, int, int]) -> Call:
    """Each from one millisecond to another, by a worker."""
    notes: list[Note] = [(start * MS, end * MS, (1, 1, worker), None, None) for start, end, worker in tasks]
    return Call(notes, 0, None)


@pytest.mark.parametrize(
    ("calls", "workers", "expected_ms"),
    [
        ([], 2, 0.0),
        ([_call()], 2, 0.0),
        ([_call((0, 10, 1), (10, 25, 1))], 1, 0.0),
        ([_call((0, 10, 1), (0, 14, 2))], 2, 2.0),
        ([_call((0, 10, 1), (0, 6, 2), (6, 10, 2))], 2, 0.0),
        ([_call((5, 15, 1))], 2, 5.0),
        ([_call((0, 10, 1), (2, 12, 2), (3, 6, 3))], 4, (2 + 0 + 6 + 12) / 4),
        ([_call((0, 10, 1), (0, 14, 2)), _call((20, 30, 2), (20, 26, 1))], 2, 2.0 + 2.0),
        ([_call((0, 10, 1), (0, 10, 2), (0, 4, 3))], 2, 2.0),
    ],
)
def test_imbalance_is_the_mean_wait_for_the_last_worker(calls: list[Call], workers: int, expected_ms: float) -> None:
    """A worker without a task waits for the whole call; where more took part than were meant to, all count."""
    assert imbalance_s(calls, workers) == pytest.approx(expected_ms / 1e3)


class TestTrial:
    """Through the runner, as a conductor asks for it."""

    @pytest.mark.parametrize("cell", [THREADS, PROCESSES], ids=["thread", "process"])
    def test_every_arm_tells_where_its_time_goes(self, tmp_path: Path, cell: dict[str, Any]) -> None:
        """CPU time at least as much as its tasks used, in tasks that last at least as long."""
        tmp_path.joinpath("tasks.py").write_text(SPIN)
        reply = measure(describe(tmp_path, cell, workload={"task": "tasks:spin"}, spans=4))
        assert reply["status"] == "measured", reply
        anchor, measured = reply["arms"]["anchor"], reply["arms"]["cell"]
        for told in (anchor["instrumented"], measured["instrumented"]):
            assert told["tasks"] == 6
            assert told["cpu_s"] >= 6 * SPUN_S
            assert told["in_tasks_s"] >= 6 * SPUN_S
            assert told["wall_s"] >= told["map_s"] > 0
            assert told["nothing_s"] > 0
            assert told["queue_s"] is None or told["queue_s"] >= 0
        assert anchor["instrumented"]["imbalance_s"] == 0
        assert measured["instrumented"]["imbalance_s"] > 0
        assert (anchor["busy"], measured["busy"]) in ((1, 1), (1, 2))
        for told in (anchor, measured):
            starts, *_ = zip(*told["spans"], strict=True)
            assert len(starts) == 4
            assert list(starts) == sorted(starts)
            assert all(0 <= start < end for start, end, *_ in told["spans"])
            assert all(cpu_s >= SPUN_S for *_, cpu_s in told["spans"])

    def test_nothing_is_instrumented_where_nobody_asked(self, tmp_path: Path) -> None:
        """It costs a batch."""
        tmp_path.joinpath("tasks.py").write_text(SPIN)
        reply = measure(describe(tmp_path, THREADS, workload={"task": "tasks:spin"}))
        for arm in reply["arms"].values():
            assert not {"instrumented", "spans", "busy", "pools"} & set(arm)

    @pytest.mark.parametrize("cell", [THREADS, PROCESSES], ids=["thread", "process"])
    def test_a_job_has_time_outside_of_its_calls(self, tmp_path: Path, cell: dict[str, Any]) -> None:
        """Its map gives the results of the real one, whatever kind of inputs it gets."""
        source = (
            "def job(map, inputs):\n"
            "    spin(0)\n"
            "    first = map(spin, (each for each in inputs))\n"
            "    assert map(spin, []) == []\n"
            "    return first + map(spin, inputs[:2])\n"
        )
        tmp_path.joinpath("tasks.py").write_text(SPIN + source)
        reply = measure(describe(tmp_path, cell, workload={"job": "tasks:job"}, spans=100))
        assert reply["status"] == "measured", reply
        for arm in reply["arms"].values():
            told = arm["instrumented"]
            assert told["tasks"] == 8
            assert told["wall_s"] - told["map_s"] >= SPUN_S
            assert told["cpu_s"] >= 8 * SPUN_S

    def test_results_need_not_be_pickled_in_threads(self, tmp_path: Path) -> None:
        """What they give back stays where it is."""
        tmp_path.joinpath("tasks.py").write_text("def task(x):\n    return lambda: x\n")
        reply = measure(describe(tmp_path, THREADS, workload={"task": "tasks:task"}, spans=9))
        assert reply["status"] == "measured", reply
        assert reply["arms"]["cell"]["instrumented"]["nothing_s"] > 0

    def test_a_task_that_fails_when_instrumented_ends_the_trial(self, tmp_path: Path) -> None:
        """As at any other time."""
        tmp_path.joinpath("tasks.py").write_text(
            "import traceback\n"
            "def task(x):\n"
            "    if any(frame.filename.endswith('noted.py') for frame in traceback.extract_stack()):\n"
            "        raise ValueError('instrumented')\n"
        )
        reply = measure(describe(tmp_path, PROCESSES, workload={"task": "tasks:task"}, spans=9))
        assert reply["status"] == "failed"
        assert "ValueError: instrumented" in reply["reason"]
        assert reply["failed_arm"] in reply["arms"]

    def test_a_worker_that_dies_of_nothing_has_crashed(self, tmp_path: Path) -> None:
        """Results that kill whoever pickles them do so in tasks that do nothing, too."""
        tmp_path.joinpath("tasks.py").write_text(
            "import os, traceback\n"
            "class Deadly:\n"
            "    dumped = 0\n"
            "    def __reduce__(self):\n"
            "        Deadly.dumped += 1\n"
            "        if Deadly.dumped > 12:\n"
            "            os._exit(1)\n"
            "        return (int, ())\n"
            "def task(x):\n"
            "    return Deadly()\n"
        )
        one = describe_arm("cell", "process", 1)
        reply = measure(
            describe(tmp_path, one, workload={"task": "tasks:task", "check": "none"}, spans=9, rounds=0, warm_s=1.0)
        )
        assert reply["status"] == "crashed", reply
        assert reply["failed_arm"] == "cell"


class TestInstrument:
    """In this process."""

    def test_short_tasks_are_not_measured_by_what_takes_as_long(self) -> None:
        """Counters and imbalance are left out; spans are not."""
        workload = Workload(_same, None, range(5), 5, None)
        told = _instrument(workload, task_s=1e-6)["instrumented"]
        assert (told["cpu_s"], told["queue_s"], told["imbalance_s"]) == (None, None, None)
        assert told["tasks"] == 5
        assert told["in_tasks_s"] > 0

    @pytest.mark.parametrize(("batch_s", "is_counted"), [(1.0, True), (1e-6, False)])
    def test_how_long_tasks_are_is_guessed_from_the_batch(self, batch_s: float, *, is_counted: bool) -> None:
        """Where nothing else tells."""
        workload = Workload(_same, None, range(5), 5, None)
        told = instrument.run(
            workload, _loop, {"workers": 1, "rounds": 9, "most": 9, "warm_s": batch_s, "task_s": None}
        )
        assert (told["instrumented"]["cpu_s"] is not None) is is_counted

    def test_reset_comes_before_the_batch(self) -> None:
        """Before each of them; tasks that do nothing need none."""
        happened: list[Any] = []
        workload = Workload(happened.append, None, [1, 2], 2, lambda: happened.append("reset"))
        _instrument(workload)
        assert happened == ["reset", 1, 2] * instrument.BATCHES

    def test_nothing_gives_what_the_tasks_gave(self) -> None:
        """In turn, to as many calls of the map with the same inputs, also where a job fills its list anew."""
        calls: list[tuple[list[Any], list[Any]]] = []

        def spying(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            results = _loop(function, inputs)
            if isinstance(function, Nothing):
                calls.append((list(inputs), results))
            return results

        def job(map_: Map, inputs: Sequence[Any]) -> None:
            filled: list[Any] = []
            for each in inputs:
                filled[:] = [each, each + 1]
                assert map_(str, filled) == [str(each), str(each + 1)]

        _instrument(Workload(None, job, [10, 20], 2, None), spying)
        assert [inputs for inputs, _ in calls[:2]] == [[10, 11], [20, 21]]
        assert [result for _, results in calls[:2] for result in results] == ["10", "11", "20", "21"]
        assert len(calls) == 2 * nothing.REPLAYS

    def test_of_many_calls_the_first_stand_for_all(self) -> None:
        """All tasks are counted all the same."""
        replayed = 0

        def spying(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            nonlocal replayed
            replayed += isinstance(function, Nothing)
            return _loop(function, inputs)

        def job(map_: Map, inputs: Sequence[Any]) -> None:
            for _ in range(3 * nothing.MOST_CALLS):
                map_(_same, inputs)

        told = _instrument(Workload(None, job, [1, 2], 2, None), spying)["instrumented"]
        assert told["tasks"] == 6 * nothing.MOST_CALLS
        assert replayed % nothing.MOST_CALLS == 0
        assert replayed // nothing.MOST_CALLS in range(1, nothing.REPLAYS + 1)

    def test_of_calls_that_hold_much_the_first_stands_for_all(self) -> None:
        """A job has one block of its data at a time; all of them may not fit."""
        replayed: list[int] = []

        def spying(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            if isinstance(function, Nothing):
                replayed.append(len(inputs[0]))
            return _loop(function, inputs)

        def job(map_: Map, inputs: Sequence[Any]) -> None:
            for each in inputs:
                map_(len, [bytes(MOST_KEPT_BYTES + each)])

        told = _instrument(Workload(None, job, [1, 2, 3], 3, None), spying)["instrumented"]
        assert told["tasks"] == 3
        assert set(replayed) == {MOST_KEPT_BYTES + 1}

    def test_a_job_without_calls_has_nothing_to_hand_out(self) -> None:
        """It is all outside of the map."""
        told = _instrument(Workload(None, lambda _map, _inputs: None, [1], 1, None))["instrumented"]
        assert told["tasks"] == 0
        assert (told["map_s"], told["nothing_s"], told["in_tasks_s"], told["cpu_s"]) == (0, 0, 0, 0)

    def test_long_replays_are_few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One is enough where it takes all the time there is."""
        monkeypatch.setattr(nothing, "REPLAYS_S", 0.0)
        replayed = 0

        def spying(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            nonlocal replayed
            replayed += isinstance(function, Nothing)
            return _loop(function, inputs)

        _instrument(Workload(_same, None, [1], 1, None), spying)
        assert replayed == 1

    def test_what_travels_only_once_leaves_unknown_what_nothing_takes(self) -> None:
        """The batch itself went well."""

        def refusing(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            if isinstance(function, Nothing):
                raise TypeError("cannot pickle it again")
            return _loop(function, inputs)

        told = _instrument(Workload(_same, None, [1], 1, None), refusing)["instrumented"]
        assert told["nothing_s"] is None
        assert told["tasks"] == 1

    def test_workers_keep_few_results(self) -> None:
        """Many small ones, one large one, and none afterwards."""
        for size, most in ((1, noted.MOST_KEPT), (noted.MOST_KEPT_BYTES, 1)):
            spans = Spans(keeps=1)
            spans.wrap(_loop)(functools.partial(_make, size), range(100))
            results = _loop(Nothing(_same), range(100))
            assert {len(each) for each in results} == {size}
            assert len({id(each) for each in results}) <= most
            nothing.drop_kept(_loop, spans.calls)
            assert _loop(Nothing(_same), range(3)) == [None] * 3

    @pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="the kernel does not count")
    def test_threads_that_come_and_go_are_read_each_by_itself(self) -> None:
        """Also where one gets the name of another that has ended."""
        waits_ns: list[int | None] = []
        for _ in range(5):
            thread = threading.Thread(target=lambda: waits_ns.append(noted._run_queue.waited_ns()))
            thread.start()
            thread.join()
        noted.forget(None)
        assert all(each is not None for each in waits_ns)

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell")
    def test_no_file_stays_open(self) -> None:
        """They are the measured code's to use up."""
        before = list(Path("/proc/self/fd").iterdir())
        _instrument(Workload(_same, None, [1], 1, None))
        assert len(list(Path("/proc/self/fd").iterdir())) == len(before)


NUMPY = """
import sys
def task(x):
    import numpy
    return any("optional-packages" in each for each in sys.path)
"""


class TestPools:
    """Thread pools of libraries in the process that runs tasks."""

    @pytest.mark.parametrize("cell", ["thread", "process"])
    @pytest.mark.parametrize("owner", ["the user's", "ours"])
    def test_are_found_where_tasks_run(self, tmp_path: Path, cell: str, owner: str) -> None:
        """With the variable that caps them; the arm's environment already does."""
        tmp_path.joinpath("tasks.py").write_text(NUMPY)
        if owner == "ours":
            tmp_path.joinpath("threadpoolctl.py").write_text("raise ImportError('not for you')\n")
        capped = describe_arm("cell", cell, 2, OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")
        reply = measure(describe(tmp_path, capped, workload={"task": "tasks:task"}, spans=1))
        assert reply["status"] == "measured", reply
        assert reply["arms"]["anchor"]["pools"]
        assert reply["arms"]["cell"]["pools"]
        for pool in reply["arms"]["cell"]["pools"]:
            assert pool["threads"] == 1
            assert pool["variable"] in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
            assert pool["library"] in ("openblas", "mkl", "openmp")

    def test_are_none_where_nothing_brings_them(self, tmp_path: Path) -> None:
        """And our threadpoolctl is on nobody's path."""
        tmp_path.joinpath("tasks.py").write_text(NUMPY.replace("import numpy", "pass"))
        tmp_path.joinpath("check.py").write_text("def both(expected, got):\n    return not any(expected + got)\n")
        workload = {"task": "tasks:task", "check": "check:both"}
        reply = measure(describe(tmp_path, PROCESSES, workload=workload, spans=1))
        assert reply["status"] == "measured", reply
        assert [arm["pools"] for arm in reply["arms"].values()] == [[], []]

    def test_are_unknown_where_threadpoolctl_is_not_to_be_had(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the user's nor ours, which only arms have."""
        monkeypatch.setattr(pools, "_may_have_some", lambda: True)
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
        assert pools.ask(_loop, 2) is None

    def test_are_unknown_where_the_pool_is_broken(self) -> None:
        """All that matters is measured by then."""

        def broken(function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
            raise RuntimeError(function, inputs)

        assert pools.ask(broken, 2) is None

    @pytest.mark.parametrize(
        ("described", "variable"),
        [
            ({"internal_api": "openblas", "threading_layer": "pthreads"}, "OPENBLAS_NUM_THREADS"),
            ({"internal_api": "openblas", "threading_layer": "openmp"}, "OMP_NUM_THREADS"),
            ({"internal_api": "mkl"}, "MKL_NUM_THREADS"),
            ({"internal_api": "openmp"}, "OMP_NUM_THREADS"),
            ({"internal_api": "another"}, "OMP_NUM_THREADS"),
        ],
    )
    def test_are_named_with_what_caps_them(
        self, monkeypatch: pytest.MonkeyPatch, described: dict[str, Any], variable: str
    ) -> None:
        """OpenBLAS built for OpenMP heeds that one's."""
        monkeypatch.setattr(pools, "_may_have_some", lambda: True)

        class Threadpoolctl:
            @staticmethod
            def threadpool_info() -> list[dict[str, Any]]:
                return [{**described, "num_threads": 4}]

        monkeypatch.setitem(sys.modules, "threadpoolctl", Threadpoolctl)
        found = pools.ask(_loop, 1)
        assert found == [{"library": described["internal_api"], "threads": 4, "variable": variable}]


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Nothing that a test had kept is left to the next."""
    yield
    noted.forget(None)

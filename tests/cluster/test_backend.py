"""The contract of tests/test_backends.py for a pool whose workers are a cluster's, through real arms."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ..conftest import LEAST, Command
from ..test_backends import let_go
from ..trials import describe, describe_arm, measure
from .conftest import NODES, OnCluster
from .nodes import Cluster, open_cluster

OPTIONS = {"chunksize": 1, "style": "actor", "placement": "pack", "env": {}, "memory_bytes": None}
TASKS = """
import threading
def square(x):
    return x * x
def lock(x):
    return threading.Lock()
"""


@pytest.fixture(params=["actor", "task"])
def cell(request: pytest.FixtureRequest, cluster: Cluster) -> dict[str, Any]:
    """An arm of two workers on the cluster."""
    arm = describe_arm("cell", "ray", 2, RAY_ADDRESS=cluster.address, PIPELINE_HOSTS="1", **cluster.environment)
    return {**arm, "options": {**OPTIONS, "style": request.param, "placement": "spread"}}


def _measure(folder: Path, cell: dict[str, Any], task: str, **workload: Any) -> dict[str, Any]:
    folder.joinpath("tasks.py").write_text(TASKS)
    return measure(describe(folder, cell, workload={"task": f"tasks:{task}", **workload}, spans=5))


def test_its_results_are_those_of_a_loop(tmp_path: Path, cell: dict[str, Any]) -> None:
    """In order; and where the workers are, and where their time goes, is in the record."""
    reply = _measure(tmp_path, cell, "square", inputs=20)
    assert reply["status"] == "measured", reply
    told = reply["arms"]["cell"]
    assert told["answers"] == "alike"
    assert sum(told["placed"].values()) == 2
    assert len(told["placed"]) == 2
    assert told["cpu_s"][0] > 0
    assert told["instrumented"]["tasks"] == 20


def test_its_workers_have_the_variables_of_the_other_arms(tmp_path: Path, cell: dict[str, Any]) -> None:
    """The cell's own among them, and none that Ray sets: sets have one order, libraries start as many threads."""
    tmp_path.joinpath("asks.py").write_text(
        "import os, sys\n"
        "def task(x):\n"
        "    if 'ray' in sys.modules:\n"
        "        assert os.environ['MINE'] == '1'\n"
        "        assert 'OMP_NUM_THREADS' not in os.environ\n"
        "    return list({'one', 'two', 'three', 'four', 'five'})\n"
    )
    cell["options"]["env"] = {"MINE": "1", "OMP_NUM_THREADS": None}
    cell["env"] |= cell["options"]["env"]
    reply = measure(describe(tmp_path, cell, workload={"task": "asks:task", "inputs": 4}))
    assert reply["status"] == "measured", reply
    assert reply["arms"]["cell"]["answers"] == "alike"


def test_large_inputs_go_by_reference(tmp_path: Path, cell: dict[str, Any]) -> None:
    """Workers read an array where the object store has it, which nobody may write to, and copy nothing."""
    tmp_path.joinpath("large.py").write_text(
        "import sys\n"
        "import numpy\n"
        "def arrays():\n"
        "    return [numpy.full(1_000_000, float(value)) for value in range(4)]\n"
        "def task(array):\n"
        "    assert array.flags.writeable == ('ray' not in sys.modules)\n"
        "    return float(array.sum())\n"
    )
    reply = measure(describe(tmp_path, cell, workload={"task": "large:task", "inputs": "large:arrays"}))
    assert reply["status"] == "measured", reply
    assert reply["arms"]["cell"]["answers"] == "alike"


def test_it_raises_what_the_task_raises(tmp_path: Path, cell: dict[str, Any]) -> None:
    """Without Ray's wrapping."""
    source = "import sys\ndef task(x):\n    if x == 3 and 'ray' in sys.modules:\n        raise ValueError('three')\n"
    tmp_path.joinpath("fails.py").write_text(source)
    reply = measure(describe(tmp_path, cell, workload={"task": "fails:task"}))
    assert (reply["status"], reply["reason"]) == ("failed", "ValueError: three")


def test_a_worker_that_ends_itself_is_a_crash(tmp_path: Path, cell: dict[str, Any]) -> None:
    """Once: Ray is not asked to try again."""
    tmp_path.joinpath("ends.py").write_text(
        "import os, pathlib, sys\n"
        "def task(x):\n"
        "    if 'ray' in sys.modules:\n"
        "        pathlib.Path('ended').open('a').write('.')\n"
        "        os._exit(3)\n"
    )
    reply = measure(describe(tmp_path, cell, workload={"task": "ends:task", "inputs": 1}))
    assert reply["status"] == "crashed", reply
    assert re.search(r"ended with exit status 3$|died unexpectedly", reply["reason"])  # as Linux tells, or only Ray
    assert "\n" not in reply["reason"]
    assert (tmp_path / "ended").read_text() == "."


TAKES = """
import sys
kept = []
def task(x):
    while 'ray' in sys.modules:
        kept.append(b'x' * 4_000_000)
"""


def test_a_worker_is_held_to_its_memory(tmp_path: Path, cell: dict[str, Any]) -> None:
    """And it is said which one had how much."""
    tmp_path.joinpath("takes.py").write_text(TAKES)
    cell["options"]["memory_bytes"] = 300_000_000
    reply = measure(describe(tmp_path, cell, workload={"task": "takes:task", "inputs": 2}))
    assert reply["status"] == "out of memory", reply
    said = r"a worker on \S+/\w{8} had \d+ MB of memory, more than the 300 MB that measure.memory allows"
    assert re.fullmatch(said, reply["reason"])


@pytest.mark.skipif(sys.platform != "linux", reason="what is available is looked for in /proc")
def test_a_worker_that_ray_ends_for_want_of_memory_had_too_much(tmp_path: Path) -> None:
    """Though it is within its own limit: the node's is Ray's to keep."""
    tmp_path.joinpath("takes.py").write_text(TAKES)
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total_kb, available_kb = (int(meminfo[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    with open_cluster(1, RAY_memory_usage_threshold=f"{1 - (available_kb - 1_500_000) / total_kb:.4f}") as cluster:
        for style in ("actor", "task"):
            arm = describe_arm("cell", "ray", 1, RAY_ADDRESS=cluster.address, PIPELINE_HOSTS="1", **cluster.environment)
            arm["options"] = {**OPTIONS, "style": style}
            reply = measure(describe(tmp_path, arm, workload={"task": "takes:task", "inputs": 1}))
            assert reply["status"] == "out of memory", reply
            assert "measure.memory" not in reply["reason"]


def test_a_worker_that_is_lost_with_its_node_is_none(tmp_path: Path, cluster: Cluster, cell: dict[str, Any]) -> None:
    """The trial counts as not run, which is taken again: the measured code did nothing wrong."""
    tmp_path.joinpath("waits.py").write_text(
        "import os, socket, sys\n"
        "def task(port):\n"
        "    if 'ray' in sys.modules:\n"
        "        with socket.create_connection(('127.0.0.1', port)) as door:\n"
        "            door.sendall(str(os.getsid(os.getppid())).encode())\n"
        "            door.recv(1)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_kill_a_node, args=(cluster, listener), daemon=True).start()
        port = listener.getsockname()[1]
        workload = {"task": "waits:task", "inputs": [port, port]}
        reply = measure(describe(tmp_path, cell, workload=workload, cold=True, rounds=1))
    cluster.start()
    assert reply["status"] == "not run", reply
    assert reply["reason"].startswith("the Ray cluster lost the node ")
    assert "\n" not in reply["reason"]


@pytest.mark.skipif(sys.platform != "linux", reason="Ray alone notices after twenty seconds")
def test_a_cluster_of_others_that_is_gone_ends_the_sweep(tmp_path: Path) -> None:
    """The command says so, keeps what was measured, and does not start one in its stead."""
    tmp_path.joinpath("kills.py").write_text(
        "import os, signal, sys\ndef task(x):\n    'ray' in sys.modules and os.kill(os.getppid(), signal.SIGKILL)\n"
    )
    with open_cluster(1) as cluster:
        command = Command(tmp_path, **cluster.environment, RAY_gcs_rpc_server_reconnect_timeout_s="5")
        words = ("workload=function", "workload.task=kills:task", "workload.inputs=2", "backend=ray", "workers=1")
        done = command(*words, *LEAST, f"cluster.address={cluster.address}")
    assert done.status == 1, done.err
    assert f"the Ray cluster at {cluster.address} does not answer any more; what was measured is kept" in done.err
    assert "Traceback" not in done.err
    assert [(each["status"], each["lost"]) for each in done.records("trial")] == [("not run", True)]


def _kill_a_node(cluster: Cluster, listener: socket.socket) -> None:
    """That one of two workers is on, once both are there, and not the head; when it has ended, let the other one go."""
    guests = {int(guest.recv(100)): guest for guest in (listener.accept()[0] for _ in range(2))}
    node = next(node for node in cluster.nodes[1:] if node.pid in guests)
    cluster.kill(node)
    guests[node.pid].recv(1)
    for guest in guests.values():
        guest.close()


HOLDS = f"""
import ray
from pipeline.bench import places
ray.init(log_to_driver=False, logging_level="ERROR")
assert places.hold([{{"CPU": 1}}] * {NODES})
print("held", flush=True)
input()
"""
ASKS = f"""
from pipeline.bench.backends import ray as backend
from pipeline.bench.backends.ray import placing
from pipeline.bench.errors import Unavailable
placing.PATIENCE_S = 1
try:
    with backend.open_pool(1, {OPTIONS}, []):
        print("opened")
except Unavailable as error:
    print(error)
"""


def test_others_work_is_not_waited_for_for_ever(cluster: Cluster) -> None:
    """Nor does a trial time out for it: who has the CPUs is said, and it is no fault of the cell's."""
    environment = {**os.environ, **cluster.environment, "RAY_ADDRESS": cluster.address}
    environment |= {"PYTHONHASHSEED": "0", "PIPELINE_HOSTS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDS], env=environment, text=True, **pipes) as others:
        assert others.stdout is not None
        assert others.stdout.readline() == "held\n"
        asked = subprocess.run(
            [sys.executable, "-c", ASKS], env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        others.communicate("\n")
    assert "others' work" in asked.stdout, asked.stderr


def test_results_that_cannot_be_pickled_fail_the_cell(tmp_path: Path, cell: dict[str, Any]) -> None:
    """With the reason."""
    reply = _measure(tmp_path, cell, "lock", check="none")
    assert reply["status"] == "failed"
    assert "pickle" in reply["reason"]


def test_it_runs_as_many_tasks_at_once_as_it_has_workers(tmp_path: Path, cell: dict[str, Any]) -> None:
    """They wait for one another; the plain loop, which comes one by one, waits for nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        doorman = threading.Thread(target=let_go, args=(listener, 2), daemon=True)
        doorman.start()
        source = (
            "import socket, sys\n"
            "def task(port):\n"
            "    if 'ray' in sys.modules:\n"
            "        with socket.create_connection(('127.0.0.1', port)) as connection:\n"
            "            connection.recv(1)\n"
        )
        tmp_path.joinpath("meets.py").write_text(source)
        port = listener.getsockname()[1]
        workload = {"task": "meets:task", "inputs": [port, port]}
        reply = measure(describe(tmp_path, cell, workload=workload, cold=True, rounds=1))
        doorman.join(30)
    assert reply["status"] == "measured", reply


@pytest.mark.parametrize("workers", [NODES + 1, 8])
def test_more_workers_than_cpus_share_them(tmp_path: Path, cluster: Cluster, workers: int) -> None:
    """As the threads and processes of other pools do, also where they are no multiple of the CPUs."""
    more = {"PIPELINE_HOSTS": "1", **cluster.environment}
    arm = describe_arm("cell", "ray", workers, RAY_ADDRESS=cluster.address, **more)
    arm["options"] = OPTIONS
    reply = _measure(tmp_path, arm, "square", inputs=12)
    assert reply["status"] == "measured", reply
    assert sum(reply["arms"]["cell"]["placed"].values()) == workers


def test_a_trial_that_cannot_end_in_time_is_one_line(tmp_path: Path, cluster: Cluster) -> None:
    """Trials here share the whole budget out: that is more than the plain loop's part of a usual one."""
    done = OnCluster(tmp_path, cluster.address, cluster.environment, runner="local")(
        *("workload=sleep", "workload.inputs=2", "backend=ray", "workers=1", "measure=quick"),
        *("measure.max_rounds=100000", "measure.budget_s=1200", "measure.timeout_s=300"),
    )
    assert done.status == 2, done.err
    assert "measure.timeout_s=300" in done.err.splitlines()[-1]
    assert "measure.trials=8" in done.err.splitlines()[-1]


def test_a_function_that_a_worker_cannot_have_fails_the_cell(tmp_path: Path, cell: dict[str, Any]) -> None:
    """With what was raised there, and nothing else is run in its stead."""
    tmp_path.joinpath("picky.py").write_text(
        "import sys\n"
        "class Picky:\n"
        "    def __call__(self, x):\n"
        "        return x\n"
        "    def __reduce__(self):\n"
        "        return _arrive, ()\n"
        "def _arrive():\n"
        "    if 'ray' in sys.modules:\n"
        "        raise ValueError('not here')\n"
        "    return Picky()\n"
        "task = Picky()\n"
    )
    reply = measure(describe(tmp_path, cell, workload={"task": "picky:task", "inputs": 4}))
    assert reply["status"] == "failed", reply
    assert "not here" in reply["reason"]

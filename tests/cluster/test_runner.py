"""Trials on the nodes of a cluster: which travel, are lost and come again, and leave nothing behind."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench import exclusive

from ..conftest import LEAST, Command, Finished
from .conftest import NODES, OnCluster
from .nodes import Cluster, open_cluster

SLEEP = ("workload=sleep", "workload.inputs=4", "backend=thread", "workers=1,4", "measure=quick")
_WHICH = ("kind", "cell", "leader", "trial")
PROCESSES = ("workload=sleep", "workload.inputs=4", "backend=process", "workers=1,2", "measure=quick")


def _trials(done: Finished) -> list[dict[str, Any]]:
    return [*done.records("trial"), *done.records("play-off")]


def _processes() -> Iterator[tuple[int, bytes]]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(process.name), process.joinpath("cmdline").read_bytes()


def _keepers() -> set[int]:
    """The processes of ours that run on the cluster's nodes."""
    return {pid for pid, command in _processes() if b"pipeline_bench" in command}


def _wait_for(started: subprocess.Popen[str], folder: Path, kind: bytes, count: int) -> Path:
    """Until so many records of a kind are in the journal."""
    while started.poll() is None:
        for journal in folder.glob("outputs/sleep/*/*/journal.jsonl"):
            if journal.read_bytes().count(b'"kind":"' + kind + b'"') >= count:
                return journal
        time.sleep(0.05)  # the nodes need the cores that looking takes
    raise AssertionError(started.communicate()[1])


def _finish(started: subprocess.Popen[str], folder: Path) -> Finished:
    out, err = started.communicate()
    return Finished(started.returncode, out, err, folder)


OTHERS_WORK = """
import sys
import ray
from ray.util.placement_group import placement_group, placement_group_table
ray.init(log_to_driver=False, logging_level="ERROR")
group = placement_group([{"CPU": 1}])
ray.get(group.ready())
print(placement_group_table(group)["bundles_to_node_id"][0], flush=True)
sys.stdin.read()
"""


@contextmanager
def _others_work(cluster: Cluster) -> Iterator[str]:
    """Somebody has the CPUs of one of the nodes, whose id this is, until the block ends."""
    environment = {**os.environ, **cluster.environment, "RAY_ADDRESS": cluster.address}
    command, pipe = [sys.executable, "-c", OTHERS_WORK], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as others:
        assert others.stdout is not None
        yield others.stdout.readline().strip()
        others.communicate()


OURS = re.compile(r"every node gets|\S+ joined: |looking at |measuring |\[\d+/\d+\] |waiting for ")


def test_a_sweep_is_spread_over_the_nodes_and_the_report_names_them(on_cluster: OnCluster, cluster: Cluster) -> None:
    """Each when its CPUs are free. Every record says where it was measured; the screen has no word of Ray's own."""
    joined: list[str] = []
    with _others_work(cluster) as taken:
        started = on_cluster.start(*SLEEP, "measure.trials=2", "-m")
        assert started.stderr is not None
        while len(joined) < NODES - 1:
            joined += re.findall(r"/(\w+) joined", started.stderr.readline())
    done = _finish(started, on_cluster.folder)
    assert done.status == 0, done.err
    assert re.findall(r"/(\w+) joined", done.err) == [taken[:8]]
    assert [line for line in done.err.splitlines() if not OURS.match(line)] == []
    nodes = {record["node"] for record in done.records("node")}
    assert len(nodes) == NODES
    assert {trial["node"] for trial in _trials(done)} <= nodes
    assert len({trial["node"] for trial in _trials(done)}) > 1
    page = (done.run / "report.md").read_text()
    assert all(node.partition("/")[2] in page for node in nodes)
    assert "sleep: use 4 threads" in done.out


def test_the_users_folder_travels(on_cluster: OnCluster, user_module: Callable[[str, str], Path]) -> None:
    """By module and by file; what tools leave in it stays at home, and what a .rayignore names, however large."""
    with user_module("more/data", "").open("wb") as data:
        data.truncate(600 * 1024 * 1024)
    user_module("more/small", "").with_name(".rayignore").write_text("data.py\n")
    user_module("build/kept", "")
    user_module("package/build/travels", "")
    user_module("mine/library", "").with_name("pyvenv.cfg").touch()
    user_module(
        "tasks",
        "import pathlib\n"
        "import package.build.travels\n"
        "def task(x):\n"
        "    assert not pathlib.Path('build').exists()\n"
        "    assert not pathlib.Path('mine').exists()\n"
        "    assert list(pathlib.Path('more').glob('*.py')) == [pathlib.Path('more/small.py')]\n",
    )
    for named in ("tasks:task", "tasks.py:task"):
        task = ("workload=function", f"workload.task={named}", "workload.inputs=2", "backend=process", "workers=2")
        done = on_cluster(*task, *LEAST, "fresh=true", "-m")
        assert done.status == 0, done.err
        assert "at most 629 MB" in done.err


def test_it_is_reached_from_outside(tmp_path: Path, cluster: Cluster) -> None:
    """Through Ray's client server; the arms of its own cells run inside of the cluster, too."""
    outside = OnCluster(tmp_path, cluster.from_outside, cluster.environment)
    done = outside("workload=sleep", "workload.inputs=2", "backend=thread,ray", "workers=2", *LEAST, "-m")
    assert done.status == 0, done.err
    assert len(done.records("trial")) == 2


def test_no_cluster_at_the_address_is_one_line(tmp_path: Path) -> None:
    """What was given, why not, and what to do instead."""
    done = OnCluster(tmp_path, "127.0.0.1:1", {})(*SLEEP, "-m")
    assert done.status == 2
    assert done.err.splitlines()[-1].startswith("error: cluster.address=127.0.0.1:1:")
    assert "Traceback" not in done.err


def test_a_backend_without_its_cluster_is_one_line_too(pipeline: Command) -> None:
    """Before anything is measured."""
    done = pipeline("workload=sleep", "backend=ray", "cluster.address=127.0.0.1:1", *LEAST)
    assert done.status == 2
    assert done.err.splitlines()[-1].startswith("error: cluster.address=127.0.0.1:1:")
    assert not list(pipeline.folder.glob("outputs/sleep"))


def test_without_the_token_it_is_one_line_that_says_so(tmp_path: Path, cluster: Cluster) -> None:
    """Clusters let nobody in who has none."""
    stranger = OnCluster(tmp_path, cluster.address, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64})
    done = stranger(*SLEEP, "-m")
    assert done.status == 2
    assert "RAY_AUTH_TOKEN" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_folder_too_large_to_travel_is_one_line(pipeline: Command) -> None:
    """Before a cluster is asked for: Ray would have packed it first."""
    with pipeline.folder.joinpath("data.bin").open("wb") as data:
        data.truncate(600 * 1024 * 1024)
    done = pipeline(*SLEEP, "runner=ray", "-m")
    assert done.status == 2
    assert "629 MB" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


class Doorman:
    """Lets tasks go at once, or holds them; he knows in which folders those that wait run: each node has its own."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener, self._waiting = listener, list[socket.socket]()
        self._is_held = False
        self._changed, self._folders = threading.Condition(), set[bytes]()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                guest, _ = self._listener.accept()
                with self._changed:
                    self._folders.add(guest.recv(1000))
                    self._waiting.append(guest)
                    self._changed.notify_all()
                    if not self._is_held:
                        self._let_go()

    def _let_go(self) -> None:
        for guest in self._waiting:
            guest.close()
        self._waiting.clear()
        self._folders.clear()

    def hold(self, nodes: int) -> None:
        """Let nobody go any more, and wait until tasks wait on so many nodes."""
        with self._changed:
            self._is_held = True
            assert self._changed.wait_for(lambda: len(self._folders) == nodes, 60)

    def open(self) -> None:
        """Let everybody go, now and later."""
        with self._changed:
            self._is_held = False
            self._let_go()


WAITS = """
import os, socket
def task(port):
    with socket.create_connection(("127.0.0.1", port)) as door:
        door.sendall(os.getcwd().encode())
        door.recv(1)
"""


def test_a_node_that_dies_loses_its_trial_alone(
    on_cluster: OnCluster, cluster: Cluster, user_module: Callable[[str, str], Path]
) -> None:
    """It is taken again elsewhere, nothing is counted twice, and a node that joins takes part."""
    user_module("waits", WAITS)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        doorman, port = Doorman(listener), listener.getsockname()[1]
        inputs = f"workload.inputs=[{port},{port},{port},{port}]"
        words = ("workload=function", "workload.task=waits:task", inputs, "backend=thread", "workers=1,2,3,4")
        ends = ("measure=quick", "measure.trials=3", "measure.budget_s=60")  # to wait is to spend it
        started = on_cluster.start(*words, *ends, "name=sleep", "-m")
        _wait_for(started, on_cluster.folder, b"trial", 3)
        doorman.hold(NODES)
        cluster.start()
        _wait_for(started, on_cluster.folder, b"node", NODES + 1)
        doorman.hold(NODES + 1)
        cluster.kill(cluster.nodes[1])
        doorman.open()
        done = _finish(started, on_cluster.folder)
    assert done.status == 0, done.err
    counted = [(trial["kind"], trial["cell"], trial.get("leader"), trial["trial"]) for trial in _measured(done)]
    assert len(counted) == len(set(counted))
    assert len({record["node"] for record in done.records("node")}) == NODES + 1
    (lost,) = [trial for trial in _trials(done) if trial["status"] == "not run"]
    again = [trial for trial in _measured(done) if all(trial.get(key) == lost.get(key) for key in _WHICH)]
    assert [(trial["attempt"], trial["node"] != lost["node"]) for trial in again] == [(2, True)]


def test_a_keeper_that_dies_beside_a_trial_of_the_whole_cluster_is_replaced(
    tmp_path: Path, user_module: Callable[[str, str], Path]
) -> None:
    """Though no CPUs are held then: the trial is taken again on the same node, which is the only one."""
    user_module("waits", WAITS)
    with open_cluster(1) as cluster, socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        doorman, port = Doorman(listener), listener.getsockname()[1]
        words = ("workload=function", "workload.task=waits:task", f"workload.inputs=[{port},{port}]", "name=sleep")
        on_cluster = OnCluster(tmp_path, cluster.address, cluster.environment)
        started = on_cluster.start(*words, "backend=ray", "workers=1", *LEAST, "-m")
        _wait_for(started, tmp_path, b"preflight", 1)
        doorman.hold(1)
        nodes = _descendants(cluster.nodes[0].pid)
        (keeper,) = [pid for pid, command in _processes() if pid in nodes and command.startswith(b"ray::Keeper")]
        os.kill(keeper, signal.SIGKILL)
        doorman.open()
        done = _finish(started, tmp_path)
    assert done.status == 0, done.err
    assert [(trial["status"], trial["attempt"]) for trial in done.records("trial")] == [("not run", 1), ("measured", 2)]


def _measured(done: Finished) -> list[dict[str, Any]]:
    return [trial for trial in _trials(done) if trial["status"] == "measured"]


def test_a_trial_that_hangs_is_ended_on_its_node(
    on_cluster: OnCluster, user_module: Callable[[str, str], Path]
) -> None:
    """By its own time limit, and the others go on."""
    user_module(
        "hangs",
        "import threading\n"
        "def task(x):\n"
        "    if threading.current_thread() is not threading.main_thread():\n"
        "        threading.Event().wait()\n",
    )
    words = ("workload=function", "workload.task=hangs:task", "workload.inputs=2", "backend=thread,process")
    done = on_cluster(*words, "workers=2", *LEAST, "measure.timeout_s=3", "-m")
    (run,) = done.records("run")
    backends = {cell["id"]: cell["backend"] for cell in run["cells"]}
    fared = {(backends[trial["cell"]], trial["status"]) for trial in done.records("trial")}
    assert fared == {("thread", "timed out"), ("process", "measured")}, done.err


@pytest.mark.skipif(exclusive.fcntl is None, reason="the system has no such locks")
def test_a_trial_on_a_node_waits_for_whoever_measures_there(tmp_path: Path, cluster: Cluster) -> None:
    """And says for whom."""
    alone = OnCluster(tmp_path, cluster.address, cluster.environment, exclusive="true")
    with exclusive.machine("another sweep's cell", print):
        started = alone.start("workload=sleep", "workload.inputs=2", "backend=thread", "workers=1", *LEAST, "-m")
        assert started.stderr is not None
        said = next(line for line in started.stderr if line.startswith("waiting for process"))
        assert f"process {os.getpid()}, which measures another sweep's cell on " in said
        assert "runner.exclusive=false" in said
    assert _finish(started, tmp_path).status == 0


def test_a_killed_conductor_leaves_nothing_behind_and_is_resumed(on_cluster: OnCluster) -> None:
    """By the same command, which takes only what is missing."""
    there, others = _keepers(), set(Path(tempfile.gettempdir()).glob("pipeline-*/library/shipped"))
    started = on_cluster.start(*PROCESSES, "-m")
    journal = _wait_for(started, on_cluster.folder, b"trial", 3)
    scratch = set(Path(tempfile.gettempdir()).glob("pipeline-*/library/shipped")) - others
    assert len(scratch) == NODES
    ours = _keepers() - there
    assert len(ours) > NODES
    started.send_signal(signal.SIGKILL)
    started.communicate()
    before = [json.loads(line) for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    for pid in ours | (_keepers() - there):
        _await_end(pid)
    assert not any(each.exists() for each in scratch)
    done = on_cluster(*PROCESSES, "-m")
    assert done.status == 0, done.err
    assert done.run == journal.parent
    counted = [(trial["cell"], trial["trial"]) for trial in done.records("trial")]
    assert len(counted) == len(set(counted))
    assert len(done.records("trial")) > sum(record["kind"] == "trial" for record in before)


def test_when_the_head_dies_what_was_measured_is_reported_and_gone_on_with(tmp_path: Path) -> None:
    """The command ends by itself and says why; with a head again, the same words take what is missing."""
    gives_up = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
    with open_cluster(2) as cluster:
        on_cluster = OnCluster(tmp_path, cluster.address, {**cluster.environment, **gives_up})
        started = on_cluster.start(*PROCESSES, "-m")
        journal = _wait_for(started, tmp_path, b"trial", 3)
        cluster.kill(cluster.nodes[0])
        lost = _finish(started, tmp_path)
        assert lost.status == 1, lost.err
        assert "Ray cluster" in lost.err
        assert "Traceback" not in lost.err
        assert "This run is not finished" in (journal.parent / "report.md").read_text()
        taken = len(_measured(lost))
        assert taken >= 3
        cluster.stop()
        cluster.start()
        done = on_cluster(*PROCESSES, "-m")
    assert done.status == 0, done.err
    assert done.run == journal.parent
    assert len(_measured(done)) > taken


def _await_end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it has ended
        return
    import select

    assert select.select([descriptor], [], [], 30)[0], f"process {pid} is still there"
    os.close(descriptor)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
def test_nodes_of_another_kind_have_cells_of_their_own(on_cluster: OnCluster, cluster: Cluster) -> None:
    """What one of them shows says nothing of the other: a verdict for each."""
    other = cluster.start("taskset", "-c", "0")
    try:
        done = on_cluster(*SLEEP[:-2], "workers=2", *LEAST, "-m")
    finally:
        cluster.kill(other)
    assert done.status == 0, done.err
    assert len({trial["environment"] for trial in done.records("trial")}) == 2
    verdicts = json.loads((done.run / "verdict.json").read_text())["workloads"]
    assert len(verdicts) == 2
    assert all("core" in name for name in verdicts)


def test_cells_of_the_cluster_itself_run_among_the_others(on_cluster: OnCluster) -> None:
    """When no other trial runs: then its nodes' CPUs are theirs, and their workers are where they were asked to be."""
    cells = ("workload=sleep", "workload.inputs=6", "backend=thread,ray", "backend.placement=spread", "workers=2,3")
    done = on_cluster(*cells, *LEAST, "measure.trials=2", "measure.max_rounds=2", "-m")
    assert done.status == 0, done.err
    of_ray = ["placed" in trial["arms"]["cell"] for trial in done.records("trial")]
    assert True in of_ray[: len(of_ray) // 2 + 1]  # not all of them at the end
    assert False in of_ray[len(of_ray) // 2 :]
    placed = [trial["arms"]["cell"]["placed"] for trial in done.records("trial") if "placed" in trial["arms"]["cell"]]
    assert sorted(sum(each.values()) for each in placed) == [2, 2, 3, 3]
    assert all(len(each) == sum(each.values()) for each in placed)


def test_a_local_sweep_starts_a_cluster_of_its_own_and_leaves_none(pipeline: Command) -> None:
    """Once for all of its cells; nobody can reach it from outside, and it tells nobody of itself."""
    started = pipeline.start("workload=cpu", "workload.inputs=4", "backend=ray", "workers=1,2", *LEAST, "-m")
    heads, listens, tells = set[int](), set[str](), set[bytes]()
    while started.poll() is None:
        ours = _descendants(started.pid)
        for head in _heads() & ours:
            heads.add(head)
            with suppress(OSError):
                tells |= {each for each in Path(f"/proc/{head}/environ").read_bytes().split(b"\0") if b"USAGE" in each}
        listens |= _listening(ours)
        time.sleep(0.25)  # looking takes the cores that Ray starts on
    done = _finish(started, pipeline.folder)
    assert len(heads) == 1
    assert not heads & _heads()
    assert tells == {b"RAY_USAGE_STATS_ENABLED=0"}
    assert listens == {"127.0.0.1"}
    assert done.status == 0, done.err
    assert "2 Ray workers" in done.out
    assert "Traceback" not in done.err
    placed = [sum(trial["arms"]["cell"]["placed"].values()) for trial in done.records("trial")]
    assert sorted(placed) == [1, 2]


def _descendants(pid: int) -> set[int]:
    parents = dict[int, int]()
    for each, _ in _processes():
        with suppress(OSError):
            parents[each] = int(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _listening(pids: set[int]) -> set[str]:
    """The addresses at which these processes can be reached."""
    links = set[str]()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                links.add(str(link.readlink()))
    found = set[str]()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in links:
                raw = bytes.fromhex(words[1].partition(":")[0])
                address = ipaddress.ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))
                found.add(str(getattr(address, "ipv4_mapped", None) or address))
    return found


def _heads() -> set[int]:
    """The processes of Ray's that hold a cluster together."""
    return {pid for pid, command in _processes() if b"gcs_server" in command.partition(b"\0")[0]}

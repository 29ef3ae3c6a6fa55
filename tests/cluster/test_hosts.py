"""A cluster of two hosts: the second one has a network, a name and a folder of temporary files of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import LEAST, ROOT
from .conftest import OnCluster
from .nodes import Cluster, open_cluster

HERE, THERE = "10.213.77.1", "10.213.77.2"
SPACE, BRIDGE, LINK, NAME = "pipeline-there", "pipeline-br", "pipeline-veth", "elsewhere"
UP = f"""
set -e
ip link add {BRIDGE} type bridge
ip address add {HERE}/24 dev {BRIDGE}
ip link set {BRIDGE} up
ip netns add {SPACE}
ip link add {LINK} type veth peer name eth0 netns {SPACE}
ip link set {LINK} master {BRIDGE} up
ip -netns {SPACE} address add {THERE}/24 dev eth0
ip -netns {SPACE} link set eth0 up
ip -netns {SPACE} link set lo up
ip -netns {SPACE} route add default via {HERE}
"""
DOWN = f"ip link delete {LINK}; ip link delete {BRIDGE}; ip netns delete {SPACE}; true"
INSIDE = f"""
hostname {NAME}
for hidden in "$0" {ROOT}/pipeline {ROOT}/experiments; do mount -t tmpfs tmpfs "$hidden"; done
exec "$@"
"""


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Cluster]:
    """A node on each of them."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("a second host takes ip (Debian's iproute2) and unshare (util-linux)")
    if Path(sys.prefix).is_relative_to(tempfile.gettempdir()):
        pytest.skip(f"a second host has a {tempfile.gettempdir()} of its own, and the interpreter is below it")
    _run(DOWN)  # of a run that was killed
    made = _run(UP)
    if made.returncode:
        _run(DOWN)
        pytest.skip(f"no network of its own can be made here: {made.stderr.strip()}")
    try:
        with open_cluster(1, HERE) as cluster:
            unshared = (
                "ip",
                "netns",
                "exec",
                SPACE,
                "unshare",
                "--uts",
                "--mount",
                "--pid",
                "--mount-proc",
                "--kill-child",
            )
            inside = (*unshared, "sh", "-ec", INSIDE, tempfile.gettempdir())
            cluster.start(*inside, at=THERE)
            yield cluster
    finally:
        _run(DOWN)


@pytest.mark.parametrize("runner", ["local", "ray"])
def test_workers_on_two_hosts_reach_what_the_inputs_serve(tmp_path: Path, hosts: Cluster, runner: str) -> None:
    """The server of the I/O workload is on one of them, and both fetch from it."""
    command = OnCluster(tmp_path, hosts.address, hosts.environment, runner)
    done = command("workload=io", "backend=ray", "backend.placement=spread", "workers=2", *LEAST)
    assert done.status == 0, done.err
    (trial,) = done.records("trial")
    assert {node.partition("/")[0] for node in trial["arms"]["cell"]["placed"]} == {os.uname().nodename, NAME}
    assert trial["arms"]["cell"]["answers"] == "alike"


def test_the_measured_code_is_on_both_hosts(
    tmp_path: Path, hosts: Cluster, user_module: Callable[[str, str], Path]
) -> None:
    """As workers of a pool find it, and as trials on the nodes do."""
    user_module(".jobs/helper", "def double(x):\n    return 2 * x\n")
    mine = "import helper\ndef task(x):\n    return helper.double(x)\n"
    user_module(".jobs/mine", mine)
    user_module("mine", mine.replace("helper", "halve"))
    user_module("halve", "def double(x):\n    return 2 * x\n")
    tmp_path.joinpath(".gitignore").write_text("halve.py\n")
    for task, runner in ((".jobs/mine.py:task", "local"), ("mine:task", "ray")):
        words = ("workload=function", f"workload.task={task}", "backend=ray,process", "backend.placement=spread")
        command = OnCluster(tmp_path, hosts.address, hosts.environment, runner)
        done = command(*words, "workers=2", *LEAST, f"name={runner}", "-m")
        assert done.status == 0, (task, runner, done.err)


def test_what_is_too_large_for_the_other_host_is_one_line(tmp_path: Path, hosts: Cluster) -> None:
    """Before anything is measured."""
    with tmp_path.joinpath("data.bin").open("wb") as data:
        data.truncate(600 * 1024 * 1024)
    done = OnCluster(tmp_path, hosts.address, hosts.environment, "local")("workload=cpu", "backend=ray", *LEAST)
    assert done.status == 2
    assert "629 MB" in done.err.splitlines()[-1]
    assert not list(tmp_path.glob("outputs/cpu"))

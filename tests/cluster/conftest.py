"""What the tests here share: a cluster of three nodes, and the command with its trials on them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Command
from .nodes import Cluster, open_cluster

NODES = 3


@pytest.fixture(scope="session", autouse=True)
def _needs_ray() -> None:
    """Not as this file is read: where it is named on the command line, pytest takes a skip there for a fault."""
    pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three nodes."""
    with open_cluster(NODES) as found:
        yield found


class OnCluster(Command):
    """The command, with its trials on the cluster's nodes, which share a machine; with another runner, its workers."""

    def __init__(
        self, folder: Path, address: str, more: dict[str, str], runner: str = "ray", exclusive: str = "false"
    ) -> None:
        super().__init__(folder)
        self._words = (f"runner={runner}", f"cluster.address={address}", f"runner.exclusive={exclusive}")
        self._more = more

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self._more}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return super().start(*words, *self._words)


@pytest.fixture
def on_cluster(tmp_path: Path, cluster: Cluster) -> OnCluster:
    """In an empty folder."""
    return OnCluster(tmp_path, cluster.address, cluster.environment)

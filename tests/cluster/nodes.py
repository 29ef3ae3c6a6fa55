"""A cluster of several nodes on this machine, each its own `ray start`, with a token as Ray asks for one."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

#: A head that asks so often, and so many times, notices within a second and a half that a node is gone; else in 17 s.
NOTICES = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@dataclass
class Cluster:
    """Nodes of one CPU each, by the process that runs each of them."""

    host: str
    port: int = field(default_factory=_free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    client_port: int = field(default_factory=_free_port)
    nodes: list[subprocess.Popen[str]] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """As `cluster.address` has it."""
        return f"{self.host}:{self.port}"

    @property
    def from_outside(self) -> str:
        """By Ray's client server, which is on the head."""
        return f"ray://127.0.0.1:{self.client_port}"

    @property
    def environment(self) -> dict[str, str]:
        """By which those who have the token are told, and `more`."""
        return {**self.more, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def start(self, *before: str, at: str | None = None) -> subprocess.Popen[str]:
        """One more node, which has joined when this returns; `before` are words before the command."""
        where = [f"--address={self.address}"]
        if not self.nodes:
            where = ["--head", f"--port={self.port}", f"--ray-client-server-port={self.client_port}"]
            where += ["--include-dashboard=false"]
        words = [str(Path(sys.executable).with_name("ray")), "start", *where, "--num-cpus=1", "--block"]
        node = subprocess.Popen(
            [*before, *words, f"--node-ip-address={at or self.host}", "--disable-usage-stats"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **NOTICES, **self.environment},
            start_new_session=True,
        )
        self.nodes.append(node)
        assert node.stdout is not None
        said = []
        for line in node.stdout:
            said.append(line)
            if re.search(r"--block", line):
                threading.Thread(target=_drain, args=(node.stdout,), daemon=True).start()
                return node
        raise RuntimeError("".join(said))

    def kill(self, node: subprocess.Popen[str]) -> None:
        """All of a node's processes, at once."""
        self.nodes.remove(node)
        os.killpg(node.pid, 9)
        node.wait()

    def stop(self) -> None:
        """All nodes."""
        for node in list(self.nodes):
            self.kill(node)


def _drain(stream: IO[str]) -> None:
    with stream:
        stream.read()


@contextmanager
def open_cluster(nodes: int, host: str = "127.0.0.1", **more: str) -> Iterator[Cluster]:
    """A cluster that ends with the block; it has `more` variables, and so has what is started with its own."""
    cluster = Cluster(host, more=more)
    try:
        for _ in range(nodes):
            cluster.start()
        yield cluster
    finally:
        cluster.stop()

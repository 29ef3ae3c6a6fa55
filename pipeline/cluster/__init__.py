"""A Ray cluster, held at arm's length: a process of its own speaks to it, and this side never imports Ray.

Ray ends a process whose cluster is gone, prints to its standard error, and keeps threads and some 100 MB. None of that
is the conductor's: what the driver prints goes into a log, and when the conductor dies, however that is, the driver's
pipe closes and it leaves the cluster, or takes the one down that it started.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bench import messages, orphans, travel
from ..errors import ClusterLost, InputError

LOCAL = "local"
"""The address of a cluster that is started here and ends with the sweep."""
FOLDER, SHIPPED, PICKLED = "@pipeline-folder", "@pipeline-shipped", "@pipeline-pickled"
CLUSTER, ADDRESS, HOSTS = "@pipeline-cluster", "@pipeline-address", "@pipeline-hosts"
"""What stands in a message for the user's folder, for our own experiments, for the file of pickled inputs, for the
cluster's address, for the node's own, and for the number of hosts: only the node knows them."""
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Has Ray listen on the loopback interface alone, on every system: on those two it does anyway. Read by its import."""
ALL_FILES = {"RAY_RUNTIME_ENV_IGNORE_GITIGNORE": "1"}
"""Has Ray bring what git ignores, too: data may be measured that is not committed."""
_DRIVER = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.cluster.driver import main; main()"
_MARK = "PIPELINE_CLUSTER_LOG"
"""By this variable what a driver started is known, but for keepers, which end by themselves."""
_OURS = {**ON_LOOPBACK, "SPT_NOENV": "1"}
"""The second has Ray's processes keep their variables, over which some write what they are called."""
OPENS_S = 120.0
"""So long may it take to connect, or to start a cluster,"""
_LEAVES_S = 40.0
"""and to leave it, or to take it down: more than the driver has for that."""
MOST_BYTES = 500 * 1024 * 1024
"""Ray brings no larger folder to its nodes."""
_LONGEST = 40
"""Of the path of a folder for Ray's sockets, whose own paths may have a hundred characters."""


@dataclass(frozen=True)
class Opened:
    """A cluster that there is: the variables by which others on this machine find it, and how many hosts it has."""

    variables: dict[str, str]
    hosts: int


class Driver:
    """The process that speaks to the cluster."""

    def __init__(self, address: str, log: Path) -> None:
        """For the cluster at `address`. What it prints, and Ray with it, is kept in `log`."""
        self._address, self._log = address, log
        root = Path(__file__).parent.parent.parent
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _DRIVER, str(root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={**os.environ, **ALL_FILES, **(_OURS if address == LOCAL else {}), _MARK: str(log)},
                start_new_session=True,  # Ctrl-C at the terminal is the conductor's to handle
            )
        self._messages: queue.Queue[messages.Message | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream, suppress(ValueError, OSError):
            while (message := messages.receive(stream)) is not None:
                self._messages.put(message)
        self._messages.put(None)

    def tell(self, do: str, **details: Any) -> None:
        """Send a command; one that is gone says nothing in `receive`.

        Raises:
            InputError: it is too long.
        """
        assert self._process.stdin is not None
        try:
            messages.send(self._process.stdin, {"do": do, **details})
        except OSError:
            pass
        except ValueError as error:
            raise InputError(str(error)) from None

    def receive(self, timeout_s: float | None = None) -> messages.Message | None:
        """The next message; `None` when there is none in time.

        Raises:
            ClusterLost: the driver is gone.
        """
        try:
            message = self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if message is None:
            self._messages.put(None)  # whoever asks again hears the same
            raise ClusterLost(f"the connection to the Ray cluster is lost{_last_line(self._log)}")
        return message

    def open(self, **details: Any) -> Opened:
        """Connect to the cluster, or start it.

        Raises:
            InputError: there is none, or no Ray.
        """
        address, scratch = self._address, str(self._log.with_name("ray"))
        self.tell("open", address=address, scratch=scratch if len(scratch) <= _LONGEST else None, **details)
        try:
            message = self.receive(OPENS_S)
        except ClusterLost as error:
            raise InputError(f"cluster.address={address}: {error}") from None
        if message is None:
            raise InputError(
                f"cluster.address={address}: Ray did not connect within {OPENS_S:.0f} s{_last_line(self._log)}"
            )
        if "refused" in message:
            raise InputError(message["refused"])
        return Opened({**message["opened"], **(ON_LOOPBACK if address == LOCAL else {})}, message["hosts"])

    def answers(self, within_s: float) -> bool:
        """Whether the cluster does, one node of it at least."""
        self.tell("knock", within_s=within_s)
        try:
            message = self.receive(2 * within_s)  # its head may be what hangs
        except ClusterLost:
            return False
        return message is not None and bool(message["answers"])

    def close(self) -> None:
        """Have it leave the cluster and end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_LEAVES_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        orphans.end_marked(f"{_MARK}={self._log}")  # Ray may have ended it first


@contextmanager
def open_driver(address: str, log: Path) -> Iterator[Driver]:
    """A driver that ends with the block."""
    driver = Driver(address, log)
    try:
        yield driver
    finally:
        driver.close()


def weigh(folder: Path) -> tuple[int, bool]:
    """What travels of the user's folder, in bytes, and whether that is only the most: it has a `.rayignore`.

    Raises:
        InputError: more than Ray takes, whatever it leaves at home.
    """
    size, is_most = travel.size_bytes(folder)
    if size > MOST_BYTES and not is_most:
        raise InputError(
            f"the folder {folder} would be brought to every node of the Ray cluster, {size / 1e6:,.0f} MB, and Ray "
            f"takes {MOST_BYTES / 1e6:.0f} MB at most; name what stays here in a .rayignore, or start "
            "from the folder that holds the measured code alone"
        )
    return size, is_most


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if lines:
            return f"; the last that was heard of it: {lines[-1][:300]}"
    return ""

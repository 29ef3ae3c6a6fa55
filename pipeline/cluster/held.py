"""The cluster on which arms have their workers, and by which variables they find it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import ClusterLost, InputError
from . import ADDRESS, ALL_FILES, CLUSTER, HOSTS, LOCAL, Driver

_CLUSTER_AT = "RAY_ADDRESS"
_SERVES_AT = "PIPELINE_NODE_ADDRESS"
"""Where a server that inputs start can be reached by a cluster's workers,"""
_HOSTS = "PIPELINE_HOSTS"
"""and on how many machines these are."""
ANSWERS_S = 30.0
"""One that does not answer in this time hangs: a node may have to start a worker for that, on a busy machine."""


class Cluster(Protocol):
    """What a session has to know of it."""

    def find(self) -> Mapping[str, str]:
        """The variables by which arms find it; one that is to be started again is.

        Raises:
            ClusterLost: it cannot be.
        """
        ...

    def see_to(self) -> str | None:
        """See whether it is there, once something went wrong on it: why that counts for nothing, if it is not.

        Raises:
            ClusterLost: it is not, and it is for others to start it again.
        """
        ...


@dataclass(frozen=True)
class Elsewhere:
    """One that is not held from here: who holds it sees to it."""

    variables: Mapping[str, str]

    def find(self) -> Mapping[str, str]:
        """See `Cluster`."""
        return self.variables

    def see_to(self) -> None:
        """See `Cluster`."""


NONE = Elsewhere({})
"""There is none."""
OF_NODES = Elsewhere({_CLUSTER_AT: CLUSTER, _SERVES_AT: ADDRESS, _HOSTS: HOSTS, **ALL_FILES})
"""That of the nodes where the arms are."""


class Held:
    """One that is held from here: measured code can take it down, and what was started here is then started anew."""

    def __init__(self, address: str, log: Path) -> None:
        """See `hold`."""
        self._address, self._log = address, log
        self._driver: Driver | None = None
        self._variables: dict[str, str] = {}
        self.hosts = 0
        self._open()

    def _open(self) -> Driver:
        driver = Driver(self._address, self._log)
        try:
            found = driver.open(keepers=None)
            own = {} if self._address == LOCAL else {_SERVES_AT: _own_address(found.variables[_CLUSTER_AT])}
        except OSError as error:
            driver.close()
            raise InputError(f"cluster.address={self._address} cannot be reached from here ({error})") from None
        except BaseException:
            driver.close()
            raise
        self.hosts = found.hosts
        self._variables = {**found.variables, **own, _HOSTS: str(found.hosts), **ALL_FILES}
        self._driver = driver
        return driver

    def find(self) -> Mapping[str, str]:
        """See `Cluster`."""
        if self._driver is None:
            try:
                self._open()
            except InputError as error:
                raise ClusterLost(str(error)) from None
        return self._variables

    def see_to(self) -> str | None:
        """See `Cluster`."""
        if self._driver is not None and self._driver.answers(ANSWERS_S):
            return None
        self.close()
        if self._address == LOCAL:  # started again for whoever needs it
            return "the Ray cluster that was started for it ended, or hung"
        with suppress(InputError):  # the connection may be all that was lost
            if self._open().answers(ANSWERS_S):
                return None
        raise ClusterLost(f"the Ray cluster at {self._address} does not answer any more")

    def close(self) -> None:
        """Leave it, or take down what was started."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None


@contextmanager
def hold(address: str, log: Path) -> Iterator[Held]:
    """The cluster at `address`, or one that is started, as long as the block lasts; its `hosts` are known.

    Raises:
        InputError: there is none, or no Ray.
    """
    held = Held(address, log)
    try:
        yield held
    finally:
        held.close()


def _own_address(address: str) -> str:
    """This machine's, as the cluster's head sees it; no packet is sent."""
    host = address.rpartition(":")[0].strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        found: str = probe.getsockname()[0]
        return found

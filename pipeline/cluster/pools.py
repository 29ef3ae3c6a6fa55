"""The cluster on which arms have their workers, and by which variables they find it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import ClusterLost, InputError
from . import ADDRESS, ALL_FILES, CLUSTER, HOSTS, LOCAL, Driver, Opened

_CLUSTER_AT = "RAY_ADDRESS"
_SERVES_AT = "PIPELINE_NODE_ADDRESS"
"""Where a server that inputs start can be reached by a cluster's workers,"""
_HOSTS = "PIPELINE_HOSTS"
"""and on how many machines these are."""


class Pools(Protocol):
    """What arms have to know of it, and whether it is there."""

    @property
    def variables(self) -> Mapping[str, str]:
        """Those by which arms find it, from now on."""
        ...

    def mend(self) -> str | None:
        """See whether it is there, once something went wrong on it: why that counts for nothing, if it is not.

        Raises:
            ClusterLost: it is not, and it is for others to start it again.
        """
        ...


@dataclass(frozen=True)
class Elsewhere:
    """It is not held from here."""

    variables: Mapping[str, str]

    def mend(self) -> None:
        """See `Pools`: who holds it sees to that."""


NONE = Elsewhere({})
"""There is none."""
OF_NODES = Elsewhere({_CLUSTER_AT: CLUSTER, _SERVES_AT: ADDRESS, _HOSTS: HOSTS, **ALL_FILES})
"""That of the nodes where the arms are."""


class Held:
    """One that is held from here: measured code can take it down, and what was started here is then started anew."""

    def __init__(self, address: str, log: Path) -> None:
        """See `hold`."""
        self._address, self._log = address, log
        self._driver, self._found = self._open()

    def _open(self) -> tuple[Driver, Opened]:
        driver = Driver(self._address, self._log)
        try:
            return driver, driver.open(keepers=None)
        except BaseException:
            driver.close()
            raise

    @property
    def hosts(self) -> int:
        """How many it has."""
        return self._found.hosts

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Pools`."""
        found = self._found.variables
        own = {} if self._address == LOCAL else {_SERVES_AT: _own_address(found[_CLUSTER_AT])}
        return {**found, **own, _HOSTS: str(self.hosts), **ALL_FILES}

    def mend(self) -> str | None:
        """See `Pools`."""
        if self._driver.answers():
            return None
        if self._address != LOCAL:
            raise ClusterLost(f"the Ray cluster at {self._address} does not answer any more")
        self._driver.close()
        try:
            self._driver, self._found = self._open()
        except InputError as error:
            raise ClusterLost(str(error)) from None
        return "the Ray cluster that was started for it ended, or hung"

    def close(self) -> None:
        """Leave it, or take down what was started."""
        self._driver.close()


@contextmanager
def hold(address: str, log: Path) -> Iterator[Held]:
    """The cluster at `address`, or one that is started, as long as the block lasts.

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

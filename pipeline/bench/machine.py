"""What the system counted for the machine as a whole; `None` where it does not count.

Read between repetitions by whoever runs the trial, never by an arm.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .cgroups import Throttling, find_throttling, throttled_s
from .counters import number_after

#: The mean frequency is that of so many cores at most, spread over all.
MOST_CORES = 64
#: Where reading their frequencies takes longer, it is read once: some kernels wait 10 ms for each idle core.
DEAR_S = 0.001
_MOST_BYTES = 4096
_MOST_CORES_BYTES = 1_000_000


@dataclass(frozen=True)
class Machine:
    """Totals so far of the whole machine, in seconds.

    `busy_s` is CPU time that anybody used of the cores that we may run on, in steps of 0.01, `steal_s` what the
    hypervisor gave to others of these, `pressure_s` the time in which somebody waited for a core (PSI), `throttled_s`
    the time in which a quota held this container back.
    """

    busy_s: float | None
    steal_s: float | None
    pressure_s: float | None
    throttled_s: float | None


class Meter:
    """Reads the machine's counters from files that stay open: reading one again costs a third of opening it, too."""

    def __init__(
        self,
        stat: int | None,
        pressure: int | None,
        throttling: tuple[Throttling, int] | None,
        frequencies: list[int],
        cores: frozenset[bytes] | None,
    ) -> None:
        """File descriptors, each `None` where there is no such file; the names of our `cores`, `None` for all."""
        self._stat, self._pressure, self._throttling, self._frequencies = stat, pressure, throttling, frequencies
        self._cores = cores

    def read(self) -> Machine:
        """The totals of the machine."""
        busy_s = steal_s = pressure_s = held_s = None
        with suppress(OSError, ValueError, IndexError):
            busy_s, steal_s = self._cores_s()
        with suppress(OSError, ValueError, IndexError):
            pressure_s = number_after(_reread(self._pressure), b" total=") / 1e6
        with suppress(OSError, ValueError, IndexError):
            if self._throttling is not None:
                where, file = self._throttling
                held_s = throttled_s(where, _reread(file))
        return Machine(busy_s, steal_s, pressure_s, held_s)

    def _cores_s(self) -> tuple[float, float]:
        """Of all cores together, or of those that we may run on where these are fewer."""
        lines = _reread(self._stat, _MOST_BYTES if self._cores is None else _MOST_CORES_BYTES).splitlines()
        wanted = {b"cpu"} if self._cores is None else self._cores
        busy = stolen = 0
        for line in lines:
            name, *counts = line.split(None, 9)
            if not name.startswith(b"cpu"):
                break
            if name in wanted:
                user, nice, system, _, _, irq, softirq, steal = map(int, counts[:8])
                busy, stolen = busy + user + nice + system + irq + softirq, stolen + steal
        tick_s = 1 / os.sysconf("SC_CLK_TCK")
        return busy * tick_s, stolen * tick_s

    def frequency_hz(self) -> float | None:
        """The mean frequency of the cores now."""
        began = time.perf_counter()
        found = []
        for file in self._frequencies:
            with suppress(OSError, ValueError):  # a core that is offline
                found.append(int(_reread(file)) * 1e3)
        if time.perf_counter() - began > DEAR_S:
            self._frequencies = []
        return sum(found) / len(found) if found else None


def load() -> float | None:
    """How many threads ran or wanted to, on average over the last minute."""
    with suppress(AttributeError, OSError):  # Windows has none
        return os.getloadavg()[0]
    return None


@contextmanager
def open_meter(root: Path = Path("/")) -> Iterator[Meter]:
    """A meter of this machine, or of what `root` holds in `proc` and `sys`."""
    with ExitStack() as stack:

        def keep_open(path: Path) -> int | None:
            with suppress(OSError, AttributeError):  # no such file; no such thing as pread on Windows
                file = os.open(path, os.O_RDONLY)
                stack.callback(os.close, file)
                os.pread(file, 1, 0)
                return file
            return None

        throttling = find_throttling(root)
        counted = None if throttling is None else keep_open(throttling.path)
        cores = sorted(root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"))
        opened = [keep_open(each) for each in cores[:: -(-len(cores) // MOST_CORES) or 1]]
        yield Meter(
            keep_open(root / "proc" / "stat"),
            keep_open(root / "proc" / "pressure" / "cpu"),
            None if throttling is None or counted is None else (throttling, counted),
            [each for each in opened if each is not None],
            _own_cores(),
        )


def _own_cores() -> frozenset[bytes] | None:
    """The cores that we may run on, as /proc/stat calls them; `None` where these are all of the machine."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    return frozenset(b"cpu%d" % core for core in usable) if 0 < len(usable) < (os.cpu_count() or 1) else None


def _reread(file: int | None, most: int = _MOST_BYTES) -> bytes:
    if file is None:
        raise OSError("there is no such file")
    return os.pread(file, most, 0)

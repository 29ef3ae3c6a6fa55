"""What this process and those below it do together: arms, their pools, probes, servers that inputs started."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from .counters import descendants, read

#: Nobody is waited for longer than this,
PATIENCE_S = 0.3
#: They are looked at first after the shorter time, and then ever more seldom: looking takes a core, too.
SOONEST_S, SELDOMMEST_S = 0.001, 0.008
#: nor any more once it was in vain so often in a row: the measured code has threads that never rest.
MOST_IN_VAIN = 3


def cpu_s(outside: Sequence[int] = ()) -> float | None:
    """The CPU time of all of them, and `outside`, and of children of theirs that have ended; `None` if not counted."""
    pids = [*descendants(os.getpid()), *outside]
    if not pids:
        return None
    ticks = 0
    for pid in pids:
        with suppress(OSError, IndexError):  # it ended: its parent counts it
            # utime, stime, cutime, cstime: see proc(5).
            ticks += sum(map(int, read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[11:15]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class Rest:
    """Waits until none of those that there are now computes any more.

    The threads of a BLAS or OpenMP library spin for a tenth of a second or so after their work is done, in the hope of
    more: the next arm, or the probe of the machine, would find a core busy that is free.
    """

    def __init__(self, outside: Sequence[int] = ()) -> None:
        self._pids = [*descendants(os.getpid()), *outside]
        self._in_vain = 0

    def wait(self) -> None:
        """For `PATIENCE_S` at most."""
        if self._in_vain >= MOST_IN_VAIN:
            return
        until, pause_s = time.perf_counter() + PATIENCE_S, SOONEST_S
        while any(map(_computes, self._pids)):
            if time.perf_counter() > until:
                self._in_vain += 1
                return
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, SELDOMMEST_S)
        self._in_vain = 0


def _computes(pid: int) -> bool:
    """Whether a thread of it runs or could."""
    try:
        with os.scandir(f"/proc/{pid}/task") as threads:
            return any(read(f"{each.path}/stat").rpartition(b")")[2].split()[0] == b"R" for each in threads)
    except (OSError, IndexError):
        return False

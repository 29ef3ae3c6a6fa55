"""How much memory an arm and its pool have; `None` where the system does not tell."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from .counters import number_after, read

_HAS_PROC = sys.platform == "linux"
#: Where reading the proportional share takes longer, it is read once.
DEAR_S = 0.001


class Memory:
    """The memory of `pids` from one repetition to the next; of `None`, of which it cannot be read, nothing is told."""

    def __init__(self, pids: Sequence[int] | None) -> None:
        self._pids = pids or ()
        self._reads_pss = True

    def begin(self) -> None:
        """Have the peak begin anew at what is resident now, where the system can: Linux, for processes of ours.

        Otherwise start-up, the comparing of answers, or the instrumented batch would be every repetition's peak.
        """
        if not _HAS_PROC:
            return
        for pid in self._pids:
            # https://docs.kernel.org/filesystems/proc.html: 5 resets the peak and touches nothing else.
            with suppress(OSError), open(f"/proc/{pid}/clear_refs", "wb", buffering=0) as file:
                file.write(b"5")

    def read(self) -> dict[str, int | None]:
        """The repetition's peak and what is resident after it: `rss_bytes`, `pss_bytes`."""
        rss_bytes, pss = peak_rss_bytes(self._pids), None
        if self._reads_pss:
            began = time.perf_counter()
            pss = pss_bytes(self._pids)
            # It walks the page tables of every process: 0.1 ms for a bare Python, tens of them for gigabytes, in which
            # the machine would be busy with us between two arms of a round.
            self._reads_pss = time.perf_counter() - began <= DEAR_S
        return {"rss_bytes": rss_bytes, "pss_bytes": pss}


def peak_rss_bytes(pids: Sequence[int]) -> int | None:
    """The sum of the peak resident sizes of `pids`; pages that they share are counted for each."""
    return _total_bytes(pids, "status", b"\nVmHWM:")


def pss_bytes(pids: Sequence[int]) -> int | None:
    """The resident memory of `pids` now, pages that they share counted once."""
    return _total_bytes(pids, "smaps_rollup", b"\nPss:")


def resident_bytes(pids: Sequence[int]) -> int:
    """What is resident of `pids` now; pages that they share are counted for each."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):  # it ended meanwhile
            total += int(read(f"/proc/{pid}/statm").split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") if total else 0


def _total_bytes(pids: Sequence[int], file: str, name: bytes) -> int | None:
    if not _HAS_PROC:
        return None
    total = None
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):  # it ended meanwhile
            total = (total or 0) + number_after(read(f"/proc/{pid}/{file}"), name) * 1024
    return total

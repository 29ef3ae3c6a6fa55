"""What the system counted for a process and its descendants; `None` where it does not count."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = sys.platform == "linux"


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, without it; empty where the system does not tell."""
    found: list[int] = []
    if not _HAS_PROC:
        return found
    try:
        for children in _PROC.joinpath(str(pid), "task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    except OSError:  # it ended while we looked
        pass
    return found


def cpu_s(others: Sequence[int]) -> float | None:
    """CPU seconds used so far by this process and, as far as their threads still live, by `others`."""
    if others and not _HAS_PROC:
        return None
    used = time.process_time()
    for pid in others:
        try:
            for task in _PROC.joinpath(str(pid), "task").iterdir():
                used += int(task.joinpath("schedstat").read_text().split()[0]) / 1e9
        except (OSError, IndexError):
            return None
    return used


def peak_rss_bytes(pids: Iterable[int]) -> int | None:
    """The sum of the peak resident sizes of `pids`; pages that they share are counted for each."""
    if not _HAS_PROC:
        return None
    total = 0
    for pid in pids:
        try:
            status = _PROC.joinpath(str(pid), "status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total

"""What the system counted for processes; `None` where it does not count.

Read before and after a repetition, outside the timed region. Plain `os` calls: a reading costs every round, and with
`pathlib` it took three times as long. Nothing stays open in between: threads come and go, and the measured code may
need the file descriptors.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_HAS_PROC = sys.platform == "linux"
#: A file of a thread in /proc fits into this.
_MOST_BYTES = 16_384


@dataclass(frozen=True)
class Tree:
    """Totals so far of this process and others.

    `cpu_s` is their CPU time and that of children of theirs that have ended, `queue_s` the time in which they could
    have run and waited for a core, `voluntary` and `involuntary` their context switches, `gc_runs` the garbage
    collections of this process alone. CPU time is whole, and so are the context switches of this process; otherwise
    those threads count that still live.
    """

    cpu_s: float | None
    queue_s: float | None
    voluntary: int | None
    involuntary: int | None
    gc_runs: int | None


def since(before: object, after: object, times: int = 1) -> dict[str, float | None]:
    """What was counted between two readings of one kind, over `times` repetitions."""
    then: Mapping[str, float | None] = vars(before)
    now: Mapping[str, float | None] = vars(after)
    return {name: _difference(then[name], now[name], times) for name in then}


def _difference(then: float | None, now: float | None, times: int) -> float | None:
    return None if then is None or now is None else (now - then) / times


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, without it; empty where the system does not tell."""
    if not _HAS_PROC:
        return []
    found = [pid]
    for each in found:  # which grows meanwhile: one process below the other they may be more than Python recurses
        with suppress(OSError):  # it ended while we looked
            for thread in _threads(each):
                with suppress(OSError):  # likewise
                    found += map(int, Path(thread, "children").read_text().split())
    return found[1:]


def parent(pid: int) -> int | None:
    """The process that started it; `None` where that is not told, or nobody's any more."""
    try:
        found = int(read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])
    except OSError:
        return None
    return found if found > 1 else None


def read_tree(others: Sequence[int] | None) -> Tree:
    """The totals of this process and `others`; with `None` for those, which cannot be read, of all there is nothing."""
    gc_runs = sum(generation["collections"] for generation in gc.get_stats())
    if others is None:
        return Tree(None, None, None, None, gc_runs)
    own_s = time.process_time() + _ended_children_s()
    if not _HAS_PROC or resource is None:
        return Tree(None if others else own_s, None, None, None, gc_runs)
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s, queue_s, voluntary, involuntary = own_s, 0.0, own.ru_nvcsw, own.ru_nivcsw
    try:
        queue_s += sum(map(_waited_s, _threads(os.getpid())))
        for pid in others:
            cpu_s += time.clock_gettime(_cpu_clock(pid)) + _ended_children_of_s(pid)
            for thread in _threads(pid):
                queue_s += _waited_s(thread)
                switches = read(f"{thread}/status")
                voluntary += number_after(switches, b"\nvoluntary_ctxt_switches:")
                involuntary += number_after(switches, b"\nnonvoluntary_ctxt_switches:")
    except (OSError, ValueError, IndexError):  # one of them ended, or the kernel counts less
        return Tree(None if others else own_s, None, None, None, gc_runs)
    return Tree(cpu_s, queue_s, voluntary, involuntary, gc_runs)


def _ended_children_s() -> float:
    if resource is None:
        return 0.0
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _ended_children_of_s(pid: int) -> float:
    stat = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")


def _threads(pid: int) -> list[str]:
    with os.scandir(f"/proc/{pid}/task") as threads:
        return [each.path for each in threads]


def _waited_s(thread: str) -> float:
    """For how long a thread waited in a run queue."""
    _, waited_ns, _ = map(int, read(f"{thread}/schedstat").split())
    return waited_ns / 1e9


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time, with that of threads that ended: see clock_getcpuclockid(3)."""
    scheduled = 2  # Linux's CPUCLOCK_SCHED, in nanoseconds
    return ~pid << 3 | scheduled


def read(path: str) -> bytes:
    """The beginning of a small file."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, _MOST_BYTES)
    finally:
        os.close(file)


def number_after(text: bytes, name: bytes) -> int:
    """The whole number that follows `name`.

    Raises:
        IndexError: nothing does.
        ValueError: something else does.
    """
    return int(text.partition(name)[2].split(None, 1)[0])

"""What the system counted: for processes, and for the machine as a whole; `None` where it does not count.

Read before and after a repetition, outside the timed region.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_PROC = Path("/proc")
_HAS_PROC = sys.platform == "linux"


@dataclass(frozen=True)
class Tree:
    """Totals so far of this process and others.

    `cpu_s` is their CPU time and that of children of theirs that have ended, `queue_s` the time in which they could
    have run and waited for a core, `voluntary` and `involuntary` their context switches, `gc_runs` the garbage
    collections of this process alone. Of the others' threads those count that still live.
    """

    cpu_s: float | None
    queue_s: float | None
    voluntary: int | None
    involuntary: int | None
    gc_runs: int | None


@dataclass(frozen=True)
class Machine:
    """Totals so far of the whole machine, in seconds.

    `busy_s` is CPU time used by anybody, `steal_s` what the hypervisor gave to others, `pressure_s` the time in which
    somebody waited for a core (PSI), `throttled_s` the time in which a quota held this container back.
    """

    busy_s: float | None
    steal_s: float | None
    pressure_s: float | None
    throttled_s: float | None


def since(before: Tree | Machine, after: Tree | Machine, times: int = 1) -> dict[str, float | None]:
    """What was counted between two readings, over `times` repetitions."""
    then, now = asdict(before), asdict(after)
    return {
        name: None if then[name] is None or now[name] is None else (now[name] - then[name]) / times for name in then
    }


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


def read_tree(others: Sequence[int]) -> Tree:
    """The totals of this process and `others`."""
    gc_runs = sum(generation["collections"] for generation in gc.get_stats())
    own_s = time.process_time() + _ended_children_s()
    if not _HAS_PROC:
        return Tree(None if others else own_s, None, None, None, gc_runs)
    cpu_s, queue_s, voluntary, involuntary = own_s, 0.0, 0, 0
    try:
        for pid in others:
            stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            cpu_s += (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")
        for pid in (os.getpid(), *others):
            for task in _PROC.joinpath(str(pid), "task").iterdir():
                ran_ns, waited_ns, _ = map(int, task.joinpath("schedstat").read_text().split())
                cpu_s += 0.0 if pid == os.getpid() else ran_ns / 1e9
                queue_s += waited_ns / 1e9
                for line in task.joinpath("status").read_text().splitlines()[-2:]:
                    name, _, value = line.partition(":")
                    voluntary += int(value) if name == "voluntary_ctxt_switches" else 0
                    involuntary += int(value) if name == "nonvoluntary_ctxt_switches" else 0
    except (OSError, ValueError):  # one of them ended, or the kernel counts less
        return Tree(None if others else own_s, None, None, None, gc_runs)
    return Tree(cpu_s, queue_s, voluntary, involuntary, gc_runs)


def _ended_children_s() -> float:
    if resource is None:
        return 0.0
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def read_machine() -> Machine:
    """The totals of the machine."""
    busy_s = steal_s = pressure_s = throttled_s = None
    with suppress(OSError, ValueError, IndexError):
        user, nice, system, _, _, irq, softirq, steal = map(int, _read("/proc/stat").split()[1:9])
        tick_s = 1 / os.sysconf("SC_CLK_TCK")
        busy_s, steal_s = (user + nice + system + irq + softirq) * tick_s, steal * tick_s
    with suppress(OSError, ValueError, IndexError):
        pressure_s = int(_read("/proc/pressure/cpu").splitlines()[0].rpartition("total=")[2]) / 1e6
    with suppress(OSError, ValueError):
        throttled_s = _throttled_s()
    return Machine(busy_s, steal_s, pressure_s, throttled_s)


def peak_rss_bytes(pids: Iterable[int]) -> int | None:
    """The sum of the peak resident sizes of `pids`; pages that they share are counted for each."""
    return _memory_bytes(pids, "status", "VmHWM:")


def pss_bytes(pids: Iterable[int]) -> int | None:
    """The resident memory of `pids` now, pages that they share counted once."""
    return _memory_bytes(pids, "smaps_rollup", "Pss:")


def _memory_bytes(pids: Iterable[int], file: str, name: str) -> int | None:
    if not _HAS_PROC:
        return None
    total = None
    for pid in pids:
        with suppress(OSError):
            for line in _read(f"/proc/{pid}/{file}").splitlines():
                if line.startswith(name):
                    total = (total or 0) + int(line.split()[1]) * 1024
    return total


def _throttled_s() -> float | None:
    """From cgroup v2, else v1."""
    for path, name, unit_s in (
        ("/sys/fs/cgroup/cpu.stat", "throttled_usec", 1e-6),
        ("/sys/fs/cgroup/cpu/cpu.stat", "throttled_time", 1e-9),
    ):
        with suppress(OSError):
            for line in _read(path).splitlines():
                if line.startswith(name):
                    return int(line.split()[1]) * unit_s
    return None


def _read(path: str) -> str:
    return Path(path).read_text()

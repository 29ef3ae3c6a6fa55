"""Limits that a trial must not pass while it runs: how much memory it has, and how much it prints.

Both are looked at now and then, by a thread of the keeper. It takes cores from what is measured, so it looks as seldom
as is safe: memory cannot have run out before all cores have filled what was left, as fast as cores can. A worker that
the keeper does not see, because it is a cluster's, looks at its own memory likewise.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from . import cgroups
from .counters import descendants, number_after, read
from .ending import kill_descendants
from .memory import pss_bytes, resident_bytes
from .printed import Printed

#: Of the memory that is available when a trial begins, this much is the trial's with `measure.memory=auto`.
SHARE = 0.8
#: A core writes new pages at this rate at most.
FASTEST_BYTES_S = 4e9
#: Looks are so far apart, in seconds.
SOONEST_S, SELDOMMEST_S = 0.05, 0.5
#: or further, so that they take no more of a core than this.
MOST_BUSY = 0.05


class Allowance:
    """How much memory some processes may have together."""

    def __init__(self, most_bytes: int | None, whose: str) -> None:
        """At most so many, `None` for a share of what is available now; `whose` it is begins a sentence."""
        self._wanted_bytes, self._whose = most_bytes, whose
        self._most_bytes = _share_bytes() if most_bytes is None else most_bytes

    def look(self, find: Callable[[], Sequence[int]]) -> tuple[str | None, float]:
        """What is too much, in a sentence, if it is, and in how many seconds to look again at those that `find` finds.

        Of its own time only what this thread ran counts: in a worker it may wait for the GIL all the while.
        """
        if self._most_bytes is None:
            return None, SELDOMMEST_S
        began = time.thread_time()
        used = used_bytes(find(), self._most_bytes)
        if used > self._most_bytes:
            return self._say(used, self._most_bytes), SOONEST_S
        soonest_full_s = (self._most_bytes - used) / (FASTEST_BYTES_S * (os.cpu_count() or 1))
        took_s = time.thread_time() - began
        return None, max(min(max(SOONEST_S, soonest_full_s / 2), SELDOMMEST_S), took_s / MOST_BUSY)

    def _say(self, used_bytes: int, most_bytes: int) -> str:
        had, most = (f"{each / 1e6:,.0f} MB" for each in (used_bytes, most_bytes))
        allows = "measure.memory allows"
        if self._wanted_bytes is None:
            allows = f"measure.memory=auto allows, {SHARE:.0%} of what was available"
        return f"{self._whose} had {had} of memory, more than the {most} that {allows}"


class Guard:
    """Watches over a trial, whose processes are those below this one, for as long as it is open.

    Attributes:
        exceeded: what its memory came to, in a sentence, once all of it was killed for that.
    """

    def __init__(self, most_bytes: int | None) -> None:
        """At most so many, `None` for a share of what is available now."""
        self.exceeded: str | None = None
        self._printed: list[Printed] = []
        self._allowance = Allowance(most_bytes, "the trial's processes together")
        self._is_over = threading.Event()

    def watch(self, printed: Printed) -> None:
        """Have an arm's output kept short."""
        self._printed.append(printed)

    def look_after(self) -> None:
        """Look again and again, until the trial is over or has too much memory."""
        pause_s = SOONEST_S
        while not self._is_over.wait(pause_s):
            for each in list(self._printed):
                each.cut()
            self.exceeded, pause_s = self._allowance.look(lambda: descendants(os.getpid()))
            if self.exceeded is not None:
                kill_descendants()
                return

    def stop(self) -> None:
        """The trial is over."""
        self._is_over.set()


@contextmanager
def open_guard(most_bytes: int | None) -> Iterator[Guard]:
    """Watches as long as the block lasts."""
    guard = Guard(most_bytes)
    thread = threading.Thread(target=guard.look_after, daemon=True)
    thread.start()
    try:
        yield guard
    finally:
        guard.stop()
        thread.join()


def guard_itself(most_bytes: int | None, whose: str, tell: Callable[[str], None]) -> None:
    """Have this process end once it has more memory than that, and `tell` before how much, in a sentence.

    What it started does not count: to look for that costs more, and all the more where the measured code has the GIL.

    Args:
        most_bytes: `None` for a share of what is available now.
        whose: what begins the sentence.
        tell: called in a thread.
    """
    allowance, own = Allowance(most_bytes, whose), [os.getpid()]

    def look_after() -> None:
        exceeded, pause_s = None, SOONEST_S
        while exceeded is None:
            time.sleep(pause_s)
            exceeded, pause_s = allowance.look(lambda: own)
        try:
            tell(exceeded)
        finally:
            os._exit(1)

    threading.Thread(target=look_after, daemon=True).start()


def used_bytes(pids: Sequence[int], most_bytes: int) -> int:
    """The memory of these processes; pages that they share count once where that decides."""
    # Looking at shares walks all page tables: up to some milliseconds for every gigabyte.
    used = resident_bytes(pids)
    return used if used <= most_bytes else pss_bytes(pids) or 0


def prefer_to_be_killed(pid: int) -> None:
    """Have the system, once it is short of memory, take an arm and what it starts rather than anybody else."""
    with suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def times_short() -> int | None:
    """How many processes the system has killed for want of memory since it started; `None` where it does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return number_after(read("/proc/vmstat"), b"\noom_kill ")
    return None


def _share_bytes() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        free_bytes = number_after(read("/proc/meminfo"), b"\nMemAvailable:") * 1024
        in_group_bytes = cgroups.available_bytes()
        return int(SHARE * (free_bytes if in_group_bytes is None else min(free_bytes, in_group_bytes)))
    return None

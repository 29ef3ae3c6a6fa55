"""Is the GIL held all the time? A thread that does nothing but wake up finds out.

Threads that take turns under the GIL and threads that take turns under a lock of their own look alike from outside:
one of them runs, the others are blocked. But only the GIL also keeps back a thread that shares nothing with them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from .runqueue import RunQueue

#: It sleeps for so long between two awakenings,
EVERY_S = 0.002
#: while batches run for so long at least.
LASTS_S = 0.15
#: So many awakenings tell something.
FEWEST = 5


def held_share(batch: Callable[[], object], reset: Callable[[], object] | None) -> float | None:
    """How often it had to wait for the GIL while `batch` ran, as a share of its awakenings; `None` where they are few.

    It waited where it came late by more than half the interpreter's switch interval, for which a thread that holds the
    GIL keeps it; what it waited for a core is not counted.
    """
    late_s: list[float] = []
    is_over = threading.Event()
    heart = threading.Thread(target=_beat, args=(is_over, late_s), daemon=True)
    heart.start()
    try:
        began = time.perf_counter()
        while time.perf_counter() - began < LASTS_S:
            if reset is not None:
                reset()
            batch()
    finally:
        is_over.set()
        heart.join()
    if len(late_s) < FEWEST:
        return None
    return sum(each > sys.getswitchinterval() / 2 for each in late_s) / len(late_s)


def _beat(is_over: threading.Event, late_s: list[float]) -> None:
    queue, clock = RunQueue(), time.perf_counter
    while not is_over.is_set():
        before_ns, began = queue.waited_ns(), clock()
        time.sleep(EVERY_S)
        late = clock() - began - EVERY_S
        after_ns = queue.waited_ns()
        if before_ns is not None and after_ns is not None:
            late -= (after_ns - before_ns) / 1e9
        late_s.append(late)
    queue.close()

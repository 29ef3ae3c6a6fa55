"""What a map costs by itself: the calls of a batch again, with tasks that do nothing.

Inputs travel to the workers and results travel back as in the batch, so this is dispatch and serialisation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import BrokenExecutor
from statistics import median

from .noted import Nothing, forget
from .spans import Call
from .workload import Map

#: Calls of the map that are made again; what more of them take is reckoned from these.
MOST_CALLS = 50
#: They are made so often at most, and all times but the first together last about so long.
REPLAYS, REPLAYS_S = 5, 0.25
#: Workers are told for so long at most to forget what they keep.
PATIENCE_S = 0.1


def measure(map_: Map, calls: Sequence[Call]) -> float | None:
    """Seconds that `calls` take with nothing to do; `None` where results or inputs did not travel a second time.

    Raises:
        BrokenExecutor: the pool broke.
    """
    replayed = [call for call in calls if call.again is not None]
    try:
        took_s = [_replay_s(map_, replayed)]
        while len(took_s) < REPLAYS and sum(took_s[1:]) + took_s[-1] <= REPLAYS_S:
            took_s.append(_replay_s(map_, replayed))
    except BrokenExecutor:
        raise
    except Exception:  # what can be pickled once only, such as an end of a pipe: the batch itself went well
        return None
    tasks, again = (sum(len(call.notes) for call in some) for some in (calls, replayed))
    return median(took_s) * (tasks / again if again else 1.0)


def _replay_s(map_: Map, calls: Iterable[Call]) -> float:
    total_ns = 0
    for call in calls:
        assert call.again is not None
        function, inputs = call.again
        began_ns = time.perf_counter_ns()
        map_(Nothing(function), inputs)
        total_ns += time.perf_counter_ns() - began_ns
    return total_ns / 1e9


def drop_kept(map_: Map, calls: Sequence[Call]) -> None:
    """Have the workers forget what they keep of `calls`.

    A map does not let us choose who runs a task, but as many tasks as the widest call had reach everybody soon. What a
    worker keeps that is slow to wake up is bounded (see `noted`), and goes with the pool.
    """
    began = time.perf_counter()
    left = {worker[:2] for call in calls for _, _, worker, _, _ in call.notes}
    widest = max((len(call.notes) for call in calls), default=0)
    while left and time.perf_counter() - began < PATIENCE_S:
        left.difference_update(map_(forget, range(widest)))

"""Pools that are opened for one job and closed again: what that takes, from when on it pays, and which is quickest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import statistics
from .evidence import Evidence
from .journal import Record
from .plan import ALPHA
from .playoff import Candidate
from .statistics import Speedup
from .wording import seconds, times

_PARTS = ("startup_s", "cold_s", "shutdown_s")


def pays_from_tasks(chosen: Candidate, tasks: int) -> int | None:
    """From how many tasks on a pool that is opened for them alone is faster than a loop; `None` where it never is.

    n tasks take n t in a loop, and in the pool what it takes `once_s` and then n b, but c t at the least, where one
    worker has a chunk of c; t and b are the time of the measured batch per task in the loop and in the pool.
    """
    serial_s, batch_s = chosen.evidence.middle("anchor", "batch_s"), chosen.evidence.middle("cell", "batch_s")
    if not serial_s or batch_s is None or batch_s >= serial_s:
        return None
    opening_s, loop_s, chunk = once_s(chosen), serial_s / tasks, chosen.cell["options"].get("chunksize")
    least = chunk if isinstance(chunk, int) else 1  # automatic ones get smaller with fewer tasks
    return math.floor(max(opening_s / loop_s + least, opening_s / (loop_s - batch_s / tasks))) + 1


def once_s(chosen: Candidate) -> float:
    """Seconds that a pool takes once: to open and close it, and for its first batch beyond what later ones take."""
    evidence = chosen.evidence
    shutdown_s = evidence.middle("cell", "shutdown_s") or 0.0
    first_s = [
        (evidence.middle(arm, "cold_s") or 0.0) - (evidence.middle(arm, "batch_s") or 0.0) for arm in ("cell", "anchor")
    ]
    return chosen.startup_s + shutdown_s + max(0.0, first_s[0] - max(0.0, first_s[1]))


def pays_or_not(chosen: Candidate) -> str:
    """Whether the pool pays where it is opened for one job alone, end to end: the end of a sentence."""
    ratios = []
    for trial in chosen.evidence.trials:
        loop_s, pool_s = (sum(trial["arms"][arm][part] for part in _PARTS) for arm in ("anchor", "cell"))
        ratios.append([math.log(loop_s / pool_s)])
    whole = statistics.speedup(ratios, ALPHA)
    does = "pays" if whole.low > 1 else "does not pay" if whole.high < 1 else "may or may not pay"
    return f"; opened for one such job it {does}: {times(whole)} as fast, all in all"


def quickest(candidates: Sequence[Candidate], chosen: Candidate, preflight: Record) -> list[str]:
    """Which pool takes less than the chosen one for a single batch, as far as the trials show that of all at once."""
    if chosen.cell["workload"]["job"] or preflight["available"] != preflight["tasks"]:
        return []
    alpha = ALPHA / (len(candidates) + 1)
    took = {each.id: _whole_s(each.evidence, "cell", alpha) for each in candidates}
    loop = next(_whole_s(each.evidence, "anchor", alpha) for each in candidates if each.id == chosen.id)
    best = min(candidates, key=lambda each: took[each.id].estimate)
    if took[best.id].high >= min(took[chosen.id].low, loop.low):
        return []
    pair = took[best.id], took[chosen.id]
    first, ours = (f"{seconds(each.estimate)} ({seconds(each.low)} to {seconds(each.high)})" for each in pair)
    what = f"Where a pool is opened for one batch of {preflight['tasks']:,} tasks alone"
    return [f"{what}, {best.name} come first: {first} from opening to closing; {chosen.name} take {ours}."]


def _whole_s(evidence: Evidence, arm: str, alpha: float) -> Speedup:
    """Seconds from opening to closing, of each trial one."""
    arms = (trial["arms"][arm] for trial in evidence.trials)
    return statistics.speedup([[math.log(sum(each[part] for part in _PARTS))] for each in arms], alpha)

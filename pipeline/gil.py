"""Why threads gain nothing, where they don't: the GIL is blamed only where everything else is ruled out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from . import flags
from .attribution import attribute
from .evidence import Evidence, Run
from .playoff import Candidate
from .wording import factor

NO_GAIN = 1.15
"""Threads whose speed-up's upper bound is under this gain nothing; processes whose lower bound is over it gain."""
FILLED = 0.9
"""The loop's CPU time and wait for a core fill at least this share of its wall time: it waits for nothing else."""
BLOCKED = 0.2
"""Threads that take turns are blocked for 1 - 1/N of their time; at least this share of that must be seen."""
HELD = 0.5
"""And a thread with nothing to do but wake up has to wait for the GIL at this share of its awakenings at least."""
LEAST_CAPACITY = 1.5
"""The machine offered at least so many cores meanwhile."""


def explain(run: Run, candidates: Sequence[Candidate]) -> list[str]:
    """A sentence on the threads of a workload; empty where some gain, or where it is not for want of taking turns."""
    threads = [each for each in candidates if each.backend == "thread" and each.workers > 1]
    slow = [each for each in threads if each.speedup.high < NO_GAIN]
    twins = {each.workers: each for each in candidates if each.backend == "process" and each.speedup.low > NO_GAIN}
    turns = [
        each for each in slow if each.workers in twins and _has_gil(each.evidence) and _use_one_core(each.evidence)
    ]
    shared = [
        flag
        for each in threads
        for flag in flags.find(each.cell, each.evidence, run.cores)
        if flag.name in flags.SHARED
    ]
    if not turns or len(slow) < len(threads) or shared:
        return []
    shown = max(turns, key=lambda each: twins[each.workers].speedup.estimate)
    twin = twins[shown.workers]
    blocked, capacity = blocked_share(shown), twin.evidence.capacity
    took = f"CPU share {shown.evidence.cores_used('cell'):.2f} of one core"
    took += "" if blocked is None else f", blocked {blocked:.0%}"
    offered = "" if capacity is None else f" of the {capacity.estimate:.2f} cores that the machine offered"
    against = f"while {twin.name} got {factor(twin.speedup.estimate)}x{offered}"
    if _is_to_blame(shown, blocked):
        return [f"Threads gain nothing: the GIL let one thread run at a time ({took}), {against}."]
    said = (
        f"Threads gain nothing: {shown.name} are {factor(shown.speedup.estimate)} times as fast as the loop ({took}), "
        f"{against}. That is consistent with the GIL, which lets one thread at a time run Python code."
    )
    return [said]


def blocked_share(threads: Candidate) -> float | None:
    """The share of thread-seconds in which they waited for something, beyond what the plain loop waits."""
    parts, batch_s = attribute(threads.cell, threads.evidence), threads.evidence.middle("cell", "batch_s")
    return None if parts is None or parts.waiting_s is None or not batch_s else parts.waiting_s / batch_s


def held_share(evidence: Evidence) -> float | None:
    """How often a thread that only woke up had to wait for the GIL; `None` where that was not looked at."""
    found = [
        held
        for trial in evidence.trials
        if (held := trial["arms"]["cell"].get("instrumented", {}).get("gil_held")) is not None
    ]
    return median(found) if found else None


def _is_to_blame(threads: Candidate, blocked: float | None) -> bool:
    evidence, capacity, held = threads.evidence, threads.evidence.capacity, held_share(threads.evidence)
    return (
        _loop_is_filled(evidence)
        and blocked is not None
        and blocked >= BLOCKED * (1 - 1 / threads.workers)
        and held is not None
        and held >= HELD
        and capacity is not None
        and capacity.estimate >= LEAST_CAPACITY
    )


def _loop_is_filled(evidence: Evidence) -> bool:
    """Whether the plain loop waits for nothing but a core."""
    cpu_s, batch_s = evidence.middle("anchor", "cpu_s"), evidence.middle("anchor", "batch_s")
    queue_s = evidence.middle("anchor", "queue_s")
    return None not in (cpu_s, queue_s) and bool(batch_s) and (cpu_s or 0) + (queue_s or 0) >= FILLED * (batch_s or 0)


def _has_gil(evidence: Evidence) -> bool:
    return all(trial["arms"]["cell"]["interpreter"]["gil"] for trial in evidence.trials)


def _use_one_core(evidence: Evidence) -> bool:
    used = evidence.cores_used("cell")
    return used is not None and 0.9 < used < NO_GAIN

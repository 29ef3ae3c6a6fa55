"""Why threads gain nothing, where they don't: the GIL is blamed only where everything else is ruled out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from . import flags
from .attribution import attribute
from .evidence import Evidence, Run
from .playoff import Candidate
from .thresholds import BLOCKED, FILLED, GIL_HELD, LEAST_CAPACITY, NO_GAIN
from .wording import factor


def explain(run: Run, candidates: Sequence[Candidate]) -> list[str]:
    """A sentence on the threads of a workload; empty where some gain, or where it is not for want of taking turns."""
    threads = [each for each in candidates if each.backend == "thread" and each.workers > 1 and _is_as_the_loop(each)]
    turns = [each for each in threads if _takes_turns(each)]
    if not turns or any(each.speedup.high >= NO_GAIN or _is_shared(run, each) for each in threads):
        return []
    # Another interpreter or other variables may be faster than the plain loop for reasons of their own.
    processes = [each for each in candidates if each.backend == "process" and _is_as_the_loop(each)]
    ordered = sorted(processes, key=lambda each: each.speedup.estimate)
    twins = {each.workers: each for each in ordered if each.speedup.low > NO_GAIN}
    with_twin = [each for each in turns if each.workers in twins]
    if not with_twin:
        return [] if processes else _without_twin(max(turns, key=lambda each: blocked_share(each) or 0.0))
    shown = max(with_twin, key=lambda each: twins[each.workers].speedup.estimate)
    twin = twins[shown.workers]
    capacity = twin.evidence.capacity
    offered = "" if capacity is None else f" of the {capacity.estimate:.2f} cores that the machine offered"
    against = f"while {twin.name} got {factor(twin.speedup.estimate)}x{offered}"
    if _is_to_blame(shown):
        return [f"Threads gain nothing: the GIL let one thread run at a time ({_seen(shown)}), {against}."]
    held = held_share(shown.evidence)
    perhaps = _CONSISTENT if held is None or held >= GIL_HELD else _ANOTHER_LOCK
    return [f"Threads gain nothing ({_seen(shown)}), {against}. {perhaps}"]


_ANOTHER_LOCK = "The GIL was free meanwhile: they take turns at something else, such as a lock of the task's own."
_CONSISTENT = "That is consistent with the GIL, which lets one thread at a time run Python code."


def _without_twin(threads: Candidate) -> list[str]:
    """Nothing shows that the work would scale without the GIL, so it is not blamed, however much they wait for it."""
    if not _is_to_blame(threads):
        return []
    return [f"Threads gain nothing ({_seen(threads)}). {_CONSISTENT}"]


def _is_as_the_loop(each: Candidate) -> bool:
    return not each.cell["env"] and each.cell["python"] is None


def _seen(threads: Candidate) -> str:
    blocked = blocked_share(threads)
    used = f"CPU share {threads.evidence.cores_used('cell'):.2f} of one core"
    return used if blocked is None else f"{used}, blocked {blocked:.0%}"


def _takes_turns(threads: Candidate) -> bool:
    """Whether there is a GIL, and one core's worth of work is done at a time."""
    used = threads.evidence.cores_used("cell")
    return has_gil(threads.evidence) and used is not None and 0.9 < used < NO_GAIN


def has_gil(evidence: Evidence) -> bool:
    """Whether the interpreter of a cell's trials lets one thread at a time run Python code."""
    return all(trial["arms"]["cell"]["interpreter"]["gil"] for trial in evidence.trials)


def _is_shared(run: Run, threads: Candidate) -> bool:
    return not flags.SHARED.isdisjoint(
        flag.name for flag in flags.find(threads.cell, threads.evidence, run.room(threads.cell))
    )


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


def _is_to_blame(threads: Candidate) -> bool:
    evidence, blocked = threads.evidence, blocked_share(threads)
    capacity, held = evidence.capacity, held_share(evidence)
    return (
        _loop_is_filled(evidence)
        and blocked is not None
        and blocked >= BLOCKED * (1 - 1 / threads.workers)
        and held is not None
        and held >= GIL_HELD
        and capacity is not None
        and capacity.estimate >= LEAST_CAPACITY
    )


def _loop_is_filled(evidence: Evidence) -> bool:
    """Whether the plain loop waits for nothing but a core."""
    cpu_s, batch_s = evidence.middle("anchor", "cpu_s"), evidence.middle("anchor", "batch_s")
    queue_s = evidence.middle("anchor", "queue_s")
    return None not in (cpu_s, queue_s) and bool(batch_s) and (cpu_s or 0) + (queue_s or 0) >= FILLED * (batch_s or 0)

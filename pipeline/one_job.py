"""Pools that are opened for one job and closed again: what that takes, from when on it pays, and which does better."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import flags, statistics
from .evidence import Run
from .plan import ALPHA
from .playoff import Candidate
from .statistics import Speedup
from .wording import times

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
    whole = _end_to_end(chosen, ALPHA)
    does = "pays" if whole.low > 1 else "does not pay" if whole.high < 1 else "may or may not pay"
    return f"; opened for one such job it {does}: {times(whole)} as fast, all in all"


def does_not_pay(chosen: Candidate) -> bool:
    """Whether that is shown of one measured batch."""
    return _end_to_end(chosen, ALPHA).high < 1


def better(run: Run, candidates: Sequence[Candidate], chosen: Candidate) -> list[str]:
    """Which pool does better where it is opened for one batch alone, if the trials show that of one.

    The intervals hold for all candidates at once. They are of ratios to the plain loop beside each: seconds of trials
    that were taken at other times tell nothing of pools. A plain loop, and cells that differ in more than the pool, are
    no answer; nor is any where others had a part of the machine, which opening a pool feels and waiting does not.
    """
    like = [each for each in candidates if each.backend != "serial" and _are_alike(each, chosen)]
    whole = {each.id: _end_to_end(each, ALPHA / len(candidates)) for each in candidates}
    best = max(like, key=lambda each: whole[each.id].estimate)
    ours, theirs = whole[chosen.id], whole[best.id]
    if theirs.low <= max(1, ours.high) or any(_is_disturbed(run, each) for each in (best, chosen)):
        return []
    what = f"Where a pool is opened for one batch of {run.preflights[chosen.cell['anchor']]['tasks']:,} tasks alone"
    does = f"{best.name} do better: {times(theirs)} as fast as a loop from opening to closing"
    return [f"{what}, {does}; {chosen.name}: {times(ours)}."]


def _are_alike(one: Candidate, other: Candidate) -> bool:
    """Whether they differ in nothing but the pool."""
    return all(one.cell[key] == other.cell[key] for key in ("env", "python"))


def _is_disturbed(run: Run, each: Candidate) -> bool:
    found = flags.find(each.cell, each.evidence, run.room(each.cell))
    return any(flag.name in flags.SHARED | {flags.NOISY, flags.DRIFTING} for flag in found)


def _end_to_end(each: Candidate, alpha: float) -> Speedup:
    """How much faster than the loop beside it, of each trial's opening, first batch and closing."""
    ratios = []
    for trial in each.evidence.trials:
        loop_s, pool_s = (sum(trial["arms"][arm][part] for part in _PARTS) for arm in ("anchor", "cell"))
        ratios.append([math.log(loop_s / pool_s)])
    return statistics.speedup(ratios, alpha)

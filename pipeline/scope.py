"""For what a verdict's claims hold: the sentences that refuse or restrict them because of what the flags saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import flags
from .advice import more_trials
from .evidence import Evidence, Flag, Run
from .journal import Record
from .playoff import Candidate, Stage
from .thresholds import CPU_BOUND
from .wording import joined


def on_a_shared_machine(run: Run, candidates: Sequence[Candidate], stages: Sequence[Stage]) -> list[str]:
    """Why nothing can be said of pools: they compete for cores that others used; empty where they don't, or nobody did.

    A neighbour leaves the plain loop its core and takes a part of the pool's; and the more workers a pool has, the
    larger is its share. So neither "stay serial" nor a count would hold on the machine alone.
    """
    measured = [(each.cell, each.evidence) for each in candidates]
    for stage in stages:
        for rival in stage.rivals:
            match = run.matches.get((stage.leader.id, rival.id))
            if match is not None:
                measured += [(stage.leader.cell, match.of_arm("leader")), (rival.cell, match.of_arm("cell"))]
    seen = [
        flag
        for cell, evidence in measured
        if cell["workers"] > 1 and competes_for_cores(cell, evidence, run.room(cell).cores)
        for flag in flags.find(cell, evidence, run.room(cell))
        if flag.name in flags.SHARED
    ]
    if not seen:
        return []
    is_starved = {flag.name for flag in seen} == {flags.STARVED}
    said = "The machine gave less than its cores" if is_starved else "The machine was busy with other things"
    said += (
        f" meanwhile ({seen[0].detail}), which slows pools and not the plain loop, and leaves more to pools of more "
        "workers: what was measured does not hold for the machine alone; measure again when it is quieter."
    )
    return [said]


def competes_for_cores(cell: Record, evidence: Evidence, cores: int) -> bool:
    """Whether it would, by what the loop uses: what the pool got may be little because others had the cores."""
    loop, pool = evidence.cores_used("anchor") or 0.0, evidence.cores_used("cell") or 0.0
    return loop > CPU_BOUND or max(loop * cell["workers"], pool) > CPU_BOUND * cores


def holds_for(run: Run, candidates: Sequence[Candidate]) -> list[str]:
    """What the claims are restricted to; empty where they hold for the workload on this machine."""
    return [*_trials(run, candidates), *_flagged(run, candidates)]


def _trials(run: Run, candidates: Sequence[Candidate]) -> Iterator[str]:
    """For which trials they hold: for all that could be made, or for the measured ones alone."""
    few = [each for each in candidates if not each.speedup.beyond_these_trials]
    if not few:
        return
    more = more_trials(run, {each.id for each in few}, in_play_off=any(each.is_fresh for each in few))
    said = "These trials only: there are too few of them to tell how much another start of the processes would differ"
    yield f"{said}; {more} takes enough." if more else f"{said}."


def _flagged(run: Run, candidates: Sequence[Candidate]) -> Iterator[str]:
    seen: dict[str, list[tuple[Candidate, Flag]]] = {}
    for each in candidates:
        for flag in flags.find(each.cell, each.evidence, run.room(each.cell)):
            seen.setdefault(flag.name, []).append((each, flag))
    unsteady = [seen[name][0][1].detail for name in (flags.NOISY, flags.DRIFTING) if name in seen]
    if unsteady:
        yield (
            f"Times in seconds hold for those minutes only ({' and '.join(unsteady)}); speed-ups are ratios of times "
            "taken one right after the other."
        )
    for name, restriction in _RESTRICTIONS.items():
        if name in seen:
            pools = list(dict.fromkeys(candidate.name for candidate, _ in seen[name]))
            yield f"What is said of {joined(pools)} {restriction} ({seen[name][0][1].detail})."


_RESTRICTIONS = {
    flags.OVERSUBSCRIBED: "holds with their libraries' own threads at work",
    flags.IDLE: "holds for the workers that were busy: the batch kept no more of them busy",
    flags.IMPOSSIBLE: "is not a gain of running at once alone: it was less work, or fits better into caches",
}

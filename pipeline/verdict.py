"""What to use, how sure that is, and why: DESIGN's rules on one run's evidence.

There is no play-off yet: leader and rivals are compared through the anchor that each was measured against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import flags, statistics
from .advice import more_trials
from .evidence import Evidence, Run
from .journal import Record
from .statistics import Speedup
from .wording import megabytes, pool_name, seconds, times

USE = "use"
STAY_SERIAL = "stay serial"
NOT_ENOUGH = "not enough evidence"

#: Cells with these flags are left out.
_UNFIT = {flags.THROTTLED, flags.NOT_REPEATABLE}
#: More rounds than so many times those there are will not come: it is noise that has to go.
_OUT_OF_REACH = 20


@dataclass(frozen=True)
class Candidate:
    """A measured cell as the verdict sees it; its interval is simultaneous over all cells of the run."""

    backend: str
    workers: int
    variant: str
    cell: Record
    evidence: Evidence
    speedup: Speedup
    alpha: float
    flags: frozenset[str]

    @property
    def is_cpu_bound(self) -> bool:
        """Whether the plain loop keeps a core busy most of the time."""
        cpu_s, batch_s = self.evidence.middle("anchor", "cpu_s"), self.evidence.middle("anchor", "batch_s")
        return cpu_s is not None and batch_s is not None and cpu_s > 0.7 * batch_s

    @property
    def name(self) -> str:
        """How sentences call it."""
        return _pool(self.cell, self.variant)

    @property
    def peak_rss_bytes(self) -> float:
        """Memory at its peak; infinite where the system does not count."""
        found = self.evidence.middle("cell", "peak_rss_bytes")
        return math.inf if found is None else found

    @property
    def round_s(self) -> float:
        """What one round took: all of it, repetitions too."""
        trials = self.evidence.trials
        return float(sum(each["phases_s"]["rounds"] for each in trials)) / sum(len(each["orders"]) for each in trials)

    @property
    def startup_s(self) -> float:
        """From opening the pool until every worker has answered."""
        return self.evidence.middle("cell", "startup_s") or 0.0


@dataclass(frozen=True)
class Verdict:
    """The verdict on one workload.

    Attributes:
        decision: `use`, `stay serial` or `not enough evidence`.
        chosen: the recommended cell, for `use`.
        ties: cells shown to be within the margin of the leader, and not chosen because they cost more.
        unresolved: cells of which the data do not show whether they are within the margin of the leader.
        because: sentences, the conclusion first.
    """

    workload: str
    decision: str
    chosen: Candidate | None
    ties: tuple[Candidate, ...]
    unresolved: tuple[Candidate, ...]
    because: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As `verdict.json` has it; an interval's end that does not exist is null."""
        chosen = self.chosen
        return {
            "decision": self.decision,
            "backend": chosen.backend if chosen else "serial" if self.decision == STAY_SERIAL else None,
            "workers": chosen.workers if chosen else 1 if self.decision == STAY_SERIAL else None,
            "variant": chosen.variant if chosen else "",
            "speedup": _speedup_json(chosen.speedup) if chosen else None,
            "ties": [_candidate_json(each) for each in self.ties],
            "unresolved": [_candidate_json(each) for each in self.unresolved],
            "because": list(self.because),
        }


def decide(run: Run) -> list[Verdict]:
    """A verdict for each workload of a run."""
    margin = run.header["definition"]["margin"]
    anchors = [cell for cell in run.cells if cell["id"] == cell["anchor"]]
    return [_decide(run, anchor, margin) for anchor in anchors]


def _decide(run: Run, anchor: Record, margin: float) -> Verdict:
    workload = anchor["name"]
    candidates = _candidates(run, anchor["id"])
    left_out, waiting = _not_measured(run, anchor["id"])
    if not candidates:
        return Verdict(workload, NOT_ENOUGH, None, (), (), (*left_out, *waiting))
    starved = _starved(run, candidates)
    waiting += starved
    if all(each.speedup.high < 1 + margin for each in candidates) and not waiting:
        because = (*_because_serial(candidates, margin), *_on_threads(candidates), *left_out, *_scope(run, candidates))
        return Verdict(workload, STAY_SERIAL, None, (), (), because)
    eligible = [each for each in candidates if each.speedup.low > 1 + margin]
    if not eligible:
        because = (*_because_open(candidates, margin), *left_out, *waiting, *_scope(run, candidates))
        return Verdict(workload, NOT_ENOUGH, None, (), tuple(candidates), because)
    leader = max(eligible, key=lambda each: each.speedup.estimate)
    not_worse = [each for each in eligible if each is leader or each.speedup.low >= leader.speedup.high * (1 - margin)]
    perhaps = [each for each in candidates if each.speedup.high >= leader.speedup.low * (1 - margin)]
    chosen = _cheapest(not_worse)
    found = Verdict(
        workload,
        USE,
        chosen,
        ties=tuple(each for each in not_worse if each is not chosen),
        unresolved=tuple(each for each in perhaps if each not in not_worse),
        because=(),
    )
    said = (
        *_cost_and_gain(chosen, run.preflights[anchor["id"]]),
        *_against_the_rest(found, leader, margin),
        *_on_threads(candidates),
    )
    return replace(found, because=(*said, *left_out, *waiting, *_scope(run, candidates)))


def _starved(run: Run, candidates: Sequence[Candidate]) -> list[str]:
    """Why nothing can be said against pools here: the loop keeps a core busy, and the machine had no second one."""
    starved = [each for each in candidates if flags.STARVED in each.flags and each.is_cpu_bound]
    if not starved:
        return []
    least = min(capacity[0] for each in starved if (capacity := each.evidence.capacity()) is not None)
    said = (
        f"The machine was busy with other things: it offered as little as {least:.2f} of its {run.cores} cores "
        "meanwhile, so pools may be faster than they seem; measure again when it is quieter."
    )
    return [said]


def _not_measured(run: Run, anchor: str) -> tuple[list[str], list[str]]:
    """Sentences on the cells that cannot be used as they are, and on those whose turn has not come."""
    left_out: dict[str, list[str]] = {}
    waiting = []
    for cell in run.cells:
        if cell["anchor"] != anchor or cell["id"] not in run.measured:
            continue
        evidence = run.evidence[cell["id"]]
        name = _pool(cell, run.variants[cell["id"]])
        unfit = [flag for flag in flags.find(cell, evidence, run.cores) if flag.name in _UNFIT]
        if evidence.status == "not run":
            waiting.append(name)
        elif evidence.status == "measured" and unfit:
            left_out.setdefault(", ".join(map(str, unfit)), []).append(name)
        elif evidence.status != "measured":
            reason = (evidence.reason or "").partition("\n")[0]
            left_out.setdefault(f"{evidence.status}, {reason}", []).append(name)
    return (
        [f"Left out: {', '.join(names)} ({reason})." for reason, names in left_out.items()],
        [f"Not measured yet: {', '.join(waiting)}."] if waiting else [],
    )


def _candidates(run: Run, anchor: str) -> list[Candidate]:
    found = []
    for cell in run.cells:
        plan = run.plan(cell)
        if cell["anchor"] != anchor or cell["id"] not in run.measured or plan is None:
            continue
        evidence = run.evidence[cell["id"]]
        # Bonferroni over the looks and over every cell of the run.
        alpha = plan.alpha / len(run.measured)
        found_flags = frozenset(flag.name for flag in flags.find(cell, evidence, run.cores))
        if evidence.status == "measured" and not found_flags & _UNFIT:
            speedup, variant = evidence.speedup(alpha), run.variants[cell["id"]]
            found.append(
                Candidate(cell["backend"], cell["workers"], variant, cell, evidence, speedup, alpha, found_flags)
            )
    return found


def _pool(cell: Record, variant: str) -> str:
    return pool_name(cell["backend"], cell["workers"]) + (f" with {variant}" if variant else "")


def _cheapest(candidates: Sequence[Candidate]) -> Candidate:
    """The least memory (within 10 % or 16 MB alike), then the fewest workers, then the shortest start-up."""
    least = min(each.peak_rss_bytes for each in candidates)
    alike = [each for each in candidates if each.peak_rss_bytes <= max(least * 1.1, least + 16e6)]
    return min(alike, key=lambda each: (each.workers, each.startup_s))


def _cost_and_gain(chosen: Candidate, preflight: Record) -> list[str]:
    tasks = f"{preflight['tasks']} tasks"
    if preflight["available"] != preflight["tasks"]:
        tasks += f" (a sample of {preflight['available']:,})"
    batch_s, serial_s = chosen.evidence.middle("cell", "batch_s"), chosen.evidence.middle("anchor", "batch_s")
    memory = "" if math.isinf(chosen.peak_rss_bytes) else f", and its peak memory is {megabytes(chosen.peak_rss_bytes)}"
    gain = f"{times(chosen.speedup)} as fast, in {chosen.speedup.rounds} rounds of {chosen.speedup.trials} trials"
    return [
        f"With {chosen.name} a batch of {tasks} takes {seconds(batch_s)}, in a loop {seconds(serial_s)}: {gain}.",
        f"Opening the pool takes {seconds(chosen.startup_s)} once{memory}.",
        *_other_surroundings(chosen),
    ]


def _other_surroundings(chosen: Candidate) -> list[str]:
    changed = [f"env.{name}" for name in chosen.cell["env"]] + ["python"] * (chosen.cell["python"] is not None)
    if not changed:
        return []
    said = f"The plain loop it is held against has none of {', '.join(changed)}: part of the gain may be theirs."
    return [said]


def _against_the_rest(found: Verdict, leader: Candidate, margin: float) -> list[str]:
    said = []
    if found.chosen is not None and found.chosen is not leader:
        said.append(
            f"The highest speed-up was that of {leader.name}, {times(leader.speedup)}; the choice of "
            f"{found.chosen.name} costs less and is not slower by more than {margin:.0%}."
        )
    if found.ties:
        said.append(f"Within {margin:.0%} of the fastest, and dearer: {_list(found.ties)}.")
    if found.unresolved:
        said.append(
            f"Not settled whether within {margin:.0%} of the fastest: {_list(found.unresolved)}"
            f"{_rounds_needed(found.unresolved, margin / 2)}."
        )
    return said


def _because_serial(candidates: Sequence[Candidate], margin: float) -> list[str]:
    best = max(candidates, key=lambda each: each.speedup.estimate)
    return [f"Nothing beats a plain loop by {margin:.0%}: the best, {best.name}, is {times(best.speedup)} as fast."]


def _because_open(candidates: Sequence[Candidate], margin: float) -> list[str]:
    best = max(candidates, key=lambda each: each.speedup.estimate)
    said = (
        f"The data do not show that anything beats a plain loop by {margin:.0%}, nor that nothing does: "
        f"the best so far, {best.name}, is {times(best.speedup)} as fast{_rounds_needed([best], margin / 2)}."
    )
    return [said]


def _on_threads(candidates: Sequence[Candidate]) -> list[str]:
    """The GIL, where the data are consistent with it; blaming it takes counters that are not recorded yet."""
    threads = [each for each in candidates if each.backend == "thread" and each.workers > 1]
    if any(flags.STARVED in each.flags for each in threads):
        return []
    slow = [each for each in threads if each.speedup.high < 1.15]
    twins = {each.workers: each for each in candidates if each.backend == "process" and each.speedup.low > 1.15}
    blocked = [each for each in slow if each.workers in twins and _gil(each) and _share_of_a_core(each) > 0.9]
    if not blocked or len(slow) < len(threads):
        return []
    shown = max(blocked, key=lambda each: twins[each.workers].speedup.estimate)
    twin = twins[shown.workers]
    said = (
        f"Threads gain nothing: {shown.name} are {times(shown.speedup)} as fast as the loop and use "
        f"{_share_of_a_core(shown):.2f} of one core, while {twin.name} are {times(twin.speedup)}. That is "
        "consistent with the GIL, which lets one thread at a time run Python code."
    )
    return [said]


def _gil(candidate: Candidate) -> bool:
    return all(trial["arms"]["cell"]["interpreter"]["gil"] for trial in candidate.evidence.trials)


def _share_of_a_core(candidate: Candidate) -> float:
    cpu_s, batch_s = candidate.evidence.middle("cell", "cpu_s"), candidate.evidence.middle("cell", "batch_s")
    return 0.0 if cpu_s is None or not batch_s else cpu_s / batch_s


def _scope(run: Run, candidates: Sequence[Candidate]) -> list[str]:
    """For which trials the claims hold: for all that could be made, or for the measured ones alone."""
    few = [each.cell["id"] for each in candidates if not each.speedup.beyond_these_trials]
    if not few:
        return []
    more = more_trials(run, few)
    said = "These trials only: there are too few of them to tell how much another start of the processes would differ"
    return [f"{said}; {more} takes enough." if more else f"{said}."]


def _rounds_needed(candidates: Sequence[Candidate], half_width: float) -> str:
    """What more measuring would settle it, as the end of a sentence; empty where that cannot be told."""
    # Where the interval is that narrow already and still does not settle it, half of it may.
    needed = [
        (each, statistics.rounds_for(min(half_width, each.speedup.half_width / 2), each.speedup, each.alpha))
        for each in candidates
    ]
    known = [(each, rounds) for each, rounds in needed if rounds is not None]
    if not known:
        return ""
    if any(rounds > _OUT_OF_REACH * each.speedup.rounds for each, rounds in known):
        return "; the times scatter too widely to tell, from what else the machine does or of the function's own"
    most = max(rounds for _, rounds in known)
    budget_s = math.ceil(max(rounds * each.round_s for each, rounds in known) * 1.2)
    enough = all(math.isfinite(each.speedup.half_width) for each, _ in known)
    what = f"about {most:,} rounds of each would tell" if enough else f"an interval takes at least {most:,} rounds"
    target = min([half_width, *(each.speedup.half_width / 2 for each, _ in known if enough)])
    return f"; {what}: measure.target={target:.1g} measure.max_rounds={most} measure.budget_s={budget_s}"


def _list(candidates: Sequence[Candidate]) -> str:
    return ", ".join(f"{each.name} ({times(each.speedup)})" for each in candidates)


def _speedup_json(speedup: Speedup) -> dict[str, float | bool | None]:
    return {
        "estimate": speedup.estimate,
        "low": speedup.low if speedup.low > 0 else None,
        "high": speedup.high if math.isfinite(speedup.high) else None,
        "beyond_these_trials": speedup.beyond_these_trials,
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    return {
        "backend": candidate.backend,
        "workers": candidate.workers,
        "variant": candidate.variant,
        "cell": candidate.cell["id"],
        "speedup": _speedup_json(candidate.speedup),
    }

"""The sentences of a verdict, each backed by numbers of the summary or of the play-off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import one_job, statistics
from .attribution import attribute
from .evidence import Evidence, Run
from .journal import Record
from .playoff import Candidate
from .statistics import Speedup
from .wording import megabytes, seconds, times

_LOSSES = {
    "phases_s": "what the job does outside of the map",
    "dispatch_s": "handing out tasks and serialising inputs and results",
    "imbalance_s": "waiting for the last worker to end",
    "waiting_s": "waiting in tasks, for the GIL, a lock or an answer",
    "machine_s": "the machine, whose cores they share",
}
_MUCH = 0.1
"""Of a batch, so much of it is worth a sentence."""
_FINEST = 1e-4
"""No interval is asked to be narrower."""
_OUT_OF_REACH = 20
"""More rounds than so many times those there are will not come: it is noise that has to go."""


@dataclass(frozen=True)
class LeftOut:
    """Sentences on cells that the verdict leaves out.

    `unfit` are of cells whose measurements cannot be used, `failed` of those that could not be measured, `waiting` of
    those whose turn has not come.
    """

    unfit: tuple[str, ...]
    failed: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Those that will not come."""
        return (*self.unfit, *self.failed)


@dataclass(frozen=True)
class Podium:
    """What the play-off came to.

    `results` has each rival's speed over the leader's, by the rival's id; `chosen` is as its fresh rounds say; `broken`
    has a sentence for each cell that failed in a match.
    """

    leader: Candidate
    chosen: Candidate
    ties: tuple[Candidate, ...]
    unresolved: tuple[Candidate, ...]
    results: Mapping[str, Speedup]
    broken: tuple[str, ...]


def cost_and_gain(chosen: Candidate, preflight: Record, pays_from: int | None) -> list[str]:
    """What the recommended pool takes, and what for."""
    tasks = f"{preflight['tasks']:,} tasks"
    if preflight["available"] != preflight["tasks"]:
        tasks += f" (a sample of {preflight['available']:,})"
    evidence, speedup = chosen.evidence, chosen.speedup
    batch_s, serial_s = evidence.middle("cell", "batch_s"), evidence.middle("anchor", "batch_s")
    memory = "" if math.isinf(chosen.peak_rss_bytes) else f", and its peak memory is {megabytes(chosen.peak_rss_bytes)}"
    pays = "" if pays_from is None else f"; where it is opened for one job, that pays from {pays_from:,} such tasks on"
    if pays_from is not None and preflight["available"] == preflight["tasks"] and one_job.does_not_pay(chosen):
        pays += f", and not for these {preflight['tasks']:,}"
    if chosen.cell["workload"]["job"]:
        pays = one_job.pays_or_not(chosen)
    gain = f"{times(speedup)} as fast, in {speedup.rounds} rounds of {speedup.trials} trials"
    said = [
        f"With {chosen.name} a batch of {tasks} takes {seconds(batch_s)}, in a loop {seconds(serial_s)}: {gain}.",
        f"Opening, warming and closing the pool takes {seconds(one_job.once_s(chosen))} once{pays}{memory}.",
    ]
    changed = [f"env.{name}" for name in chosen.cell["env"]] + ["python"] * (chosen.cell["python"] is not None)
    if changed:
        said.append(
            f"The plain loop it is held against has none of {', '.join(changed)}: part of the gain may be theirs."
        )
    return said


def against_the_rest(run: Run, podium: Podium, margin: float) -> list[str]:
    """How the recommended pool compares with the others, from the play-off where they met."""
    leader, chosen = podium.leader, podium.chosen
    said = []
    if chosen.id != leader.id:
        said.append(
            f"In fresh rounds against {leader.name}, the fastest, {chosen.name} came to "
            f"{times(podium.results[chosen.id])} that speed at a lower cost: not slower by more than {margin:.0%}."
        )
    if podium.ties:
        ties = ", ".join(_compared(podium, each) for each in podium.ties)
        said.append(f"Not slower than the fastest by more than {margin:.0%} either, and dearer: {ties}.")
    said += podium.broken
    if podium.unresolved:
        open_ = ", ".join(_compared(podium, each) for each in podium.unresolved)
        said.append(
            f"Not settled whether within {margin:.0%} of the fastest: {open_}{_to_settle(run, podium, margin / 2)}."
        )
        if run.header["definition"].get("protocol") == 1:
            said.append("They did not meet on fresh rounds: this run was measured before there were play-offs.")
        others = {each.workers for each in podium.unresolved} - {chosen.workers}
        if others and {(each.backend, each.variant) for each in podium.unresolved} == {
            (chosen.backend, chosen.variant)
        }:
            counts = " or ".join(map(str, sorted(others)))
            said.append(f"So the backend is settled, and how many workers is not: {counts} may do as well.")
    return said


def _compared(podium: Podium, each: Candidate) -> str:
    """A candidate with what its match says of it, else with what the sweep does."""
    ratio = podium.results.get(each.id)
    if ratio is None or ratio.rounds == 0:
        return f"{each.name} ({times(each.speedup)} as fast as a loop)" if each is not podium.leader else each.name
    return f"{each.name} ({times(ratio)} as fast as {podium.leader.name})"


def _to_settle(run: Run, podium: Podium, half_width: float) -> str:
    played = [
        (ratio, _round_s(run.matches[podium.leader.id, each.id]))
        for each in podium.unresolved
        if (ratio := podium.results.get(each.id)) is not None and ratio.rounds
    ]
    return rounds_needed(played, half_width, podium.chosen.alpha)


def nothing_helps(candidates: Sequence[Candidate], left_out: LeftOut, margin: float) -> list[str]:
    """Why to stay serial."""
    best = max(candidates, key=lambda each: each.speedup.estimate)
    what = "Nothing that could be measured" if left_out.failed else "Nothing"
    return [f"{what} beats a plain loop by {margin:.0%}: the best, {best.name}, is {times(best.speedup)} as fast."]


def where_time_is_lost(candidates: Sequence[Candidate]) -> list[str]:
    """For the fastest pool of each backend, what most keeps it from its ideal, where that is more than a little."""
    best: dict[str, Candidate] = {}
    for each in candidates:
        if each.backend not in best or each.speedup.estimate > best[each.backend].speedup.estimate:
            best[each.backend] = each
    said = []
    for each in best.values():
        parts, batch_s = attribute(each.cell, each.evidence), each.evidence.middle("cell", "batch_s")
        if parts is None or not batch_s:
            continue
        losses = {what: getattr(parts, what) for what in _LOSSES}
        if None in losses.values():  # what is not known may be more
            continue
        part = max(losses, key=lambda what: losses[what])
        lost_s: float = losses[part]
        # Where parts do not sum up to the batch, as dispatch may overlap with work, the largest one may be none.
        if lost_s > _MUCH * batch_s >= abs(parts.unexplained_s):
            share = f"{lost_s / batch_s:.0%} of a batch"
            said.append(f"What most keeps {each.name} from their ideal is {_LOSSES[part]}: {share}.")
    return said


def nothing_shown(candidates: Sequence[Candidate], margin: float) -> tuple[str, ...]:
    """Why there is not enough evidence, and what would be."""
    best = max(candidates, key=lambda each: each.speedup.estimate)
    if all(each.speedup.high < 1 + margin for each in candidates):
        said = f"Of what is left nothing beats a plain loop by {margin:.0%}: the best, {best.name}, is"
        return (f"{said} {times(best.speedup)} as fast. The rest may.",)
    needed = rounds_needed([(best.speedup, _round_s(best.evidence))], margin / 2, best.alpha)
    said = f"The data do not show that anything beats a plain loop by {margin:.0%}, nor that nothing does"
    return (f"{said}: the best so far, {best.name}, is {times(best.speedup)} as fast{needed}.",)


def leader_not_borne_out(
    leader: Candidate,
    broken: str | None,
    beaten_by: Sequence[Candidate],
    results: Mapping[str, Speedup],
    *,
    is_over: bool,
) -> tuple[str, ...]:
    """Why nobody is recommended though somebody leads: what the play-off says of the leader."""
    if broken is not None:
        return (broken, f"So {leader.name}, the fastest of the sweep, is not recommended.")
    if not is_over:
        return (f"The play-off of {leader.name}, the fastest so far, is not over; the same command goes on.",)
    if beaten_by:
        first = beaten_by[0]
        said = f"{leader.name} came out first, and then, in fresh rounds, {first.name} was {times(results[first.id])}"
        return (f"{said} as fast: the machine or the function changes; measure again with fresh=true.",)
    said = f"{leader.name} seemed to beat a plain loop; in fresh rounds it is {times(leader.speedup)} as fast"
    return (f"{said}, which does not bear that out; measure again with fresh=true.",)


def rounds_needed(ratios: Sequence[tuple[Speedup, float]], half_width: float, alpha: float) -> str:
    """What more measuring would settle it, as the end of a sentence; empty where that cannot be told.

    Args:
        ratios: each with the seconds that a round of it takes.
        half_width: down to which their intervals have to come.
        alpha: the level at which they are needed.
    """
    # Where the interval is that narrow already and still does not settle it, half of it may.
    needed = [
        (ratio, round_s, statistics.rounds_for(max(min(half_width, ratio.half_width / 2), _FINEST), ratio, alpha))
        for ratio, round_s in ratios
    ]
    known = [(ratio, round_s, rounds) for ratio, round_s, rounds in needed if rounds is not None]
    if not known:
        return ""
    if any(rounds > _OUT_OF_REACH * ratio.rounds for ratio, _, rounds in known):
        return "; the times scatter too widely to tell, from what else the machine does or of the function's own"
    most = max(rounds for _, _, rounds in known)
    budget_s = math.ceil(max(rounds * round_s for _, round_s, rounds in known) * 1.2)
    enough = all(math.isfinite(ratio.half_width) for ratio, _, _ in known)
    what = f"about {most:,} rounds of each would tell" if enough else f"an interval takes at least {most:,} rounds"
    target = max(min([half_width, *(ratio.half_width / 2 for ratio, _, _ in known if enough)]), _FINEST)
    return f"; {what}: measure.target={_rounded_down(target)} measure.max_rounds={most} measure.budget_s={budget_s}"


def _rounded_down(value: float) -> str:
    """To two digits: more than that would not settle it."""
    digits = 1 - math.floor(math.log10(value))
    return f"{math.floor(value * 10**digits + 1e-9) / 10**digits:.{max(0, digits)}f}".rstrip("0")


def _round_s(evidence: Evidence) -> float:
    """What one round took: all of it, repetitions too."""
    trials = evidence.trials
    return float(sum(each["phases_s"]["rounds"] for each in trials)) / sum(len(each["orders"]) for each in trials)

"""What to use and how sure that is: DESIGN's rules on one run's evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import because, flags, gil, playoff, scaling, scope, statistics
from .because import LeftOut, Podium
from .evidence import Evidence, Run
from .journal import Record
from .law import Point
from .plan import MOST_RIVALS, STATEMENT_ALPHA
from .playoff import Candidate, Stage
from .scaling import StrongScaling
from .statistics import Speedup
from .thresholds import CPU_BOUND
from .wording import pool_name

USE = "use"
STAY_SERIAL = "stay serial"
NOT_ENOUGH = "not enough evidence"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one workload.

    Attributes:
        decision: `use`, `stay serial` or `not enough evidence`.
        chosen: the recommended cell, for `use`; its speed-up and evidence are those of the play-off, if it was played.
        ties: cells shown to be within the margin of the leader, and not chosen because they cost more.
        unresolved: cells of which the data do not show whether they are within the margin of the leader.
        pays_from_tasks: for a job that runs once, from how many tasks on opening and closing the pool pays.
        because: sentences, the conclusion first.
        scaling: what scaling laws say of each backend that was measured on several worker counts.
        nothing_ran: whether not a single trial was measured.
    """

    workload: str
    decision: str
    chosen: Candidate | None = None
    ties: tuple[Candidate, ...] = ()
    unresolved: tuple[Candidate, ...] = ()
    pays_from_tasks: int | None = None
    because: tuple[str, ...] = ()
    scaling: tuple[Scaling, ...] = ()
    nothing_ran: bool = False

    def to_json(self) -> dict[str, Any]:
        """As `verdict.json` has it; an interval's end that does not exist is null."""
        chosen = self.chosen
        return {
            "decision": self.decision,
            "backend": chosen.backend if chosen else "serial" if self.decision == STAY_SERIAL else None,
            "workers": chosen.workers if chosen else 1 if self.decision == STAY_SERIAL else None,
            "variant": chosen.variant if chosen else "",
            "speedup": _speedup_json(chosen.speedup) if chosen else None,
            "pays_from_tasks": self.pays_from_tasks,
            "ties": [_candidate_json(each) for each in self.ties],
            "unresolved": [_candidate_json(each) for each in self.unresolved],
            "because": list(self.because),
            "scaling": [each.to_json() for each in self.scaling],
        }


@dataclass(frozen=True)
class Scaling:
    """What scaling laws say of one backend."""

    backend: str
    variant: str
    found: StrongScaling

    @property
    def sentence(self) -> str:
        """For a person."""
        name = f"{self.backend} with {self.variant}" if self.variant else self.backend
        fractions = [
            f"{scaling.karp_flatt(point).estimate:.1%} on {point.workers}"
            for point in self.found.points
            if point.workers > 1
        ]
        by_count = f" Serial fraction by Karp and Flatt: {', '.join(fractions)}." if fractions else ""
        return f"{name}: {scaling.say(self.found, self.backend)}{by_count}"

    def to_json(self) -> dict[str, Any]:
        """As `verdict.json` has it."""
        return {"backend": self.backend, "variant": self.variant, **self.found.to_json()}


def decide(run: Run) -> list[Verdict]:
    """A verdict for each workload of a run."""
    found = []
    for anchor in (cell for cell in run.cells if cell["id"] == cell["anchor"]):
        candidates = _candidates(run, anchor["id"])
        found.append(replace(_decide(run, anchor, candidates), scaling=_scaling(run, candidates)))
    return found


def _decide(run: Run, anchor: Record, candidates: tuple[Candidate, ...]) -> Verdict:
    workload, margin = anchor["name"], run.margin
    left_out = _left_out(run, anchor["id"])
    if not candidates:
        nothing_ran = not run.of_anchor(anchor["id"])
        return Verdict(workload, NOT_ENOUGH, nothing_ran=nothing_ran, because=(*left_out.all, *left_out.waiting))
    why = (*gil.explain(run, candidates), *because.where_time_is_lost(candidates))
    holds_for = scope.holds_for(run, candidates)
    stages = playoff.stages(candidates, lambda leader, rival: _result(run, leader, rival), margin)
    shared = scope.on_a_shared_machine(run, candidates, stages)
    nothing_helps = all(each.speedup.high < 1 + margin for each in candidates)
    if nothing_helps and not (left_out.unfit or left_out.waiting or shared):
        said = (*because.nothing_helps(candidates, left_out, margin), *why, *left_out.all, *holds_for)
        return Verdict(workload, STAY_SERIAL, because=said)
    podium = _podium(run, candidates, stages, margin) if stages else None
    if podium is None or shared:
        first = shared or because.nothing_shown(candidates, margin)
        said = (*first, *left_out.all, *left_out.waiting, *holds_for)
        return Verdict(workload, NOT_ENOUGH, unresolved=candidates, because=said)
    tasks = run.preflights[anchor["id"]]["tasks"]
    # A job's batch is the job, whatever it makes of its inputs.
    pays_from = None if anchor["workload"]["job"] else because.pays_from_tasks(podium.chosen, tasks)
    said = (
        *because.cost_and_gain(podium.chosen, run.preflights[anchor["id"]], pays_from),
        *because.against_the_rest(run, podium, margin),
        *why,
        *left_out.all,
        *left_out.waiting,
        *scope.holds_for(run, [*candidates, podium.chosen]),
    )
    return Verdict(workload, USE, podium.chosen, podium.ties, podium.unresolved, pays_from, said)


def _candidates(run: Run, anchor: str) -> tuple[Candidate, ...]:
    cells = [cell for cell in run.cells if cell["anchor"] == anchor and cell["id"] in run.measured]
    plan = run.plan(cells[0]) if cells else None
    if plan is None:
        return ()
    return playoff.enter([(cell, run.evidence[cell["id"]]) for cell in cells], plan, len(run.measured), run.variants)


def _scaling(run: Run, candidates: Sequence[Candidate]) -> tuple[Scaling, ...]:
    pools: dict[tuple[str, str], list[Candidate]] = {}
    for each in candidates:
        pools.setdefault((each.backend, each.variant), []).append(each)
    found = []
    for (backend, variant), counts in pools.items():
        if len(counts) < scaling.LEAST_AMDAHL:
            continue
        plan = run.plan(counts[0].cell)
        assert plan is not None
        alpha = plan.each_look() / len(counts)
        points = [Point(each.workers, each.evidence.speedup(alpha)) for each in counts]
        # What waits overlaps beyond the cores; what computes does not.
        busy = any((each.evidence.cores_used("anchor") or 0.0) > CPU_BOUND for each in counts)
        found.append(
            Scaling(backend, variant, scaling.strong_scaling(points, run.attainable_cores if busy else math.inf))
        )
    return tuple(found)


def _left_out(run: Run, anchor: str) -> LeftOut:
    found: dict[str, dict[str, list[str]]] = {"unfit": {}, "failed": {}}
    waiting = []
    for cell in run.cells:
        if cell["anchor"] != anchor or cell["id"] not in run.measured:
            continue
        evidence, variant = run.evidence[cell["id"]], run.variants[cell["id"]]
        name = pool_name(cell["backend"], cell["workers"]) + (f" with {variant}" if variant else "")
        unfit = [flag for flag in flags.find(cell, evidence, run.cores) if flag.name in flags.UNFIT]
        if evidence.status == "not run":
            waiting.append(name)
        elif evidence.status != "measured":
            reason = (evidence.reason or "").partition("\n")[0]
            found["failed"].setdefault(f"{evidence.status}, {reason}", []).append(name)
        elif unfit:
            found["unfit"].setdefault(", ".join(map(str, unfit)), []).append(name)
    said = {
        kind: tuple(f"Left out: {', '.join(names)} ({reason})." for reason, names in reasons.items())
        for kind, reasons in found.items()
    }
    return LeftOut(**said, waiting=(f"Not measured yet: {', '.join(waiting)}.",) if waiting else ())


def _played(run: Run, leader: Candidate, rival: Candidate) -> Evidence | None:
    """A match's evidence, once it has been played to its end: what is said of it before would be an unplanned look."""
    match = run.matches.get((leader.id, rival.id))
    if match is None or flags.is_unfit(rival.cell, match):
        return None
    plan, target = run.match_plan(leader.cell, rival.cell), playoff.target(run.measure, run.margin)
    ratio = playoff.ratio(match, plan)
    is_over = playoff.has_enough(match, ratio, plan, target, run.measure.budget_s, plan.looks[0])
    return match if is_over else None


def _result(run: Run, leader: Candidate, rival: Candidate) -> Speedup | None:
    match = _played(run, leader, rival)
    return None if match is None else playoff.ratio(match, run.match_plan(leader.cell, rival.cell))


def _podium(run: Run, candidates: Sequence[Candidate], stages: Sequence[Stage], margin: float) -> Podium | None:
    """Who is shown not to be slower than the leader by more than the margin, and what is not settled.

    `None` where the leader's own fresh rounds do not confirm that it beats a plain loop.
    """
    stage = stages[-1]
    results = {rival.id: ratio for rival in stage.rivals if (ratio := _result(run, stage.leader, rival)) is not None}
    p_values = [_p_not_slower(run, stage.leader, rival, margin) for rival in stage.rivals]
    shown = statistics.holm(p_values, len(stage.rivals) * STATEMENT_ALPHA / 2)
    not_slower = [stage.leader, *(rival for rival, is_shown in zip(stage.rivals, shown, strict=True) if is_shown)]
    confirmed = {each.id: fresh for each in not_slower if (fresh := _as_played(run, stage, each)).speedup.low > 1}
    if stage.leader.id not in confirmed:
        return None
    chosen = playoff.cheapest([each for each in not_slower if each.id in confirmed])
    slower = _shown_slower(run, candidates, stages, margin)
    return Podium(
        leader=stage.leader,
        chosen=confirmed[chosen.id],
        ties=tuple(each for each in not_slower if each is not chosen),
        unresolved=tuple(each for each in candidates if each not in not_slower and each.id not in slower),
        results=results,
    )


def _shown_slower(run: Run, candidates: Sequence[Candidate], stages: Sequence[Stage], margin: float) -> set[str]:
    """Who is slower by more than the margin than somebody who led, in a match, or else by the sweep's intervals."""
    leader, found = stages[-1].leader, set()
    met = {rival.id for rival in stages[-1].rivals if _result(run, leader, rival) is not None}
    for stage in stages:
        for rival in stage.rivals:
            ratio = _result(run, stage.leader, rival)
            if ratio is not None and ratio.high < 1 - margin:
                found.add(rival.id)
    behind = {each.id for each in candidates if each.speedup.high < leader.speedup.low * (1 - margin)}
    return found | (behind - met)


def _p_not_slower(run: Run, leader: Candidate, rival: Candidate, margin: float) -> float:
    """One-sided, over all planned looks (Bonferroni); 1 where they did not meet."""
    match = _played(run, leader, rival)
    if match is None:
        return 1.0
    plan = run.match_plan(leader.cell, rival.cell)
    alpha = plan.each_look(STATEMENT_ALPHA) / 2
    return len(plan.looks) * statistics.p_above(match.log_ratios("leader"), math.log(1 - margin), alpha)


def _as_played(run: Run, stage: Stage, each: Candidate) -> Candidate:
    """A candidate as its fresh rounds say; as it came out of the sweep where these give no interval.

    The leader has those of all of its matches. One that met nobody was not chosen for being lucky.
    """
    rivals, arm = (stage.rivals, "leader") if each is stage.leader else ((each,), "cell")
    met = [(match, rival) for rival in rivals if (match := _played(run, stage.leader, rival)) and match.trials]
    if not met:
        return each
    looks = max(len(run.match_plan(stage.leader.cell, rival.cell).looks) for _, rival in met)
    # It is one of several cells that could have been chosen, by these very rounds.
    alpha = STATEMENT_ALPHA / looks / (MOST_RIVALS + 1)
    trials = tuple(_as_cell(trial, arm) for match, _ in met for trial in match.trials)
    evidence = replace(met[0][0], trials=trials)
    fresh = replace(each, evidence=evidence, speedup=evidence.speedup(alpha), alpha=alpha)
    return fresh if math.isfinite(fresh.speedup.half_width) else each


def _as_cell(trial: Record, arm: str) -> Record:
    """A match's trial as one of the sweep: the anchor and one cell."""
    return {**trial, "arms": {"anchor": trial["arms"]["anchor"], "cell": trial["arms"][arm]}}


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
        "cell": candidate.id,
        "speedup": _speedup_json(candidate.speedup),
    }

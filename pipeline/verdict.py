"""What to use and how sure that is: DESIGN's rules on one run's evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import because, flags, gil, one_job, playoff, scaling, scope, statistics
from .because import LeftOut, Podium
from .evidence import Run
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
    def counts(self) -> int:
        """How many worker counts something is said of."""
        return len(self.found.points) + len(self.found.left_out)

    @property
    def sentence(self) -> str:
        """For a person."""
        name = f"{self.backend} with {self.variant}" if self.variant else self.backend
        return f"{name}: {scaling.say(self.found, self.backend)}"

    def to_json(self) -> dict[str, Any]:
        """As `verdict.json` has it."""
        return {"backend": self.backend, "variant": self.variant, **self.found.to_json()}


def decide(run: Run) -> list[Verdict]:
    """A verdict for each workload of a run."""
    return [_decide(run, cell) for cell in run.cells if cell["id"] == cell["anchor"]]


def _decide(run: Run, anchor: Record) -> Verdict:
    workload, margin, candidates = anchor["name"], run.margin, _candidates(run, anchor["id"])
    left_out = _left_out(run, anchor["id"])
    if not candidates:
        nothing_ran = not run.of_anchor(anchor["id"])
        return Verdict(workload, NOT_ENOUGH, nothing_ran=nothing_ran, because=(*left_out.all, *left_out.waiting))
    stages = playoff.stages(candidates, lambda leader, rival: _result(run, leader, rival), margin)
    shared = scope.on_a_shared_machine(run, candidates, stages)
    laws = _scaling(run, candidates, is_shared=bool(shared))
    why = (*gil.explain(run, candidates), *because.where_time_is_lost(candidates))
    nothing_helps = all(each.speedup.high < 1 + margin for each in candidates)
    if nothing_helps and not (left_out.unfit or left_out.waiting or shared):
        found = because.nothing_helps(candidates, left_out, margin)
        said = (*found, *why, *left_out.all, *scope.holds_for(run, candidates))
        return Verdict(workload, STAY_SERIAL, because=said, scaling=laws)
    podium = _podium(run, candidates, stages, margin)
    if shared or not isinstance(podium, Podium):
        reason = shared if shared or isinstance(podium, Podium) else podium
        said = (*reason, *left_out.all, *left_out.waiting, *scope.holds_for(run, candidates))
        return Verdict(workload, NOT_ENOUGH, unresolved=candidates, because=said, scaling=laws)
    tasks = run.preflights[anchor["id"]]["tasks"]
    # A job's batch is the job, whatever it makes of its inputs.
    pays_from = None if anchor["workload"]["job"] else one_job.pays_from_tasks(podium.chosen, tasks)
    said = (
        *because.cost_and_gain(podium.chosen, run.preflights[anchor["id"]], pays_from),
        *_for_one_batch(run, candidates, stages, podium.chosen),
        *because.against_the_rest(run, podium, margin),
        *why,
        *left_out.all,
        *left_out.waiting,
        *scope.holds_for(run, [*candidates, podium.chosen]),
    )
    return Verdict(workload, USE, podium.chosen, podium.ties, podium.unresolved, pays_from, said, laws)


def _for_one_batch(run: Run, candidates: Sequence[Candidate], stages: Sequence[Stage], chosen: Candidate) -> list[str]:
    """What does better there, where the batch is all that there is to do."""
    preflight = run.preflights[chosen.cell["anchor"]]
    if chosen.cell["workload"]["job"] or preflight["available"] != preflight["tasks"]:
        return []
    lost = {each.id for stage in stages for each in stage.rivals if _result(run, stage.leader, each) is playoff.NOTHING}
    return one_job.better(run, [each for each in candidates if each.id == chosen.id or each.id not in lost], chosen)


def _candidates(run: Run, anchor: str) -> tuple[Candidate, ...]:
    cells = run.of_workload(anchor)
    found = [(cell, run.evidence[cell["id"]], plan) for cell in cells if (plan := run.plan(cell)) is not None]
    return playoff.enter(found, run.family, run.variants)


def _scaling(run: Run, candidates: Sequence[Candidate], *, is_shared: bool) -> tuple[Scaling, ...]:
    pools: dict[tuple[str, str], list[Candidate]] = {}
    for each in candidates:
        pools.setdefault((each.backend, each.variant), []).append(each)
    found = []
    for (backend, variant), counts in pools.items():
        if all(each.workers == 1 for each in counts):
            continue
        plan = run.plan(counts[0].cell)
        assert plan is not None
        alpha = plan.each_look() / len(counts)
        points = [Point(each.workers, each.evidence.speedup(alpha)) for each in counts]
        # What waits overlaps beyond the cores; what computes does not.
        busy = any((each.evidence.cores_used("anchor") or 0.0) > CPU_BOUND for each in counts)
        spans = any(each.evidence.spans_machines for each in counts)
        attainable = run.room(counts[0].cell).attainable_cores if busy and not spans else math.inf
        laws = scaling.on_a_shared_machine() if is_shared else scaling.strong_scaling(points, attainable)
        found.append(Scaling(backend, variant, laws))
    return tuple(found)


def _left_out(run: Run, anchor: str) -> LeftOut:
    found: dict[str, dict[str, list[str]]] = {"unfit": {}, "failed": {}}
    waiting = []
    for cell in run.of_workload(anchor):
        evidence, variant = run.evidence[cell["id"]], run.variants[cell["id"]]
        name = pool_name(cell["backend"], cell["workers"]) + (f" with {variant}" if variant else "")
        unfit = [flag for flag in flags.find(cell, evidence, run.room(cell)) if flag.name in flags.UNFIT]
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


def _result(run: Run, leader: Candidate, rival: Candidate) -> Speedup | None:
    match = run.matches.get((leader.id, rival.id))
    if match is None:
        return None
    plan = run.match_plan(leader.cell, rival.cell)
    return playoff.result(match, leader.cell, rival.cell, plan, run.measure, run.margin)


def _podium(
    run: Run, candidates: Sequence[Candidate], stages: Sequence[Stage], margin: float
) -> Podium | tuple[str, ...]:
    """Who is shown not to be slower than the leader by more than the margin, and what is not settled.

    Or else why nobody is recommended: nobody leads, or the fresh rounds do not bear the leader out.
    """
    if not stages:
        return because.nothing_shown(candidates, margin)
    stage = stages[-1]
    results = {rival.id: ratio for rival in stage.rivals if (ratio := _result(run, stage.leader, rival)) is not None}
    broken = _broken(run, stages)
    p_values = [_p_not_slower(run, stage.leader, rival, margin) for rival in stage.rivals]
    shown = statistics.holm(p_values, len(stage.rivals) * STATEMENT_ALPHA / 2)
    not_slower = [stage.leader, *(rival for rival, is_shown in zip(stage.rivals, shown, strict=True) if is_shown)]
    played = {each.id: _as_played(run, stage, each) for each in not_slower}
    beaten_by = [each for each in stage.rivals if each.id in results and _is_beyond(results[each.id], margin)]
    if stage.leader.id in broken or beaten_by or not _is_confirmed(played[stage.leader.id], margin):
        leader = played[stage.leader.id]
        is_over = len(results) == len(stage.rivals)
        return because.leader_not_borne_out(leader, broken.get(leader.id), beaten_by, results, is_over=is_over)
    confirmed = [each for each in not_slower if each.id not in broken and _is_confirmed(played[each.id], margin)]
    chosen = playoff.cheapest(confirmed)
    slower = _shown_slower(run, candidates, stages, margin)
    return Podium(
        leader=stage.leader,
        chosen=played[chosen.id],
        ties=tuple(each for each in confirmed if each is not chosen),
        unresolved=tuple(each for each in candidates if each not in confirmed and each.id not in slower),
        results=results,
        broken=tuple(broken.values()),
    )


def _is_beyond(ratio: Speedup, margin: float) -> bool:
    """Whether a rival is faster than the leader, and perhaps by more than the margin."""
    return ratio.low > 1 and ratio.high > 1 / (1 - margin)


def _is_confirmed(fresh: Candidate, margin: float) -> bool:
    """Whether fresh rounds bear out that it beats a plain loop: they need not show by how much, but not show less."""
    return fresh.speedup.low > 1 and fresh.speedup.estimate > 1 + margin


def _broken(run: Run, stages: Sequence[Stage]) -> dict[str, str]:
    """A sentence on each cell that failed in the play-off, whatever it did in the sweep; by its id."""
    found = {}
    for stage in stages:
        for rival in stage.rivals:
            match = run.matches.get((stage.leader.id, rival.id))
            if match is not None and match.status not in ("measured", "not run"):
                said = f"The match of {rival.name} against {stage.leader.name} {match.status}: {match.reason}."
                found[stage.leader.id if match.failed_arm == "leader" else rival.id] = said
    return found


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
    """One-sided, over all planned looks (Bonferroni); 1 where their match tells nothing."""
    ratio = _result(run, leader, rival)
    if ratio is None or not ratio.rounds:
        return 1.0
    plan = run.match_plan(leader.cell, rival.cell)
    alpha, match = plan.each_look(STATEMENT_ALPHA) / 2, run.matches[leader.id, rival.id]
    return len(plan.looks) * statistics.p_above(match.log_ratios("leader"), math.log(1 - margin), alpha)


def _as_played(run: Run, stage: Stage, each: Candidate) -> Candidate:
    """A candidate as its fresh rounds say; as it came out of the sweep where these give no interval.

    The leader has those of all of its matches. One that met nobody was not chosen for being lucky.
    """
    rivals, arm = (stage.rivals, "leader") if each is stage.leader else ((each,), "cell")
    met = [rival for rival in rivals if (ratio := _result(run, stage.leader, rival)) is not None and ratio.rounds]
    if not met:
        return each
    matches = [run.matches[stage.leader.id, rival.id].of_arm(arm) for rival in met]
    looks = max(len(run.match_plan(stage.leader.cell, rival.cell).looks) for rival in met)
    # It is one of several cells that could have been chosen, by these very rounds.
    alpha = STATEMENT_ALPHA / looks / (MOST_RIVALS + 1)
    evidence = replace(matches[0], trials=tuple(trial for match in matches for trial in match.trials))
    fresh = replace(each, evidence=evidence, speedup=evidence.speedup(alpha), alpha=alpha, is_fresh=True)
    return fresh if math.isfinite(fresh.speedup.half_width) else each


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

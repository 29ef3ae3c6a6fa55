"""How a run was measured, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..evidence import Run
from ..journal import Record
from ..wording import seconds
from .surroundings import MOST_WORKLOADS
from .text import first_line

_MOST_CAUSES = 3
_LEAST, _MOST = "20 ms", "250 ms"
"""As in `bench.warmup`, which reports don't import: a journal's numbers were made by the protocol of its time."""


def sentences(run: Run) -> tuple[str, ...]:
    """Paragraphs: how a ratio comes to be, what its interval is, what was asked for, what a batch was."""
    measure = run.measure
    rounds = (
        "Every round was taken from fresh processes, so that nothing was warm (measure.cold=true)."
        if measure.cold
        else "Each trial started fresh processes, ran one batch to warm up, and then its rounds."
    )
    if any(record["kind"] == "run" and record.get("exclusive") is False for record in run.records):
        rounds += (
            " Other sweeps on the machine were not waited for (runner.exclusive=false), and may have disturbed it."
        )
    good = sum(trial["status"] == "measured" for trial in run.trials)
    trials = f"{good:,} {'trial' if good == 1 else 'trials'}"
    dropped = [trial for trial in run.trials if trial["status"] == "not run"]
    early = len(run.trials) - good - len(dropped)
    ended = (f", {early:,} more ended early" if early else "") + _say_dropped(run, dropped)
    pairs = (
        "Each cell was measured in pairs: in every round the batch ran in a plain loop and in the cell, one right "
        f"after the other, in random order, each in a process of its own. {rounds}{_repeats(run)}"
    )
    intervals = (
        "A round gives one ratio, loop time / cell time. The speed-up is the median of all rounds' ratios. Its 95% "
        "interval is read off the ordered ratios (order statistics, the inverted sign test), so it assumes nothing "
        "about the shape of the noise; the wider of the rounds' and the trials' interval counts. Intervals in the "
        "table and the figures hold for each cell by itself, those in the verdict for all cells together."
    )
    profile = (
        f"The profile aimed at intervals of ±{measure.target:.0%} and allowed {seconds(measure.budget_s)} or "
        f"{measure.max_rounds:,} rounds a cell. It aimed at {measure.trials} trials a cell before the first look at "
        f"its interval, of at most {seconds(measure.timeout_s)} each; a slow cell's budget may end it before. This run "
        f"holds {trials}{ended}."
    )
    return (*_revisions(run), pairs, intervals, profile, *_play_off(run), *_batches(run))


def _say_dropped(run: Run, dropped: Sequence[Record]) -> str:
    """How many did not count, what became of them, and why."""
    if not dropped:
        return ""
    taken = {_attempt(trial, 0) for trial in run.trials}
    again = sum(_attempt(trial, 1) in taken for trial in dropped)
    were = "was" if again == 1 else "were"
    if again == len(dropped):
        became = f" and {were} taken again"
    else:
        became = f", {again:,} of which {were} taken again" if again else ""
    causes = _causes([first_line(trial["reason"] or "") for trial in dropped])
    return f"; {len(dropped):,} more did not count{became} ({causes})"


def _attempt(trial: Record, later: int) -> tuple[object, ...]:
    """By what an attempt at a trial is known, or one so much later."""
    which = (trial.get(key) for key in ("environment", "kind", "cell", "leader", "trial"))
    return (*which, trial["attempt"] + later)


def _causes(reasons: list[str]) -> str:
    """The most frequent first."""
    counted = [f"{count:,} times: {why}" if count > 1 else why for why, count in Counter(reasons).most_common()]
    more = [f"{len(counted) - _MOST_CAUSES:,} more causes"] if len(counted) > _MOST_CAUSES else []
    return "; ".join([*counted[:_MOST_CAUSES], *more])


def _revisions(run: Run) -> list[str]:
    if run.revisions is None:
        return []
    before, after = (f"{each['asked']}, commit {each['commit'][:12]}" for each in run.revisions.values())
    said = (
        "This run held two revisions of the measured code against one another. Here everything is of the one before "
        f"({before}) alone; compare.html holds the one after ({after}) against it."
    )
    return [said]


def _play_off(run: Run) -> list[str]:
    if not run.matches:
        return []
    count, trials = len(run.matches), sum(len(match.trials) for match in run.matches.values())
    matches = "1 match" if count == 1 else f"{count:,} matches"
    said = (
        f"After the sweep the fastest cell and those that came near it met in {matches} of {trials:,} trials in all: "
        "the plain loop and both cells in the same rounds. What is recommended, and its figures, rest on these."
    )
    return [said]


def _repeats(run: Run) -> str:
    """How often short batches were repeated, as a further sentence; empty where none was."""
    repeats = [trial["repeat"] for trial in run.trials if trial["status"] == "measured"]
    several = [repeat for repeat in repeats if repeat > 1]
    if not several:
        return ""
    least, most = min(several), max(several)
    times = f"{least:,} times" if least == most else f"{least:,} to {most:,} times"
    where = "" if len(several) == len(repeats) else f" in {len(several):,} of {len(repeats):,} trials"
    return (
        f" Short batches were repeated, equally often in both, until the shorter one lasted {_LEAST}, but not so "
        f"often that the longer one lasted over {_MOST}: {times}{where}. What is given is the time of one."
    )


def _batches(run: Run) -> list[str]:
    looks = list(run.preflights.values())
    said = [_batch(look) for look in looks[:MOST_WORKLOADS]]
    if len(looks) > MOST_WORKLOADS:
        said.append(f"And {len(looks) - MOST_WORKLOADS:,} more workloads.")
    return said


def _batch(look: Record) -> str:
    if look["status"] != "measured":
        return (
            f"{look['name']}: nothing could be measured, as its first batch already {look['status']}: "
            f"{first_line(look['reason'] or '')}"
        )
    tasks, available = look["tasks"], look["available"]
    inputs = (
        f"all {available:,} inputs"
        if tasks == available
        else f"a sample of {tasks:,} of {available:,} inputs, evenly spread"
    )
    return (
        f"{look['name']}: a batch was {inputs}; before the measuring, a plain loop took {seconds(look['cold_s'])} for "
        f"its first batch and {seconds(look['warm_s'])} for the next."
    )

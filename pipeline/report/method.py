"""How a run was measured, in sentences."""

from __future__ import annotations

from ..evidence import Run
from ..journal import Record
from ..wording import seconds

MOST_WORKLOADS = 12


def sentences(run: Run) -> tuple[str, ...]:
    """Paragraphs: how a ratio comes to be, what its interval is, what was asked for, what a batch was."""
    measure = run.measure
    rounds = (
        "Every round was taken from fresh processes, so that nothing was warm (measure.cold=true)."
        if measure.cold
        else "Each trial started fresh processes, ran one batch to warm up, and then its rounds."
    )
    good = sum(trial["status"] == "measured" for trial in run.trials)
    trials = f"{good:,} {'trial' if good == 1 else 'trials'}"
    lost = len(run.trials) - good
    ended = f", {lost:,} more ended early" if lost else ""
    pairs = (
        "Each cell was measured in pairs: in every round one batch in a plain loop and one in the cell, one right "
        f"after the other, in random order, each in a process of its own. {rounds}"
    )
    intervals = (
        "A round gives one ratio, loop time / cell time. The speed-up is the median of all rounds' ratios. Its 95% "
        "interval is read off the ordered ratios (order statistics, the inverted sign test), so it assumes nothing "
        "about the shape of the noise; the wider of the rounds' and the trials' interval counts. Intervals in the "
        "table and the figures hold for each cell by itself, those in the verdict for all cells together."
    )
    profile = (
        f"The profile aimed at intervals of ±{measure.target:.0%} and allowed {seconds(measure.budget_s)} or "
        f"{measure.max_rounds:,} rounds a cell, in {measure.trials} trials or more of at most "
        f"{seconds(measure.timeout_s)} each. This run holds {trials}{ended}."
    )
    return (pairs, intervals, profile, *_batches(run))


def unfinished(run: Run) -> str | None:
    """What to say where the run's end is missing."""
    last = run.records[-1]
    if last["kind"] == "end" and last["reason"] == "finished":
        return None
    waiting = sum(evidence.status == "not run" for evidence in run.evidence.values())
    cells = {0: "Some cells have fewer rounds than were planned", 1: "1 cell is still to be measured"}.get(
        waiting, f"{waiting:,} cells are still to be measured"
    )
    return f"This run is not finished. {cells}; the same command goes on where it stopped."


def _batches(run: Run) -> list[str]:
    looks = list(run.preflights.values())
    said = [_batch(look) for look in looks[:MOST_WORKLOADS]]
    if len(looks) > MOST_WORKLOADS:
        said.append(f"And {len(looks) - MOST_WORKLOADS:,} more workloads.")
    return said


def _batch(look: Record) -> str:
    if look["status"] != "measured":
        return (
            f"{look['name']}: nothing could be measured, as its first batch already {look['status']}: {look['reason']}"
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

"""Where a cell's time goes: the ideal batch, and what keeps it from that, in seconds of the batch's wall time.

With N workers a batch would ideally take the plain loop's time / N. An identity of worker-seconds says what is added:
N * wall = time in tasks + time between tasks + waiting for the last one + N * time outside of the backend's map; and
the time in tasks is CPU time, waiting in the run queue for a core, and waiting for anything else: the GIL, a lock, an
answer. What the plain loop has of each belongs to the ideal; the rest is what the pool adds. It is measured in
instrumented batches of both, one right after the other, outside the rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .evidence import Evidence
from .journal import Record
from .thresholds import GIL_HELD


@dataclass(frozen=True)
class Parts:
    """Seconds of one batch's wall time; `None` where the system does not tell.

    Attributes:
        ideal_s: the plain loop's time / workers.
        phases_s: what a job does outside of the map, less its share in the ideal: workers have nothing to do meanwhile.
        dispatch_s: handing out tasks and serialising inputs and results, as tasks that do nothing take: at most, since
            it may overlap with work.
        imbalance_s: how long a worker waits for the last one to end, on average.
        waiting_s: waiting in tasks for the GIL, a lock, or an answer, beyond what the plain loop waits.
        machine_s: what the machine lacks: waiting for a core, and CPU time that grew as cores are shared.
        unexplained_s: the measured batch less all of these; negative where they are more than it.
    """

    ideal_s: float
    phases_s: float
    dispatch_s: float | None
    imbalance_s: float | None
    waiting_s: float | None
    machine_s: float | None
    unexplained_s: float


def attribute(cell: Record, evidence: Evidence) -> Parts | None:
    """The parts of a cell's batch; `None` where no batch of it was instrumented.

    Of the batches that were, they are those of the trial whose two took most nearly what batches take: medians of the
    parts of several, some of which the machine disturbed, would be parts of no batch. Less than nothing is noise.
    """
    measured = [
        (arms["anchor"]["instrumented"], arms["cell"])
        for trial in evidence.trials
        if "instrumented" in (arms := trial["arms"])["anchor"] and "instrumented" in arms["cell"]
    ]
    batch_s, serial_s = evidence.middle("cell", "batch_s"), evidence.middle("anchor", "batch_s")
    if not measured or not batch_s or not serial_s:
        return None

    def unlike(pair: tuple[dict[str, Any], Record]) -> float:
        loop_s: float = pair[0]["wall_s"]
        pool_s: float = pair[1]["instrumented"]["wall_s"]
        return abs(loop_s / serial_s - 1) + abs(pool_s / batch_s - 1)

    anchor, arm = min(measured, key=unlike)
    parts = {name: None if part_s is None else max(0.0, part_s) for name, part_s in _parts(anchor, arm, cell).items()}
    ideal_s = serial_s / cell["workers"]
    explained_s = ideal_s + sum(each for each in parts.values() if each is not None)
    return Parts(
        ideal_s=ideal_s,
        phases_s=parts["phases"] or 0.0,
        dispatch_s=parts["dispatch"],
        imbalance_s=parts["imbalance"],
        waiting_s=parts["waiting"],
        machine_s=parts["machine"],
        unexplained_s=batch_s - explained_s,
    )


def _parts(anchor: dict[str, Any], arm: Record, cell: Record) -> dict[str, float | None]:
    pool, workers = arm["instrumented"], cell["workers"]
    outside_s = (pool["wall_s"] - pool["map_s"]) - (anchor["wall_s"] - anchor["map_s"]) / workers
    parts: dict[str, float | None] = {
        "phases": outside_s,
        "dispatch": None,
        "imbalance": pool["imbalance_s"],
        "waiting": None,
        "machine": None,
    }
    if pool["nothing_s"] is not None and anchor["nothing_s"] is not None:
        parts["dispatch"] = pool["nothing_s"] - anchor["nothing_s"] / workers
    counted = ("in_tasks_s", "cpu_s", "queue_s")
    if any(each[name] is None for each in (pool, anchor) for name in counted):
        return parts
    in_tasks_s, cpu_s, queue_s = (pool[name] - anchor[name] for name in counted)
    waiting_s, machine_s = in_tasks_s - cpu_s - queue_s, cpu_s + queue_s
    if _has_gil(arm, cell):  # one thread runs at a time, so CPU time does not grow for want of cores, but by switching
        waiting_s, machine_s = waiting_s + cpu_s, queue_s
    return parts | {"waiting": waiting_s / workers, "machine": machine_s / workers}


def _has_gil(arm: Record, cell: Record) -> bool:
    gil = arm["instrumented"].get("gil_held")
    return cell["backend"] == "thread" and gil is not None and gil >= GIL_HELD

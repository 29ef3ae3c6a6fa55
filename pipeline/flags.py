"""What restricts the claims about a cell, without changing a number; `thresholds` says from where on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from . import thresholds
from .evidence import Evidence, Flag, Room
from .journal import Record
from .plan import ALPHA

STARVED, CROWDED, STOLEN, THROTTLED = "starved", "crowded", "stolen", "throttled"
NOT_REPEATABLE, IMPOSSIBLE, OVERSUBSCRIBED = "not repeatable", "impossible", "oversubscribed"
NOISY, DRIFTING, IDLE, UNCOMPARED = "noisy", "drifting", "idle workers", "answers not compared"

SHARED = frozenset({STARVED, CROWDED, STOLEN})
"""Others had a part of the machine: more workers then get a larger share of it, whatever they would get alone."""
UNFIT = frozenset({THROTTLED, NOT_REPEATABLE})
"""Cells with these are left out of the verdict."""


def find(cell: Record, evidence: Evidence, room: Room) -> tuple[Flag, ...]:
    """The flags of a cell.

    Args:
        cell: its definition in the journal.
        evidence: its trials.
        room: what the machine has for us.
    """
    if not evidence.trials:
        return ()
    if room not in evidence.flags:  # asked for again and again, by tables, verdicts and sentences
        found = (Flag(name, detail) for name, finder in _FINDERS.items() for detail in finder(cell, evidence, room))
        evidence.flags[room] = tuple(found)
    return evidence.flags[room]


def is_unfit(cell: Record, evidence: Evidence) -> bool:
    """Whether the cell is left out of the verdict."""
    return bool(evidence.trials) and any(list(_FINDERS[name](cell, evidence, Room(1, 1, 1))) for name in UNFIT)


def _starved(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    capacity = evidence.capacity
    if capacity is None:
        return
    least = thresholds.LEAST_CAPACITY_SHARE * min(cell["workers"], room.whole_cores)
    if min(cell["workers"], room.whole_cores) >= 2:
        least = max(least, thresholds.LEAST_CAPACITY)
    if capacity.estimate < least:
        yield f"the machine offered {capacity.estimate:.2f} of {min(cell['workers'], room.cores)} cores"


def _crowded(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    others = _share(evidence.trials, "busy_s", minus_own=True)
    if others is not None and others / room.cores > thresholds.OTHERS_SHARE:
        yield f"others used {others / room.cores:.0%} of the cores"


def _stolen(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    share = _share(evidence.trials, "steal_s")
    if share is not None and share / room.cores > thresholds.STOLEN_SHARE:
        yield f"the hypervisor gave {share / room.cores:.0%} of the cores to others"


def _noisy(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    pressure, used = _pressure(evidence.trials), evidence.cores_used("anchor")
    waits_for_itself = used is not None and used > thresholds.SEVERAL_CORES
    if pressure is not None and pressure > thresholds.PRESSURE_SHARE and not waits_for_itself:
        yield f"while the plain loop ran, others waited for a core for {pressure:.0%} of the time"
        return
    spread = _anchor_variation(evidence.trials)
    if spread is not None and spread > thresholds.ANCHOR_VARIATION:
        yield f"the plain loop varied by {spread:.0%}"


def _throttled(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    share = _throttled_share(evidence.trials)
    if share is not None and share > thresholds.THROTTLED_SHARE:
        yield f"a quota held it back for {share:.0%} of the time"


def _drifting(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    middles = [median(trial["arms"]["anchor"]["batch_s"]) for trial in evidence.trials]
    third = len(middles) // 3
    if third == 0:
        return
    change = median(middles[-third:]) / median(middles[:third]) - 1
    if abs(change) > thresholds.DRIFT:
        yield f"the plain loop became {abs(change):.0%} {'slower' if change > 0 else 'faster'}"


def _oversubscribed(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    used = evidence.cores_used("anchor")
    pools = [each for trial in evidence.trials for each in trial["arms"]["cell"].get("pools") or ()]
    if cell["workers"] < 2 or not pools or used is None or used < thresholds.SEVERAL_CORES:
        return
    pool = max(pools, key=lambda each: int(each["threads"]))
    if pool["threads"] > 1 and cell["workers"] * pool["threads"] > room.cores:
        yield (
            f"{cell['workers']} workers with {pool['threads']} {pool['library']} threads each on {room.cores} cores: "
            f"try +env.{pool['variable']}=1 as an axis"
        )


def _not_repeatable(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    # The plain loop's alone: a pool's first batch is slower for reasons of its own.
    cold_s, warm_s = evidence.middle("anchor", "cold_s"), evidence.middle("anchor", "batch_s")
    if (
        cold_s is not None
        and warm_s is not None
        and cold_s > thresholds.LEAST_COLD_S
        and warm_s < thresholds.REPEATABLE * cold_s
    ):
        yield f"later batches take {warm_s / cold_s:.0%} of the first"


def _impossible(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    # In cores' worth of the plain loop's CPU work: waiting overlaps as much as it likes. A loop with threads of its
    # own, another interpreter or other variables are other work.
    used, capacity = evidence.cores_used("anchor"), evidence.capacity
    if used is None or capacity is None or used > thresholds.SEVERAL_CORES or cell.get("env") or cell.get("python"):
        return
    least = evidence.speedup(ALPHA).low * used
    if least > thresholds.IMPOSSIBLE * capacity.high:
        yield f"the work of {least:.2f} cores, where the machine offered {capacity.estimate:.2f}"


def _idle_workers(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    busy = [trial["arms"]["cell"]["busy"] for trial in evidence.trials if "busy" in trial["arms"]["cell"]]
    if busy and max(busy) < cell["workers"]:
        yield f"{max(busy)} of {cell['workers']} busy"


def _not_compared(cell: Record, evidence: Evidence, room: Room) -> Iterator[str]:
    if "not comparable" in {trial["arms"]["cell"].get("answers") for trial in evidence.trials}:
        yield "they cannot be pickled"


_FINDERS: Mapping[str, Callable[[Record, Evidence, Room], Iterator[str]]] = {
    STARVED: _starved,
    CROWDED: _crowded,
    STOLEN: _stolen,
    NOISY: _noisy,
    THROTTLED: _throttled,
    DRIFTING: _drifting,
    OVERSUBSCRIBED: _oversubscribed,
    NOT_REPEATABLE: _not_repeatable,
    IMPOSSIBLE: _impossible,
    IDLE: _idle_workers,
    UNCOMPARED: _not_compared,
}
NAMES = tuple(_FINDERS)
"""Every flag that there is."""


def _share(trials: Sequence[Record], what: str, *, minus_own: bool = False) -> float | None:
    """What the machine counted over all rounds, less what our arms used themselves, as a share of the time."""
    counted = [trial for trial in trials if (trial.get("machine") or {}).get(what) is not None]
    if minus_own:
        counted = [trial for trial in counted if _own_cpu_s(trial) is not None]
    passed_s = sum(trial["phases_s"]["rounds"] for trial in counted)
    if not passed_s:
        return None
    total_s = sum(trial["machine"][what] for trial in counted)
    if minus_own:
        total_s -= sum(_own_cpu_s(trial) or 0.0 for trial in counted)
    return float(total_s / passed_s)


def _own_cpu_s(trial: Record) -> float | None:
    own_s: float | None = trial.get("own_cpu_s")
    if own_s is not None:
        return own_s
    # Not counted, or not in journals of schema 1: at least what the arms used while they were timed.
    used = [each for arm in trial["arms"].values() for each in arm.get("cpu_s") or ()]
    return None if None in used else float(sum(used) * trial["repeat"] + trial.get("probe_cpu_s", 0.0))


def _throttled_share(trials: Sequence[Record]) -> float | None:
    """Of the cell's own repetitions, which a quota may hold back where it leaves the loop alone."""
    held_s = passed_s = 0.0
    for trial in trials:
        cell = trial["arms"]["cell"]
        for batch_s, throttled_s in zip(cell["batch_s"], cell.get("machine_throttled_s") or (), strict=False):
            if throttled_s is not None:
                held_s += throttled_s
                passed_s += batch_s * trial["repeat"]
    return held_s / passed_s if passed_s else None


def _pressure(trials: Sequence[Record]) -> float | None:
    """The share of the plain loop's time in which somebody waited for a core: it is alone, so it was not for us."""
    waited_s = passed_s = 0.0
    for trial in trials:
        anchor = trial["arms"]["anchor"]
        for batch_s, pressure_s in zip(anchor["batch_s"], anchor.get("machine_pressure_s") or (), strict=False):
            if pressure_s is not None and batch_s * trial["repeat"] >= thresholds.LEAST_COUNTED_S:
                waited_s += pressure_s
                passed_s += batch_s * trial["repeat"]
    return waited_s / passed_s if passed_s else None


def _anchor_variation(trials: Sequence[Record]) -> float | None:
    spreads = []
    for trial in trials:
        times = sorted(trial["arms"]["anchor"]["batch_s"])
        if len(times) >= 5:
            tenth = len(times) // 10
            spreads.append((times[-1 - tenth] - times[tenth]) / 2 / median(times))
    return median(spreads) if spreads else None

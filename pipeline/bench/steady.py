"""Whether the machine stayed what it was during a trial: awake, with its clock and its CPUs.

One that did not is no evidence of anything; the cause is read from clocks and lists, never from what was measured.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

#: Slewing a clock that is off, as time daemons do, stays far below this in a trial.
STEP_S = 1.0
#: Reading several clocks takes microseconds.
ASLEEP_S = 0.1


@dataclass(frozen=True)
class Reading:
    """Clocks and CPUs at one moment.

    `awake_s` stands still while the machine is suspended, `passed_s` does not: `None` where the system has no such
    clock. `date_s` is the time of day, which somebody may set. `cpus` are those that we may run on, where it tells.
    """

    awake_s: float
    passed_s: float | None
    date_s: float
    cpus: frozenset[int] | None


def read() -> Reading:
    """As it is now."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone
    affinity = getattr(os, "sched_getaffinity", None)  # what was unplugged is in it no more
    return Reading(
        awake_s=time.monotonic(),
        passed_s=None if boottime is None else time.clock_gettime(boottime),
        date_s=time.time(),
        cpus=None if affinity is None else frozenset(affinity(0)),
    )


def find_change(before: Reading, after: Reading) -> str | None:
    """What happened to the machine between two readings, in words; `None` where it stayed as it was."""
    awake_s = passed_s = after.awake_s - before.awake_s
    if before.passed_s is not None and after.passed_s is not None:
        passed_s = after.passed_s - before.passed_s
        if passed_s - awake_s > ASLEEP_S:
            return f"the machine was suspended for {passed_s - awake_s:.1f} s during the trial"
    step_s = after.date_s - before.date_s - passed_s
    if abs(step_s) > STEP_S:
        way = "forward" if step_s > 0 else "back"
        return f"the machine's clock was set {way} by {abs(step_s):.1f} s during the trial"
    if before.cpus is not None and after.cpus is not None and before.cpus != after.cpus:
        return f"the trial began with {len(before.cpus)} CPUs and ended with {_listed(before.cpus, after.cpus)}"
    return None


def _listed(before: frozenset[int], after: frozenset[int]) -> str:
    changes = [
        f"{what} {', '.join(map(str, sorted(cpus)))}"
        for what, cpus in (("without", before - after), ("with", after - before))
        if cpus
    ]
    return f"{len(after)}, {' and '.join(changes)}"

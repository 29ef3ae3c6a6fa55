"""Prove that nothing is lost, stuck or let in: `python -m tests.faults [ROW ...]`."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator

from ..benchmarks.asked import asked
from ..benchmarks.figure import Figure
from . import configurations, hostile_rows, journals, kills

KILLS, EXAMPLES = 200, 2_000
COMPARED = 20
"""So many of the refused command lines are given to real commands, too."""


def _kills(seed: int) -> Iterator[Figure]:
    told = kills.kill_and_resume(KILLS, seed)
    ended = ", ".join(f"{count} by {name}" for name, count in told.ended.items())
    survived = KILLS - len(told.faults)
    yield Figure(
        "random kills survived, nothing lost or doubled", survived, KILLS, at_least=True, detail=f"({ended} in time)"
    )
    yield Figure("leftovers after kills (processes, files, shared memory)", len(told.leftovers), 0)
    _show([*(f"kill {number} of seed {seed}, {fault}" for number, fault in told.faults.items()), *told.leftovers])


def _configurations(seed: int) -> Iterator[Figure]:
    told = configurations.fuzz(EXAMPLES, seed)
    different = configurations.compare_with_processes(told, COMPARED)
    given = sum(told.statuses.values()) + len(told.hangs)
    detail = f"({given:,} command lines, {told.good} of them good; {COMPARED} by real commands as well)"
    yield Figure("config fuzz: tracebacks", len(told.tracebacks) + len(different), 0, detail=detail)
    yield Figure("config fuzz: hangs", len(told.hangs), 0)
    _show([f"seed {seed}: {each}" for each in (*told.tracebacks, *told.hangs, *different)])


def _journals(seed: int) -> Iterator[Figure]:
    told = journals.fuzz(EXAMPLES, seed)
    counts = ", ".join(f"{what} {count:,}" for what, count in sorted(told.answers.items()))
    yield Figure("journal fuzz: tracebacks", len(told.tracebacks), 0, detail=f"({counts})")
    detail = f"(of today's schema; {told.old_changed} of older ones, which have no checksums)"
    yield Figure("journal fuzz: silently wrong tables", len(told.wrong), 0, detail=detail)
    _show([*told.tracebacks, *told.wrong])


ROWS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "hostile": lambda _seed: hostile_rows.rows(),
    "kills": _kills,
    "configurations": _configurations,
    "journals": _journals,
}


def main() -> int:
    """Print one line a figure; the exit status says whether all bars were reached."""
    seed, missed = random.randrange(10**6), 0
    for name in asked(ROWS, "row"):
        for figure in ROWS[name](seed):
            print(figure, flush=True)
            missed += not figure.reached
    return min(missed, 1)


def _show(faults: list[str]) -> None:
    for fault in faults:
        print(f"        {fault}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

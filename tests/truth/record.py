"""Records traces: the times of identical code in two arms, on this machine, beside neighbours of a known kind.

    python -m tests.truth.record [NAME ...]

The protocol is the bench's: two fresh processes, one waiting on a pipe while the other runs, adjacent repetitions in
random order. What each arm runs is a loop of pure Python that lasts about 20 ms, so the true ratio is 1. Nothing else
may run meanwhile. An arm is this file, run without the rest of the tests, so that it starts at once.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

REPETITION_S = 0.020
ROUNDS = 20
"""In each trial: about 0.8 s where nobody interferes."""
TRACE_S = 600.0
"""The quiet and the busy one were taken for 230 s."""
WARM_UPS = 2

Row = tuple[int, int, int, int, float, float]
Neighbour = tuple[float, ...]
"""The mean times, in seconds, for which it spins or sleeps, one drawn for each turn; none for one that never rests."""

SHORT: Neighbour = (0.1, 0.5, 1.5)
LONG: Neighbour = (2.0, 5.0, 10.0)
NEIGHBOURS: dict[str, Sequence[Neighbour]] = {
    "quiet": (),
    "busy": ((), ()),
    "bursty": (SHORT, SHORT, SHORT),
    "visited": (LONG, LONG),
}
"""Who else is on the machine, for each trace."""
SHORTEST_TURN_S = 0.05


def work(steps: int) -> int:
    """The identical code."""
    total = 0
    for each in range(steps):
        total = (total * 31 + each) & 0xFFFFFFFF
    return total


def serve(steps: int) -> None:
    """An arm: one repetition for each line it reads; answers when it began and how long it took, in ns."""
    for _ in sys.stdin:
        began = time.perf_counter_ns()
        work(steps)
        print(began, time.perf_counter_ns() - began, flush=True)


def disturb(seed: int, neighbour: Neighbour) -> None:
    """A neighbour: spins and sleeps in turns, for exponentially distributed times within bounds."""
    rng = random.Random(seed)
    while True:
        mean_s = rng.choice(neighbour or (1.0,))
        most_s = 2 * max(neighbour, default=1.0)
        spins_s, sleeps_s = (min(most_s, max(SHORTEST_TURN_S, rng.expovariate(1 / mean_s))) for _ in range(2))
        until = time.perf_counter() + spins_s
        while time.perf_counter() < until:
            pass
        if neighbour:
            time.sleep(sleeps_s)


def calibrate() -> int:
    """How many steps last `REPETITION_S` when nobody interferes: from the fastest of many."""
    steps = 100_000
    fastest_s = min(_timed(lambda: work(steps)) for _ in range(100))
    return round(steps * REPETITION_S / fastest_s)


def record(steps: int, lasting_s: float, seed: int) -> list[Row]:
    """Trials one right after the other for so long; the columns are those of `traces.SCHEMA`."""
    rng, rows, trial = random.Random(seed), [], 0
    origin_ns = time.perf_counter_ns()
    while time.perf_counter_ns() < origin_ns + lasting_s * 1e9:
        with ExitStack() as stack:
            arms = [stack.enter_context(_process("arm", steps)) for _ in range(2)]
            for _ in range(WARM_UPS):
                for arm in arms:
                    _ask(arm)
            for each in range(ROUNDS):
                for position, which in enumerate(rng.sample((0, 1), 2)):
                    began_ns, took_ns = _ask(arms[which])
                    rows.append((trial, each, which, position, (began_ns - origin_ns) / 1e9, took_ns / 1e9))
        trial += 1
    return rows


def main(names: Sequence[str]) -> None:
    """Record the named traces, or all of them."""
    from . import traces

    steps = calibrate()
    for name in names or NEIGHBOURS:
        with ExitStack() as stack:
            for seed, neighbour in enumerate(NEIGHBOURS[name], start=1):
                stack.enter_context(_process("neighbour", seed, *neighbour))
            rows = record(steps, TRACE_S, seed=0)
        traces.save(name, rows)
        print(traces.describe(traces.load(name)), flush=True)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def _process(role: str, *arguments: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", str(Path(__file__)), role, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _ask(arm: subprocess.Popen[str]) -> tuple[int, int]:
    assert arm.stdin is not None
    assert arm.stdout is not None
    arm.stdin.write("run\n")
    arm.stdin.flush()
    began_ns, took_ns = arm.stdout.readline().split()
    return int(began_ns), int(took_ns)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["arm", steps]:
            serve(int(steps))
        case ["neighbour", seed, *means]:
            disturb(int(seed), tuple(map(float, means)))
        case names:
            main(names)

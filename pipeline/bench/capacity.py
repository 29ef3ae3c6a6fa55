"""What the machine offers right now: how much faster N spinning processes get work done than one.

On a shared machine two cores may be worth 1.1 in one hour and 1.9 in another, so claims about CPU-bound work are held
against this and not against the number of workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

#: One probe spins for about this long, alone and then together.
PROBE_S = 0.010

_SPINNER = """
import sys
from time import perf_counter
def spin(count):
    began = perf_counter()
    for _ in range(count):
        pass
    return perf_counter() - began
for line in sys.stdin:
    print(spin(int(line)), flush=True)
"""


class Probe:
    """`width` spinning processes that wait to be told; `spun_s` is the CPU time that measuring took so far."""

    def __init__(self, spinners: Sequence[subprocess.Popen[str]]) -> None:
        self._spinners = spinners
        self.width = len(spinners)
        self._count = 0
        self.spun_s = 0.0

    def calibrate(self) -> None:
        """Find out how far one spinner gets in `PROBE_S`."""
        self._spin(self.width, 1)  # all of them have started
        count = 10_000
        while (took_s := self._spin(1, count)[0]) < PROBE_S / 4:
            count *= 2
        self._count = max(1, int(count * PROBE_S / took_s))

    def measure(self) -> float:
        """The speed of all spinners together over that of one, taken one right after the other."""
        (alone_s,) = self._spin(1, self._count)
        together_s = self._spin(self.width, self._count)
        self.spun_s += alone_s + sum(together_s)
        return sum(alone_s / each for each in together_s)

    def _spin(self, width: int, count: int) -> list[float]:
        for spinner in self._spinners[:width]:
            _pipe(spinner.stdin).write(f"{count}\n")
            _pipe(spinner.stdin).flush()
        return [float(_pipe(spinner.stdout).readline()) for spinner in self._spinners[:width]]


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def open_probe(workers: int) -> Iterator[Probe | None]:
    """A probe of as many processes as `workers` could use at once; `None` where that is one: its capacity is 1."""
    width = min(workers, usable_cores())
    if width < 2:
        yield None
        return
    with ExitStack() as stack:
        yield Probe([stack.enter_context(_spinner()) for _ in range(width)])


@contextmanager
def _spinner() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", _SPINNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as spinner:
        try:
            yield spinner
        finally:
            spinner.kill()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream

"""What the machine offers right now: how much faster N spinners get work done than one.

On a shared machine two cores may be worth 1.1 in one hour and 1.9 in another, so claims about CPU-bound work are held
against this and not against the number of workers. It is the relative capacity C(N) = X(N) / X(1), the throughput of N
over that of one (N. J. Gunther, Guerrilla Capacity Planning, Springer 2007, chapter 4), of work that shares nothing:
each spinner counts, by itself, as far as one got alone in about `PROBE_S`, so X(N) / X(1) is the sum over all N of the
time alone / the time together. C(N) is N on a machine of that many idle cores, and less for everything that it lacks:
cores that others use or the hypervisor gives away, hyperthreads that share one, a quota, a lower clock.

Spinners are processes; where a cell runs threads on a Python without a GIL, they are threads of one process of that
Python, which pay for what threads share there.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

#: One probe spins for about this long, alone and then together.
PROBE_S = 0.010
#: A spinner that says nothing for so long hangs: stopped, or short of threads.
PATIENCE_S = 30.0

# For each line, `threads count began`, one with the time that each took since `began`, on the clock that all processes
# of a machine share; of threads, since the last of them was there. What a spinner waits for a core before it starts is
# part of what the machine lacks.
_SPINNER = """
import sys
from time import perf_counter
def spin(count, began, took_s):
    for _ in range(count):
        pass
    took_s.append(perf_counter() - began)
def spin_together(width, count, took_s):
    import threading
    met = []
    barrier = threading.Barrier(width, lambda: met.append(perf_counter()))
    def meet_and_spin():
        barrier.wait()
        spin(count, met[0], took_s)
    threads = [threading.Thread(target=meet_and_spin, daemon=True) for _ in range(width - 1)]
    for each in threads:
        each.start()
    meet_and_spin()
    for each in threads:
        each.join()
for line in sys.stdin:
    width, count, began = line.split()
    took_s = []
    if width == "1":
        spin(int(count), float(began), took_s)
    else:
        spin_together(int(width), int(count), took_s)
    print(*took_s, flush=True)
"""


class ProbeDied(Exception):
    """A spinner ended by itself, or was ended; the text says how."""


class Probe:
    """`width` spinners that wait to be told.

    All methods raise `ProbeDied` where a spinner is gone, or hangs.
    """

    def __init__(self, processes: Sequence[subprocess.Popen[str]], threads: int) -> None:
        """Each of `processes` spins in up to `threads` threads; one of both numbers is 1."""
        self._processes, self._threads = processes, threads
        self.width = len(processes) * threads
        self._count = 0

    def calibrate(self) -> None:
        """Find out how far one spinner gets in `PROBE_S`."""
        self._spin(self.width, 1)  # all of them have started
        count = 10_000
        while (took_s := self._spin(1, count)[0]) < PROBE_S / 4:
            count *= 2
        self._count = max(1, int(count * PROBE_S / took_s))

    def measure(self) -> float:
        """C(width): the speed of all spinners together over that of one, taken one right after the other."""
        (alone_s,) = self._spin(1, self._count)
        return sum(alone_s / each for each in self._spin(self.width, self._count))

    def _spin(self, width: int, count: int) -> list[float]:
        """Have `width` spinners count to `count`; how long each took, in seconds."""
        threads = min(width, self._threads)
        processes = self._processes[: width // threads]
        for process in processes:
            _tell(process, f"{threads} {count} {time.perf_counter()!r}\n")
        return [took_s for process in processes for took_s in _answer(process)]


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
        yield Probe([stack.enter_context(_spinner(sys.executable)) for _ in range(width)], threads=1)


@contextmanager
def open_thread_probe(workers: int, python: str | None) -> Iterator[Probe | None]:
    """Likewise of threads of one process of `python`, this one's by default."""
    width = min(workers, usable_cores())
    if width < 2:
        yield None
        return
    with _spinner(python or sys.executable) as process:
        yield Probe([process], threads=width)


@contextmanager
def _spinner(python: str) -> Iterator[subprocess.Popen[str]]:
    command = [python, "-I", "-S", "-c", _SPINNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as spinner:
        try:
            yield spinner
        finally:
            spinner.kill()
            with suppress(OSError):  # what one that died did not read
                _pipe(spinner.stdin).close()


def _tell(spinner: subprocess.Popen[str], line: str) -> None:
    try:
        _pipe(spinner.stdin).write(line)
        _pipe(spinner.stdin).flush()
    except OSError:
        raise _died(spinner) from None


def _answer(spinner: subprocess.Popen[str]) -> list[float]:
    if os.name == "posix" and not select.select([_pipe(spinner.stdout)], [], [], PATIENCE_S)[0]:
        raise _died(spinner)
    line = _pipe(spinner.stdout).readline()
    if not line.endswith("\n"):
        raise _died(spinner)
    return [float(each) for each in line.split()]


def _died(spinner: subprocess.Popen[str]) -> ProbeDied:
    spinner.kill()  # it hangs, or has only closed its pipes
    return ProbeDied(f"a process that probes the machine's capacity ended early (exit status {spinner.wait()})")


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream

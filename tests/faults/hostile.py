"""Functions that do to an arm what one should not, each called with one input.

They behave where `HOSTILE` is unset, as it is in the plain loop beside a cell that sets it (`+env.HOSTILE=1`), so that
every backend meets them; with it in the command's own environment the look before measuring meets them first.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import itertools
import locale
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

MARK = "HOSTILE_MARK"
"""The variable with a text by which all that a command starts is known: see `leftovers`."""

Task = Callable[[int], Any]


def _where_it_is_let(task: Task) -> Task:
    @functools.wraps(task)
    def behaving(each: int) -> Any:
        return task(each) if "HOSTILE" in os.environ else each

    return behaving


# What is raised.


@_where_it_is_let
def raises(each: int) -> int:
    raise ValueError(f"no {each // 100}")


@_where_it_is_let
def exits_politely(each: int) -> int:
    sys.exit(4)


@_where_it_is_let
def stops_iterating(each: int) -> int:
    raise StopIteration


@_where_it_is_let
def recurses_for_ever(each: int) -> int:
    return recurses_for_ever(each)


class _Holding(Exception):
    """Not to be pickled."""

    def __init__(self) -> None:
        super().__init__("I hold a lock")
        self.lock = threading.Lock()


@_where_it_is_let
def raises_what_cannot_be_pickled(each: int) -> int:
    raise _Holding


class _WantsTwo(Exception):
    """Pickled, it cannot be made again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


@_where_it_is_let
def raises_what_cannot_be_unpickled(each: int) -> int:
    raise _WantsTwo("one", "two")


class _Unspeakable(Exception):
    """Nobody can say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("I do not say")

    __repr__ = __str__


@_where_it_is_let
def raises_what_cannot_be_said(each: int) -> int:
    raise _Unspeakable


@_where_it_is_let
def raises_at_length(each: int) -> int:
    raise ValueError("a\udcff\0\x1b[31m" + "b" * 1_000_000)


# What is returned.


@_where_it_is_let
def returns_what_cannot_be_pickled(each: int) -> object:
    return threading.Lock()


class _MadeOnce:
    def __init__(self, one: int) -> None:
        self.one = one

    def __reduce__(self) -> tuple[Any, ...]:
        return _MadeOnce, ()


@_where_it_is_let
def returns_what_cannot_be_unpickled(each: int) -> object:
    return _MadeOnce(each)


@_where_it_is_let
def returns_something_else_each_time(each: int) -> float:
    return random.SystemRandom().random()


# How it ends.


@_where_it_is_let
def exits(each: int) -> None:
    os._exit(3)


@_where_it_is_let
def aborts(each: int) -> None:
    os.abort()


@_where_it_is_let
def reads_address_nought(each: int) -> None:
    ctypes.string_at(0)


@_where_it_is_let
def is_killed_from_outside(each: int) -> None:
    subprocess.run(["kill", "-KILL", str(os.getpid())], check=True)


@_where_it_is_let
def is_terminated(each: int) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()


@_where_it_is_let
def kills_its_group(each: int) -> None:
    os.killpg(0, signal.SIGKILL)


@_where_it_is_let
def kills_its_parent(each: int) -> None:
    """Whoever that is: the pool, its fork server, or the keeper."""
    os.kill(os.getppid(), signal.SIGKILL)
    threading.Event().wait()


@_where_it_is_let
def stops_its_parent(each: int) -> None:
    """As above."""
    os.kill(os.getppid(), signal.SIGSTOP)
    threading.Event().wait()


# What never ends.


@_where_it_is_let
def sleeps_for_ever(each: int) -> None:
    threading.Event().wait()


@_where_it_is_let
def computes_for_ever(each: int) -> None:
    """In C, and with all signals blocked that can be."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sum(itertools.repeat(0))


@_where_it_is_let
def stops_itself(each: int) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@_where_it_is_let
def deadlocks_after_a_fork(each: int) -> None:
    """The child waits for a lock that only its parent's thread would release."""
    lock = threading.Lock()
    lock.acquire()
    child = os.fork()
    if child == 0:
        lock.acquire()
    os.waitpid(child, 0)


# What it takes.

_kept: list[bytes] = []


@_where_it_is_let
def allocates_for_ever(each: int) -> None:
    while True:
        _kept.append(b"x" * 4_000_000)


@_where_it_is_let
def asks_for_too_much(each: int) -> None:
    bytearray(1 << 60)


@_where_it_is_let
def prints_a_gigabyte(each: int) -> int:
    """Once in a process."""
    if each == 0 and not _said:
        _said.append(True)
        for descriptor in (1, 2):
            for _ in range(512):
                os.write(descriptor, b"words \xff" * 149_796)  # a mebibyte
    return each


_said: list[bool] = []


# What it closes and writes.


@_where_it_is_let
def closes_the_standard_streams(each: int) -> int:
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            os.close(descriptor)
    return each


@_where_it_is_let
def closes_every_descriptor(each: int) -> int:
    os.closerange(0, 256)
    return each


@_where_it_is_let
def writes_to_every_descriptor(each: int) -> int:
    """In the arm itself: those of a worker are its pool's."""
    if multiprocessing.parent_process() is not None:
        return each
    for descriptor in range(3, 64):
        with suppress(OSError):
            os.set_blocking(descriptor, False)
            os.write(descriptor, b"3\nwords\n[]\n")
    return each


# Whom it leaves behind.


@_where_it_is_let
def leaves_grandchildren(each: int) -> int:
    subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1000"])
    return each


@_where_it_is_let
def daemonises(each: int) -> int:
    """A process of nobody's, in a session of its own, with its own environment, that heeds no signal."""
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            for heeded in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
                signal.signal(heeded, signal.SIG_IGN)
            os.execve("/bin/sh", ["sh", "-c", "sleep 1000; exit", os.environ.get(MARK, "")], {})
        os._exit(0)
    os.waitpid(middle, 0)
    return each


_NESTING = 'if [ "$1" -gt 0 ]; then sh -c "$0" "$0" $(($1 - 1)); else echo there; sleep 1000; fi; :'


@_where_it_is_let
def nests_processes(each: int) -> int:
    """Once in an arm: each below the one before, more of them than Python recurses; shells take little memory."""
    with suppress(FileExistsError):
        Path(tempfile.gettempdir(), "nests").mkdir()
        outermost = subprocess.Popen(["sh", "-c", _NESTING, _NESTING, "1100"], stdout=subprocess.PIPE)
        assert outermost.stdout is not None
        outermost.stdout.readline()
    return each


@_where_it_is_let
def starts_threads_that_never_end(each: int) -> int:
    threading.Thread(target=threading.Event().wait).start()
    return each


@_where_it_is_let
def hangs_at_the_end(each: int) -> int:
    atexit.register(threading.Event().wait)
    return each


@_where_it_is_let
def leaves_files_and_sockets(each: int) -> int:
    """Shared memory, a semaphore with a name, temporary files and a listening socket."""
    _held.append(SharedMemory(create=True, size=1000))
    _held.append(multiprocessing.get_context("spawn").Lock())
    _held.append(socket.create_server(("127.0.0.1", 0)))
    tempfile.mkstemp()
    Path(tempfile.mkdtemp()).chmod(0)
    return each


_held: list[Any] = []


# What it changes around it.


@_where_it_is_let
def changes_folder(each: int) -> int:
    os.chdir("/")
    return each


@_where_it_is_let
def changes_umask(each: int) -> int:
    os.umask(0o777)
    return each


@_where_it_is_let
def changes_signal_handlers(each: int) -> int:
    for name in ("SIGTERM", "SIGINT", "SIGCHLD", "SIGPIPE", "SIGHUP"):
        with suppress(ValueError):  # not in this thread
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    return each


@_where_it_is_let
def changes_recursion_limit(each: int) -> int:
    """To as little as leaves the pool's own code running."""
    with suppress(RecursionError):
        sys.setrecursionlimit(80)
    return each


@_where_it_is_let
def changes_locale(each: int) -> int:
    locale.setlocale(locale.LC_ALL, "C")
    os.environ["LC_ALL"] = "tr_TR.ISO-8859-9"
    return each


@_where_it_is_let
def changes_path(each: int) -> int:
    sys.path.clear()
    sys.path_importer_cache.clear()
    return each


@_where_it_is_let
def changes_randomness(each: int) -> int:
    random.seed(0)
    gc.disable()
    return each


@_where_it_is_let
def changes_standard_streams(each: int) -> int:
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]
    return each


@_where_it_is_let
def changes_environment(each: int) -> int:
    os.environ.clear()
    os.environ["HOSTILE"] = "1"
    return each


@_where_it_is_let
def sets_the_start_method(each: int) -> int:
    multiprocessing.set_start_method("spawn", force=True)
    return each


# What it is.


def takes_nothing() -> int:
    return 1


def takes_two(one: int, two: int) -> int:
    return one + two


def generates(each: int) -> Iterator[int]:
    yield each


async def waits(each: int) -> int:
    return each


async def generates_and_waits(each: int) -> AsyncIterator[int]:
    yield each


class Made:
    """A class is called like a function."""

    def __init__(self, each: int) -> None:
        self.each = each


builtin = abs
partial = functools.partial(pow, 2)

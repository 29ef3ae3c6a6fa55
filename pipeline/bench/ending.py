"""How processes end: by themselves, or killed with everything below them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .counters import descendants

#: How long what ends by itself is waited for before it is killed.
GRACE_S = 2.0
#: What cannot be killed for so long, because it runs as somebody else or hangs in the kernel, is left.
PATIENCE_S = 10.0
_PAUSE_S = 0.002

_PR_SET_CHILD_SUBREAPER = 36


def say(code: int) -> str:
    """What a process did, by its exit code: that of a signal is negative."""
    if code >= 0:
        return f"ended with exit status {code}"
    names = {each.value: each.name for each in signal.Signals}
    return f"was ended by {names.get(-code, f'signal {-code}')}"


def become_subreaper() -> None:
    """Have what arms leave behind become our child, where Linux offers that, so that we can find and end it."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_arm(arm: subprocess.Popen[bytes]) -> None:
    """End an arm, unless it has ended, and what it started, as far as that is still below it or in its group.

    On Linux what it left behind is ours by now: `kill_descendants` finds it.
    """
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            arm.kill()
        elif sys.platform != "linux":
            os.killpg(arm.pid, signal.SIGKILL)
        elif arm.poll() is None:
            below = descendants(arm.pid)
            _kill([arm.pid, *(each for each in below if not _is_resource_tracker(each))])


def kill_descendants() -> None:
    """End every process below us and wait until none is left."""
    if sys.platform == "linux":
        kill_all(lambda: descendants(os.getpid()), reaps=True)


def outlast_descendants(grace_s: float) -> None:
    """See that no process is left below us: what ends by itself, and tidies up, has so long for that."""
    until = time.monotonic() + grace_s
    while descendants(os.getpid()) and time.monotonic() < until:
        _reap()
        time.sleep(_PAUSE_S)
    kill_descendants()


def kill_all(find: Callable[[], list[int]], *, reaps: bool) -> None:
    """End all processes that `find` finds, until it finds none.

    The resource trackers of `multiprocessing` come last, and by themselves: once nobody uses them they remove the
    semaphores and shared memory that killed processes left.

    Args:
        find: gives their ids.
        reaps: whether all children of this process, which may be among them, are ours to wait for.
    """
    began = time.monotonic()
    patience = began + GRACE_S
    while (pids := find()) and time.monotonic() < began + PATIENCE_S:
        _kill(pid for pid in pids if time.monotonic() > patience or not _is_resource_tracker(pid))
        if reaps:
            _reap()
        time.sleep(_PAUSE_S)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def is_resource_tracker(words: Iterable[bytes]) -> bool:
    """Whether that is the command of one of `multiprocessing`."""
    return any(b"multiprocessing.resource_tracker" in each for each in words)


def _is_resource_tracker(pid: int) -> bool:
    try:
        return is_resource_tracker([Path(f"/proc/{pid}/cmdline").read_bytes()])
    except OSError:
        return False

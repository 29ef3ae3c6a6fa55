"""One trial at a time on a machine: two sweeps at once would disturb each other, whoever started them.

A file that everybody on the machine can open is locked while a trial runs. The lock is the system's own, so it ends
with the process that holds it, however that ends. The file stays: whoever removed it would let others lock another one.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Not in TMPDIR, which is one's own: the same place for everybody.
PLACE = Path("/tmp/pipeline-measures-here")  # noqa: S108 - opened without following links, and nothing in it is trusted
_LONGEST = 100


@contextmanager
def machine(about: str, waits_for: Callable[[str], None], place: Path = PLACE) -> Iterator[None]:
    """Have the machine for oneself, among those who ask for it here.

    Args:
        about: what measures, for those who wait.
        waits_for: called before waiting, with who measures.
        place: the file.
    """
    descriptor = None if fcntl is None else _open(place)
    if descriptor is None:  # nobody can be asked
        yield
        return
    try:
        _lock(descriptor, waits_for)
        _sign(descriptor, about)
        yield
    finally:
        os.close(descriptor)


def _open(place: Path) -> int | None:
    """A descriptor to lock; `None` where the system lets us have none, or somebody put something else there."""
    # Without O_CREAT first: where fs.protected_regular is on, it forbids others' files in such a folder.
    for flags, mode in ((os.O_RDWR, 0), (os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), (os.O_RDONLY, 0)):
        with suppress(OSError):
            descriptor = os.open(place, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
            if not _is_plain(descriptor):
                os.close(descriptor)
                return None
            with suppress(OSError):
                os.fchmod(descriptor, 0o666)  # whatever the umask of the first one is
            return descriptor
    return None


def _is_plain(descriptor: int) -> bool:
    """Whether it is a file that has no other name: one of ours that is linked to here is not to be written to."""
    about = os.fstat(descriptor)
    return stat.S_ISREG(about.st_mode) and about.st_nlink == 1


def _lock(descriptor: int, waits_for: Callable[[str], None]) -> None:
    with suppress(OSError):  # file systems without locks: then nobody else has one, either
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits_for(_holder(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _sign(descriptor: int, about: str) -> None:
    with suppress(OSError):  # opened to read alone
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "about": about[:_LONGEST]}).encode(), 0)


def _holder(descriptor: int) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        signed = json.loads(os.pread(descriptor, 8 * _LONGEST, 0))
        # Anybody can have written it, and it goes to a terminal.
        about = "".join(each if each.isprintable() else "?" for each in str(signed["about"])[:_LONGEST])
        return f"process {int(signed['pid'])}, which measures {about}"
    return "another sweep"

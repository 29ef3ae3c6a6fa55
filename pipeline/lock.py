"""Who holds a folder: one process at a time, named for the others.

Where the system has locks, the kernel lets go of them when their holder ends, however it ends, and what is written
beside them only tells its name. Where it has none, as on Windows and some network file systems, the name has to do: a
holder of this machine that is gone is passed over, and so is one with our own number, which a container may give to
each of its commands; one of another machine cannot be asked.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
"""The file beside what is held, with its holder's process and host."""
_MOST_BYTES = 1_000


@dataclass(frozen=True)
class Holder:
    """A process that holds something; `pid` is 0 where it has not signed yet."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" if self.pid else "another process"


class Held(Exception):
    """Somebody else has it: `holder`. `certain` tells that it lives, which only the kernel knows.

    Else it may just never have said that it left.
    """

    def __init__(self, holder: Holder, *, certain: bool) -> None:
        super().__init__(str(holder))
        self.holder, self.certain = holder, certain


@contextmanager
def hold(stream: IO[Any], folder: Path) -> Iterator[None]:
    """Have `folder` for this process inside the block, by a lock on `stream`, an open file of it.

    Raises:
        Held: somebody has it.
    """
    signed = folder / NAME
    own, is_locked, holder = Holder(os.getpid(), platform.node()), _lock(stream, signed), _read(signed)
    if is_locked or (holder is not None and (holder == own or is_gone(holder))):
        with suppress(OSError):
            signed.unlink()
    try:
        with signed.open("x", encoding="utf-8") as opened:  # which follows no link that somebody laid there
            json.dump(asdict(own), opened)
    except FileExistsError:
        if not is_locked:
            raise Held(_read(signed) or Holder(0, ""), certain=False) from None
    except OSError:
        pass  # a name for others; a full disk shows where it matters
    try:
        yield
    finally:
        with suppress(OSError):
            signed.unlink()


def _lock(stream: IO[Any], signed: Path) -> bool:
    """Whether the system keeps others out from now on; not so where it has no locks here."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Held(_read(signed) or Holder(0, ""), certain=True) from None
    except OSError:
        return False
    return True


def _read(signed: Path) -> Holder | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        with signed.open("rb") as stream:
            told = json.loads(stream.read(_MOST_BYTES))
        return Holder(int(told["pid"]), str(told["host"]))
    return None


def is_gone(holder: Holder) -> bool:
    """Whether it is known to be: a process of this machine that is no more."""
    if holder.host != platform.node() or holder.pid <= 0 or os.name != "posix":  # elsewhere signal 0 ends processes
        return False
    try:
        os.kill(holder.pid, 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False

"""What processes share under a name: the semaphores of spawned pools, and memory.

The resource trackers of `multiprocessing` remove both, unless somebody kills them, too, as Ray does with those of its
workers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PLACE = Path("/dev/shm")  # noqa: S108 - where Linux has them
_NAME = re.compile(r"sem\.mp-\w+|psm_\w+", re.ASCII)
"""Those that `multiprocessing` gives them: what has another one somebody chose, and may want to find again."""
_INODE = re.compile(rb" (\d+) +/dev/shm/sem\.")
_SEGMENT = re.compile(rb" /dev/shm/(psm_\w+)$", re.MULTILINE)


def semaphores() -> list[str]:
    """Those of this process; on other systems than Linux they are not seen."""
    found: list[str] = []
    try:
        # Each was made under another name and then linked, so only the inode tells.
        inodes = set(map(int, _INODE.findall(Path("/proc/self/maps").read_bytes())))
    except OSError:
        return found
    for each in _PLACE.glob("sem.mp-*") if inodes else ():
        with suppress(OSError):  # somebody else's, which went meanwhile
            if each.stat().st_ino in inodes:
                found.append(each.name)
    return found


def segments() -> set[str]:
    """The names of all memory that is shared on this machine now."""
    return {each.name for each in _PLACE.glob("psm_*")}


def used_by(pids: Iterable[int]) -> list[str]:
    """The names of the memory that these processes have open."""
    found: list[str] = []
    for pid in pids:
        with suppress(OSError, ValueError):  # it ended meanwhile; what tells the pids is measured code's process
            found += map(bytes.decode, _SEGMENT.findall(Path(f"/proc/{pid}/maps").read_bytes()))
    return found


def remove(names: Iterable[object], before: Collection[str], workers: Collection[object]) -> None:
    """Remove what is still there of `names`, which are what a trial's processes had.

    No memory that was there `before` the trial, nor that anybody else has open, as far as we may see: processes of ours
    have ended by now, but for `workers` of a cluster, which may take a moment.
    """
    found = {name for name in names if isinstance(name, str) and _NAME.fullmatch(name)}.difference(before)
    if found & segments():
        found.difference_update(used_by(pid for pid in _pids() if pid not in workers))
    for name in found:
        with suppress(OSError):
            _PLACE.joinpath(name).unlink()


def _pids() -> Iterator[int]:
    return (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())

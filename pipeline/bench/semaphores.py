"""Semaphores with a name, by which processes that are spawned find those of their pool.

The resource tracker of `multiprocessing` removes them, unless somebody kills it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PLACE = Path("/dev/shm")  # noqa: S108 - where Linux has them
_NAME = re.compile(r"sem\.mp-\w+", re.ASCII)
_INODE = re.compile(rb" (\d+) +/dev/shm/sem\.")


def held() -> list[str]:
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


def remove(names: Iterable[object]) -> None:
    """Remove those that are still there, once nobody uses them: what tells the names is measured code's process."""
    for name in names:
        if isinstance(name, str) and _NAME.fullmatch(name):
            with suppress(OSError):
                _PLACE.joinpath(name).unlink()

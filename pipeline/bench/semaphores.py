"""Semaphores with a name, by which processes that are spawned find those of their pool.

The resource tracker of `multiprocessing` removes them, unless somebody kills it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_PLACE = Path("/dev/shm")  # noqa: S108 - where Linux has them
_NAME = re.compile(rb"/dev/shm/(sem\.mp-\w+)")


def held() -> list[str]:
    """Those of this process; on other systems than Linux they are not seen."""
    try:
        return sorted({each.decode() for each in _NAME.findall(Path("/proc/self/maps").read_bytes())})
    except OSError:
        return []


def remove(names: Iterable[str]) -> None:
    """Remove those that are still there, once nobody uses them."""
    for name in names:
        _PLACE.joinpath(name).unlink(missing_ok=True)

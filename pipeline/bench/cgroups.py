"""A container's CPU quota, which file counts how long it held this process back, and what memory it has left.

Of cgroup v1 and v2, also nested.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .counters import number_after


@dataclass(frozen=True)
class Throttling:
    """`path` has a line that begins with `name` and goes on with a number in units of `unit_s` seconds."""

    path: Path
    name: bytes
    unit_s: float


def find_throttling(root: Path = Path("/")) -> Throttling | None:
    """Where the throttling of this process is counted; `None` where nothing counts it.

    That is the nearest group, going up from its own, that has a quota, or else the nearest that counts: what a quota
    further up holds back does not show in the groups below it.

    Args:
        root: what `/proc` and `/sys` are looked for in.
    """
    counting = list(_counting(root))
    limited = (each for each in counting if _quota_cores(each.path.parent) is not None)
    return next(limited, counting[0] if counting else None)


def quota_cores(root: Path = Path("/")) -> float | None:
    """The CPU quota in cores: the least of all groups that this process is in; `None` where none has one.

    Args:
        root: what `/proc` and `/sys` are looked for in.
    """
    quotas = (_quota_cores(group) for group in _groups(root))
    return min((quota for quota in quotas if quota is not None), default=None)


def available_bytes(root: Path = Path("/")) -> int | None:
    """The memory that is left: the least of all groups that this process is in; `None` where none has a limit.

    Args:
        root: what `/proc` and `/sys` are looked for in.
    """
    left = (_left_bytes(group) for group in _groups(root, "memory"))
    return min((each for each in left if each is not None), default=None)


def _counting(root: Path) -> Iterator[Throttling]:
    for group in _groups(root):
        path = group / "cpu.stat"
        with suppress(OSError):
            text = b"\n" + path.read_bytes()
            # A version 2 group without the cpu controller has a cpu.stat, too; it tells usage alone.
            for name, unit_s in ((b"\nthrottled_usec", 1e-6), (b"\nthrottled_time", 1e-9)):
                if name in text:
                    yield Throttling(path, name, unit_s)


def _groups(root: Path, controller: str = "cpu") -> Iterator[Path]:
    """The folders of the groups that this process is in, nearest first; those of version 2 before those of 1."""
    mounts = root / "sys" / "fs" / "cgroup"
    try:
        lines = sorted((root / "proc" / "self" / "cgroup").read_text().splitlines(), key=_is_version_1)
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if _is_version_1(line) and controller not in controllers.split(","):
            continue
        # Version 1 is mounted by one of its controllers' names or by all of them, version 2 alone or beside version 1.
        names = [controllers, controller] if _is_version_1(line) else ["", "unified"]
        for mount in dict.fromkeys(mounts / name for name in names):
            # In a container the path may be the host's, and the mount begins at the container's own group: then only
            # the mount itself is found. Out of a namespace's root it begins with `/..`.
            inside = PurePosixPath(path.lstrip("/"))
            yield from (mount / each for each in (inside, *inside.parents) if ".." not in each.parts)


def _is_version_1(line: str) -> bool:
    return not line.startswith("0::")


def _quota_cores(group: Path) -> float | None:
    with suppress(OSError, ValueError):
        quota, period = group.joinpath("cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota_us = int(group.joinpath("cpu.cfs_quota_us").read_text())
        return None if quota_us <= 0 else quota_us / int(group.joinpath("cpu.cfs_period_us").read_text())
    return None


def _left_bytes(group: Path) -> int | None:
    # What was read from files and not looked at for a while is given up first.
    for most, used, reclaimable in (
        ("memory.max", "memory.current", b"\ninactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", b"\ntotal_inactive_file"),
    ):
        with suppress(OSError, ValueError, IndexError):  # no limit is `max`, and in version 1 more than any machine has
            files_bytes = number_after(b"\n" + group.joinpath("memory.stat").read_bytes(), reclaimable)
            limit, now = (int(group.joinpath(each).read_text()) for each in (most, used))
            return max(0, limit - now + files_bytes)
    return None


def throttled_s(throttling: Throttling, text: bytes) -> float:
    """What the file's `text` says.

    Raises:
        IndexError: it has no such line.
        ValueError: there is no number in it.
    """
    return number_after(b"\n" + text, throttling.name) * throttling.unit_s

"""How processes end that are no children of this one.

Linux tells that from 6.15 on, to who holds a descriptor of the process; before, only that it has ended. On other
systems nothing is told.
"""

from __future__ import annotations

import os
import platform
import re
import select
import struct
import time
from collections.abc import Iterable
from contextlib import suppress

from . import ending

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: See linux/pidfd.h: the ioctl PIDFD_GET_INFO, the flag PIDFD_INFO_EXIT, and struct pidfd_info as it was at first.
_GET_INFO, _EXIT = 0xC040FF0B, 1 << 3
_INFO = struct.Struct("=Q52xi")


def _watches() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # another system, a Python made for an older one, or a sandbox
        return False
    return True


WATCHES = _watches()
"""Whether it is told here that a process has ended,"""
TELLS = WATCHES and [int(each) for each in re.findall(r"\d+", platform.release())[:2]] >= [6, 15]
"""and how."""


class Watch:
    """Has an eye on some processes for as long as this one lives."""

    def __init__(self, pids: Iterable[int]) -> None:
        """On those that live."""
        self._opened: dict[int, os.stat_result] = {}
        for pid in pids if WATCHES else ():
            with suppress(OSError):  # it has ended; or we may have no more descriptors
                descriptor = os.pidfd_open(pid)
                self._opened[descriptor] = os.fstat(descriptor)

    def is_gone(self) -> bool:
        """Whether one of them has ended."""
        descriptors = self._descriptors()
        if not descriptors:
            return False
        poll = select.poll()
        for each in descriptors:
            poll.register(each, select.POLLIN)
        return bool(poll.poll(0))

    def say(self) -> str | None:
        """What one did that has ended, as `ending.say`; `None` where that is not told, or none has.

        That it ended may be known before its parent has heard how: that is waited for.
        """
        until = time.monotonic() + ending.GRACE_S
        while TELLS and (descriptors := self._descriptors()) and time.monotonic() < until:
            for each in descriptors:
                if (code := _exit_code(each)) is not None:
                    return ending.say(code)
            time.sleep(0.01)
        return None

    def _descriptors(self) -> list[int]:
        """Those that are open: measured code may have closed one, and opened something else under its number."""
        found = []
        for each, opened in self._opened.items():
            with suppress(OSError):
                if os.path.samestat(os.fstat(each), opened):
                    found.append(each)
        return found


def _exit_code(descriptor: int) -> int | None:
    """That of a process which has ended and been waited for."""
    info = bytearray(_INFO.pack(_EXIT, 0))
    fcntl.ioctl(descriptor, _GET_INFO, info)
    known, status = _INFO.unpack(info)
    return os.waitstatus_to_exitcode(status) if known & _EXIT else None

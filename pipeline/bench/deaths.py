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
import sys
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

TELLS = sys.platform == "linux" and [int(each) for each in re.findall(r"\d+", platform.release())[:2]] >= [6, 15]
"""Whether it is told here."""


class Watch:
    """Has an eye on some processes for as long as this one lives."""

    def __init__(self, pids: Iterable[int]) -> None:
        """On those that live."""
        self._descriptors: list[int] = []
        for pid in pids if hasattr(os, "pidfd_open") else ():
            with suppress(OSError):  # it has ended; or we may have no more descriptors
                self._descriptors.append(os.pidfd_open(pid))

    def is_gone(self) -> bool:
        """Whether one of them has ended."""
        if not self._descriptors:
            return False
        poll = select.poll()
        for each in self._descriptors:
            poll.register(each, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))  # not where measured code closed it

    def say(self) -> str | None:
        """What one did that has ended, as `ending.say`; `None` where that is not told, or none has.

        That it ended may be known before its parent has heard how: that is waited for.
        """
        until = time.monotonic() + ending.GRACE_S
        while TELLS and self._descriptors and time.monotonic() < until:
            for each in self._descriptors:
                with suppress(OSError):  # the measured code closed it
                    if (code := _exit_code(each)) is not None:
                        return ending.say(code)
            time.sleep(0.01)
        return None


def _exit_code(descriptor: int) -> int | None:
    """That of a process which has ended and been waited for."""
    info = bytearray(_INFO.pack(_EXIT, 0))
    fcntl.ioctl(descriptor, _GET_INFO, info)
    known, status = _INFO.unpack(info)
    return os.waitstatus_to_exitcode(status) if known & _EXIT else None

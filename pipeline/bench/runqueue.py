"""How long a thread could have run and waited for a core, read by itself, in the midst of its work."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_MOST_BYTES = 64


class RunQueue:
    """The run-queue wait of the threads of this process, each read from a file that is kept open for it.

    `os.pread` lets go of the GIL, and a thread that gets it back waits in the run queue for it: reading would make
    what it reads, and have threads take turns at every task. Called through `ctypes.PyDLL`, it keeps it.
    """

    def __init__(self) -> None:
        self._pread: Callable[..., int] | None = None
        self._files: dict[int, tuple[int, Any, int]] = {}

    def waited_ns(self) -> int | None:
        """How long this thread has waited so far; `None` where that is not counted."""
        if sys.platform != "linux":
            return None
        thread = threading.get_ident()
        try:
            file, buffer, address = self._files.get(thread) or self._open(thread)
            assert self._pread is not None
            length = self._pread(file, address, _MOST_BYTES, 0)
            if length <= 0:  # of a thread that ended, and whose name this one has
                file, buffer, address = self._open(thread)
                length = self._pread(file, address, _MOST_BYTES, 0)
            _, waited_ns, _ = buffer.raw[:length].split()
            return int(waited_ns)
        except (ImportError, AttributeError, OSError, ValueError):
            return None

    def close(self) -> None:
        """Close the files."""
        with suppress(KeyError):  # other threads of this process do the same
            while True:
                os.close(self._files.popitem()[1][0])

    def _open(self, thread: int) -> tuple[int, Any, int]:
        import ctypes  # late: most arms do without

        if self._pread is None:
            pread = ctypes.PyDLL(None).pread
            pread.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
            pread.restype = ctypes.c_ssize_t
            self._pread = pread
        if thread in self._files:
            os.close(self._files.pop(thread)[0])
        file, buffer = os.open("/proc/thread-self/schedstat", os.O_RDONLY), ctypes.create_string_buffer(_MOST_BYTES)
        self._files[thread] = found = (file, buffer, ctypes.addressof(buffer))
        return found

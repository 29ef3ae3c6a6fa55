"""What arms print: the beginning is kept, the rest is counted."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: How much of what an arm printed is kept with its trial.
KEPT_BYTES = 8_000
#: The file that it goes to is cut when it is found longer than this: an endless writer would fill the disk.
MOST_BYTES = 16_000_000


class Printed:
    """A file that an arm and its children print into, by its `descriptor`.

    All of them write at its end, wherever that is: so it can be cut meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+", buffering=0)
        self.descriptor = self._file.fileno()
        self._dropped = 0

    def cut(self) -> None:
        """Drop all but the beginning once it is long."""
        with suppress(ValueError):  # it is closed
            size = os.fstat(self._file.fileno()).st_size
            if size > MOST_BYTES:
                self._file.truncate(KEPT_BYTES)
                self._dropped += size - KEPT_BYTES

    def close(self) -> str:
        """The beginning, and how much more there was."""
        with self._file as file:
            more = os.fstat(self.descriptor).st_size + self._dropped - KEPT_BYTES
            file.seek(0)
            text = file.read(KEPT_BYTES).decode(errors="replace")
        return text if more <= 0 else f"{text}\n[{more} more bytes]"

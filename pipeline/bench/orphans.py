"""What a killed keeper left behind."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from .ending import kill_all


def end(library: Path) -> None:
    """Kill the arms that were started with `library`, and all processes whose temporary folder is beside it.

    Arms pass that folder on to whatever they start, so those are found, too, that have left an arm's group.
    """
    if sys.platform != "linux":
        return
    started_with, beside = os.fsencode(library), b"TMPDIR=" + os.fsencode(library.parent) + b"/"

    def find() -> list[int]:
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid, words = int(process.name), process.joinpath("cmdline").read_bytes().split(b"\0")
                variables = process.joinpath("environ").read_bytes().split(b"\0")
                if started_with in words or any(each.startswith(beside) for each in variables):
                    found.append(pid)
        return found

    kill_all(find, reaps=False)

"""What a killed keeper, or process of a cluster, left behind, and what no keeper sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .ending import is_resource_tracker, kill_all

_TEMPORARY = b"TMPDIR="


def end(library: Path) -> None:
    """Kill the arms that were started with `library`, and all processes whose temporary folder is beside it.

    Arms pass that folder on to whatever they start, so those are found, too, that have left an arm's group.
    """
    started_with, beside = os.fsencode(library), _TEMPORARY + os.fsencode(library.parent) + b"/"
    _end(lambda words, variables: started_with in words or _has(variables, beside))


def end_in(folder: Path) -> None:
    """Kill all processes whose temporary folder is in `folder`: what a cluster's workers started on this machine.

    Not the resource trackers: they end once their worker has, and remove its semaphores and shared memory.
    """
    inside = _TEMPORARY + os.fsencode(folder) + b"/"
    _end(lambda words, variables: _has(variables, inside) and not is_resource_tracker(words))


def end_marked(variable: str) -> None:
    """Kill all processes that have it, as `NAME=VALUE`, from whoever started them."""
    _end(lambda _, variables: os.fsencode(variable) in variables)


def _has(variables: Sequence[bytes], beginning: bytes) -> bool:
    return any(each.startswith(beginning) for each in variables)


def _end(is_one: Callable[[Sequence[bytes], Sequence[bytes]], bool]) -> None:
    """Kill all that are known by the words of their command and their variables."""
    if sys.platform != "linux":
        return

    def find() -> list[int]:
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid, words = int(process.name), process.joinpath("cmdline").read_bytes().split(b"\0")
                variables = process.joinpath("environ").read_bytes().split(b"\0")
                if is_one(words, variables):
                    found.append(pid)
        return found

    kill_all(find, reaps=False)

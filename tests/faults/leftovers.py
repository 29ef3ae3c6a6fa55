"""What a command may leave behind: processes, shared memory and semaphores, temporary files.

Listening sockets need no look of their own: those of TCP end with their processes, those with a path are files.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .hostile import MARK

_SHARED = Path("/dev/shm")
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Census:
    """Of everything that is started with `environment`; `before` is the shared memory that others had."""

    temporary: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    before: frozenset[str] = field(default_factory=lambda: frozenset(_shared()))

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the command: what inherits them is counted, and its temporary files have a place of theirs."""
        return {MARK: self.mark, "TMPDIR": str(self.temporary)}

    def take(self) -> list[str]:
        """What is left, in words; where nothing is, the list is empty."""
        return [
            *(f"process {pid}: {said}" for pid, said in self._processes()),
            *(str(path) for path in self.temporary.rglob("*")),
            *(f"/dev/shm/{each}" for each in self._in_memory()),
        ]

    def _in_memory(self) -> list[str]:
        """What stays there: somebody else's pool that ends just now is no process's any more, and goes in a moment."""
        until = time.monotonic() + PATIENCE_S
        while True:
            found = [each for each in _shared() if each not in self.before and not _is_used(each)]
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.05)

    def _processes(self) -> Iterator[tuple[int, str]]:
        for process in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid, said = int(process.name), process.joinpath("cmdline").read_bytes()
                if self.mark.encode() in said + process.joinpath("environ").read_bytes():
                    yield pid, said.replace(b"\0", b" ").decode(errors="replace")[:200]


@contextmanager
def open_census() -> Iterator[Census]:
    """With a temporary folder of a short name: paths of sockets have a hundred characters."""
    temporary = Path(tempfile.mkdtemp(prefix="f-"))
    try:
        yield Census(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _shared() -> list[str]:
    return [each.name for each in _SHARED.iterdir()] if _SHARED.is_dir() else []


def _is_used(name: str) -> bool:
    """Whether a process has it: that is somebody else's, as all of ours have ended."""
    try:
        inode = f" {_SHARED.joinpath(name).stat().st_ino} "
    except OSError:  # it went meanwhile
        return True
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            if any(inode in line and "/dev/shm/" in line for line in maps.read_text(errors="replace").splitlines()):
                return True
    return False

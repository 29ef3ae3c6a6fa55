"""What commands that have ended left behind: processes, temporary files, shared memory.

Listening sockets end with their processes, and those with a path are files.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_MARK = "PIPELINE_FAULTS_MARK"
_SHARED = Path("/dev/shm")


@dataclass(frozen=True)
class Census:
    """Of everything that is started with `environment`; `before` is the shared memory that others had."""

    temporary: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    before: frozenset[str] = field(default_factory=lambda: frozenset(_shared()))

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the commands: what inherits them is counted, and their temporary files are in a place apart."""
        return {_MARK: self.mark, "TMPDIR": str(self.temporary)}

    def take(self) -> list[str]:
        """What is left, in words; where nothing is, the list is empty."""
        return [
            *(f"process {pid}: {said}" for pid, said in self._processes()),
            *(f"/dev/shm/{each}" for each in _shared() if each not in self.before and not _is_mapped(each)),
            *(str(path) for path in self.temporary.rglob("*")),
        ]

    def _processes(self) -> Iterator[tuple[int, str]]:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark.encode() in process.joinpath("environ").read_bytes():
                    said = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    yield int(process.name), said[:200]


@contextmanager
def open_census() -> Iterator[Census]:
    """With a temporary folder of a short name: paths of sockets have a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="f-") as folder:
        yield Census(Path(folder))


def _shared() -> list[str]:
    return [path.name for path in _SHARED.iterdir()] if _SHARED.is_dir() else []


def _is_mapped(name: str) -> bool:
    """Whether a process uses it: that is somebody else's, as all of ours have ended."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            if f"/dev/shm/{name}" in maps.read_text(errors="replace"):
                return True
    return False

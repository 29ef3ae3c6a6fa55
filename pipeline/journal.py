"""The journal: one JSON line a record, on disk before the next thing starts.

Kinds of records: `run` opens a session of measuring (the first one defines the run), `preflight` one a workload,
`node` is one a node that joined, `trial` one a trial of the sweep, `play-off` one a trial in which its `leader` and
its `cell` met, `claims` has what is held against the run, the last one counts; `end` closes a session. Where `run` has
`revisions`, trials have an arm `after` of the second of these. All that is reported is a function of these alone.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .compact import Compactor
from .errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SCHEMA = 3
"""The form of the records. 1: the first. 2: records of play-offs, instrumented batches, and the machine's counters and
memory for each repetition. 3: records of nodes; a trial's `environment` stands for its node's hardware and Python."""

Record = dict[str, Any]

_AT_ONCE_BYTES = 1 << 16
"""So many are parsed together: enough for keys to be shared, and few enough to stay in a cache."""


class Journal:
    """An open journal to append to."""

    def __init__(self, path: Path, environment: str, node: str) -> None:
        """Open or create `path`; a torn last line, of a run that was killed while writing it, is cut off.

        Raises:
            InputError: another process has it open.
        """
        self._environment, self.node = environment, node
        self._path = path
        self._stream = path.open("ab")
        _lock(self._stream, path)
        whole = _whole_bytes(path)
        if whole < path.stat().st_size:
            self._stream.truncate(whole)

    def append(
        self,
        kind: str,
        *,
        cell: str | None = None,
        trial: int | None = None,
        attempt: int = 1,
        node: str | None = None,
        environment: str | None = None,
        **content: Any,
    ) -> Record:
        """Write one record through to the disk; `node` and `environment` are this machine's where it is of no other.

        Returns:
            The record as it is read back.
        """
        where = {"node": node or self.node, "environment": environment or self._environment}
        record = {"schema": SCHEMA, "kind": kind, "cell": cell, "trial": trial, "attempt": attempt, **where, **content}
        # Undecodable bytes of file names and arguments come as lone surrogates, which no table or page can hold.
        text = json.dumps(record, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        line = text.encode(errors="replace")
        try:
            self._stream.write(line + b"\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:  # a full disk does not say where
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        read_back: Record = json.loads(line)
        return read_back

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()


def _lock(stream: IO[bytes], path: Path) -> None:
    """Held until the stream is closed or this process has ended, however it ends."""
    if fcntl is None:
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise InputError(
            f"{path.parent} is being measured by another command; wait for it, or start a run with fresh=true"
        ) from None


def read(path: Path) -> list[Record]:
    """All whole records, made compact; a torn last line is left out.

    Raises:
        InputError: there is no journal, a line in it is damaged, or a newer version of this package wrote it.
    """
    compactor, records = Compactor(), list[Record]()
    try:
        with path.open("rb") as stream, _without_collector():
            while lines := stream.readlines(_AT_ONCE_BYTES):
                records += map(compactor.compact, _parse(path, lines, len(records) + 1))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name the folder of a run") from None
    return records


@contextmanager
def _without_collector() -> Iterator[None]:
    """JSON has no cycles to collect, and to look for them in all that was read so far takes a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(path: Path, lines: list[bytes], first: int) -> list[Record]:
    """The records of some lines, the first of which has that number."""
    whole = lines if lines[-1].endswith(b"\n") else lines[:-1]
    # All at once, which takes less time, and keys that are equal are one object; else one by one, to find the damage.
    together = _load(b"[%b]" % b",".join(whole)) or []
    records: list[Record] = together if len(together) == len(whole) else [_load(line) for line in whole]
    for number, record in enumerate(records, start=first):
        try:
            schema, _ = record["schema"], record["kind"]
        except (KeyError, TypeError):
            raise InputError(f"{path}: line {number} is damaged; move the folder away and measure again") from None
        if not isinstance(schema, int) or schema > SCHEMA:
            raise InputError(f"{path}: line {number} has schema {schema}, this version reads up to {SCHEMA}; update")
    return records


def _load(text: bytes) -> Any:
    """`None` where it is damaged."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _whole_bytes(path: Path) -> int:
    with path.open("rb") as stream:
        content = stream.read()
    return content.rfind(b"\n") + 1

"""The journal: one JSON line a record, on disk before the next thing starts.

Kinds of records: `run` opens a session of measuring (the first one defines the run), `preflight` one a workload,
`node` is one a node that joined, `trial` one a trial of the sweep, `play-off` one a trial in which its `leader` and
its `cell` met, `claims` has what is held against the run, the last one counts; `end` closes a session. Where `run` has
`revisions`, trials have an arm `after` of the second of these. A trial that cost its keeper, or went with a node, is
`lost`; others that were not run are so for causes of the machine. All that is reported is a function of these alone.
"""

from __future__ import annotations

import gc
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import lock
from .compact import Compactor
from .errors import InputError, Senseless

SCHEMA = 4
"""The form of the records. 1: the first. 2: records of play-offs, instrumented batches, and the machine's counters and
memory for each repetition. 3: records of nodes; a trial's `environment` stands for its node's hardware and Python.
4: each record ends with the number of its `line` and with `crc`, the CRC-32 of all that stands before that."""

Record = dict[str, Any]

_SEALED_SINCE = 4
_SEAL = b',"crc":"'
_SEAL_BYTES = len(b',"crc":"00000000"}\n')
_AT_ONCE_BYTES = 1 << 16
"""So many are parsed together: enough for keys to be shared, and few enough to stay in a cache."""
_CHUNK_BYTES = 1 << 20
_LONGEST = 200
"""Characters that are told of what went wrong."""
_MOST_LINES = 1 << 62
"""No file has more, whatever a line says of itself."""


class Journal:
    """An open journal to append to."""

    def __init__(self, path: Path, environment: str, node: str) -> None:
        """Open or create `path`; a torn last line, of a run that was killed while writing it, is cut off.

        Raises:
            InputError: another process has it open.
        """
        self._environment, self.node = environment, node
        self._path = path
        with ExitStack() as stack:
            # Without a buffer, which would keep what a full disk refused, and write it later.
            self._stream = stack.enter_context(path.open("ab", buffering=0))
            try:
                stack.enter_context(lock.hold(self._stream, path.parent))
            except lock.Held as held:
                raise _held(path.parent, held) from None
            self._written = _count(path)
            whole = self._written[1]
            if not whole:
                sync_folder(path.parent)
            #: How many bytes of a torn last line were cut off.
            self.cut_bytes = path.stat().st_size - whole
            if self.cut_bytes:
                self._stream.truncate(whole)
            self._open = stack.pop_all()

    @property
    def lines(self) -> int:
        """How many it has."""
        return self._written[0]

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
        line = seal(record, self.lines + 1)
        try:
            self._write(line)
        except OSError as error:  # a full disk does not say where
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        read_back: Record = json.loads(line)
        del read_back["line"], read_back["crc"]
        return read_back

    def _write(self, line: bytes) -> None:
        """All of it, or nothing: the next record may find place again, and would end a torn line."""
        whole = self._written[1]
        if os.fstat(self._stream.fileno()).st_size > whole:  # what the disk did not even let us take back
            self._stream.truncate(whole)
        try:
            left = memoryview(line)
            while left:
                left = left[self._stream.write(left) :]
            os.fsync(self._stream.fileno())
            self._written = self.lines + 1, whole + len(line)
        except BaseException:  # a second Ctrl-C, too
            with suppress(OSError):
                self._stream.truncate(whole)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()


def _held(folder: Path, held: lock.Held) -> InputError:
    remedy = "" if held.certain else f", or remove {folder / lock.NAME} if it is gone"
    return InputError(
        f"{folder} is being measured by {held.holder}; wait for it, or start a run with fresh=true{remedy}"
    )


def seal(record: Record, number: int) -> bytes:
    """The record as line `number` of a journal, by which damage to it can be seen."""
    # Undecodable bytes of file names and arguments come as lone surrogates, which no table or page can hold.
    text = json.dumps({**record, "line": number}, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    body = text.encode(errors="replace")[:-1]
    return body + _seal_of(body)


def read(path: Path) -> list[Record]:
    """All whole records, made compact; a torn last line is left out.

    Raises:
        InputError: there is no journal, a line in it is damaged, or a newer version of this package wrote it.
    """
    compactor, records = Compactor(), list[Record]()
    with _without_collector(), doubting(path):
        for number, found in _read_lines(path):
            if isinstance(found, _Damage):
                raise InputError(
                    f"{path}: line {number} {found.what}; python -m pipeline report {path.parent} --damaged reports on "
                    "the rest, and fresh=true measures anew"
                )
            records.append(compactor.compact(found))
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


def salvage(path: Path) -> tuple[list[Record], list[range]]:
    """What is whole, in the order in which it was written and each line once; and the numbers of those that are not.

    These come as ranges: a line says itself how many there are before it, and may say anything.

    Raises:
        InputError: there is no journal, or a newer version of this package wrote it.
    """
    records: dict[int, Record] = {}
    damaged: set[int] = set()
    for number, found in _read_lines(path):
        if isinstance(found, dict):
            records[number] = found
        elif found.record is not None:  # whole, and in another place than it was written to
            records.setdefault(found.written_as, found.record)
        else:
            damaged.add(number)
    whole = sorted(records)
    lost = [range(before + 1, after) for before, after in pairwise([0, *whole]) if after > before + 1]
    last = whole[-1] if whole else 0
    lost += [range(each, each + 1) for each in sorted(damaged) if each > last]
    return [records[number] for number in whole], lost


@dataclass(frozen=True)
class _Damage:
    """What is wrong with a line; one that is only in another place than it was `written_as` has its `record`."""

    what: str = "is damaged"
    record: Record | None = None
    written_as: int = 0


def _read_lines(path: Path) -> Iterator[tuple[int, Record | _Damage]]:
    """Every whole line's number and its record, or what is wrong with it."""
    number = schema = 0
    try:
        with path.open("rb") as stream:
            while lines := stream.readlines(_AT_ONCE_BYTES):
                for found in _parse([line for line in lines if line.endswith(b"\n")], number + 1):
                    number += 1
                    if isinstance(found, _Damage) or found["schema"] < schema:
                        # Older schemas come first, in a run that went on: a record that looks older here is not.
                        yield number, found if isinstance(found, _Damage) else _Damage()
                        continue
                    schema = found["schema"]
                    if schema > SCHEMA:
                        said = f"line {number} has schema {schema}, this version reads up to {SCHEMA}; update"
                        raise InputError(f"{path}: {said}")
                    yield number, found
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name the folder of a run") from None


def _parse(lines: list[bytes], first: int) -> list[Record | _Damage]:
    """The records of some lines, the first of which has that number, or what is wrong with one."""
    unsealed = [_unseal(line) for line in lines]
    # All at once, which takes less time, and keys that are equal are one object; else one by one, to find the damage.
    together = _load(b"[%b]" % b",".join(text for text, _ in unsealed)) or []
    records = together if len(together) == len(lines) else [_load(text) for text, _ in unsealed]
    checked = zip(records, unsealed, strict=True)
    return [_check(record, number, sealed) for number, (record, (_, sealed)) in enumerate(checked, start=first)]


def _unseal(line: bytes) -> tuple[bytes, bool]:
    """The JSON text of a line, nothing where its checksum is not that; whether it had one."""
    body, seal = line[:-_SEAL_BYTES], line[-_SEAL_BYTES:]
    if not seal.startswith(_SEAL):
        return line, False
    return (body + b"}" if seal == _seal_of(body) else b""), True


def _seal_of(body: bytes) -> bytes:
    return b'%b%08x"}\n' % (_SEAL, zlib.crc32(body))


def _load(text: bytes) -> Any:
    """`None` where it is damaged."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    """What is no JSON: NaN and the infinities, which nothing of ours writes."""
    raise ValueError(constant)


def _check(record: Any, number: int, sealed: bool) -> Record | _Damage:
    try:
        schema, _ = record["schema"], record["kind"]
    except (KeyError, TypeError):
        return _Damage()
    if not isinstance(schema, int) or (schema <= SCHEMA and (schema >= _SEALED_SINCE) != sealed):
        return _Damage()
    found: Record = record
    written_as = found.pop("line", number)
    if type(written_as) is not int or not 0 < written_as <= _MOST_LINES:
        return _Damage()
    if written_as != number:
        return _Damage(f"was written as line {written_as}: lines were removed, added or moved", found, written_as)
    return found


@contextmanager
def doubting(*paths: Path) -> Iterator[None]:
    """Blame what goes wrong over journals on them: anybody may have written what they say.

    Raises:
        InputError: it did.
    """
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"[:_LONGEST]
        for path in paths:
            if any(isinstance(found, dict) and found["schema"] < _SEALED_SINCE for _, found in _read_lines(path)):
                raise InputError(
                    f"{path} is damaged ({what}); it is of a version that kept no checksums, so nothing tells where; "
                    "measure again with fresh=true"
                ) from error
        named = " or ".join(dict.fromkeys(map(str, paths)))
        raise Senseless(f"{named} cannot be made sense of ({what}); measure again with fresh=true") from error


def sync_folder(folder: Path) -> None:
    """Have a file that was put into a folder be found there after the power failed, where the system promises that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def torn_bytes(path: Path) -> int:
    """How many bytes of a torn last line there are."""
    return path.stat().st_size - _count(path)[1]


def _count(path: Path) -> tuple[int, int]:
    """How many whole lines a file has, and in how many bytes."""
    lines = whole = read = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            found = chunk.count(b"\n")
            if found:
                lines, whole = lines + found, read + chunk.rfind(b"\n") + 1
            read += len(chunk)
    return lines, whole

"""Journals with damage of every kind, given to the command that reads them."""

from __future__ import annotations

import io
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pipeline import command, journal
from pipeline.journal import Record

from .. import recorded
from ..recorded import Told as Cell
from ..recorded import Work

OLD = sorted(Path(__file__).parent.with_name("journals").glob("schema-*.jsonl"))


@dataclass
class Told:
    """What became of the damaged journals of today's schema and of older ones, which have no checksums."""

    answers: Counter[str] = field(default_factory=Counter)
    tracebacks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    old_changed: int = 0
    """Journals of older schemas whose tables are others than before, unnoticed: nothing could tell."""


def fuzz(examples: int, seed: int) -> Told:
    """Damage so many journals, three of four of them today's."""
    told, rng = Told(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        today = recorded.write(folder, _run()).read_bytes()
        reader = _Reader(folder)
        for number in range(examples):
            old = number % 4 == 3
            whole = rng.choice(OLD).read_bytes() if old else today
            how = rng.choice(WAYS)
            damaged = how(whole, rng)
            label = f"{number} of seed {seed}, {how.__name__}"
            answer = reader.export(damaged)
            if answer.traceback:
                told.tracebacks.append(f"{label}: {answer.said[-1000:]}")
                told.answers["traceback"] += 1
                continue
            told.answers[f"{'old' if old else 'today'}, {'read' if answer.status == 0 else 'refused'}"] += 1
            if old:
                told.old_changed += answer.status == 0 and answer.out != reader.export(whole).out
            else:
                told.wrong += [f"{label}: {each}" for each in _wrong(reader, whole, damaged, answer)]
    return told


@dataclass(frozen=True)
class _Answer:
    status: int
    out: str
    said: str

    @property
    def traceback(self) -> bool:
        """Whether it is no answer at all: a traceback, or more than a line."""
        return self.status not in (0, 2) or (self.status == 2 and self.said.count("\n") != 1)


class _Reader:
    """The command, in this process."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        self._folder = folder
        self.export_lines = cache(lambda lines: self.export(b"".join(lines)))

    def export(self, content: bytes) -> _Answer:
        """What it says to such a journal."""
        self.path.write_bytes(content)
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = command.run(["export", str(self._folder), "--format", "json"])
        out.flush()
        assert isinstance(out.buffer, io.BytesIO)
        return _Answer(status, out.buffer.getvalue().decode(), err.getvalue())

    def salvage(self, content: bytes) -> tuple[list[Record], list[range]]:
        """What is whole of it."""
        self.path.write_bytes(content)
        return journal.salvage(self.path)


def _wrong(reader: _Reader, whole: bytes, damaged: bytes, answer: _Answer) -> list[str]:
    """What is silently wrong: with lines cut off at the end a journal is one of a run that is not finished yet."""
    lines = whole.splitlines(keepends=True)
    found = []
    if answer.status == 0:
        kept = damaged.count(b"\n")
        if answer.out != reader.export_lines(tuple(lines[:kept])).out:
            found.append("other tables")
    try:
        records, lost = reader.salvage(damaged)
    except Exception as error:
        return [*found, f"nothing was salvaged: {error!r}"]
    written, _ = reader.salvage(whole)
    numbers = [written.index(each) + 1 for each in records if each in written]
    if len(numbers) != len(records) or numbers != sorted(set(numbers)):
        found.append("records that nobody wrote, or not in their order")
    last = max(numbers, default=0)
    if not set(range(1, last)) - set(numbers) <= {number for each in lost for number in each}:
        found.append("lines are lost, and it does not say so")
    return found


def _run() -> recorded.Run:
    cells = [
        Cell("thread", 2, speedup=1.7, trials=3, rounds=3),
        Cell("process", 2, speedup=1.2, trials=3, rounds=3),
        Cell("process", 4, trials=2, rounds=3, failure="crashed"),
    ]
    return recorded.run(Work(cells), Work([Cell(trials=2, rounds=3)], name="cpu"))


def flip_bits(whole: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(whole)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def flip_a_digit(whole: bytes, rng: random.Random) -> bytes:
    """Into another one: the line stays as good as it was."""
    damaged = bytearray(whole)
    at = rng.choice([at for at, byte in enumerate(whole) if chr(byte).isdigit()])
    damaged[at] = rng.choice([each for each in b"0123456789" if each != damaged[at]])
    return bytes(damaged)


def cut(whole: bytes, rng: random.Random) -> bytes:
    return whole[: rng.randrange(len(whole))]


def zero(whole: bytes, rng: random.Random) -> bytes:
    """A block of zeros, as file systems leave where they lost power."""
    at, length = rng.randrange(len(whole)), rng.choice([1, 16, 512])
    return whole[:at] + bytes(min(length, len(whole) - at)) + whole[at + length :]


def remove_bytes(whole: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(whole))
    return whole[:at] + whole[at + rng.randrange(1, 200) :]


def duplicate_lines(whole: bytes, rng: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    for _ in range(rng.randrange(1, 4)):
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"".join(lines)


def move_lines(whole: bytes, rng: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"".join(lines)


def shuffle_lines(whole: bytes, rng: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def remove_lines(whole: bytes, rng: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def add_garbage(whole: bytes, rng: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    garbage = rng.choice(
        [b"{}\n", b"null\n", b"[" * 5000 + b"\n", b'{"schema":4,"kind":"trial"}\n', rng.randbytes(99) + b"\n"]
    )
    lines.insert(rng.randrange(len(lines) + 1), garbage)
    return b"".join(lines)


WAYS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    flip_bits,
    flip_bits,
    flip_a_digit,
    cut,
    zero,
    remove_bytes,
    duplicate_lines,
    move_lines,
    shuffle_lines,
    remove_lines,
    add_garbage,
)

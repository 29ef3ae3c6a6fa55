"""Odd command lines, given to the command's own entry; what is asked for well is not measured."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings

from pipeline import command, session
from pipeline.errors import InputError
from pipeline.request import Request, version_of

from .. import recorded
from ..conftest import Command
from ..recorded import Told as Cell
from ..recorded import Work
from .words import command_lines

GOOD = "these words can be measured"
KEPT = "what was measured is kept"
"""Said where a page cannot be written."""
LONGEST = 1_200
"""Characters that a line may have: names and values of the user's in it are cut."""
PATIENCE_S = 30


class Hang(BaseException):
    """It takes too long."""


@dataclass
class Told:
    """How often it ended with which status, and what was wrong: the words and what became of them."""

    statuses: Counter[int] = field(default_factory=Counter)
    good: int = 0
    tracebacks: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    refused: list[tuple[Sequence[str], str]] = field(default_factory=list)
    """Words of which one line says what is wrong, and that line."""


def fuzz(examples: int, begin: int = 0) -> Told:
    """Give so many command lines, drawn from the seed `begin`, inside this process."""
    told = Told()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(begin)
    @given(command_lines)
    def give(words: list[str]) -> None:
        with _elsewhere():  # each time: some words make files
            _give(words, told)

    with _nothing_measured():
        give()
    return told


def compare_with_processes(told: Told, most: int) -> list[str]:
    """What real commands answer differently to some of the words that were refused; where none does, nothing."""
    different = []
    sayable = [each for each in told.refused if _can_be_given(each[0])]
    for words, line in sayable[:: max(1, len(sayable) // most)][:most]:
        with _furnished() as folder:
            started = Command(folder).start(*words)
            try:
                _, err = started.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                started.kill()
                err = "it hangs"
            if (started.returncode, _anywhere(err)) != (2, _anywhere(line)):
                different.append(f"{words!r}: {started.returncode}, {err[-500:]} instead of {line[-500:]}")
    return different


def _give(words: Sequence[str], told: Told) -> None:
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    signal.alarm(PATIENCE_S)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = command.run(words)
    except Hang:
        told.hangs.append(repr(words))
        return
    except BaseException as error:
        told.tracebacks.append(f"{words!r}: {error!r}")
        return
    finally:
        signal.alarm(0)
    told.statuses[status] += 1
    line = err.getvalue()
    told.good += GOOD in line
    if (status == 2 or (status == 1 and KEPT in line)) and _is_one_line(line):
        if GOOD not in line and KEPT not in line:
            told.refused.append((words, line))
    elif status != 0 or line:
        told.tracebacks.append(f"{words!r}: {status}, {line[-1000:]}")


def _is_one_line(said: str) -> bool:
    line = said.removesuffix("\n")
    return line.startswith("error: ") and line.isprintable() and len(line) <= LONGEST


def _anywhere(line: str) -> str:
    """Without where its folder is: each is given its words in another one."""
    return re.sub(r"\S*/above\b", "above", line)


def _can_be_given(words: Sequence[str]) -> bool:
    try:
        return all(b"\0" not in os.fsencode(word) for word in words)
    except UnicodeEncodeError:
        return False


@contextmanager
def _nothing_measured() -> Iterator[None]:
    """What can be measured comes as far as to have a version."""

    def measure(request: Request, _display: Any) -> None:
        version_of(request)
        raise InputError(GOOD)

    def hang(_number: int, _frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, hang)
    try:
        with mock.patch.object(session, "measure", measure):
            yield
    finally:
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _elsewhere() -> Iterator[None]:
    before = Path.cwd()
    with _furnished() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextmanager
def _furnished() -> Iterator[Path]:
    """A folder with what `words.PLACES` names, and nothing of others above it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "above", "folder")
        recorded.write(folder / "run", recorded.run(Work([Cell(workers=2, speedup=1.7)])))
        folder.joinpath("folder").mkdir()
        folder.joinpath("binary").write_bytes(bytes(range(256)))
        folder.joinpath("loop").symlink_to("loop")
        folder.joinpath("empty").mkdir()
        folder.joinpath("empty", "journal.jsonl").touch()
        yield folder

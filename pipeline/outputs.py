"""Where runs live: `<output>/<name>/<version>/<run>/`, and how files get there."""

from __future__ import annotations

import glob
import os
import platform
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import journal, lock
from .errors import InputError
from .journal import Record

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class RunFolder:
    """A run's folder and what its journal held when it was found; new ones have no records."""

    path: Path
    records: tuple[Record, ...]


def find_run(output: Path, name: str, version: str, environment: str) -> RunFolder | None:
    """The newest run of a version that was measured in this environment; `None` where there is none.

    One that was killed before its first record is nobody's yet, and is taken where there is no other.
    """
    nobodys = None
    for folder in sorted((output / name / version).glob("*/"), reverse=True):
        if not folder.joinpath(JOURNAL).is_file():
            continue
        records = journal.read(folder / JOURNAL)
        if not records:
            nobodys = RunFolder(folder, ())
        elif records[0].get("environment") == environment:
            return RunFolder(folder, tuple(records))
    return nobodys


def read_again(found: RunFolder, opened: journal.Journal) -> RunFolder:
    """The run as it is now that nobody else can change it: somebody may have, since it was found."""
    if opened.lines == len(found.records):
        return found
    return RunFolder(found.path, tuple(journal.read(found.path / JOURNAL)))


def new_run(output: Path, name: str, version: str) -> RunFolder:
    """A fresh folder, named by the time in UTC."""
    parent = output / name / version
    parent.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for suffix in ("", *(f"-{i}" for i in range(2, 1000))):
        with suppress(FileExistsError):
            folder = parent / f"{stamp}{suffix}"
            folder.mkdir()
            return RunFolder(folder, ())
    raise InputError(f"output={output}: a thousand runs began in this very second; wait a moment")


def check_writable(output: Path) -> None:
    """See that runs and the link to the latest one can be made below `output`, before anything is measured.

    Raises:
        InputError: they cannot.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise InputError(
            f"output={output}: nothing can be written there ({error.strerror}); write output=FOLDER with one of yours"
        ) from None
    if output.joinpath(JOURNAL).exists():
        raise InputError(f"output={output} is the folder of a run; write output=FOLDER with one for many runs")
    latest = output / "latest"
    if latest.is_dir() and not latest.is_symlink():
        raise InputError(f"{latest} is a folder, and runs need that name for a link; rename it, or write output=FOLDER")


def point_latest(output: Path, run: Path) -> None:
    """Have `<output>/latest` lead to `run`; where the system has no links for us, a file with its path does.

    The link is made elsewhere and put in place whole, so that others may do the same at once: one of them is last.
    """
    target = os.path.relpath(run, output)
    with _beside(output / "latest") as made:
        try:
            made.symlink_to(target, target_is_directory=True)
        except OSError:
            made.write_text(target + "\n", encoding="utf-8")


def root_of(run: Path) -> Path | None:
    """The output folder that a run's folder is in; `None` where it was put elsewhere."""
    root = run.resolve().parent.parent.parent
    return root if root.joinpath("latest").exists() else None


def write(path: Path, content: str | bytes) -> None:
    """Put a file in place whole or not at all.

    Raises:
        OSError: it cannot be written; its `filename` says which, or which folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    try:
        with _beside(path) as made, made.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:  # which names the temporary file, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name in the same folder, for what takes the place of `path` once the block is over.

    It tells whose it is, so that those which a killed process left behind are found, and removed.
    """
    prefix = f".{path.name}.{platform.node()}."
    made = path.with_name(f"{prefix}{os.getpid()}.{threading.get_ident()}")
    made.unlink(missing_ok=True)
    try:
        yield made
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        pid = left.name.removeprefix(prefix).partition(".")[0]
        if pid.isdecimal() and lock.is_gone(lock.Holder(int(pid), platform.node())):
            left.unlink(missing_ok=True)

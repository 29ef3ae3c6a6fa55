"""Where runs live: `<output>/<name>/<version>/<run>/`, and how files get there."""

from __future__ import annotations

import glob
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import journal, lock
from .errors import InputError
from .journal import Record

JOURNAL = "journal.jsonl"
LATEST, INDEX = "latest", "index.html"
"""What runs have in common in their output folder: a link to the newest, and the page of them all."""

_STAMP = "%Y%m%dT%H%M%S"
_OURS = (b'<meta name="generator" content="pipeline">', b"marks a verdict that the run before it did not give")
"""What only our page has; the second is of before the first was in it."""
_LONGEST_PATH = 4_096
_OLD_S = 60


@dataclass(frozen=True)
class RunFolder:
    """A run's folder and what its journal held when it was found; new ones have no records."""

    path: Path
    records: tuple[Record, ...]


def find_run(output: Path, name: str, version: str, environment: str) -> RunFolder | None:
    """The newest run of a version that was measured in this environment; `None` where there is none.

    One that was killed before its first record is nobody's yet, and is taken where there is no other. One that is
    still to come by its name began when the clock was wrong, and is taken for older than all others.
    """
    nobodys, now = None, _stamp()
    for folder in sorted((output / name / version).glob("*/"), key=lambda each: (each.name <= now, each.name))[::-1]:
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
    stamp = _stamp()
    for suffix in ("", *(f"-{i}" for i in range(2, 1000))):
        with suppress(FileExistsError):
            folder = parent / f"{stamp}{suffix}"
            folder.mkdir()
            return RunFolder(folder, ())
    raise InputError(f"output={output}: a thousand runs began in this very second; wait a moment")


def _stamp() -> str:
    return datetime.now(UTC).strftime(_STAMP)


def check_writable(output: Path) -> None:
    """See that runs, the link to the latest one and the page of all can be made below `output`, before measuring.

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
    for path, is_ours in ((output / LATEST, _is_our_link), (output / INDEX, _is_our_page)):
        if os.path.lexists(path) and not is_ours(path):
            raise InputError(f"{path} is none of ours, and runs need that name; rename it, or write output=FOLDER")


def _is_our_link(latest: Path) -> bool:
    """Whether it leads to a run of the folder, be that there any more or not: a link, or the file in its place."""
    try:
        if latest.is_symlink():
            target = latest.readlink()
        else:
            with latest.open("rb") as stream:
                target = Path(stream.read(_LONGEST_PATH).decode().removesuffix("\n"))
    except (OSError, ValueError):
        return False
    return len(target.parts) == 3 and not target.is_absolute() and target.parts[0] != os.pardir


def _is_our_page(index: Path) -> bool:
    try:
        page = index.read_bytes()
    except OSError:
        return False
    return any(mark in page for mark in _OURS)


def point_latest(output: Path, run: Path) -> None:
    """Have `<output>/latest` lead to `run`; where the system has no links for us, a file with its path does.

    The link is made elsewhere and put in place whole, so that others may do the same at once: one of them is last.
    """
    target = os.path.relpath(run, output)
    with _beside(output / LATEST) as made:
        try:
            made.symlink_to(target, target_is_directory=True)
        except OSError:
            made.write_text(target + "\n", encoding="utf-8")


def root_of(run: Path) -> Path | None:
    """The output folder that a run's folder is in, and whose page is ours; `None` where it was put elsewhere."""
    root = run.resolve().parent.parent.parent
    index = root / INDEX
    return root if _is_our_link(root / LATEST) and (_is_our_page(index) or not os.path.lexists(index)) else None


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

    It tells whose it is, so that those which a killed process left behind are found, and removed. Nobody can be asked
    for processes of another container of the same name: theirs are left behind when they are old.
    """
    prefix, here = f".{path.name}.{platform.node()}.", _namespace()
    made = path.with_name(f"{prefix}{here}.{os.getpid()}.{threading.get_ident()}")
    made.unlink(missing_ok=True)
    try:
        yield made
        made.replace(path)
        journal.sync_folder(path.parent)
    finally:
        made.unlink(missing_ok=True)
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError, ValueError):  # it went meanwhile, or is none of ours
            where, pid, _ = map(int, left.name.removeprefix(prefix).split("."))
            is_old = time.time() - left.lstat().st_mtime > _OLD_S
            if lock.is_gone(lock.Holder(pid, platform.node())) if where == here else is_old:
                left.unlink()


def _namespace() -> int:
    """Whose process numbers those here are, as containers have their own."""
    with suppress(OSError):
        return Path("/proc/self/ns/pid").stat().st_ino
    return 0

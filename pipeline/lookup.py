"""Which run a word of the command line means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .errors import InputError
from .outputs import JOURNAL

OUTPUT = Path("outputs")
"""Where runs are looked for by their names."""
_LONGEST = 300
"""Characters of a path to a run."""
WAYS = "write a run's folder, a version's, NAME@latest, NAME@-1 for the one before it, or NAME@VERSION"


def find(word: str, output: Path = OUTPUT) -> Path:
    """The folder of the run that `word` means: a path, or `NAME@WHICH` below `output`.

    Of a folder of several runs it is the newest. `WHICH` is `latest`, `-1` for the run before that and so on, a
    version, or the name of a run's folder.

    Raises:
        InputError: there is none.
    """
    path, word = Path(word), word[:_LONGEST]
    if path.exists():
        return _newest(path, word)
    name, at, which = word.rpartition("@")
    if not at:
        raise InputError(f"{word}: there is no such file or folder; {WAYS}")
    runs = _runs(output / name) if _is_plain(name) else []
    if not runs:
        raise InputError(f"{word}: there is no run of that name in {output}; {WAYS}")
    if which == "latest" or re.fullmatch(r"-\d+", which):
        back = 0 if which == "latest" else int(which[1:])
        if back >= len(runs):
            raise InputError(f"{word}: {name} has {len(runs)} runs; write {name}@-{len(runs) - 1} for the oldest")
        return runs[-1 - back]
    found = [run for run in runs if which in (run.name, run.parent.name)]
    if not found:
        versions = ", ".join(dict.fromkeys(run.parent.name for run in reversed(runs)))
        raise InputError(f"{word}: {name} has no such version or run; it has the versions {versions}")
    return found[-1]


def runs_below(output: Path) -> list[Path]:
    """The folders of all runs of all names, the oldest first."""
    return _sorted(output.glob(f"*/*/*/{JOURNAL}"))


def _newest(path: Path, word: str) -> Path:
    if path.name == JOURNAL:
        return path.parent
    if path.is_file():  # `latest`, where the system has no links
        with path.open(encoding="utf-8", errors="replace") as stream:
            path = path.parent / stream.readline(_LONGEST).strip()
    runs = [path] if path.joinpath(JOURNAL).is_file() else _runs(path)
    if not runs:
        raise InputError(f"{word}: there is no {JOURNAL} in it, nor below; {WAYS}")
    return runs[-1]


def _runs(folder: Path) -> list[Path]:
    return _sorted([*folder.glob(f"*/{JOURNAL}"), *folder.glob(f"*/*/{JOURNAL}")])


def _sorted(journals: Iterable[Path]) -> list[Path]:
    """Their runs, by the time that is in their folders' names."""
    return sorted((path.parent for path in journals), key=lambda run: (run.name, run.parent.name))


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name

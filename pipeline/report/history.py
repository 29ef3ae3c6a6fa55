"""All runs of an output folder on one page: what each said, where, and how a name's verdict moved over its versions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import lookup
from ..outputs import JOURNAL
from ..wording import factor, pool_name
from . import page as pages
from .text import clean_all, one_line, shorten

MOST_RUNS = 1_000
"""So many of the newest are listed."""


@dataclass(frozen=True)
class Entry:
    """A run; `verdicts` are what it says of each workload, and `moved` those that the run before it said otherwise.

    A run that interleaved two revisions says what came of these instead.
    """

    path: str
    page: str
    name: str
    version: str
    began: str
    machine: str
    commit: str
    verdicts: tuple[tuple[str, str], ...]
    moved: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """A name's runs, the newest first."""

    name: str
    entries: tuple[Entry, ...]


def page(output: Path) -> str:
    """The page for `<output>/index.html`."""
    runs = lookup.runs_below(output)
    entries: dict[str, list[Entry]] = {}
    for run in runs[-MOST_RUNS:]:
        entry = _entry(run, output, entries)
        if entry is not None:
            entries.setdefault(entry.name, []).append(entry)
    names = sorted(entries, key=lambda name: entries[name][-1].path.rpartition("/")[2], reverse=True)
    histories = [History(name, tuple(reversed(entries[name]))) for name in names]
    left_out = max(0, len(runs) - MOST_RUNS)
    return pages.render("index.html.jinja", histories=histories, left_out=left_out)


def _entry(run: Path, output: Path, before: dict[str, list[Entry]]) -> Entry | None:
    try:
        with run.joinpath(JOURNAL).open(encoding="utf-8", errors="replace") as journal:
            header = clean_all(json.loads(journal.readline()))
        surroundings, name = header["surroundings"], one_line(str(header["name"]))
        code, machine = surroundings.get("code") or {}, surroundings["machine"]
        verdicts = dict(_compared(run) if "revisions" in header else _verdicts(run))
        told = dict(before[name][-1].verdicts) if name in before else verdicts
        return Entry(
            path=run.relative_to(output).as_posix(),
            page="compare.html" if "revisions" in header else "report.html",
            name=name,
            version=str(header["version"]),
            began=datetime.fromtimestamp(header["began"], UTC).strftime("%Y-%m-%d %H:%M UTC"),
            machine=one_line(f"{machine['host']}: {machine['cpu']}, {machine['usable_cores']} cores"),
            commit=str(code.get("commit") or "")[:12] + (" and changes" if code.get("dirty") else ""),
            verdicts=tuple(verdicts.items()),
            moved=tuple(each for each, said in verdicts.items() if _kept(told.get(each, said)) != _kept(said)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):  # none of ours, or damaged
        return None


def _verdicts(run: Path) -> Iterator[tuple[str, str]]:
    with suppress(OSError, ValueError):
        told: dict[str, Any] = json.loads(run.joinpath("verdict.json").read_text(encoding="utf-8"))["workloads"]
        for workload, verdict in told.items():
            yield shorten(one_line(workload), 60), shorten(one_line(_said(verdict)), 100)


def _compared(run: Path) -> Iterator[tuple[str, str]]:
    with suppress(OSError, ValueError):
        told: dict[str, Any] = json.loads(run.joinpath("compare.json").read_text(encoding="utf-8"))
        before, after = (_revision(told[which]["revision"]) for which in ("before", "after"))
        cells = Counter(str(cell["batch"]["verdict"]) for cell in told["cells"])
        yield f"{before} to {after}", ", ".join(f"{count} {verdict}" for verdict, count in cells.items())


def _revision(revision: dict[str, Any]) -> str:
    return shorten(one_line(f"{revision['asked']} ({revision['commit'][:7]})"), 60)


def _said(verdict: dict[str, Any]) -> str:
    if verdict["decision"] != "use":
        return str(verdict["decision"])
    return (
        f"{pool_name(verdict['backend'], verdict['workers'])}, {factor(verdict['speedup']['estimate'])} times as fast"
    )


def _kept(said: str) -> str:
    """What of a verdict has to change for it to have moved: the choice, not its figure."""
    return said.partition(",")[0]

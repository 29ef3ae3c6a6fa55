"""What went wrong, and what the measured functions printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..evidence import Run
from ..journal import Record
from ..wording import pool_name
from .text import excerpt, first_line, one_line, shorten

MOST_EXCERPTS = 20
MOST_NAMED = 6


@dataclass(frozen=True)
class Excerpt:
    """A text of several lines and what it is: of which cells, and what is said of them."""

    title: str
    sentence: str
    text: str


def failures(run: Run, variants: Mapping[str, str]) -> tuple[Excerpt, ...]:
    """The cells that were not measured and the matches that broke off, those with the same reason together."""
    names: dict[tuple[str, str, str], list[str]] = {}
    tracebacks: dict[tuple[str, str, str], str] = {}
    cells = {cell["id"]: cell for cell in run.cells}
    ended = [
        (cell, _name(cell, variants), run.evidence[cell["id"]]) for cell in run.cells if cell["id"] in run.evidence
    ]
    for (leader, rival), match in run.matches.items():
        both = " against ".join(_name(cells[id_], variants) for id_ in (rival, leader))
        ended.append((cells[rival], f"the match of {both}", match))
    for cell, name, evidence in ended:
        if evidence.status == "measured":
            continue
        key = (cell["name"], evidence.status, evidence.reason or "")
        names.setdefault(key, []).append(name)
        tracebacks.setdefault(key, evidence.traceback or "")
    found = [
        Excerpt(
            f"{one_line(workload)}, {_listed(listed)}: {status}",
            shorten(first_line(reason), 1_000),
            excerpt(_details(reason, tracebacks[workload, status, reason]), head=20, tail=40),
        )
        for (workload, status, reason), listed in names.items()
    ]
    return _at_most(found, "more reasons; the summary has all")


def _details(reason: str, traceback: str) -> str:
    """The traceback, and before it a reason of several lines that it does not hold."""
    said = reason.strip() if one_line(reason) != first_line(reason) else ""
    return traceback if said in traceback else "\n\n".join(filter(None, (said, traceback)))


def printed(run: Run, variants: Mapping[str, str]) -> tuple[Excerpt, ...]:
    """What was printed where it was printed first, equal texts once."""
    cells = {cell["id"]: cell for cell in run.cells}
    places: dict[tuple[str, str], list[str]] = {}
    for record in run.records:
        if record["kind"] not in ("preflight", "trial", "play-off"):
            continue
        for arm, text in record.get("printed", {}).items():
            cell = cells.get(record["leader"] if arm == "leader" else record["cell"])
            workload = one_line(cell["name"] if cell else record["name"])
            place = _name(cell, variants) if cell and arm != "anchor" else "a plain loop"
            listed = places.setdefault((workload, excerpt(text, head=20)), [])
            if place not in listed:
                listed.append(place)
    found = [Excerpt(f"{workload}, {_listed(where)}", "", text) for (workload, text), where in places.items()]
    return _at_most(found, "more such texts; the journal has all")


def _name(cell: Record, variants: Mapping[str, str]) -> str:
    return one_line(" ".join(filter(None, [pool_name(cell["backend"], cell["workers"]), variants.get(cell["id"])])))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _at_most(found: list[Excerpt], what: str) -> tuple[Excerpt, ...]:
    if len(found) <= MOST_EXCERPTS:
        return tuple(found)
    return (*found[:MOST_EXCERPTS], Excerpt(f"{len(found) - MOST_EXCERPTS:,} {what}", "", ""))

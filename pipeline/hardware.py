"""Several kinds of nodes in one run: what one kind shows says nothing of another, so their cells are apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .journal import Record

_ABOUT = ("cell", "leader", "workload")
_MEASURED = ("preflight", "trial", "play-off")


def apart(records: Sequence[Record]) -> tuple[Record, ...]:
    """The records of a run, whose header says of each cell which kind of machine it is of, and has these machines.

    Where there are several kinds, every cell is there for each, with ids and names of their own, and the records of
    trials are about those.
    """
    header = records[0]
    kinds = list(dict.fromkeys(record["environment"] for record in records if record["kind"] in _MEASURED))
    if not kinds:
        kinds = [header["environment"]]
    machines = dict.fromkeys(kinds, header["surroundings"]["machine"])
    pythons = dict.fromkeys(kinds, header["surroundings"]["interpreter"]["python"])
    for record in records:
        if record["kind"] == "node" and record["environment"] in machines:
            machines[record["environment"]] = record["about"]["machine"]
            pythons[record["environment"]] = record["about"]["interpreter"]["python"]
    if len(kinds) == 1:
        cells = [{**cell, "kind": kinds[0]} for cell in header["cells"]]
        return ({**header, "cells": cells, "machines": machines}, *records[1:])
    names = labels(machines, pythons)
    found = {
        **header,
        "cells": [_of_kind(cell, kind, names[kind]) for kind in kinds for cell in header["cells"]],
        "measured": [_id(id_, kind) for kind in kinds for id_ in header["measured"]],
        "machines": machines,
    }
    return (found, *(_about_kind(record) for record in records[1:]))


def as_measured(record: Record) -> Record:
    """A record of `apart` as it was measured: about a cell, whatever the kind of node."""
    return {**record, **{key: record[key].partition("@")[0] for key in _ABOUT if record.get(key)}}


def _id(id_: str, kind: str) -> str:
    return f"{id_}@{kind}"


def _of_kind(cell: Record, kind: str, label: str) -> Record:
    ids = {key: _id(cell[key], kind) for key in ("id", "anchor", "workload_id")}
    return {**cell, **ids, "name": f"{cell['name']} on {label}", "kind": kind}


def _about_kind(record: Record) -> Record:
    if record["kind"] not in _MEASURED:
        return record
    about = {key: _id(record[key], record["environment"]) for key in _ABOUT if record.get(key)}
    return {**record, **about}


def labels(machines: Mapping[str, Mapping[str, Any]], pythons: Mapping[str, str]) -> dict[str, str]:
    """What tells the kinds apart, as short as it does: the processor, its cores, the Python, or a digest."""
    ways: Iterable[dict[str, str]] = (
        {kind: f"{machine['cpu']}" for kind, machine in machines.items()},
        {kind: f"{machine['cpu']}, {machine['usable_cores']} cores" for kind, machine in machines.items()},
        {kind: f"{machine['usable_cores']} cores, Python {pythons[kind]}" for kind, machine in machines.items()},
        {kind: f"{machine['cpu']} ({kind[:4]})" for kind, machine in machines.items()},
        {kind: f"{machine['cpu']} ({kind})" for kind, machine in machines.items()},
    )
    return next(found for found in ways if len(set(found.values())) == len(found))

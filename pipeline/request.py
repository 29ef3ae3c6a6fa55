"""What was asked for, its version, and the plain JSON that describes its trials to a keeper on any node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import plan, sources
from .cells import ANCHOR, Cell, Sweep, digest
from .plan import Preflight
from .sweep import Turn

INSTRUMENTED = 6
"""Trials of a cell in which a batch is instrumented: a batch costs its time."""
SPANS = 200
"""So many tasks of the first of these batches are journalled with their start, end and worker: enough to look at."""


@dataclass(frozen=True)
class Request:
    """A sweep and where it was asked for.

    `command` repeats it; `folder` is where relative files and modules are looked for; `path` are further entries
    for the arms' `sys.path`; `pickled` holds inputs that JSON cannot say.
    """

    sweep: Sweep
    command: str
    folder: Path
    path: tuple[str, ...] = ()
    pickled: bytes | None = None


def version_of(request: Request) -> tuple[str, dict[str, Any]]:
    """The version's twelve digits and what they stand for."""
    sweep = request.sweep
    definition = {
        "protocol": plan.PROTOCOL,
        "measure": asdict(sweep.measure),
        "margin": sweep.margin,
        "cells": sorted((cell.definition for cell in sweep.cells), key=digest),
        "sources": sources.digests(sweep, request.folder, list(request.path)),
    }
    return digest(definition), definition


def _spans(turn: Turn) -> int | None:
    if turn.leader is not None or turn.trial >= INSTRUMENTED:
        return None
    return SPANS if turn.trial == 0 else 0


class Descriptions:
    """Preflights and trials of a request as a keeper reads them."""

    def __init__(self, request: Request, pickled: Path | None, cluster: Mapping[str, str]) -> None:
        """`pickled` is the file of inputs that JSON cannot say, by `cluster`'s variables arms find that of workers."""
        self._request = request
        self._pickled, self._cluster = pickled, cluster
        self._workloads: dict[str, dict[str, Any]] = {}

    def preflight(self, cell: Cell) -> dict[str, Any]:
        """The look at a cell's workload before it is measured."""
        sweep = self._request.sweep
        alike = [each for each in sweep.measured if each.workload.id == cell.workload.id]
        return {
            "kind": "preflight",
            **self._common(cell),
            "arm": {"python": None, "env": {}},
            "wanted": {
                "sample": cell.workload.sample,
                "widest": max(each.workers for each in alike),
                "most_s": plan.longest_batch_s(sweep.measure),
                "travels": any(each.pickles for each in alike),
                "task": cell.workload.task,
            },
        }

    def trial(self, turn: Turn, preflight: Preflight) -> dict[str, Any]:
        """One trial of a cell against its anchor, and in a play-off against the leader, too."""
        cells = {"cell": turn.cell} if turn.leader is None else {"leader": turn.leader, "cell": turn.cell}
        return {
            "kind": "trial",
            **self._common(turn.cell),
            "arms": [
                {"name": "anchor", **ANCHOR},
                *({"name": name, **self._arm(cell, preflight)} for name, cell in cells.items()),
            ],
            "sample": preflight.sample,
            "warm_s": preflight.warm_s,
            "task_s": preflight.task_s,
            "rounds": turn.plan.rounds,
            "cold": self._request.sweep.measure.cold,
            "spans": _spans(turn),
            "seed": f"{self._request.sweep.seed} {turn.id} {turn.trial}",
        }

    def _common(self, cell: Cell) -> dict[str, Any]:
        request, workload = self._request, cell.workload
        if workload.id not in self._workloads:
            described = sources.describe(workload, request.folder)
            if isinstance(workload.inputs, Mapping):
                described["inputs"] = {"pickle": str(self._pickled)}
            self._workloads[workload.id] = described
        return {
            "timeout_s": request.sweep.measure.timeout_s,
            "exclusive": request.sweep.name if request.sweep.exclusive else None,
            "folder": str(request.folder),
            "path": list(request.path),
            "workload": self._workloads[workload.id],
        }

    def _arm(self, cell: Cell, preflight: Preflight) -> dict[str, Any]:
        options, env = dict(cell.options), dict(cell.env)
        if "chunksize" in options:
            options["chunksize"] = plan.chunksize(cell, preflight)
        if cell.clustered:
            options["env"] = dict(cell.env)  # its workers are no children of the arm, and do not inherit
            env |= self._cluster
        return {**{key: getattr(cell, key) for key in ANCHOR}, "env": env, "options": options}

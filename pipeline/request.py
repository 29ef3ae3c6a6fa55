"""What was asked for, its version, and the plain JSON that describes its trials to a keeper on any node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import plan, sources
from .cells import ANCHOR, Cell, Sweep, Workload, digest
from .cluster.held import Cluster
from .plan import Preflight
from .revisions import Revision, Revisions
from .sweep import Turn

INSTRUMENTED = 6
"""Trials of a cell in which a batch is instrumented: a batch costs its time."""
SPANS = 200
"""So many tasks of the first of these batches are journalled with their start, end and worker: enough to look at."""


@dataclass(frozen=True)
class Request:
    """A sweep and where it was asked for.

    `command` repeats it; `folder` is where relative files and modules are looked for; `path` are further entries
    for the arms' `sys.path`; `pickled` holds inputs that JSON cannot say; of an interleaved sweep `revisions` are those
    that it holds against one another, and `folder` is that of the one before.
    """

    sweep: Sweep
    command: str
    folder: Path
    path: tuple[str, ...] = ()
    pickled: bytes | None = None
    revisions: Revisions | None = None


def version_of(request: Request) -> tuple[str, dict[str, Any]]:
    """The version's twelve digits and what they stand for."""
    sweep = request.sweep
    definition = {
        "protocol": plan.PROTOCOL,
        "measure": sweep.measure.definition,
        "margin": sweep.margin,
        "cells": sorted((cell.definition for cell in sweep.cells), key=digest),
        "sources": sources.digests(sweep, request.folder, list(request.path)),
    }
    if request.revisions is not None:
        before, after = request.revisions.before, request.revisions.after
        definition |= {
            "sources": sources.digests(sweep, before.folder, before.path),
            "sources_after": sources.digests(sweep, after.folder, after.path),
            "revisions": [before.commit, after.commit],
        }
    return digest(definition), definition


def _spans(turn: Turn) -> int | None:
    if turn.leader is not None or turn.trial >= INSTRUMENTED:
        return None
    return SPANS if turn.trial == 0 else 0


class Descriptions:
    """Preflights and trials of a request as a keeper reads them."""

    def __init__(self, request: Request, pickled: Path | None, cluster: Cluster) -> None:
        """`pickled` is the file of inputs that JSON cannot say, `cluster` that of arms' workers."""
        self._request = request
        self._pickled, self._cluster = pickled, cluster
        self._workloads: dict[tuple[str, Path], dict[str, Any]] = {}
        self._env = {} if request.revisions is None else request.revisions.before.env

    def preflight(self, cell: Cell) -> dict[str, Any]:
        """The look at a cell's workload before it is measured."""
        sweep = self._request.sweep
        alike = [each for each in sweep.measured if each.workload.id == cell.workload.id]
        revisions, arm = self._request.revisions, {"python": None, "env": self._env}
        return {
            "kind": "preflight",
            **self._common(cell),
            "arm": arm,
            **({"after": self._of(revisions.after, cell.workload, arm)} if revisions else {}),
            "wanted": {
                "sample": cell.workload.sample,
                "widest": max(each.workers for each in alike),
                "most_s": plan.longest_batch_s(sweep.measure),
                "travels": any(each.pickles for each in alike),
                "task": cell.workload.task,
            },
        }

    def trial(self, turn: Turn, preflight: Preflight) -> dict[str, Any]:
        """One trial of a cell against its anchor, and in a play-off the leader, or itself in the revision after."""
        revisions = self._request.revisions
        cells = {"cell": turn.cell} if turn.leader is None else {"leader": turn.leader, "cell": turn.cell}
        arms = {"anchor": {**ANCHOR, "env": self._env}}
        arms |= {name: self._arm(cell, preflight) for name, cell in cells.items()}
        if revisions is not None:
            arms["after"] = self._of(revisions.after, turn.cell.workload, arms["cell"])
        return {
            "kind": "trial",
            **self._common(turn.cell),
            "arms": [{"name": name, **arm} for name, arm in arms.items()],
            "sample": preflight.sample,
            "warm_s": preflight.warm_s,
            "task_s": preflight.task_s,
            "rounds": turn.plan.rounds,
            "cold": self._request.sweep.measure.cold,
            "spans": None if revisions is not None else _spans(turn),
            "seed": f"{self._request.sweep.seed} {turn.id} {turn.trial}",
        }

    def _common(self, cell: Cell) -> dict[str, Any]:
        request = self._request
        return {
            "timeout_s": request.sweep.measure.timeout_s,
            "memory_bytes": request.sweep.measure.memory,
            "exclusive": request.sweep.name if request.sweep.exclusive else None,
            "folder": str(request.folder),
            "path": list(request.path),
            "workload": self._workload(cell.workload, request.folder),
        }

    def _workload(self, workload: Workload, folder: Path) -> dict[str, Any]:
        if (workload.id, folder) not in self._workloads:
            described = sources.describe(workload, folder)
            if isinstance(workload.inputs, Mapping):
                described["inputs"] = {"pickle": str(self._pickled)}
            self._workloads[workload.id, folder] = described
        return self._workloads[workload.id, folder]

    def _of(self, revision: Revision, workload: Workload, arm: Mapping[str, Any]) -> dict[str, Any]:
        """The arm in another revision than that of the request's folder."""
        own = {"folder": str(revision.folder), "workload": self._workload(workload, revision.folder)}
        return {**arm, "env": {**arm["env"], **revision.env}, **own}

    def _arm(self, cell: Cell, preflight: Preflight) -> dict[str, Any]:
        options, env = dict(cell.options), {**cell.env, **self._env}
        if "chunksize" in options:
            options["chunksize"] = plan.chunksize(cell, preflight)
        if cell.clustered:
            # Its workers are no children of the arm: they do not inherit, and its keeper does not see them.
            options |= {"env": dict(cell.env), "memory_bytes": self._request.sweep.measure.memory}
            env |= self._cluster.find()
        return {**{key: getattr(cell, key) for key in ANCHOR}, "env": env, "options": options}

"""The matrix's vocabulary as frozen values: workload, cell, measuring profile, sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from .claims import Claims

Json = Any
"""What JSON can say: None, bool, int, float, str, lists and dicts of these."""


def digest(value: Json) -> str:
    """Twelve hexadecimal digits that stand for a JSON value, whatever the order of its keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


ANCHOR: dict[str, Json] = {"backend": "serial", "workers": 1, "options": {}, "env": {}, "python": None}
"""What makes a cell its workload's anchor: the plain loop that speed-ups are relative to."""


@dataclass(frozen=True)
class Workload:
    """A function or a job, its inputs and how a batch of them is made up; the fields are the keys of `workload`.

    `inputs` is a number, a list, `module:name`, or `{"pickle": DIGEST}` for Python objects given to `measure`.
    """

    name: str
    task: str | None
    job: str | None
    inputs: Json
    params: Mapping[str, Json]
    sample: int | str
    check: str
    reset: str | None

    @cached_property
    def definition(self) -> dict[str, Json]:
        """What makes this workload what it is: all but its name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of the definition."""
        return digest(self.definition)


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    `options` are those that the backend takes; `python` is `None` for this one; `pickles` says whether the backend
    sends tasks and inputs to other processes, `clustered` whether its workers are those of a cluster; `chunk_s` is how
    much work hides what sending a chunk of it costs, in seconds.
    """

    workload: Workload
    backend: str
    workers: int
    options: Mapping[str, Json]
    env: Mapping[str, str | None]
    python: str | None
    pickles: bool = False
    clustered: bool = False
    chunk_s: float = 0.005

    @cached_property
    def definition(self) -> dict[str, Json]:
        """What the cell's id stands for."""
        return {
            "workload": self.workload.definition,
            "backend": self.backend,
            "workers": self.workers,
            "options": dict(self.options),
            "env": dict(self.env),
            "python": self.python,
        }

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of the definition."""
        return digest(self.definition)

    @cached_property
    def anchor(self) -> Cell:
        """The plain loop over the same batch that this cell's speed-up is relative to."""
        return Cell(self.workload, **ANCHOR)

    def record(self) -> dict[str, Json]:
        """The cell as the journal keeps it."""
        return {
            "id": self.id,
            "anchor": self.anchor.id,
            "workload_id": self.workload.id,
            "name": self.workload.name,
            **({"clustered": True} if self.clustered else {}),
            "pickles": self.pickles,
            "chunk_s": self.chunk_s,
            **self.definition,
        }

    @classmethod
    def of(cls, record: Mapping[str, Json]) -> Cell:
        """From its record; older ones do not say all that hangs on the backend."""
        return cls(
            Workload(record["name"], **record["workload"]),
            **{key: record[key] for key in ANCHOR},
            pickles=record.get("pickles", True),
            clustered=record.get("clustered", False),
            chunk_s=record.get("chunk_s", 0.005),
        )


@dataclass(frozen=True)
class Measure:
    """How much evidence a cell gets; the fields are the keys of `measure`, seconds where they end in `_s`.

    `memory` is what a trial may have, in bytes; `None` is `auto`, a share of what is available.
    """

    target: float
    budget_s: float
    trials: int
    max_rounds: int
    timeout_s: float
    cold: bool
    memory: int | None = None

    @cached_property
    def definition(self) -> dict[str, Json]:
        """What it adds to the version: a limit that was not set adds nothing, so that versions are what they were."""
        return {key: value for key, value in asdict(self).items() if key != "memory" or value is not None}


@dataclass(frozen=True)
class Sweep:
    """All the cells of one command and what holds for all of them.

    One that is `interleaved` measures each cell in two revisions of the measured code, against one another.
    Its `claims` are held against what is measured and change nothing of it.
    """

    name: str
    cells: tuple[Cell, ...]
    measure: Measure
    margin: float
    seed: int
    fresh: bool
    output: str
    runner: str
    exclusive: bool = True
    address: str = "local"
    interleaved: bool = False
    claims: tuple[Claims, ...] = ()

    @cached_property
    def measured(self) -> tuple[Cell, ...]:
        """The cells that get trials: all but anchors, which every trial has anyway, unless a workload has no other.

        Interleaved, plain loops are cells like others: every trial has that of one revision alone.
        """
        if self.interleaved:
            return unique(self.cells)
        anchors = {cell.anchor.id for cell in self.cells}
        others = [cell for cell in self.cells if cell.id not in anchors]
        with_others = {cell.workload.id for cell in others}
        alone = [cell for cell in self.cells if cell.workload.id not in with_others]
        return unique([*others, *alone])


def unique(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells without those that another one equals."""
    return tuple({cell.id: cell for cell in cells}.values())

"""What somebody else said of cells, to be held against what is measured: statements with bounds, and bar charts.

An experiment brings them, as its key `claims`. They are no part of a version: they change nothing of what is measured,
and a corrected word must not cost a sweep. So each session journals its own, and a report holds the last ones against
the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SPEEDUP, CORES = "speedup", "cores_used"
QUANTITIES = (SPEEDUP, CORES, "startup_s", "pss_bytes", "peak_rss_bytes")
"""What a statement can be about, as the summary's columns name it."""


@dataclass(frozen=True)
class Which:
    """The cells that are meant: a workload by its name, with at least these `params`, and a pool."""

    workload: str
    backend: str
    workers: int
    params: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, cell: Mapping[str, Any]) -> bool:
        """Whether a cell of a journal is meant; workloads told apart have more behind their names."""
        given = cell["workload"]["params"]
        return (
            (cell["backend"], cell["workers"]) == (self.backend, self.workers)
            and f"{cell['name']} ".startswith(f"{self.workload} ")
            and all(name in given and given[name] == value for name, value in self.params.items())
        )


@dataclass(frozen=True)
class Statement:
    """That a quantity of a cell, or its ratio to that of the cells `over`, is above and below bounds.

    `figure` is what its author gives for it, `words` behind `python -m pipeline` measure it; both may be empty. A bound
    that is `None` is none.
    """

    says: str
    figure: str
    quantity: str
    cell: Which
    over: Which | None
    above: float | None
    below: float | None
    words: str


@dataclass(frozen=True)
class Bar:
    """The seconds that were published for a cell."""

    cell: Which
    seconds: float


@dataclass(frozen=True)
class Chart:
    """A published bar chart."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Claims:
    """All that one author claims."""

    author: str
    statements: tuple[Statement, ...]
    charts: tuple[Chart, ...]

    def record(self) -> dict[str, Any]:
        """As the journal keeps them."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Claims:
        """From their record."""
        statements = (
            Statement(**{**each, "cell": Which(**each["cell"]), "over": each["over"] and Which(**each["over"])})
            for each in record["statements"]
        )
        charts = (
            Chart(each["title"], tuple(Bar(Which(**bar["cell"]), bar["seconds"]) for bar in each["bars"]))
            for each in record["charts"]
        )
        return cls(record["author"], tuple(statements), tuple(charts))

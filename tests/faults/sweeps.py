"""Sweeps over hostile functions, as a user would start them, and what they left behind."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..conftest import LEAST, Command, Finished
from .cases import ENDING, ENDLESS, MEMORY, Case
from .leftovers import open_census

HOSTILE = Path(__file__).parent / "hostile.py"
EVERYWHERE = ("backend=serial,thread,process", "backend.start_method=fork,spawn,forkserver", "workers=2")
IN_THE_CELL = "+env.HOSTILE=1"
ON_RAY = ("backend=ray", "workers=2", IN_THE_CELL)


@dataclass(frozen=True)
class Swept:
    """A sweep that ended, and what it left behind."""

    done: Finished
    left: list[str]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Those of summary.csv."""
        with (self.done.run / "summary.csv").open() as stream:
            return list(csv.DictReader(stream))

    def row(self, name: str, variant: str) -> dict[str, str]:
        """That of a case's cell."""
        (found,) = (row for row in self.rows if row["workload"] == name and _variant(row) == variant)
        return found

    def wrong(self, case: Case, variant: str) -> str | None:
        """What a cell came to, where that is not how it must end."""
        row, (status, says) = self.row(case.name, variant), case.of(variant)
        is_right = row["status"] == status and says in row["reason"]
        return None if is_right else f"{case.name}, {variant}: {row['status']}: {row['reason']}"


def _variant(row: dict[str, str]) -> str | None:
    """What `cases` calls it; `None` for a plain loop beside a cell."""
    if row["backend"] == "process":
        return row["variant"].partition("start_method=")[2].partition(" ")[0]
    return None if row["backend"] == "serial" and "HOSTILE=1" not in row["variant"] else row["backend"]


def sweep(folder: Path, cases: Sequence[Case], *words: str, **variables: str) -> Swept:
    """Over cases, each a workload of its own, with the least measuring that there is."""
    workloads = folder / "conf" / "workload"
    workloads.mkdir(parents=True)
    for case in cases:
        described = f"name: {case.name}\ntask: {HOSTILE}:{case.name}\ninputs: 4\n"
        workloads.joinpath(f"{case.name}.yaml").write_text(described)
    named = f"workload={','.join(case.name for case in cases)}"
    with open_census() as census:
        command = Command(folder, **census.environment, **variables)
        done = command("--config-dir", "conf", named, *LEAST, "runner.exclusive=false", *words, "-m")
        return Swept(done, census.take())


def ending(folder: Path) -> Swept:
    """All that end, in the cell alone: the plain loop beside it behaves."""
    return sweep(folder, ENDING, *EVERYWHERE, IN_THE_CELL, f"measure.memory={MEMORY}")


def endless(folder: Path) -> Swept:
    """All that do not."""
    return sweep(folder, ENDLESS, *EVERYWHERE, IN_THE_CELL, "measure.timeout_s=3")


def from_the_first(folder: Path) -> Swept:
    """Those of one backend from their very first call on, which is in the look before measuring."""
    words = ["backend=thread", "workers=2", "measure.timeout_s=3", f"measure.memory={MEMORY}"]
    dear = {"prints_a_gigabyte", "nests_processes"}  # each arm does: that takes long
    cases = [case for case in (*ENDING, *ENDLESS) if case.name not in dear]
    return sweep(folder, cases, *words, HOSTILE="1")


def ending_on_ray(folder: Path) -> Swept:
    """`ending` on a cluster that the command starts: what its workers leave counts, too."""
    return sweep(folder, ENDING, *ON_RAY, f"measure.memory={MEMORY}", "measure.timeout_s=30")


def endless_on_ray(folder: Path) -> Swept:
    """`endless` likewise; to start workers takes some seconds."""
    return sweep(folder, ENDLESS, *ON_RAY, "measure.timeout_s=10")

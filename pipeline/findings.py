"""What a run shows, found once however many ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from . import tables, verdict
from .evidence import Run


@dataclass(frozen=True)
class Findings:
    """Of a run; each part is found when it is asked for first."""

    run: Run

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row a cell."""
        return tables.summarise(self.run)

    @cached_property
    def verdicts(self) -> list[verdict.Verdict]:
        """One a workload."""
        return verdict.decide(self.run)

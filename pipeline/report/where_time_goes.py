"""Where each cell's time goes, as shares of its batch."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ..wording import seconds
from .summary_table import Column, Row, Table
from .text import one_line, shorten

PARTS = {
    "ideal_s": "Ideal",
    "phases_s": "Outside the map",
    "dispatch_s": "Dispatch",
    "imbalance_s": "Imbalance",
    "waiting_s": "Waiting",
    "machine_s": "Machine",
    "unexplained_s": "Unexplained",
}
"""The summary's columns of parts, see `attribution.Parts`, and their headings."""

MEANS = (
    "Ideal is the plain loop's time / workers. Dispatch is what handing out tasks and serialising inputs and results "
    "takes, measured with tasks that do nothing. Imbalance is waiting for the last worker to end. Waiting is for the "
    "GIL, another lock, or an answer, beyond what the plain loop waits. Machine is waiting for a core, and CPU time "
    "that grew because cores are shared. Start-up comes once, before the first batch."
)
MOST_ROWS = 200


def make_table(summary: pd.DataFrame) -> Table | None:
    """A row for each cell of which batches were instrumented; `None` where there is none."""
    cells = [record for record in summary.to_dict("records") if not _is_missing(record["ideal_s"])]
    if not cells:
        return None
    said = [column for column in PARTS if any(_share(record, column) not in ("", "0%") for record in cells)]
    workloads, variants = (len({record[key] for record in cells}) > 1 for key in ("workload", "variant"))
    heads = [
        *([Column("Workload", numeric=False)] if workloads else []),
        Column("Backend", numeric=False),
        Column("Workers", numeric=True),
        *([Column("Variant", numeric=False)] if variants else []),
        Column("Start-up", numeric=True),
        Column("Batch", numeric=True),
        *(Column(PARTS[column], numeric=True) for column in said),
    ]
    rows = []
    for record in cells[:MOST_ROWS]:
        texts = [
            *([_text(record["workload"])] if workloads else []),
            _text(record["backend"]),
            str(record["workers"]),
            *([_text(record["variant"])] if variants else []),
            seconds(record["startup_s"]),
            seconds(record["batch_s"]),
            *(_share(record, column) for column in said),
        ]
        rows.append(Row(tuple(texts), "", ""))
    return Table(tuple(heads), tuple(rows), frozenset(), len(cells) - len(rows))


def _share(record: dict[Any, Any], column: str) -> str:
    return "" if _is_missing(record[column]) else f"{record[column] / record['batch_s']:.0%}".replace("-0%", "0%")


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or math.isnan(value)


def _text(value: Any) -> str:
    return shorten(one_line(str(value)), 60)

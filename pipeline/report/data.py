"""The files of a report that programs read."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ..evidence import Run
from ..verdict import Verdict
from . import configuration

_RESOLVED = ("name", "version", "command", "seed", "runner", "definition", "cells")
_FORMULA = re.compile('(?:^|(?<=[;\t\r\n]))(?=["\\s]*[=+@\uff1d\uff0b\uff0d\uff20\u2212-])|^(?=[\t\r\n])')
"""Where a cell may begin, as some spreadsheets split texts, and begins a formula: full-width signs and a minus sign do,
as well, and blanks before them are no matter."""


def config_yaml(run: Run) -> str:
    """What was asked for, with everything resolved."""
    resolved = {key: run.header[key] for key in _RESOLVED}
    resolved["cells"] = [{key: value for key, value in cell.items() if key != "kind"} for cell in resolved["cells"]]
    return configuration.to_yaml(resolved)


def environment_json(run: Run) -> str:
    """Where it was measured: this machine, and what nodes there were, if it was on a cluster's."""
    nodes = [{"node": each["node"], **each["about"]} for each in run.records if each["kind"] == "node"]
    return _json({**run.header["surroundings"], **({"nodes": nodes} if nodes else {})})


def verdict_json(verdicts: Sequence[Verdict], snippets: Sequence[str | None]) -> str:
    """What to use, in the form of DESIGN's contract."""
    return _json(verdict_of(verdicts, snippets))


def verdict_of(verdicts: Sequence[Verdict], snippets: Sequence[str | None]) -> dict[str, Any]:
    """What `verdict_json` says."""
    found = zip(verdicts, snippets, strict=True)
    return {"workloads": {verdict.workload: {**verdict.to_json(), "snippet": snippet} for verdict, snippet in found}}


def csv(frame: pd.DataFrame) -> str:
    """As CSV; what of a text a spreadsheet would run as a formula is led by an apostrophe."""
    texts = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column].dtype)]
    guarded = {column: frame[column].map(_guard, na_action="ignore") for column in texts}
    return str(frame.assign(**guarded).to_csv(index=False, lineterminator="\n"))


def parquet(frame: pd.DataFrame) -> bytes:
    """As Parquet."""
    stream = io.BytesIO()
    frame.to_parquet(stream, engine="pyarrow", index=False)
    return stream.getvalue()


def _guard(value: object) -> object:
    return _FORMULA.sub("'", value) if isinstance(value, str) else value


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"

"""A run in the forms that other programs read."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from .. import tables, verdict
from ..evidence import Run
from ..wording import pool_name
from . import content, data, markdown, snippet, unfinished
from .text import clean_run


def export(run: Run, form: str) -> str | bytes:
    """The content of a file of that form: `csv`, `parquet`, `json`, `markdown` or `pyperf`."""
    open_end = unfinished.describe(run)
    measured, run = run, clean_run(run)
    match form:
        case "csv":
            return data.csv(tables.summarise(run))
        case "parquet":
            return data.parquet(tables.samples(run))
        case "json":
            verdicts = verdict.decide(run)
            return as_json(run, data.verdict_of(verdicts, snippet.write_all(measured, verdicts)))
        case "markdown":
            verdicts = verdict.decide(run)
            snippets = snippet.write_all(measured, verdicts)
            return markdown.render(content.gather(run, tables.summarise(run), verdicts, snippets, [], open_end))
        case "pyperf":
            return pyperf(run)
        case _:
            raise NotImplementedError(form)


def as_json(run: Run, verdicts: dict[str, Any]) -> str:
    """The header's definition and surroundings, each cell's row of the summary, and the verdict of each workload."""
    header = run.header
    cells = [
        {str(key): None if _is_nothing(value) else value for key, value in row.items()}
        for row in tables.summarise(run).astype(object).to_dict("records")
    ]
    whole = {
        **{key: header[key] for key in ("name", "version", "command", "seed", "began", "definition", "surroundings")},
        "cells": cells,
        "verdict": verdicts["workloads"],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def pyperf(run: Run) -> str:
    """A suite in the form of pyperf's JSON, version 1.0, with a benchmark for each cell and a run for each trial.

    Values are seconds of one batch. See https://pyperf.readthedocs.io/en/latest/api.html#json-format.
    """
    benchmarks = []
    for cell in run.cells:
        anchor = cell["id"] not in run.measured
        trials = run.of_anchor(cell["anchor"]) if anchor else run.evidence[cell["id"]].trials
        if not trials:
            continue
        runs = [
            {
                "metadata": {"name": _name(run, cell), "unit": "second", "loops": trial["repeat"]},
                "values": list(trial["arms"]["anchor" if anchor else "cell"]["batch_s"]),
            }
            for trial in trials
        ]
        benchmarks.append({"runs": runs})
    metadata = {
        "python_version": run.header["surroundings"]["interpreter"]["python"],
        "pipeline_version": run.header["version"],
    }
    return json.dumps({"version": "1.0", "metadata": metadata, "benchmarks": benchmarks}, indent=1) + "\n"


def _name(run: Run, cell: dict[str, Any]) -> str:
    return f"{cell['name']}, {pool_name(cell['backend'], cell['workers'])} {run.variants[cell['id']]}".rstrip()


def _is_nothing(value: Any) -> bool:
    return value is pd.NA or value is None or (isinstance(value, float) and not math.isfinite(value))

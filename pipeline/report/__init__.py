"""The report of a run: tables, verdict, figures, page and Markdown, all drawn from its journal alone.

Written again from the same journal with the same packages, every file is byte for byte the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import outputs, tables, verdict
from ..evidence import Run


def write(run: Run, folder: Path) -> None:
    """Put every file of the report into a run's folder, each whole or not at all; the page last."""
    for name, content in files(run):
        outputs.write(folder / name, content)


def files(run: Run) -> Iterator[tuple[str, str | bytes]]:
    """Each file's name below the run's folder, and its content."""
    from . import content, data, figures, markdown, page, snippet, unfinished
    from .text import clean_run

    open_end = unfinished.describe(run)
    measured, run = run, clean_run(run)
    summary, samples = tables.summarise(run), tables.samples(run)
    # Before the verdict: once that has imported SciPy, seaborn would have it import its statistics, too, for 1.5 s.
    drawings = figures.draw_all(summary, samples)
    verdicts = verdict.decide(run)
    snippets = snippet.write_all(measured, verdicts)
    yield "config.yaml", data.config_yaml(run)
    yield "environment.json", data.environment_json(run)
    yield "samples.parquet", data.parquet(samples)
    yield "summary.parquet", data.parquet(summary)
    yield "summary.csv", data.csv(summary)
    yield "verdict.json", data.verdict_json(verdicts, snippets)
    for drawing in drawings:
        yield f"figures/{drawing.name}.svg", drawing.svg
        yield f"figures/{drawing.name}.png", drawing.png
    report = content.gather(run, summary, verdicts, snippets, drawings, open_end)
    yield "report.md", markdown.render(report)
    yield "report.html", page.render_report(report)

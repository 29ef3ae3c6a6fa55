"""The report of a run: tables, verdict, figures, page and Markdown, all drawn from its journal alone.

Written again from the same journal with the same packages, every file is byte for byte the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import outputs, tables
from ..evidence import Run
from ..findings import Findings


def write(run: Run, folder: Path) -> Findings:
    """Put every file of the report into a run's folder, each whole or not at all; the page last.

    Returns:
        What it was drawn from, with all texts clean.
    """
    from .text import clean_run

    findings = Findings(clean_run(run))
    for name, content in _files(run, findings):
        outputs.write(folder / name, content)
    return findings


def files(run: Run) -> Iterator[tuple[str, str | bytes]]:
    """Each file's name below the run's folder, and its content."""
    from .text import clean_run

    yield from _files(run, Findings(clean_run(run)))


def _files(as_told: Run, findings: Findings) -> Iterator[tuple[str, str | bytes]]:
    from . import claims, content, data, figures, markdown, page, snippet, unfinished
    from .figures import timeline

    open_end = unfinished.describe(as_told)
    run, summary = findings.run, findings.summary
    samples = tables.samples(run)
    yield "samples.parquet", data.parquet(samples)
    samples = samples[tables.BATCHES].copy()  # with all that was counted, a million rounds are larger than the rest
    spans = tables.spans(run, timeline.choose(summary))
    # Before the verdict: once that has imported SciPy, seaborn would have it import its statistics, too, for 1.5 s.
    drawings = figures.draw_all(tables.Tables(summary, samples, spans), claims.find_charts(run))
    verdicts = findings.verdicts
    snippets = snippet.write_all(as_told, verdicts)
    yield "config.yaml", data.config_yaml(run)
    yield "environment.json", data.environment_json(run)
    yield "summary.parquet", data.parquet(summary)
    yield "summary.csv", data.csv(summary)
    yield "verdict.json", data.verdict_json(verdicts, snippets)
    for drawing in drawings:
        yield f"figures/{drawing.name}.svg", drawing.svg
        yield f"figures/{drawing.name}.png", drawing.png
    report = content.gather(run, summary, verdicts, snippets, drawings, open_end)
    yield "report.md", markdown.render(report)
    yield "report.html", page.render_report(report)

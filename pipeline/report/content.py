"""What a report says, in its order: one value that the page and the Markdown both set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from ..evidence import Run
from ..one_job import once_s
from ..playoff import Candidate
from ..verdict import NOT_ENOUGH, STAY_SERIAL, Verdict
from ..wording import factor, megabytes, on_many_workers, seconds
from . import claims, meanings, method, surroundings, these_trials, troubles, where_time_goes
from .claims import Held
from .figures import Drawing
from .meanings import Meaning
from .summary_table import Table, make_table
from .surroundings import Facts
from .text import one_line, shorten
from .troubles import Excerpt
from .unfinished import Unfinished

Names = dict[str, str]


@dataclass(frozen=True)
class Headline:
    """One workload's verdict: what to do, what that gives and costs, why, and what scaling laws say of its backends.

    `marked` where what it gives holds for these trials only; `snippet` is a script that does it, empty where there is
    none.
    """

    workload: str
    decision: str
    answer: str
    gain: str
    cost: str
    marked: bool
    because: tuple[str, ...]
    scaling: tuple[str, ...]
    snippet: str
    about: str

    @property
    def sentence(self) -> str:
        """All three in one."""
        mark = these_trials.DAGGER if self.marked else ""
        return f"{self.answer}{': ' if self.gain else ''}{self.gain}{mark}{self.cost}."


@dataclass(frozen=True)
class Report:
    """All of it; texts are as they were given, whoever sets them escapes them."""

    name: str
    version: str
    measured_on: str
    machine: str
    unfinished: Unfinished | None
    headlines: tuple[Headline, ...]
    table: Table
    footnote: str
    flags: tuple[tuple[str, Meaning], ...]
    claims: tuple[Held, ...]
    parts: Table | None
    parts_mean: str
    drawings: tuple[Drawing, ...]
    method: tuple[str, ...]
    failures: tuple[Excerpt, ...]
    printed: tuple[Excerpt, ...]
    environment: tuple[Facts, ...]
    packages: Facts
    version_means: tuple[str, ...]
    configuration: tuple[Facts, ...]
    accompanies: tuple[Facts, ...]
    command: str


def gather(
    run: Run,
    summary: pd.DataFrame,
    verdicts: Sequence[Verdict],
    snippets: Sequence[str | None],
    drawings: Sequence[Drawing],
    unfinished: Unfinished | None,
) -> Report:
    """Everything that is said about a run."""
    header = run.header
    variants: Names = dict(zip(summary["cell"], summary["variant"], strict=True))
    chosen = {each.chosen.cell["id"]: each.chosen for each in verdicts if each.chosen}
    table = make_table(summary, chosen)
    marked = [each for each in chosen.values() if not each.speedup.beyond_these_trials]
    return Report(
        name=one_line(header["name"]),
        version=header["version"],
        measured_on=datetime.fromtimestamp(header["began"], UTC).strftime("%d %B %Y, %H:%M UTC"),
        machine=surroundings.where(run),
        unfinished=unfinished,
        headlines=tuple(map(_headline, verdicts, snippets, _abouts(run))),
        table=table,
        footnote=" ".join(
            filter(None, [these_trials.footnote(run, table.marked, marked), _on_many_workers(run, summary)])
        ),
        flags=meanings.explain(summary["flags"].dropna()),
        claims=claims.make_tables(run),
        parts=where_time_goes.make_table(summary),
        parts_mean=where_time_goes.MEANS,
        drawings=tuple(drawings),
        method=method.sentences(run),
        failures=troubles.failures(run, variants),
        printed=troubles.printed(run, variants),
        environment=(*surroundings.environment(header["surroundings"]), *surroundings.nodes(run)),
        packages=surroundings.packages(header["surroundings"]),
        version_means=surroundings.version_means(run),
        configuration=surroundings.configuration(run),
        accompanies=surroundings.accompanies(run),
        command=header["command"],
    )


def _on_many_workers(run: Run, summary: pd.DataFrame) -> str:
    if not summary["above_attainable"].fillna(value=False).any():
        return ""
    return on_many_workers(min(run.room(cell).attainable_cores for cell in run.cells))


def _abouts(run: Run) -> Iterator[str]:
    """What each workload's function says of itself, which older journals do not tell."""
    for cell in run.cells:
        if cell["id"] == cell["anchor"]:
            yield run.preflights.get(cell["id"], {}).get("about", "")


def _headline(verdict: Verdict, snippet: str | None, about: str) -> Headline:
    answer, gain, cost, marked = _ANSWERS.get(verdict.decision, ""), "", "", False
    if verdict.nothing_ran:
        answer = "Nothing could be measured"
    elif verdict.chosen is not None:
        speedup = verdict.chosen.speedup
        answer = f"Use {verdict.chosen.name}"
        gain = (
            f"{factor(speedup.estimate)} times as fast as a plain loop, "
            f"95% interval {factor(speedup.low)} to {factor(speedup.high)}"
        )
        cost = _cost(verdict.chosen)
        marked = not speedup.beyond_these_trials
    because, scaling = (
        tuple(shorten(one_line(each), 2_000) for each in said)
        for said in (verdict.because, [each.sentence for each in verdict.scaling if each.counts > 1])
    )
    return Headline(
        workload=one_line(verdict.workload),
        about=one_line(about),
        decision=verdict.decision,
        answer=one_line(answer),
        gain=gain,
        cost=cost,
        marked=marked,
        because=because,
        scaling=scaling,
        snippet=snippet or "",
    )


def _cost(chosen: Candidate) -> str:
    memory = "" if math.isinf(chosen.peak_rss_bytes) else f"{megabytes(chosen.peak_rss_bytes)} and "
    return f"; it takes {memory}{seconds(once_s(chosen))} once"


_ANSWERS = {NOT_ENOUGH: "Not enough evidence yet", STAY_SERIAL: "Stay with a plain loop"}

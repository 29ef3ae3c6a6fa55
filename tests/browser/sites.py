"""Folders of runs with their pages: reports, what compares two of them, and the index of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import report
from pipeline.claims import Claims
from pipeline.claims_made import make_claims
from pipeline.comparison import compare
from pipeline.evidence import Run
from pipeline.report import compared, history
from pipeline.report.text import clean_run
from tests import recorded
from tests.recorded import Told, Work

PAGES = ("report.html", "unfinished.html", "compare.html", "index.html")

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> \"><svg onload=alert(3)> ' onfocus=alert(4) &amp; ../../x "
    "{{ 7 * 7 }} \x00\x1b[31m\udc80\u202e \u0627\u0644\u0639\u0631\u0628\u064a\u0629 漢字 </style></title></pre>"
)
LONG = "long" * 200


def write(folder: Path) -> Path:
    """Two workloads with every column there is, flags, a failure, printed text, and claims; and an unfinished one."""
    pools = [Told(backend, n, n**0.8) for backend in ("thread", "interpreter") for n in (1, 2, 4)]
    methods = ("spawn", "forkserver")
    pools += [
        Told("process", n, n**0.6, trials=20, options={"chunksize": 16, "start_method": method})
        for method in methods
        for n in (1, 2, 4)
    ]
    pools.append(Told("thread", 8, failure="failed", reason="ValueError: no luck\nat all"))
    waits = Work([Told("thread", n, n * 0.9, printed="hello\n") for n in (1, 2, 16)], "sleep", 0.16, computing=0.01)
    run = changed(recorded.run(Work(pools, "vectors", 0.0012), waits), _troubled)
    run = recorded.held(run, _claims("the article", "sleep"), _claims("somebody else", "vectors"))
    slower = recorded.run(Work([Told("thread", n, n**0.5, trials=20) for n in (1, 2, 4)], "vectors", 0.002))
    unfinished = recorded.run(Work([Told("thread", n, n * 0.9, trials=2) for n in (1, 2, 4)], "sleep"), finished=False)
    return _put(folder, run, slower, unfinished)


def write_large(folder: Path) -> Path:
    """The report of a thousand cells."""
    counts = range(1, 251)
    pools = [Told(backend, n, n**0.5, trials=1, rounds=2) for backend in ("thread", "process") for n in counts]
    return _put_report(folder / "report.html", recorded.run(Work(pools, "work-0"), Work(pools, "work-1")))


def write_hostile(folder: Path) -> Path:
    """Names, variables, reasons, output, command, machine and claims that mean harm."""
    texts = (HOSTILE, LONG)
    cells = [
        Told("thread", 1, 1.0, printed=HOSTILE),
        Told("thread", 2, failure="failed", reason=HOSTILE, traceback=f"{HOSTILE}\n{LONG}"),
        *(Told("process", 2, 1.5, env={text: text}) for text in texts),
        Told(HOSTILE, 2, 1.2),
    ]
    works = (
        Work(cells, name=HOSTILE, about=HOSTILE),
        Work(cells[:1], name=LONG, about=LONG),
        Work(cells[:1], name="x", failure="failed"),
    )
    command = f"python -m pipeline {HOSTILE} {LONG}"
    run, other = (recorded.run(*some, name=HOSTILE, command=command) for some in (works, works[:2]))
    unfinished = recorded.run(Work(cells[:1], name=HOSTILE), name=HOSTILE, command=command, finished=False)
    header = run.header
    about = header["surroundings"]
    machine = {**about["machine"], "host": HOSTILE, "cpu": HOSTILE, "os": LONG}
    about = {**about, "machine": machine, "packages": {HOSTILE: LONG}, "code": {"commit": HOSTILE, "dirty": True}}
    run = Run(({**header, "surroundings": about}, *run.records[1:]))
    return _put(folder, recorded.held(run, *(_claims(text, text, text) for text in texts)), other, unfinished)


def _claims(author: str, workload: str, said: str = "I/O, threads") -> Claims:
    """A claim of a cell that was measured, one of a cell that was not, and the chart of both."""
    pool = {"workload": workload, "backend": "thread"}
    statements = [
        {"says": said, "figure": said, "words": said, "cell": {**pool, "workers": workers}, "above": 1.05}
        for workers in (1, 3)
    ]
    bars = [
        {"workers": workers, "seconds": seconds} for workers, seconds in ((1, 25.2), (2, 11.6), (3, 9.1), (16, 3.5))
    ]
    config = {"author": author, "statements": statements, "charts": [{"title": said, **pool, "bars": bars}]}
    return make_claims(config, ["thread"])


def changed(run: Run, change: Any) -> Run:
    """With every trial changed."""
    return Run(tuple(change(record) if record["kind"] == "trial" else record for record in run.records))


def _troubled(trial: dict[str, Any]) -> dict[str, Any]:
    """Its workers were idle, its machine starved, its answers not compared."""
    cell = trial["arms"].get("cell")
    if cell is None:
        return trial
    arms = {**trial["arms"], "cell": {**cell, "busy": 1, "answers": "not comparable"}}
    return {**trial, "capacity": [1.2, 1.25, 1.3] * 4, "arms": arms}


def _put(folder: Path, run: Run, other: Run, unfinished: Run) -> Path:
    """Both reports and the comparison in the folder, and below it two runs with the index of them."""
    for number, each in enumerate((other, run)):
        header = {**each.header, "version": f"v{number}", "began": 1_700_000_000 + number * 86_400}
        place = folder / f"runs/v{number}/2026010{number + 1}T000000"
        journal = recorded.write(place, Run((header, *each.records[1:])))
        report.write(Run.read(journal), journal.parent)
    (folder / "report.html").write_bytes((journal.parent / "report.html").read_bytes())
    _put_report(folder / "unfinished.html", unfinished)
    (folder / "compare.html").write_text(compared.page(compare(clean_run(other), clean_run(run))), encoding="utf-8")
    (folder / "index.html").write_text(history.page(folder), encoding="utf-8")
    return folder


def _put_report(path: Path, run: Run) -> Path:
    """The page of a report, and nothing else of it."""
    path.write_text(str(dict(report.files(run))["report.html"]), encoding="utf-8")
    return path

"""The report is drawn from the journal alone, alike each time, and survives whatever names and texts are in it."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

from pipeline import flags, report, tables
from pipeline.evidence import Run
from pipeline.report import figures, meanings
from pipeline.report.figures import speedup
from pipeline.report.figures.labels import spread
from pipeline.report.figures.scales import set_seconds

from . import recorded
from .conftest import ROOT
from .recorded import Told, Work

CONTRACT = {
    "config.yaml",
    "environment.json",
    "samples.parquet",
    "summary.parquet",
    "summary.csv",
    "verdict.json",
    "report.md",
    "report.html",
    *(f"figures/{name}.{kind}" for name in figures.NAMES for kind in ("svg", "png")),
}
COLUMNS = [
    "workload",
    "backend",
    "workers",
    "status",
    "reason",
    "trials",
    "rounds",
    "serial_s",
    "batch_s",
    "speedup",
    "speedup_low",
    "speedup_high",
    "beyond_these_trials",
    "efficiency",
    "capacity",
    "capacity_low",
    "capacity_high",
    "startup_s",
    "cpu_s",
    "peak_rss_bytes",
    "chunksize",
    "flags",
]
HOSTILE = (
    "<script>alert(1)</script> a$b$ $\\frac{1}{ | `x` *b* _i_ [l](javascript:1) \"q\" 's' &amp; "
    "\x00\x1b[31m\udc80\u202e 漢字\r\n=1+1 ../../x"
)

Files = dict[str, str | bytes]


@pytest.fixture(scope="module")
def plain() -> Run:
    """Two workloads, threads and processes, one of which is worth using."""
    io_cells = [Told("thread", n, s) for n, s in ((1, 1.0), (2, 1.9), (4, 3.4))]
    processes = [Told("process", n, s, options={"chunksize": 4}) for n, s in ((1, 0.9), (2, 1.7))]
    cpu = Work([Told("thread", 2, 0.98)], name="cpu", serial_s=0.02, tasks=16, available=1000)
    return recorded.run(Work([*io_cells, *processes]), cpu)


@pytest.fixture(scope="module")
def files(plain: Run) -> Files:
    """Its report."""
    return dict(report.files(plain))


@pytest.fixture(scope="module")
def troubled() -> Files:
    """The report of a run with cells that failed, one that has no interval, and a workload that cannot run."""
    cells = [
        Told("thread", 1, 1.0, trials=1, rounds=2, printed="\n".join(f"line {n}" for n in range(100))),
        Told("thread", 2, failure="failed"),
        Told("thread", 4, failure="failed"),
        Told("thread", 8, failure="timed out", reason="the trial's time was up", traceback=None),
    ]
    broken = Work([Told("thread", 2)], name="broken", failure="failed")
    return dict(report.files(recorded.run(Work(cells), broken, finished=False)))


@pytest.fixture(scope="module")
def hostile() -> Files:
    """The report of a run in which everything that a user can set means harm."""
    cells = [
        Told("thread", 1, 1.0, printed=HOSTILE),
        Told("thread", 2, failure="failed", reason=HOSTILE, traceback=f"{HOSTILE}\n```\n</code></pre>\n{HOSTILE}"),
        *(Told("process", 2, 1.5, env={"A": text}, options={"chunksize": 1}) for text in (HOSTILE, "x")),
        Told("=cmd|x", 2, 1.2),
    ]
    work = Work(cells, name=HOSTILE, about=HOSTILE)
    return dict(report.files(recorded.run(work, name=HOSTILE, command=f"python -m pipeline {HOSTILE}")))


def text(files: Files, name: str) -> str:
    content = files[name]
    assert isinstance(content, str)
    return content


def content(files: Files, name: str) -> str:
    """Without the links to its parts at the top."""
    return text(files, name).rpartition("</nav>")[2]


def test_a_report_has_every_file_of_the_contract(plain: Run, tmp_path: Path) -> None:
    report.write(plain, tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == CONTRACT


def test_two_processes_draw_the_same_bytes(plain: Run, files: Files, tmp_path: Path) -> None:
    journal = recorded.write(tmp_path, plain)
    code = "import sys; from pathlib import Path; from pipeline import report; from pipeline.evidence import Run; "
    code += "path = Path(sys.argv[1]); report.write(Run.read(path), path.parent)"
    for seed in ("1", "2"):
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}", "HOME": str(tmp_path)}
        # A user's own settings of matplotlib are there, and change nothing.
        (tmp_path / "matplotlibrc").write_text(f"font.size: {10 + int(seed)}\nsvg.fonttype: path\n")
        subprocess.run([sys.executable, "-c", code, journal], check=True, cwd=tmp_path, env=environment)
        for name, content in files.items():
            expected = content.encode() if isinstance(content, str) else content
            assert (tmp_path / name).read_bytes() == expected, name


def test_the_verdict_has_the_contracts_shape(files: Files) -> None:
    verdicts = json.loads(text(files, "verdict.json"))["workloads"]
    assert set(verdicts) == {"io", "cpu"}
    assert verdicts["cpu"]["decision"] == "stay serial"
    io_verdict = verdicts["io"]
    assert (io_verdict["decision"], io_verdict["backend"], io_verdict["workers"]) == ("use", "thread", 4)
    assert set(io_verdict) >= {"decision", "backend", "workers", "speedup", "ties", "unresolved", "because"}
    assert io_verdict["speedup"]["low"] < io_verdict["speedup"]["estimate"] < io_verdict["speedup"]["high"]
    assert all(isinstance(sentence, str) for sentence in io_verdict["because"])


def test_the_summary_has_the_contracts_columns_and_a_row_a_cell(files: Files) -> None:
    rows = list(csv.DictReader(io.StringIO(text(files, "summary.csv"))))
    assert set(COLUMNS) <= set(rows[0])
    assert [(row["workload"], row["backend"], row["workers"]) for row in rows][:2] == [
        ("io", "serial", "1"),
        ("io", "thread", "1"),
    ]
    assert len(rows) == 8
    assert rows[4]["chunksize"] == "4"


def test_the_tables_are_those_of_the_run(plain: Run, files: Files) -> None:
    for name, expected in (("summary", tables.summarise(plain)), ("samples", tables.samples(plain))):
        content = files[f"{name}.parquet"]
        assert isinstance(content, bytes)
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(content)), expected, check_dtype=False)


def test_the_parts_of_a_batch_are_shown_and_sum_up_to_it(plain: Run, files: Files) -> None:
    """On the page, in the Markdown and in the summary."""
    assert "## Where the time goes" in files["report.md"]
    assert ">Where the time goes</h2>" in files["report.html"]
    summary = tables.summarise(plain).dropna(subset="ideal_s")
    parts = ["ideal_s", "phases_s", "dispatch_s", "imbalance_s", "waiting_s", "machine_s", "unexplained_s"]
    assert len(summary) == len(plain.measured)
    assert summary[parts].sum(axis=1).to_list() == pytest.approx(summary["batch_s"].to_list())


def test_a_journal_of_the_first_schema_is_still_reported(plain: Run) -> None:
    """It knows of no instrumented batches, no play-off, and no counters of the machine for each repetition."""

    def older(record: dict[str, Any]) -> dict[str, Any]:
        arms = {
            name: {key: value for key, value in arm.items() if key not in ("instrumented", "spans")}
            for name, arm in record.get("arms", {}).items()
        }
        return {**record, "schema": 1} | ({"arms": arms} if arms else {})

    written = dict(report.files(Run(tuple(map(older, plain.records)))))
    assert "## Where the time goes" not in str(written["report.md"])


def test_the_configuration_is_what_was_asked_for(plain: Run, files: Files) -> None:
    config = yaml.safe_load(text(files, "config.yaml"))
    assert list(config) == ["name", "version", "command", "seed", "runner", "definition", "cells"]
    assert config == {key: plain.header[key] for key in config}
    assert json.loads(text(files, "environment.json")) == plain.header["surroundings"]


def test_intervals_in_the_figures_are_the_summarys_own(plain: Run) -> None:
    summary = tables.summarise(plain)
    changed = summary.assign(speedup_low=summary["speedup"] * 0.5, speedup_high=summary["speedup"] * 1.25)
    with figures._seaborn():
        figure = speedup.draw(tables.Tables(changed, tables.samples(plain), tables.spans(plain, [])))
    drawn = {
        (round(float(low), 6), round(float(high), 6))
        for axes in figure.axes
        for collection in axes.collections
        for (_, low), (_, high) in collection.get_segments()  # type: ignore[attr-defined] # error bars
    }
    cells = changed[changed["backend"] != "serial"]
    expected = {
        (round(float(low), 6), round(float(high), 6))
        for low, high in zip(cells["speedup_low"], cells["speedup_high"], strict=True)
    }
    assert drawn == expected


def test_a_cell_without_an_interval_has_an_open_marker_and_a_word(troubled: Files) -> None:
    drawn = text(troubled, "figures/speedup.svg")
    assert "Open markers have no interval yet" in drawn
    assert "Not drawn: io 2 threads (failed), io 4 threads (failed), io 8 threads (timed out)" in drawn
    assert "none yet" in text(troubled, "report.html")


def test_failed_cells_show_their_reason_and_traceback_once(troubled: Files) -> None:
    for name in ("report.html", "report.md"):
        page = text(troubled, name)
        assert "io, 2 threads, 4 threads: failed" in page
        assert "the trial's time was up" in page.replace("&#39;", "'")
        assert page.count("in work\nValueError: no luck") == 2  # of io's two cells, and of the broken workload


def test_a_reason_of_several_lines_has_one_in_tables_and_all_in_the_details() -> None:
    lines = ["ValueError: first", "| second <b>", "```", "third"]
    told = Told("thread", 2, failure="failed", reason="\n".join(lines), traceback=None)
    drawn = dict(report.files(recorded.run(Work([Told(), told]))))
    page, plain_text = text(drawn, "report.html"), text(drawn, "report.md")
    assert '<td colspan="11">failed: ValueError: first</td>' in page
    assert "| failed: ValueError: first |" in plain_text
    assert f"````text\n{told.reason}\n````" in plain_text
    assert "ValueError: first\n| second &lt;b&gt;\n```\nthird</code>" in page


def test_an_unfinished_run_says_how_far_it_is_and_how_to_go_on() -> None:
    cells = [Told("thread", 1, trials=16), Told("thread", 2, trials=1), Told("thread", 4, trials=0)]
    failed = Told("thread", 8, failure="failed")
    command = "python -m pipeline fresh=true workload.params.fresh=yes -m"
    interrupted = recorded.run(Work([*cells, failed]), command=command, finished=False)
    killed = Run(interrupted.records[:-1])
    for run in (interrupted, killed):
        drawn = dict(report.files(run))
        for name in ("report.html", "report.md"):
            page = content(drawn, name)
            said = page.index("This run is not finished: 2 of 4 cells are done.")
            going_on = page.index("python -m pipeline fresh=false workload.params.fresh=yes -m")
            assert said < going_on < page.index("Summary")


def test_a_run_that_was_finished_later_is_finished(plain: Run, files: Files) -> None:
    end = {**plain.records[-1], "reason": "interrupted"}
    drawn = dict(report.files(Run((*plain.records[:-1], end, plain.header, plain.records[-1]))))
    for name in ("report.html", "report.md"):
        assert text(drawn, name) == text(files, name)
        assert "not finished" not in text(drawn, name)


@pytest.mark.parametrize("trials", [3, 8])
def test_intervals_of_too_few_trials_are_marked_and_it_says_how_many_it_takes(trials: int) -> None:
    cells = [Told("thread", n, n * 0.9, trials=trials) for n in (1, 2, 4, 8)]
    drawn = dict(report.files(recorded.run(Work(cells))))
    page, plain_text = text(drawn, "report.html"), text(drawn, "report.md")
    table = [re.findall(r"to [\d.]+(†?)\** \|", line) for line in plain_text.splitlines() if line.startswith("| ")]
    in_table = [mark for line in table for mark in line]
    # Eight suffice for each cell by itself, not for all at once, as the verdict has it.
    assert in_table == (["†"] * 4 if trials == 3 else [""] * 4)
    assert '<a class="mark" href="#these-trials"' in page
    assert re.search(r"95% interval [\d.]+ to [\d.]+†", plain_text)
    assert ("The intervals hold for these trials only" in page) == (trials == 3)  # in the captions
    enough = re.search(r"† These trials only: .* more with measure\.trials=(\d+)", plain_text)
    assert enough
    assert enough[0] in page
    for count, marked in ((int(enough[1]) - 1, True), (int(enough[1]), False)):
        more = [replace(told, trials=count) for told in cells]
        again = dict(report.files(recorded.run(Work(more))))
        assert ("†" in text(again, "report.md")) == ("†" in text(again, "report.html")) == marked


def test_repeats_of_short_batches_are_said() -> None:
    cells = [Told(repeat=3), Told("thread", 2, repeat=13), Told("thread", 4)]
    drawn = dict(report.files(recorded.run(Work(cells))))
    for name in ("report.html", "report.md"):
        assert "not so often that the longer one lasted over 250 ms: 3 to 13 times in 12 of 18" in text(drawn, name)


def test_trials_are_said_to_be_aimed_at(files: Files) -> None:
    for name in ("report.html", "report.md"):
        assert "It aimed at 3 trials a cell" in text(files, name)
        assert "repeated" not in text(files, name)


def test_the_figures_of_a_slow_cell_keep_their_digits() -> None:
    drawn = dict(report.files(recorded.run(Work([Told("thread", 2, 0.005)]))))
    for name in ("report.html", "report.md"):
        page = text(drawn, name)
        assert re.search(r"0\.00(5|49|51)x", page)
        assert not re.search(r"\b0\.00(x| to|†)", page)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0009, 0.00098], ["0", "250 µs", "500 µs", "750 µs", "1 ms"]),
        ([0.9, 1.8], ["0", "500 ms", "1 s", "1.5 s", "2 s"]),
        ([2e-9, 1e-3], ["10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms"]),
    ],
)
def test_ticks_say_their_unit(values: list[float], ticks: list[str]) -> None:
    axes = Figure().add_subplot()
    set_seconds(axes, values)
    assert [label.get_text() for label in axes.get_yticklabels()] == ticks


def test_each_panel_of_a_figure_can_go_below_the_one_before(files: Files) -> None:
    page = text(files, "report.html")
    found = re.findall(r"<figure[ >].*?</figure>", page, flags=re.DOTALL)
    assert len(found) == len(figures.NAMES)
    for figure in found:
        panels = re.findall(r"<svg .*?</svg>", figure, flags=re.DOTALL)
        titles = [re.findall(r">(io|cpu)</text>", panel) for panel in panels]
        assert titles == [["io"], ["cpu"]]
        assert "<figcaption>" in figure


def test_a_figure_is_added_as_contributing_says(plain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(told: tables.Tables) -> Figure:
        figure = Figure()
        figure.add_subplot().plot(told.summary["workers"], [len(told.samples)] * len(told.summary))
        return figure

    added = ModuleType("added")
    vars(added).update(TITLE="Added", ALT="A line.", draw=draw)
    monkeypatch.setitem(sys.modules, "pipeline.report.figures.added", added)
    monkeypatch.setattr(figures, "NAMES", (*figures.NAMES, "added"))
    drawn = dict(report.files(plain))
    assert text(drawn, "figures/added.svg").startswith("<?xml")
    assert "![Added. A line.](figures/added.svg)" in text(drawn, "report.md")
    assert 'aria-label="Added. A line."' in text(drawn, "report.html")


def test_what_was_printed_is_shown_in_part(troubled: Files) -> None:
    for name in ("report.html", "report.md"):
        page = text(troubled, name)
        assert "line 19\n[80 more lines]" in page
        assert "line 20" not in page


def test_a_sample_is_said(files: Files) -> None:
    for name in ("report.html", "report.md"):
        assert "a sample of 16 of 1,000 inputs, evenly spread" in text(files, name)


def test_the_page_leads_with_the_verdict_and_ends_with_the_command(files: Files) -> None:
    for name in ("report.html", "report.md"):
        page = content(files, name)
        places = [
            page.index(each)
            for each in (
                "Use 4 threads",
                "as fast as a plain loop",
                "Summary",
                "How it was",
                "Environment",
                "Repeat it",
            )
        ]
        assert places == sorted(places)
        assert page.rindex("python -m pipeline -m") > places[-1]


def test_what_the_function_says_of_itself_stands_above_its_verdict() -> None:
    drawn = dict(report.files(recorded.run(Work([Told("thread", 4, 2.0, trials=14)], about="Fetch a page."))))
    for name in ("report.html", "report.md"):
        page = content(drawn, name)
        assert page.index("Fetch a page.") < page.index("Use 4 threads")


def test_the_page_needs_nothing_from_elsewhere(files: Files, hostile: Files) -> None:
    for page in (text(files, "report.html"), text(hostile, "report.html")):
        assert re.findall(r"<(?:script|iframe|object|embed)[^>]*>|@import|url\((?!#)", page) == ["<script>"]
        assert set(re.findall(r'(?:src|href)="([^"#]*)', page)) <= {"data:,", ""}
        assert str(ROOT) not in page


def test_the_page_allows_its_own_script_and_no_other(files: Files) -> None:
    page = text(files, "report.html")
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0]).split("; ")
    assert {"default-src 'none'", f"script-src 'sha256-{digest}'"} <= set(policy)
    assert not any(each.startswith("connect-src") for each in policy)


def test_every_flag_has_a_meaning_and_a_remedy() -> None:
    assert tuple(meanings.MEANINGS) == flags.NAMES
    assert all(each.says.endswith(".") and each.remedy.endswith(".") for each in meanings.MEANINGS.values())


def test_flags_are_explained_where_they_are_raised() -> None:
    """Those of the run alone, on the page and in the Markdown."""
    run = recorded.run(Work([Told("thread", 2, 1.5), Told("thread", 4, 1.6)]))
    idle = {"busy": 1, "answers": "not comparable"}
    records = [
        {**each, "arms": {**each["arms"], "cell": {**each["arms"]["cell"], **idle}}}
        if each["kind"] == "trial"
        else each
        for each in run.records
    ]
    drawn = dict(report.files(Run(tuple(records))))
    page, plain_text = text(drawn, "report.html"), text(drawn, "report.md")
    assert '<a href="#flag-idle-workers">idle workers</a> (1 of 2 busy); <a href="#flag-answers-not-compared">' in page
    assert '<div id="flag-idle-workers"><dt>idle workers</dt><dd>Fewer workers took part' in page
    assert "idle workers (1 of 4 busy); answers not compared (they cannot be pickled)" in plain_text
    assert "- idle workers: Fewer workers took part" in plain_text
    assert "starved" not in page + plain_text


def test_what_makes_a_version_and_what_accompanies_it_is_said(files: Files) -> None:
    for name in ("report.html", "report.md"):
        page = text(files, name)
        assert "Version abcdef012345 is a hash of three things: the definition" in page
        assert page.index("the measured source") < page.index("merely accompanies it")


def test_the_pages_ids_are_its_own_and_lead_somewhere(files: Files) -> None:
    page = text(files, "report.html")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_figures_are_xml_whatever_they_name(hostile: Files) -> None:
    for name in figures.NAMES:
        drawn = text(hostile, f"figures/{name}.svg")
        texts = [element.text for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
        assert any(each and each.startswith("<script>alert(1)</script> a$b$") for each in texts)


def test_hostile_texts_are_shown_and_do_nothing(hostile: Files) -> None:
    page = text(hostile, "report.html")
    assert page.count("<script") == 1  # the page's own
    assert "&lt;script&gt;alert(1)&lt;/script&gt; a$b$" in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff]", page)
    assert page.count("</code></pre>") == page.count("<pre")


def test_markdown_escapes_what_it_is_given(hostile: Files) -> None:
    outside = re.sub(r"^(`{3,})\w+\n.*?\n\1$", "", text(hostile, "report.md"), flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"(?<!\\)<(?!/?(details|summary)>)", outside)
    assert not re.search(r"(?<![\\!])\[", outside)
    tables = [block for block in outside.split("\n\n") if block.startswith("| ")]
    assert len(tables) == 2
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_a_spreadsheet_runs_nothing(hostile: Files) -> None:
    rows = list(csv.DictReader(io.StringIO(text(hostile, "summary.csv"))))
    assert "'=cmd|x" in {row["backend"] for row in rows}
    texts = [value for row in rows for name, value in row.items() if not name.endswith("_s")]  # numbers may be negative
    assert not any(value.startswith(("=", "+", "-", "@")) for value in texts)


def test_variants_get_lines_of_their_own() -> None:
    methods = ("fork", "spawn")
    cells = [Told("process", n, n * 0.8, options={"start_method": each}) for each in methods for n in (1, 2)]
    drawn = dict(report.files(recorded.run(Work(cells))))
    assert all(f">process {each}<" in text(drawn, "figures/speedup.svg") for each in methods)
    assert "Use 2 processes with start_method=" in text(drawn, "report.html")


def test_a_thousand_cells_are_summarised() -> None:
    works = [
        Work([Told("thread", n, n**0.5, trials=1, rounds=1) for n in range(1, 51)], name=f"work {each}")
        for each in range(21)
    ]
    drawn = dict(report.files(recorded.run(*works)))
    page = text(drawn, "report.html")
    assert "The first 12 of 21 workloads" in page
    assert "71 more rows are in summary.csv" in page
    assert len(page) < 3_000_000


def test_labels_keep_their_distance_and_order() -> None:
    assert spread([0.0, 1.0], 0.1) == [0.0, 1.0]
    assert spread([0.5, 0.5], 0.2) == pytest.approx([0.4, 0.6])
    placed = spread([0.3, 0.0, 0.31, 0.32], 0.1)
    assert placed == pytest.approx([0.21, 0.0, 0.31, 0.41])


def test_seaborn_stays_whole_for_a_notebook() -> None:
    code = "import sys; from pipeline.report import figures\n"
    code += "with figures._seaborn(): import seaborn.relational\n"
    code += "assert 'seaborn' not in sys.modules and 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

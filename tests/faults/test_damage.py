"""What a user sees of a damaged run, and of one that somebody else has."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from pathlib import Path

from pipeline import lock
from pipeline.evidence import Run
from pipeline.journal import seal

from .. import recorded
from ..conftest import LEAST, Command
from ..recorded import Told, Work

WORDS = ("workload=sleep", "workload.inputs=4", "workload.params.seconds=0.001", "backend=thread", "workers=1,2", "-m")
WAITS = """
import pathlib, threading
def task(x):
    if list(pathlib.Path("outputs").glob("*/*/*/journal.jsonl")):
        tick = threading.Event()
        while not pathlib.Path("go").exists():
            tick.wait(0.01)
    return x
"""


def test_a_damaged_line_is_named_and_the_rest_is_reported_on_request(pipeline: Command) -> None:
    """Neither measuring nor reporting goes on by itself; each says what can be done."""
    run = pipeline(*WORDS, *LEAST).run
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    number = next(number for number, line in enumerate(lines) if b'"kind":"trial"' in line)
    at = lines[number].index(b'"batch_s":[') + len(b'"batch_s":[0.0')
    digit = b"1" if lines[number][at : at + 1] != b"1" else b"2"
    lines[number] = lines[number][:at] + digit + lines[number][at + 1 :]
    (run / "journal.jsonl").write_bytes(b"".join(lines))
    for words in ([*WORDS, *LEAST], ["report", "outputs/latest"], ["export", "outputs/latest", "--format", "csv"]):
        refused = pipeline(*words)
        assert refused.status == 2, refused.err
        (line,) = refused.err.splitlines()
        assert f"line {number + 1} is damaged" in line
        assert re.search(r"pipeline report outputs\S+ --damaged reports on the rest", line)
        assert "fresh=true measures anew" in line
    drawn = pipeline("report", "outputs/latest", "--damaged")
    assert f"line {number + 1} is missing or damaged; the report rests on the others" in drawn.err
    for page in ("report.md", "report.html"):
        assert f"line {number + 1} is missing or damaged; what follows rests on the others" in (run / page).read_text()
    anew = pipeline(*WORDS, *LEAST, "fresh=true")
    assert anew.status == 0, anew.err
    assert anew.run != run


def test_where_the_first_line_is_damaged_a_later_session_s_will_do(pipeline: Command) -> None:
    """Each of them begins with what the run is."""
    run = recorded.run(Work([Told(workers=2)]))
    path = recorded.write(pipeline.folder / "run", Run((*run.records[:-1], run.header, run.records[-1])))
    path.write_bytes(path.read_bytes().replace(b"recorded", b"Recorded", 1))
    assert pipeline("report", "run").status == 2
    drawn = pipeline("report", "run", "--damaged")
    assert drawn.status == 1
    assert "line 1 is missing or damaged; the report rests on the others" in drawn.err
    assert "2 threads" in drawn.out


def test_however_many_lines_are_lost_they_are_told_in_one(pipeline: Command) -> None:
    """As one that somebody made says."""
    run = recorded.run(Work([Told(workers=2)]))
    path = recorded.write(pipeline.folder / "run", run)
    last = seal(run.records[-1], 10**12)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]) + last)
    drawn = pipeline("report", "run", "--damaged")
    assert drawn.status == 1
    assert f"lines {len(run.records)} to {10**12 - 1} are missing or damaged; the report" in drawn.err


def test_a_log_is_not_written_to_what_a_link_leads_to(pipeline: Command) -> None:
    """Whoever shares the folder may have laid it: nothing is measured before it is gone."""
    run = pipeline(*WORDS, *LEAST).run
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join(lines[:-2]))
    victim = pipeline.folder / "victim"
    victim.write_text("mine")
    (run / "log.txt").unlink()
    (run / "log.txt").symlink_to(victim)
    refused = pipeline(*WORDS, *LEAST)
    assert refused.status == 1, refused.err
    assert re.fullmatch(r"error: \S+log\.txt: .*; what was measured is kept: mend this .*", refused.err.strip())
    assert victim.read_text() == "mine"


def test_a_torn_record_is_cut_off_and_said(pipeline: Command) -> None:
    """By the report, which leaves it out, and by the command that goes on, which measures it again."""
    run = pipeline(*WORDS, *LEAST).run
    whole = (run / "journal.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"kind":"trial"' in line)
    torn = b"".join(lines[:last]) + lines[last][:100]
    (run / "journal.jsonl").write_bytes(torn)
    assert "its last line is torn, as by a kill, and left out" in pipeline("report", "outputs/latest").err
    resumed = pipeline(*WORDS, *LEAST)
    assert resumed.status == 0, resumed.err
    assert "and a torn record, cut off (100 bytes)" in resumed.err
    assert resumed.run == run
    assert len(resumed.records("trial")) == 2


def test_a_run_that_another_command_measures_is_left_to_it(
    pipeline: Command, user_module: Callable[[str, str], Path]
) -> None:
    """The second one names process and host at once, and leaves the first one alone."""
    user_module("tasks", WAITS)
    words = (
        "workload=function",
        "workload.task=tasks:task",
        "workload.inputs=1",
        "backend=thread",
        "workers=1",
        *LEAST,
    )
    holder = pipeline.start(*words)
    assert holder.stderr is not None
    assert any(line.startswith("measuring") for line in holder.stderr)
    refused = pipeline(*words)
    assert refused.status == 2
    (line,) = refused.err.splitlines()
    assert f"is being measured by process {holder.pid} on {platform.node()}; wait for it" in line
    pipeline.folder.joinpath("go").touch()
    holder.communicate()
    assert holder.returncode == 0
    assert not list(pipeline.folder.rglob(lock.NAME))

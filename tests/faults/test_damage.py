"""What a user sees of a damaged run, and of one that somebody else has."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from pathlib import Path

from pipeline import lock

from ..conftest import LEAST, Command

WORDS = ("workload=sleep", "workload.inputs=4", "workload.params.seconds=0.001", "backend=thread", "workers=1,2", "-m")
WAITS = """
import pathlib, threading
def task(x):
    if list(pathlib.Path("outputs").glob("*/*/*/journal.jsonl")):
        pathlib.Path("begun").touch()
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
    while not pipeline.folder.joinpath("begun").exists():
        assert holder.poll() is None
    refused = pipeline(*words)
    assert refused.status == 2
    (line,) = refused.err.splitlines()
    assert f"is being measured by process {holder.pid} on {platform.node()}; wait for it" in line
    pipeline.folder.joinpath("go").touch()
    holder.communicate()
    assert holder.returncode == 0
    assert not list(pipeline.folder.rglob(lock.NAME))

"""The journal keeps what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import journal
from pipeline.errors import InputError
from pipeline.journal import SCHEMA, Journal


def _append(path: Path, trial: int) -> None:
    with Journal(path, environment="e", node="n") as opened:
        opened.append("trial", cell="c", trial=trial)


def test_every_record_describes_itself(tmp_path: Path) -> None:
    """Schema, cell, trial, attempt, node and environment stand in each."""
    path = tmp_path / "journal.jsonl"
    _append(path, 3)
    (record,) = journal.read(path)
    assert record == {
        "schema": SCHEMA,
        "kind": "trial",
        "cell": "c",
        "trial": 3,
        "attempt": 1,
        "environment": "e",
        "node": "n",
    }


def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path: Path) -> None:
    """Whatever byte the writer was killed at, whole records stay and new ones follow them."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    _append(path, 1)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for torn in range(first, len(whole)):
        path.write_bytes(whole[:torn])
        assert [record["trial"] for record in journal.read(path)] == [0]
        _append(path, 2)
        assert [record["trial"] for record in journal.read(path)] == [0, 2]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    """A line that is no record is not skipped in silence."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_bytes(path.read_bytes() + b"{oops\n")
    with pytest.raises(InputError, match="line 2 is damaged"):
        journal.read(path)


def test_a_damaged_line_is_named_among_thousands(tmp_path: Path) -> None:
    """However many lines are read at once."""
    path = tmp_path / "journal.jsonl"
    line = json.dumps({"schema": SCHEMA, "kind": "trial", "reason": "x" * 1_000}).encode() + b"\n"
    path.write_bytes(line * 6_000 + b"{oops\n" + line * 2_000)
    with pytest.raises(InputError, match="line 6001 is damaged"):
        journal.read(path)


def test_what_rounds_counted_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whole and broken numbers, both zeros, unknown ones, and those that no float holds."""
    path = tmp_path / "journal.jsonl"
    counted = {
        "batch_s": [0.1, 1 / 3],
        "rss_bytes": [4096, 8192],
        "pss_bytes": [2**60 + 1, 0],
        "gc_runs": [0.0, 0.0],
        "queue_s": [-0.0, -0.0],
        "machine_load": [None, 0.5],
        "machine_frequency_hz": [None, None],
        "pools": [],
        "spans": [[0.0, 0.1, 0, None]],
    }
    with Journal(path, environment="e", node="n") as opened:
        opened.append("trial", orders=[["anchor", "cell"]] * 2, arms={"anchor": counted, "cell": counted})
    (record,) = journal.read(path)
    for arm in record["arms"].values():
        assert {key: repr(list(values)) for key, values in arm.items()} == {
            key: repr([float(each) for each in values] if key == "rss_bytes" else values)
            for key, values in counted.items()
        }


def test_parts_that_trials_have_in_common_are_held_once(tmp_path: Path) -> None:
    """Of a hundred thousand trials they would take a gigabyte."""
    path = tmp_path / "journal.jsonl"
    arm = {"interpreter": {"python": "3.11.7", "gil": True}, "gc_runs": [0.0] * 10}
    with Journal(path, environment="e", node="n") as opened:
        for trial in range(2):
            opened.append("trial", trial=trial, orders=[["cell", "anchor"]], arms={"cell": arm})
    one, other = journal.read(path)
    assert one["orders"][0] is other["orders"][0]
    assert all(one["arms"]["cell"][key] is other["arms"]["cell"][key] for key in arm)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """What a newer version wrote is not guessed at."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_text(path.read_text().replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))
    with pytest.raises(InputError, match=f"schema {SCHEMA + 1}"):
        journal.read(path)

"""The journal keeps what was measured."""

from __future__ import annotations

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


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """What a newer version wrote is not guessed at."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_text(path.read_text().replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))
    with pytest.raises(InputError, match=f"schema {SCHEMA + 1}"):
        journal.read(path)

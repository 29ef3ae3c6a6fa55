"""What no arm can take from its keeper: an end, and its limits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.runners import local

from ..trials import describe, describe_arm, measure, outcome
from .leftovers import open_census
from .sweeps import HOSTILE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="that takes /proc")


def test_one_that_was_stopped_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything below it."""
    monkeypatch.setattr(local, "GRACE_S", 0.5)
    monkeypatch.setattr(local, "_PATIENCE_S", 0.5)
    cell = describe_arm("cell", "thread", 2, HOSTILE="1")
    workload = {"task": f"{HOSTILE}:stops_its_parent"}
    with open_census() as census:
        for name, value in census.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("tempfile.tempdir", str(census.temporary))
        lost = outcome(describe(tmp_path, cell, workload=workload, timeout_s=3))
        assert census.take() == []
    assert lost.reply is None
    assert "was killed, or hung" in lost.lost


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    """Workers that were forked have their parent's, and take next to nothing."""
    tmp_path.joinpath("large.py").write_text("large = b'x' * 100_000_000\ndef task(x):\n    return len(large)\n")
    cell = describe_arm("cell", "process", 4)
    cell["options"]["start_method"] = "fork"
    reply = _measure_with(tmp_path, 450_000_000, cell)
    assert reply["status"] == "measured", reply
    cell["options"]["start_method"] = "spawn"
    reply = _measure_with(tmp_path, 450_000_000, cell)
    assert reply["status"] == "out of memory", reply


def _measure_with(folder: Path, memory_bytes: int, cell: dict[str, Any]) -> dict[str, Any]:
    return measure(describe(folder, cell, workload={"task": "large:task"}, memory_bytes=memory_bytes))

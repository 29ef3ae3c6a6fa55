"""A cluster that the command starts, and that something takes down or stops."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pipeline.cluster import LOCAL, held

from ..conftest import LEAST, Command
from ..faults.hostile import MARK
from ..faults.leftovers import Census, open_census

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its processes are looked for in /proc")


def _raylet(census: Census) -> int:
    """That of the cluster that was started with the census."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("comm").read_text().strip() == "raylet":
                found += [int(process.name)] if census.mark.encode() in process.joinpath("environ").read_bytes() else []
    (raylet,) = found
    return raylet


def _running(census: Census) -> list[str]:
    return [each for each in census.take() if each.startswith("process")]


@pytest.mark.parametrize("which", [signal.SIGKILL, signal.SIGSTOP])
def test_it_is_started_again_for_whoever_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: signal.Signals
) -> None:
    """Nothing is left of the one before; while all is well it stays."""
    with ExitStack() as stack:
        census = stack.enter_context(open_census())
        for name, value in census.environment.items():
            monkeypatch.setenv(name, value)
        cluster = stack.enter_context(held.hold(LOCAL, tmp_path / "log"))
        first = cluster.find()
        assert cluster.see_to() is None
        assert cluster.find() == first
        os.kill(_raylet(census), which)
        monkeypatch.setattr(held, "ANSWERS_S", 2.0)  # one that is stopped does not answer however long one waits
        assert cluster.see_to() == "the Ray cluster that was started for it ended, or hung"
        assert _running(census) == []
        assert cluster.find()["RAY_ADDRESS"] != first["RAY_ADDRESS"]
        monkeypatch.setattr(held, "ANSWERS_S", 30.0)
        assert cluster.see_to() is None
        cluster.close()
        assert _running(census) == []


def test_keepers_tidy_up_where_their_cluster_goes(tmp_path: Path) -> None:
    """The command says what was lost, and nothing is left, neither processes nor files."""
    tmp_path.joinpath("kills.py").write_text(
        f"import os, pathlib, threading\nMARK = os.environ[{MARK!r}].encode()\n"
        "def task(x):\n"
        "    for each in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "        try:\n"
        "            ours = MARK in each.joinpath('environ').read_bytes()\n"
        "            if ours and each.joinpath('comm').read_text().strip() == 'raylet':\n"
        "                os.kill(int(each.name), 9)\n"
        "        except OSError:\n"
        "            pass\n"
        "    threading.Event().wait()\n"
    )
    with open_census() as census:
        words = ("workload=function", "workload.task=kills:task", "workload.inputs=1", "backend=thread", "workers=1")
        done = Command(tmp_path, **census.environment)(*words, *LEAST, "runner=ray")
        assert done.status == 2, done.err  # in the look before measuring
        assert "Traceback" not in done.err
        assert census.take() == []

"""What no arm can take from its keeper: an end, and its limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench.counters import descendants
from pipeline.runners import Progress, local

from ..conftest import ROOT
from ..trials import THREADS, describe, describe_arm, events, measure, outcome
from .leftovers import Census, open_census
from .sweeps import HOSTILE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="that takes /proc")


def test_one_that_was_stopped_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything below it."""
    monkeypatch.setattr(local, "GRACE_S", 0.5)
    monkeypatch.setattr(local, "_PATIENCE_S", 0.5)
    with open_census() as census:
        _heed(census, monkeypatch)
        lost = outcome(_describe(tmp_path, "stops_its_parent", timeout_s=3))
        assert census.take() == []
    assert lost.reply is None
    assert "was killed, or hung" in lost.lost


def test_one_that_does_not_end_is_killed_with_what_it_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a session's end, too."""
    monkeypatch.setattr(local, "_PATIENCE_S", 0.5)
    with open_census() as census:
        _heed(census, monkeypatch)
        with events(_describe(tmp_path, "leaves_grandchildren")) as happening:
            next(event for event in happening if isinstance(event, Progress))
            (pid,) = (each for each in descendants(os.getpid()) if local._KEEPER in _command(each))
            os.kill(pid, signal.SIGSTOP)
        assert census.take() == []


def test_what_is_no_message_ends_it(tmp_path: Path) -> None:
    """Whoever wrote it is no conductor of ours, and is not waited for."""
    with _start(tmp_path / "s", local._KEEPER) as started:
        assert started.stdin is not None
        started.stdin.write(b"words\n")
        started.stdin.flush()
        assert started.wait() == 0
    assert not (tmp_path / "s").exists()


_RACING = """
import os, pathlib, sys, threading
sys.path.insert(0, sys.argv[1])
from pipeline_bench import keeper

making, ending, made = (threading.Event() for _ in range(3))
mkdir, receive, remove, end = pathlib.Path.mkdir, keeper.receive, keeper.remove, os._exit

class Lock:
    def __init__(self):
        self._lock = threading.Lock()
    def acquire(self):
        ending.set()
        self._lock.acquire()
    def __enter__(self):
        self._lock.acquire()
    def __exit__(self, *_):
        self._lock.release()

def receive_no_more_until_an_arm_starts(stream):
    message = receive(stream)
    if message is None:
        making.wait()
    return message

def make_while_it_ends(path, *rest, **more):
    if path.name == "0":
        making.set()
        ending.wait()
    mkdir(path, *rest, **more)
    if path.name == "0":
        made.set()

def remove_and_tell(folder):
    remove(folder)
    if str(folder) == sys.argv[2]:
        ending.set()

def end_once_made(status):
    made.wait()
    end(status)

pathlib.Path.mkdir, os._exit = make_while_it_ends, end_once_made
keeper.receive, keeper.remove = receive_no_more_until_an_arm_starts, remove_and_tell
keeper._starting = Lock()
keeper.main()
"""
"""A keeper whose conductor goes just as the folder of its first arm is made."""


def test_no_arm_starts_once_the_conductor_is_gone(tmp_path: Path) -> None:
    """Its folder would be made anew, and stay."""
    described = describe(tmp_path, THREADS, workload={"task": "builtins:abs"})
    with _start(tmp_path / "s", _RACING) as started:
        started.communicate(json.dumps(described).encode() + b"\n")
    assert not (tmp_path / "s").exists()


_FAILING = """
import sys
sys.path.insert(0, sys.argv[1])
from pipeline_bench import ending, keeper

def fail():
    raise RecursionError

ending.kill_descendants = fail
keeper.main()
"""


def test_what_fails_in_tidying_up_keeps_nothing_else_from_it(tmp_path: Path) -> None:
    """The trial's folder goes all the same, and so does the keeper with its own."""
    described = describe(tmp_path, THREADS, workload={"task": "builtins:abs"})
    with _start(tmp_path / "s", _FAILING) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(json.dumps(described).encode() + b"\n")
        started.stdin.flush()
        done = next(message for message in map(json.loads, started.stdout) if "done" in message)["done"]
        assert "RecursionError" in done["reason"]
        assert [each.name for each in (tmp_path / "s").iterdir()] == ["library"]
    assert not (tmp_path / "s").exists()


_REMOVING = """
import os
from pathlib import Path
from pipeline.bench.folders import remove

if os.getuid() == 0:
    os.setuid(65534)
folder = Path("t")
folder.joinpath("closed", "inside").mkdir(parents=True)
folder.joinpath("closed", "inside", "file").touch()
for each in (folder / "closed" / "inside", folder / "closed", folder):
    each.chmod(0)
remove(folder)
print(folder.exists())
"""


def test_a_folder_that_lets_nobody_in_is_removed(tmp_path: Path) -> None:
    """By those, too, whom that keeps out, as it does not root."""
    tmp_path.chmod(0o777)
    words, path = [sys.executable, "-c", _REMOVING], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=path, capture_output=True, check=True)
    assert done.stdout == b"False\n"


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


def _describe(folder: Path, name: str, **changed: Any) -> dict[str, Any]:
    """A trial of a hostile function on two threads."""
    cell = describe_arm("cell", "thread", 2, HOSTILE="1")
    return describe(folder, cell, workload={"task": f"{HOSTILE}:{name}"}, **changed)


def _heed(census: Census, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in census.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(census.temporary))


def _start(scratch: Path, code: str) -> subprocess.Popen[bytes]:
    library = local.make_library(scratch)
    words = [sys.executable, "-I", "-S", "-c", code, str(library), str(scratch)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()

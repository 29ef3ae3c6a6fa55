"""What of shared memory is removed after a trial, and what is somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.bench import shared

pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="it is looked for in /dev/shm")

HAS_ONE = """
import os
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
made = SharedMemory(create=True, size=1000)
resource_tracker.unregister(made._name, "shared_memory")
print(made.name, flush=True)
input()
os._exit(0)
"""


@contextmanager
def _worker() -> Iterator[tuple[int, str]]:
    """One that has some, and its name; it is there after the worker has ended."""
    words = [sys.executable, "-c", HAS_ONE]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        name = worker.stdout.readline().strip()
        try:
            yield worker.pid, name
            worker.communicate("\n")
        finally:
            worker.kill()
            Path("/dev/shm", name).unlink(missing_ok=True)


def test_what_a_worker_has_open_is_removed() -> None:
    """While it ends, and afterwards."""
    with _worker() as (pid, name):
        assert shared.used_by([pid, 2**30]) == [name]
        shared.remove([name], before=(), workers=[pid])
        assert name not in shared.segments()


def test_what_was_there_before_stays() -> None:
    """A worker only used it."""
    with _worker() as (pid, name):
        shared.remove([name], before=shared.segments(), workers=[pid])
        assert name in shared.segments()


def test_what_another_process_has_open_stays() -> None:
    """Whose it is nobody knows."""
    with _worker() as (_, name):
        shared.remove([name], before=(), workers=[os.getpid()])
        assert name in shared.segments()


@pytest.mark.parametrize("name", ["mine", "../shm/psm_1", "psm_1\n", 7, None])
def test_no_other_name_is_removed(name: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells the names is measured code's process."""
    place = tmp_path / "shm"
    place.mkdir()
    for each in ("mine", "psm_1", "psm_1\n", "7"):
        place.joinpath(each).touch()
    monkeypatch.setattr(shared, "_PLACE", place)
    shared.remove([name], before=(), workers=[])
    assert len(list(place.iterdir())) == 4
    shared.remove(["psm_1"], before=(), workers=[])
    assert len(list(place.iterdir())) == 3

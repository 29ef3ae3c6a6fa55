"""Private folders go with their sessions, however these end."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from pathlib import Path

import pytest

from pipeline import scratch

from .conftest import LEAST, Command

pytestmark = pytest.mark.skipif(scratch.fcntl is None, reason="the system has no such locks")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_LONGEST", 1000)


def test_a_folder_is_private_and_goes_with_the_block(tmp_path: Path) -> None:
    with scratch.scratch_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "a").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_where_paths_would_be_too_long_for_sockets_it_is_elsewhere(
    pipeline: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pools of processes have some in it."""
    temporary = pipeline.folder / ("t" * 75)
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = ("workload.inputs=4", "workload.params.seconds=0.001", "backend.start_method=forkserver", "workers=2")
    done = pipeline("workload=sleep", "backend=process", *words, *LEAST)
    assert done.status == 0, done.err


def test_one_of_a_killed_session_goes_when_the_next_begins(tmp_path: Path) -> None:
    """Those of sessions that live stay, and so do folders that are not of this kind."""
    (tmp_path / "pipeline-mine").mkdir()
    child = os.fork()
    if child == 0:
        with scratch.scratch_folder():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.glob("pipeline-*/held")
    with scratch.scratch_folder() as one, scratch.scratch_folder() as other:
        assert not left.exists()
        assert {*tmp_path.iterdir()} == {one, other, tmp_path / "pipeline-mine"}


def test_one_of_a_session_that_was_killed_before_it_was_locked_goes_once_it_is_old(tmp_path: Path) -> None:
    """A young one may be of a session that is about to lock it."""
    old, young = tmp_path / "pipeline-old", tmp_path / "pipeline-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "held-soon").touch()
    os.utime(old / "held-soon", (0, 0))
    with scratch.scratch_folder() as own:
        assert {*tmp_path.iterdir()} == {own, young}


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="nobody else can give folders away")
def test_a_folder_of_somebody_else_s_stays_whatever_is_in_it(tmp_path: Path) -> None:
    """They may have linked a file of ours into it."""
    theirs, mine = tmp_path / "pipeline-theirs", tmp_path / "mine"
    theirs.mkdir()
    os.chown(theirs, 12345, -1)
    mine.touch()
    (theirs / "held").hardlink_to(mine)
    with scratch.scratch_folder():
        assert (theirs / "held").exists()


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Somebody may lay one that leads to what is ours."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "held").touch()
    (mine / "open").mkdir(mode=0o755)
    (tmp_path / "pipeline-link").symlink_to(mine)
    with scratch.scratch_folder():
        assert {path.name for path in mine.iterdir()} == {"held", "open"}
        assert stat.S_IMODE((mine / "open").stat().st_mode) == 0o755

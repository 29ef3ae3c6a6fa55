"""Where runs live, and how files get there."""

from __future__ import annotations

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from pipeline import outputs
from pipeline.errors import InputError
from pipeline.journal import SCHEMA, seal
from pipeline.report import history

HERE, ELSEWHERE = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def _make_run(output: Path, stamp: str, environment: str = HERE) -> Path:
    folder = output / "name" / "version" / stamp
    folder.mkdir(parents=True)
    record = {"schema": SCHEMA, "kind": "run", "environment": environment}
    (folder / outputs.JOURNAL).write_bytes(seal(record, 1))
    return folder


def _refuse(*_: Any, **__: Any) -> None:
    raise OSError("a privilege is not held")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_newest_run_of_an_equal_environment_is_found(tmp_path: Path) -> None:
    """With its records; runs of other environments, and folders without a journal, are passed over."""
    _make_run(tmp_path, "20260101T000000")
    newest = _make_run(tmp_path, "20260102T000000")
    _make_run(tmp_path, "20260103T000000", ELSEWHERE)
    (tmp_path / "name" / "version" / "20260104T000000").mkdir()
    found = outputs.find_run(tmp_path, "name", "version", HERE)
    assert found is not None
    assert found.path == newest
    assert [record["environment"] for record in found.records] == [HERE]


@pytest.mark.parametrize(
    ("name", "version", "environment"),
    [("other", "version", HERE), ("name", "other", HERE), ("name", "version", "cccccccccccc")],
)
def test_no_other_run_is_found(tmp_path: Path, name: str, version: str, environment: str) -> None:
    _make_run(tmp_path, "20260101T000000")
    assert outputs.find_run(tmp_path, name, version, environment) is None


def test_a_run_without_a_record_is_taken_where_there_is_no_other(tmp_path: Path) -> None:
    """It was killed at once; nothing tells of which environment it was to be."""
    empty = _make_run(tmp_path, "20260105T000000")
    (empty / outputs.JOURNAL).write_bytes(b'{"torn')
    found = outputs.find_run(tmp_path, "name", "version", HERE)
    assert found == outputs.RunFolder(empty, ())
    whole = _make_run(tmp_path, "20260102T000000")
    found = outputs.find_run(tmp_path, "name", "version", HERE)
    assert found is not None
    assert found.path == whole


def test_a_run_of_when_the_clock_was_wrong_hides_none(tmp_path: Path) -> None:
    """One that is still to come by its name is older than the others, as nobody waited for it."""
    future = _make_run(tmp_path, "99990101T000000")
    found = outputs.find_run(tmp_path, "name", "version", HERE)
    assert found is not None
    assert found.path == future
    today = outputs.new_run(tmp_path, "name", "version").path
    (today / outputs.JOURNAL).write_bytes((future / outputs.JOURNAL).read_bytes())
    found = outputs.find_run(tmp_path, "name", "version", HERE)
    assert found is not None
    assert found.path == today


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they begin at once."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Stopped:
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr(outputs, "datetime", Stopped)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: outputs.new_run(tmp_path, "name", "version"), range(8)))
    names = sorted(run.path.name for run in runs)
    assert names == ["20260102T030405", *(f"20260102T030405-{i}" for i in range(2, 9))]
    assert {run.records for run in runs} == {()}


def test_latest_leads_to_the_run_that_was_pointed_at_last(tmp_path: Path) -> None:
    """By a relative link, so that the folder of reports can move."""
    for run in (_make_run(tmp_path, "20260101T000000"), _make_run(tmp_path, "20260102T000000")):
        outputs.point_latest(tmp_path, run)
        assert (tmp_path / "latest").resolve() == run.resolve()
    assert (tmp_path / "latest").readlink() == Path("name", "version", "20260102T000000")


def test_where_there_are_no_links_latest_is_a_file_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "symlink_to", _refuse)
    for _ in range(2):
        outputs.point_latest(tmp_path, tmp_path / "name" / "version" / "run")
    assert (tmp_path / "latest").read_text() == f"{Path('name', 'version', 'run')}\n"


def test_many_may_point_latest_at_once(tmp_path: Path) -> None:
    """None fails, at every moment it leads to some run, and nothing is left behind."""
    runs = [_make_run(tmp_path, f"2026010{i}T000000") for i in range(8)]
    outputs.point_latest(tmp_path, runs[0])

    def point(run: Path) -> bool:
        outputs.point_latest(tmp_path, run)
        return (tmp_path / "latest" / outputs.JOURNAL).is_file()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(point, runs * 10))
    assert _names(tmp_path) == {"latest", "name"}


def test_a_folder_called_latest_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The link could not take its place."""
    (tmp_path / "latest").mkdir()
    with pytest.raises(InputError, match=r"latest is none of ours.*output=FOLDER"):
        outputs.check_writable(tmp_path)


@pytest.mark.parametrize("name", ["latest", "index.html"])
def test_a_file_of_the_user_s_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    """One where the link would be, and one where the page of all runs would be."""
    path = tmp_path / name
    path.write_text("my own\n")
    with pytest.raises(InputError, match=rf"{name} is none of ours, and runs need that name; rename it, or write"):
        outputs.check_writable(tmp_path)
    assert path.read_text() == "my own\n"


def test_a_link_of_the_user_s_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("release")
    with pytest.raises(InputError, match="latest is none of ours"):
        outputs.check_writable(tmp_path)


def test_what_runs_left_there_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page, and the link or the file in its place, also where the run that it leads to is gone."""
    run = _make_run(tmp_path, "20260101T000000")
    outputs.write(tmp_path / "index.html", history.page(tmp_path))
    outputs.point_latest(tmp_path, run)
    outputs.check_writable(tmp_path)
    assert outputs.root_of(run) == tmp_path.resolve()
    shutil.rmtree(tmp_path / "name")
    outputs.check_writable(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "symlink_to", _refuse)
        outputs.point_latest(tmp_path, run)
    outputs.check_writable(tmp_path)


def test_the_folder_of_a_run_is_no_place_for_runs(tmp_path: Path) -> None:
    """As `output=outputs/latest` would have it, which is a link to one."""
    run = _make_run(tmp_path, "20260101T000000")
    outputs.point_latest(tmp_path, run)
    with pytest.raises(InputError, match="is the folder of a run"):
        outputs.check_writable(tmp_path / "latest")
    assert _names(run) == {outputs.JOURNAL}


@pytest.mark.parametrize(("content", "expected"), [("µs\n", "µs\n".encode()), (b"\x00\xff", b"\x00\xff")])
def test_a_file_is_written_below_folders_that_are_made_for_it(
    tmp_path: Path, content: str | bytes, expected: bytes
) -> None:
    path = tmp_path / "figures" / "a.svg"
    for _ in range(2):
        outputs.write(path, content)
        assert path.read_bytes() == expected
    assert _names(path.parent) == {"a.svg"}


@pytest.mark.parametrize(("where", "call"), [(os, "fsync"), (Path, "replace")])
def test_where_writing_fails_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, call: str
) -> None:
    """Whole, without a temporary file beside it; the error names it."""

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "report.html"
    outputs.write(path, "old")
    monkeypatch.setattr(where, call, fail)
    with pytest.raises(OSError, match="No space left") as raised:
        outputs.write(path, "new")
    assert raised.value.filename == str(path)
    assert path.read_text() == "old"
    assert _names(tmp_path) == {"report.html"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_what_a_killed_process_was_writing_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once; that of a process of another container, which may live, once it is old."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(os, "fsync", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        outputs.write(tmp_path / "page", "half")
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    *name, _, pid, thread = left.name.split(".")
    young, old = (left.with_name(".".join([*name, namespace, pid, thread])) for namespace in ("1", "2"))
    for each in (young, old):
        each.touch()
    os.utime(old, (0, 0))
    outputs.write(tmp_path / "page", "text")
    assert _names(tmp_path) == {"page", young.name}

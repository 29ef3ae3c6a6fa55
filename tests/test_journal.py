"""The journal keeps what was measured."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from pipeline import journal, lock
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


def test_a_torn_last_line_is_told(tmp_path: Path) -> None:
    """Of how many bytes it is, to who reads and to who writes."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_bytes(path.read_bytes() + b'{"sch')
    assert journal.torn_bytes(path) == 5
    with Journal(path, environment="e", node="n") as opened:
        assert opened.cut_bytes == 5
    assert journal.torn_bytes(path) == 0


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    """It is not skipped in silence; what to do is said."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_bytes(path.read_bytes() + b"{oops\n")
    with pytest.raises(InputError, match=r"line 2 is damaged; python -m pipeline report .* --damaged .* fresh=true"):
        journal.read(path)


def test_a_damaged_line_is_named_among_thousands(tmp_path: Path) -> None:
    """However many lines are read at once."""
    path = tmp_path / "journal.jsonl"
    line = json.dumps({"schema": 3, "kind": "trial", "reason": "x" * 1_000}).encode() + b"\n"
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


def test_every_flipped_bit_is_seen(tmp_path: Path) -> None:
    """Also one inside a number, whose record is as good JSON as before."""
    path = tmp_path / "journal.jsonl"
    for trial in range(2):
        _append(path, trial)
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for at in range(second, len(whole) - 1):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(InputError, match="line 2 "):
                journal.read(path)


def test_lines_that_were_moved_added_or_removed_are_seen(tmp_path: Path) -> None:
    """Each of them is whole; their numbers tell."""
    path = tmp_path / "journal.jsonl"
    for trial in range(4):
        _append(path, trial)
    lines = path.read_bytes().splitlines(keepends=True)
    for changed, line in (
        ([0, 2, 1, 3], "line 2 was written as line 3"),
        ([0, 1, 1, 2, 3], "line 3 was written as line 2"),
        ([0, 2, 3], "line 2 was written as line 3"),
    ):
        path.write_bytes(b"".join(lines[each] for each in changed))
        with pytest.raises(InputError, match=line):
            journal.read(path)


def test_what_is_whole_of_a_damaged_journal_is_had_on_request(tmp_path: Path) -> None:
    """In the order in which it was written, each line once, with the numbers of those that are lost."""
    path = tmp_path / "journal.jsonl"
    for trial in range(6):
        _append(path, trial)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[3], lines[3], lines[1], b"{oops\n", lines[5]]))
    records, lost = journal.salvage(path)
    assert [record["trial"] for record in records] == [0, 1, 3, 5]
    assert lost == [range(3, 4), range(5, 6)]


def _sealed(text: str) -> bytes:
    """A line by somebody who knows how checksums are made."""
    return b'%b,"crc":"%08x"}\n' % (text.encode(), zlib.crc32(text.encode()))


@pytest.mark.parametrize("number", ['"2"', "2.0", "true", "null", "[]", "{}", "0", "-1", "1" * 40])
def test_what_is_no_number_of_a_line_is_damage(tmp_path: Path, number: str) -> None:
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_bytes(path.read_bytes() + _sealed(f'{{"schema":{SCHEMA},"kind":"trial","line":{number}'))
    with pytest.raises(InputError, match="line 2 is damaged"):
        journal.read(path)
    assert journal.salvage(path)[1] == [range(2, 3)]


def test_a_line_may_say_that_any_number_of_them_is_lost(tmp_path: Path) -> None:
    """They are not counted one by one."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_bytes(path.read_bytes() + _sealed(f'{{"schema":{SCHEMA},"kind":"trial","line":{10**7}'))
    assert journal.salvage(path)[1] == [range(2, 10**7)]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_damage(tmp_path: Path, constant: str) -> None:
    """They are no JSON, and nothing of ours writes them."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    path.write_bytes(path.read_bytes() + _sealed(f'{{"schema":{SCHEMA},"kind":"trial","x":{constant},"line":2'))
    with pytest.raises(InputError, match="line 2 is damaged"):
        journal.read(path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """What a newer version wrote is not guessed at."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal.seal({"schema": SCHEMA + 1, "kind": "run"}, 1))
    with pytest.raises(InputError, match=f"schema {SCHEMA + 1}.*; update"):
        journal.read(path)


def test_a_run_that_an_earlier_version_began_goes_on(tmp_path: Path) -> None:
    """Its lines have no checksums; those after them have, and cannot pass for older ones."""
    path = tmp_path / "journal.jsonl"
    old = b'{"schema":3,"kind":"trial","trial":0}\n'
    path.write_bytes(old)
    _append(path, 1)
    assert [record["trial"] for record in journal.read(path)] == [0, 1]
    path.write_bytes(path.read_bytes() + old)
    with pytest.raises(InputError, match="line 3 is damaged"):
        journal.read(path)


def test_what_a_full_disk_took_only_half_of_is_taken_back(tmp_path: Path) -> None:
    """The next record would end a torn line otherwise."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)
    size = path.stat().st_size
    with Journal(path, environment="e", node="n") as opened:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, hard))
        try:
            with pytest.raises(OSError, match="File too large") as raised:
                opened.append("trial", cell="c", trial=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert raised.value.filename == str(path)
        assert path.stat().st_size == size
        opened.append("trial", cell="c", trial=2)
    assert [record["trial"] for record in journal.read(path)] == [0, 2]


def test_half_a_record_that_stayed_is_taken_back_before_the_next_one(tmp_path: Path) -> None:
    """As where the disk let nobody cut it off."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, environment="e", node="n") as opened:
        opened.append("trial", cell="c", trial=0)
        with path.open("ab") as stream:
            stream.write(b'{"sch')
        opened.append("trial", cell="c", trial=1)
    assert [record["trial"] for record in journal.read(path)] == [0, 1]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_whatever_a_disk_refuses_the_journal_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Also where it takes a record and cannot promise to keep it; the error names the file."""
    path = tmp_path / "journal.jsonl"
    _append(path, 0)

    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with Journal(path, environment="e", node="n") as opened:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", refuse)
            with pytest.raises(OSError, match=re.escape(os.strerror(number))) as raised:
                opened.append("trial", cell="c", trial=1)
        assert raised.value.filename == str(path)
        opened.append("trial", cell="c", trial=2)
    assert [record["trial"] for record in journal.read(path)] == [0, 2]


def test_who_has_it_open_is_named(tmp_path: Path) -> None:
    """With process and host, and both are forgotten when it is closed."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, environment="e", node="n"):
        with pytest.raises(InputError, match=f"by process {os.getpid()} on {re.escape(platform.node())}; wait for it"):
            Journal(path, environment="e", node="n")
        assert lock.NAME in {each.name for each in tmp_path.iterdir()}
    assert [each.name for each in tmp_path.iterdir()] == ["journal.jsonl"]


def test_the_lock_of_a_killed_process_is_passed_over(tmp_path: Path) -> None:
    """The kernel's is gone with it, and its name on the file means nothing then."""
    path = tmp_path / "journal.jsonl"
    (tmp_path / lock.NAME).write_text(json.dumps({"pid": os.getpid(), "host": platform.node()}))
    _append(path, 0)
    assert len(journal.read(path)) == 1


@pytest.mark.parametrize("host", ["", "elsewhere"])
def test_where_the_system_has_no_locks_the_name_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """One of this machine is asked whether it lives; one of another is left to the user."""
    monkeypatch.setattr(lock, "fcntl", None)
    path, ended = tmp_path / "journal.jsonl", subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / lock.NAME).write_text(json.dumps({"pid": ended.pid, "host": host or platform.node()}))
    if host:
        with pytest.raises(InputError, match=rf"process {ended.pid} on elsewhere; .*, or remove .*{lock.NAME} if"):
            Journal(path, environment="e", node="n")
    else:
        _append(path, 0)
        assert len(journal.read(path)) == 1


@pytest.mark.parametrize("signed", [json.dumps({"pid": os.getppid(), "host": platform.node()}), ""])
def test_a_name_alone_may_be_a_stranger_s_and_the_file_to_remove_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed: str
) -> None:
    """The number may be another process's by now, and a holder may not have written it yet."""
    monkeypatch.setattr(lock, "fcntl", None)
    (tmp_path / lock.NAME).write_text(signed)
    with pytest.raises(InputError, match=rf"process.*, or remove {re.escape(str(tmp_path / lock.NAME))} if it is gone"):
        Journal(tmp_path / "journal.jsonl", environment="e", node="n")
    assert (tmp_path / lock.NAME).read_text() == signed


def test_our_own_number_is_that_of_one_before_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers, where each command may be process 1."""
    monkeypatch.setattr(lock, "fcntl", None)
    path = tmp_path / "journal.jsonl"
    (tmp_path / lock.NAME).write_text(json.dumps({"pid": os.getpid(), "host": platform.node()}))
    _append(path, 0)
    assert len(journal.read(path)) == 1


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    """Whoever shares the folder may have laid it."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / lock.NAME).symlink_to(victim)
    _append(tmp_path / "journal.jsonl", 0)
    assert victim.read_text() == "mine"

"""Private folders for what lives as long as a session, which go with it, however it ends."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .bench.folders import remove
from .errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = "pipeline-"
"""Begins the names of such folders."""
_HELD = "held"
"""The file in such a folder that is locked as long as its session lives."""
_SOON = f"{_HELD}-soon"
"""Its name until it is locked, which is at once: an old one is of a session that was killed before."""
_OLD_S = 60
_LONGEST = 50
"""Paths of sockets, which may have 107 characters, need the others below such a folder; else it is in /tmp."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A private folder that is removed at the block's end; so are those of sessions that were killed before.

    The lock is the kernel's, so it tells whether a session lives also where process numbers would not, as in another
    container with the same /tmp.
    """
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise InputError(f"{error.strerror}; set TMPDIR to a folder that can be written") from None
    if len(os.fsencode(place)) > _LONGEST and os.access("/tmp", os.W_OK):  # noqa: S108 - mkdtemp makes it private
        place = "/tmp"  # noqa: S108
    _remove_forsaken(Path(place))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    try:
        with (folder / _SOON).open("wb") as stream:
            if fcntl is not None:
                with suppress(OSError):  # a file system without locks: then others cannot take it, either
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                Path(stream.name).rename(folder / _HELD)  # now that it is locked: others look for this name
            yield folder
    finally:
        remove(folder)


def _remove_forsaken(place: Path) -> None:
    if fcntl is None:
        return
    for held in (*place.glob(f"{PREFIX}*/{_HELD}"), *place.glob(f"{PREFIX}*/{_SOON}")):
        with suppress(OSError):  # somebody else's, or going just now
            folder = held.parent.lstat()
            if folder.st_uid != os.getuid() or not stat.S_ISDIR(folder.st_mode):
                continue
            if held.name == _SOON and time.time() - held.lstat().st_mtime < _OLD_S:
                continue
            descriptor = os.open(held, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(held.parent)
            finally:
                os.close(descriptor)

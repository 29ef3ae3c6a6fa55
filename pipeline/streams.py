"""Printing to whoever still reads, and writing to disks that may refuse."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .wording import clean

_USERS_TO_MEND = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO),  # a disk that is full, or no good
    *(errno.EACCES, errno.EPERM),
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR),  # something else stands where a file or folder of ours belongs
    errno.ELOOP,  # or a link where we follow none
}
"""What the system says when files cannot be written, and no line of ours could change it."""


@contextmanager
def unheard(stream: TextIO | None) -> Iterator[None]:
    """Print to `stream` as long as someone reads it; a pipe that broke, as after `| head`, changes no exit status."""
    try:
        yield
        if stream is not None:
            stream.flush()
    except OSError:
        assert stream is not None
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # what is in the buffer goes there, too
        os.close(nowhere)


def tell(text: str) -> None:
    """A line for the user, on standard error; what a terminal would obey in it is taken out."""
    with unheard(sys.stderr):
        if sys.stderr is not None:  # where it is closed, print would take standard output
            print(clean(text), file=sys.stderr)


class NotWritable(Exception):
    """The system refuses what is asked of it; the text is the path and the reason."""


@contextmanager
def writing(place: str | Path) -> Iterator[None]:
    """Tell a full disk and the like from bugs of ours; `place` is said where the system does not say which file."""
    try:
        yield
    except OSError as error:
        if error.errno not in _USERS_TO_MEND:
            raise
        raise NotWritable(f"{error.filename or place}: {error.strerror}") from error


def say(text: str) -> None:
    """What was asked for, on standard output."""
    with unheard(sys.stdout):
        print(text)

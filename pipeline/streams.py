"""Printing to whoever still reads, and writing to disks that may refuse."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import InputError
from .wording import clean

PLAIN = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO),  # a disk that is full, or no good
    *(errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),  # ELOOP: or a link where we follow none
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR),  # something else stands where a file or folder of ours belongs
}
"""What the system says where no line of ours could change it: nobody needs a traceback then."""
_LONGEST = 500
"""Characters of a path that are said."""


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
    """Tell what the system refuses from bugs of ours; `place` is said where it does not say which file."""
    try:
        yield
    except OSError as error:
        raise NotWritable(refusal(error, place)) from error


def refusal(error: OSError, place: str | Path = "") -> str:
    """What the system refuses, and why, in one line."""
    said = (str(error.filename or place)[:_LONGEST], str(error.strerror or str(error) or type(error).__name__))
    return str(InputError(": ".join(filter(None, said))))


def say(text: str) -> None:
    """What was asked for, on standard output."""
    with unheard(sys.stdout):
        print(text)

"""One JSON document a line: how conductor, keeper and arms talk."""

from __future__ import annotations

import json
import os
from typing import IO, Any

Message = dict[str, Any]

#: A line that is longer is no message of ours.
MOST_BYTES = 100_000_000


def send(stream: IO[bytes], message: Message) -> None:
    """Write one message and flush it.

    Raises:
        OSError: the reader is gone.
        ValueError: it is longer than anybody receives.
    """
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    if len(line) > MOST_BYTES:
        raise ValueError(
            f"a trial is described in {MOST_BYTES:,} bytes at most, and this one takes {len(line):,}; name large "
            "inputs module:name, and have the task find large params"
        )
    stream.write(line)
    stream.flush()


def receive(stream: IO[bytes]) -> Message | None:
    """Read one message; `None` where the writer is gone, also in the middle of a line.

    Raises:
        ValueError: what came is none.
    """
    line = stream.readline(MOST_BYTES)
    if len(line) < MOST_BYTES and not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"{message!r:.60} is no message")  # noqa: TRY004 - as json.loads does
    return message


def take_over_standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Keep standard input and output for messages, away from whatever the measured code does with them.

    Afterwards file descriptor 0 reads nothing and 1 goes where 2 goes, for this process and its children.
    """
    commands = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return commands, replies

"""Trials one after the other on this machine, by a keeper of the standard library alone."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..bench import messages
from . import Assignment, Outcome, Progress

_KEEPER = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline_bench.keeper import main; main()"
_PATIENCE_S = 10.0


@contextmanager
def open_runner() -> Iterator[_Local]:
    """A keeper that lives as long as the block, with a private folder that goes with it."""
    scratch = Path(tempfile.mkdtemp(prefix="pipeline-"))
    try:
        keeper = _start_keeper(_make_library(scratch), scratch)
        try:
            yield _Local(keeper)
        finally:
            # The closed pipe tells the keeper to end whatever runs and itself.
            with suppress(OSError):
                keeper.communicate(timeout=_PATIENCE_S)
            keeper.kill()
            keeper.wait()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _make_library(scratch: Path) -> Path:
    """A folder for arms' `sys.path` with the measured side in it and nothing else of this environment."""
    library = scratch / "library"
    library.mkdir()
    bench = Path(messages.__file__).parent
    try:
        library.joinpath("pipeline_bench").symlink_to(bench, target_is_directory=True)
    except OSError:  # Windows wants a privilege for links
        shutil.copytree(bench, library / "pipeline_bench")
    return library


def _start_keeper(library: Path, scratch: Path) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C at the terminal is the conductor's to handle.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(library), str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=dict(os.environ),
    )


class _Local:
    def __init__(self, keeper: subprocess.Popen[bytes]) -> None:
        self._keeper = keeper
        self._node = platform.node()

    def run(self, take: Callable[[], Assignment | None]) -> Iterator[Progress | Outcome]:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        while (assignment := take()) is not None:
            with suppress(OSError):  # a keeper that is gone says nothing below
                messages.send(self._keeper.stdin, assignment.description)
            while (message := messages.receive(self._keeper.stdout)) is not None and "progress" in message:
                yield Progress(assignment, message["progress"]["rounds"])
            yield Outcome(assignment, self._node, None if message is None else message["done"])
            if message is None:
                return

"""Trials one after the other on this machine, by a keeper of the standard library alone."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..bench import folders, messages, orphans, pools
from . import Event, Joined, Outcome, Place, Progress, Setting, Started, Take, Waiting

_KEEPER = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline_bench.keeper import main; main()"
_PATIENCE_S = 10.0


@contextmanager
def open_runner(setting: Setting) -> Iterator[_Local]:
    """A keeper that lives as long as the block, with a private folder that goes with it."""
    scratch = Path(tempfile.mkdtemp(prefix="pipeline-"))
    try:
        local = _Local(make_library(scratch), scratch, setting)
        try:
            yield local
        finally:
            local.stop()
    finally:
        folders.remove(scratch)


def make_library(scratch: Path) -> Path:
    """A folder for arms' `sys.path` with the measured side in it and nothing else of this environment.

    In a folder inside that is on no `sys.path`, arms find threadpoolctl, for where the user has none.
    """
    library = scratch / "library"
    library.joinpath(pools.APART).mkdir(parents=True)
    _link(Path(pools.__file__).parent, library / "pipeline_bench")
    found = importlib.util.find_spec("threadpoolctl")
    if found is not None and found.origin is not None:
        _link(Path(found.origin), library / pools.APART / "threadpoolctl.py")
    return library


def _link(target: Path, link: Path) -> None:
    try:
        link.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:  # Windows wants a privilege for links
        (shutil.copytree if target.is_dir() else shutil.copyfile)(target, link)


def _start_keeper(library: Path, scratch: Path) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C at the terminal is the conductor's to handle.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(library), str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


class _Local:
    def __init__(self, library: Path, scratch: Path, setting: Setting) -> None:
        self._library, self._scratch, self._setting = library, scratch, setting
        self._node = platform.node()
        self._keeper = _start_keeper(library, scratch)

    def stop(self) -> None:
        """Close the pipe, which tells the keeper to end whatever runs and itself."""
        with suppress(OSError, subprocess.TimeoutExpired):
            self._keeper.communicate(timeout=_PATIENCE_S)
        self._keeper.kill()
        self._keeper.wait()

    def run(self, take: Take) -> Iterator[Event]:
        kind = self._setting.kind
        yield Joined(self._node, kind, self._setting.about)
        while (assignment := take(Place(kind))) is not None:
            yield Started(assignment, self._node)
            assert self._keeper.stdin is not None
            assert self._keeper.stdout is not None
            with suppress(OSError):  # a keeper that is gone says nothing below
                messages.send(self._keeper.stdin, assignment.description)
            while (message := messages.receive(self._keeper.stdout)) is not None and "progress" in message:
                progress = message["progress"]
                if "waits_for" in progress:
                    yield Waiting(f"{progress['waits_for']} on this machine; runner.exclusive=false does not wait")
                else:
                    yield Progress(assignment, self._node, progress["rounds"])
            if message is None:  # the measured code, or the system short of memory, killed it
                self.stop()
                orphans.end(self._library)
                self._keeper = _start_keeper(self._library, self._scratch)
                yield Outcome(assignment, self._node, kind, None, f"its keeper on {self._node} was killed")
            else:
                yield Outcome(assignment, self._node, kind, message["done"])

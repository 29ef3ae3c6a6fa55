"""Trials one after the other on this machine, by a keeper of the standard library alone."""

from __future__ import annotations

import errno
import importlib.util
import os
import platform
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..bench import messages, orphans, pools
from ..errors import InputError
from . import Event, Joined, Outcome, Place, Progress, Setting, Started, Take, Waiting

_KEEPER = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline_bench.keeper import main; main()"
_PATIENCE_S = 10.0
_LOOK_S = 1.0
#: A keeper that is silent for so long beyond a trial's time is given up.
GRACE_S = 60.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def open_runner(setting: Setting) -> Iterator[_Local]:
    """A keeper that lives as long as the block."""
    local = _Local(make_library(setting.scratch), setting)
    try:
        yield local
    finally:
        local.stop()


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


class _Keeper:
    """A keeper's process, and what it says."""

    def __init__(self, library: Path, scratch: Path) -> None:
        self._library = library
        # A session of its own: Ctrl-C at the terminal is the conductor's to handle.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(library), str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._said: queue.Queue[messages.Message | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream, suppress(ValueError):
            while (message := messages.receive(stream)) is not None:
                self._said.put(message)
        self._said.put(None)

    def tell(self, message: messages.Message) -> None:
        assert self._process.stdin is not None
        try:
            messages.send(self._process.stdin, message)
        except OSError:  # one that is gone says nothing either
            pass
        except ValueError as error:
            raise InputError(str(error)) from None

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def hear(self, timeout_s: float) -> messages.Message | None:
        """What it says next; `None` where it is gone, or says nothing for so long."""
        try:
            return self._said.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Close the pipe, which tells the keeper to end whatever runs and itself; what it left is ended, too."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
        self._process.kill()
        if self._process.wait() != 0:
            orphans.end(self._library)


class _Local:
    def __init__(self, library: Path, setting: Setting) -> None:
        self._library, self._setting = library, setting
        self._node = platform.node()
        self._keeper = _Keeper(library, setting.scratch)

    def stop(self) -> None:
        """End the keeper."""
        self._keeper.stop()

    def run(self, take: Take) -> Iterator[Event]:
        kind = self._setting.kind
        yield Joined(self._node, kind, self._setting.about)
        while (assignment := take(Place(kind))) is not None:
            yield Started(assignment, self._node)
            self._keeper.tell(assignment.description)
            longest_s = assignment.description["timeout_s"] + GRACE_S
            message = self._keeper.hear(longest_s)
            while message is not None and "progress" in message:
                progress = message["progress"]
                if "waits_for" in progress:
                    what = f"{progress['waits_for']} on this machine; runner.exclusive=false does not wait"
                    message = None
                    while message is None and self._keeper.lives:  # whoever asks for the end meanwhile is heard
                        yield Waiting(what, self._node)
                        message = self._keeper.hear(_LOOK_S)
                else:
                    yield Progress(assignment, self._node, progress["rounds"])
                    message = self._keeper.hear(longest_s)
            if message is None:  # the measured code, or the system short of memory, killed or stopped it
                self.stop()
                self._keeper = _Keeper(self._library, self._setting.scratch)
                lost = f"its keeper on {self._node} was killed, or hung"
                yield Outcome(assignment, self._node, kind, None, lost)
            else:
                done = message["done"]
                number = done.pop("errno", None)
                if number in _FULL:  # for all others as well: the trial is taken again by the next session
                    raise OSError(number, os.strerror(number), str(self._setting.scratch))
                yield Outcome(assignment, self._node, kind, done)

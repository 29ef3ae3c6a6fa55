"""An arm as its keeper sees it: a process that is told what to do, and that may end at any time."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import ending, shared
from .limits import prefer_to_be_killed
from .messages import Message, receive, send
from .rounds import ArmFailed, say_where

_ARM = "import sys; sys.path += sys.argv[1:]; del sys.argv[1:]; from pipeline_bench.arm import main; main()"
"""No file of ours as `__main__`: workers that are spawned would import it again."""

_DOING = {
    "load": "the module was imported and the inputs were made",
    "preflight": "its batch ran in a plain loop",
    "open": "the pool was opened",
    "cold": "the first batch ran",
    "save": "the results were kept",
    "check": "the results were compared",
    "close": "the pool was closed",
}
"""What an arm does by command; all others run batches."""


class Kept:
    """An arm that leads a process group of its own.

    Attributes:
        shared: the names of what its pool shares that nobody else might remove.
        workers: the processes of its pool that are not below it.
    """

    def __init__(
        self,
        name: str,
        message: Message,
        described: Message,
        library: Path,
        private: Path,
        printed: int,
        deadline: float,
    ) -> None:
        """Start it.

        Args:
            name: that of the arm in its trial.
            message: what describes the trial.
            described: what of it describes the arm.
            library: the folder with the measured side.
            private: a folder for the arm's temporary files.
            printed: the descriptor that it prints to.
            deadline: when the trial's time is up, by the monotonic clock.

        Raises:
            ArmFailed: it could not be started.
        """
        self.shared: list[str] = []
        self.workers: list[int] = []
        self._name = name
        self._grace_s = ending.GRACE_S
        self._doing = "load"
        environment = {**os.environ, **{k: v for k, v in described["env"].items() if v is not None}}
        for variable, value in described["env"].items():
            if value is None:
                environment.pop(variable, None)
        # Temporary files of the measured code, and the sockets of its pools, go when the trial goes.
        environment["TMPDIR"] = str(private)
        # All arms of a trial hash alike, so that sets of theirs have one order; each trial's luck is its own.
        environment.setdefault("PYTHONHASHSEED", str(zlib.crc32(message.get("seed", "").encode())))
        self._deadline = deadline
        python = described["python"] or sys.executable
        try:
            self._process = subprocess.Popen(
                [python, "-c", _ARM, *message["path"], str(library)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                cwd=described.get("folder", message["folder"]),
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # no such program; a NUL in a variable
            raise self._failed("failed", f"{python} could not be started ({error})") from None
        prefer_to_be_killed(self._process.pid)
        self._replies: queue.Queue[Message | None] = queue.Queue()
        self._is_spoiled = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while (message := receive(self._process.stdout)) is not None:
                self._replies.put(message)
        except (ValueError, RecursionError):  # what came is no message: the measured code found our pipe
            self._is_spoiled = True
        self._replies.put(None)

    def tell(self, do: str, **details: Any) -> None:
        """See `rounds.Arm`."""
        assert self._process.stdin is not None
        self._doing = do
        if do == "close":
            self._look_at_shared()
        try:
            send(self._process.stdin, {"do": do, **details})
        except OSError:
            raise self._ended() from None

    def answer(self) -> Message:
        """See `rounds.Arm`."""
        reply = self._await()
        self.shared += reply.pop("shared", ())
        self.workers += reply.pop("workers", ())
        if "error" not in reply:
            return reply
        error = reply["error"]
        raise self._failed(error["status"], error["message"], error["traceback"], is_unfit=error["is_unfit"])

    def _await(self) -> Message:
        while True:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                doing = _DOING.get(self._doing, "a batch ran")
                raise self._failed("timed out", f"the trial's time was up while {doing}; measure.timeout_s allows more")
            try:
                reply = self._replies.get(timeout=min(remaining, 0.5))
            except queue.Empty:
                # A forked child of a dead arm may hold the pipe open, so its end alone does not tell.
                if self._process.poll() is None or not self._replies.empty():
                    continue
                reply = None
            if reply is None:
                raise self._ended()
            return reply

    def _ended(self) -> ArmFailed:
        if self._is_spoiled:
            return self._failed("crashed", "it wrote into the pipe by which its keeper hears from it")
        try:
            code = self._process.wait(ending.GRACE_S)
        except subprocess.TimeoutExpired:
            return self._failed("crashed", "it closed the pipe by which its keeper hears from it")
        return self._failed("crashed", f"its process {ending.say(code)}")

    def _failed(self, status: str, reason: str, traceback: str | None = None, *, is_unfit: bool = False) -> ArmFailed:
        self._grace_s = 0.0
        said = say_where(self._name) + reason
        return ArmFailed(status, said, failed_arm=self._name, traceback=traceback, is_unfit=is_unfit)

    def end(self) -> None:
        """Let the arm end by itself for a moment, unless it failed, then kill it and what it started."""
        self._look_at_shared()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._grace_s)
        ending.kill_arm(self._process)
        self._process.wait()

    def _look_at_shared(self) -> None:
        """While the workers are there."""
        self.shared += shared.used_by(self.workers)

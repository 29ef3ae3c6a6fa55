"""The keeper: starts arms, runs trials with them, and leaves nothing behind.

One small process for each run (on a cluster, for each node). It reads one description a line from its standard
input and writes one reply a line, with progress in between, to its standard output. Every arm leads a process
group of its own; when a trial ends, its time is up, or the other end of standard input closes because the
conductor is gone, the whole tree is killed: pools of every start method were seen to survive a killed driver.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import counters, exclusive, node, trial
from .messages import Message, receive, send, take_over_standard_streams
from .reference import describe
from .rounds import Arm, ArmFailed, ask, say_where

#: How much of what an arm printed is kept with its trial.
OUTPUT_BYTES = 8_000
#: How long what ends by itself is waited for before it is killed.
GRACE_S = 2.0
#: What cannot be killed for so long, because it runs as somebody else or hangs in the kernel, is left.
PATIENCE_S = 10.0

_PR_SET_CHILD_SUBREAPER = 36
_ARM = "import sys; sys.path += sys.argv[1:]; del sys.argv[1:]; from pipeline_bench.arm import main; main()"
"""No file of ours as `__main__`: workers that are spawned would import it again."""


def main() -> None:
    """Serve trials until standard input closes."""
    library, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    _become_subreaper()
    commands, replies = take_over_standard_streams()
    described: queue.Queue[Message] = queue.Queue()

    def listen() -> None:
        while (message := receive(commands)) is not None:
            described.put(message)
        # The main thread may be waiting for an arm: end from here, at once.
        _kill_descendants()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        message = described.get()
        try:
            reply = _serve(message, library, scratch, lambda progress: send(replies, {"progress": progress}))
        except OSError as error:
            reply = _nothing("not run", f"the keeper could not do it: {error}")
        except Exception as error:
            reply = _nothing("not run", f"a bug of pipeline: {describe(error)}", traceback.format_exc())
        with suppress(OSError):  # the conductor went meanwhile: `listen` ends us
            send(replies, {"done": reply})


def _serve(message: Message, library: Path, scratch: Path, tell: Callable[[Message], None]) -> Message:
    """Do what a message describes, while no other sweep on this machine does anything, unless that does not matter."""
    if message["kind"] == "describe":
        return node.describe()
    if message["exclusive"] is None:
        return _measure(message, library, scratch, tell)
    with exclusive.machine(message["exclusive"], lambda holder: tell({"waits_for": holder})):
        return _measure(message, library, scratch, tell)


def _measure(message: Message, library: Path, scratch: Path, tell: Callable[[Message], None]) -> Message:
    deadline = time.monotonic() + message["timeout_s"]
    started: list[str] = []
    outputs: dict[str, str] = {}
    folder = scratch / "t"  # short: paths of sockets below it may have a hundred characters
    shutil.rmtree(folder, ignore_errors=True)  # of a keeper before us that was killed

    @contextmanager
    def start_arm(name: str, described: Message) -> Iterator[_Process]:
        private = folder / str(len(started))
        started.append(name)
        private.mkdir(parents=True)
        printed = private / "printed"
        with printed.open("wb") as stream:
            process = _Process(name, message, described, library, private, stream.fileno(), deadline)
        try:
            yield process
        finally:
            process.end()
            outputs[name] = _read_printed(printed)

    began = time.perf_counter()
    try:
        if message["kind"] == "preflight":
            reply = _preflight(message, start_arm)
        else:
            reply = trial.run(message, start_arm, folder, tell)
    finally:
        _kill_descendants()
        shutil.rmtree(folder, ignore_errors=True)
    printed = {name: text for name, text in outputs.items() if text}
    return {**reply, "printed": printed, "elapsed_s": time.perf_counter() - began}


def _nothing(status: str, reason: str | None, traceback: str | None = None) -> Message:
    """The reply where there is nothing else to tell."""
    return {"status": status, "reason": reason, "traceback": traceback}


def _preflight(message: Message, start_arm: trial.START_ARM) -> Message:
    try:
        with start_arm("preflight", message["arm"]) as arm:
            found = _look(arm, message["workload"], message["wanted"])
        if "after" in message:
            found |= _look_after(message, found, start_arm)
        return {**_nothing("measured", None), **found}
    except ArmFailed as failure:
        return _nothing(failure.status, failure.reason, failure.traceback)


def _look(arm: Arm, workload: Message, wanted: Message) -> Message:
    return {**ask(arm, "load", workload=workload), **ask(arm, "preflight", **wanted)}


def _look_after(message: Message, found: Message, start_arm: trial.START_ARM) -> Message:
    """See that the other revision can be measured with the same sample; the seconds are those of the slower one."""
    after, sample = message["after"], found["sample"]
    wanted = {**message["wanted"], "sample": "all" if sample is None else sample}
    with start_arm("after", after) as arm:
        other = _look(arm, after["workload"], wanted)
    if other["available"] != found["available"]:
        reason = (
            f"the revision before has {found['available']} inputs and the one after {other['available']}, which is "
            "other work; name inputs that both have: workload.inputs=N, or a list"
        )
        raise ArmFailed("bad input", reason, failed_arm="after")
    return {seconds: max(found[seconds], other[seconds]) for seconds in ("cold_s", "warm_s")}


class _Process:
    """An arm as its keeper sees it."""

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
        self._name = name
        self._grace_s = GRACE_S
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
        self._replies: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # what came is no message: the measured code found our pipe
            while (message := receive(self._process.stdout)) is not None:
                self._replies.put(message)
        self._replies.put(None)

    def tell(self, do: str, **details: Any) -> None:
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, {"do": do, **details})
        except OSError:
            raise self._ended() from None

    def answer(self) -> Message:
        reply = self._await()
        if "error" not in reply:
            return reply
        error = reply["error"]
        status = {"input": "bad input", "raised": "failed", "crashed": "crashed"}[error["kind"]]
        raise self._failed(status, error["message"], error.get("traceback"))

    def _await(self) -> Message:
        while True:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise self._failed("timed out", "the trial's time was up; measure.timeout_s allows more")
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
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        self._kill()
        code = self._process.wait()
        if code >= 0:
            return self._failed("crashed", f"its process ended with exit status {code}")
        names = {each.value: each.name for each in signal.Signals}
        return self._failed("crashed", f"its process was ended by {names.get(-code, f'signal {-code}')}")

    def _failed(self, status: str, reason: str, traceback: str | None = None) -> ArmFailed:
        self._grace_s = 0.0
        return ArmFailed(status, say_where(self._name) + reason, failed_arm=self._name, traceback=traceback)

    def end(self) -> None:
        """Let the arm end by itself for a moment, unless it failed, then kill its process group."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._grace_s)
        self._kill()
        self._process.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)


def _read_printed(printed: Path) -> str:
    size = printed.stat().st_size
    with printed.open("rb") as stream:
        text = stream.read(OUTPUT_BYTES).decode(errors="replace")
    return text if size <= OUTPUT_BYTES else f"{text}\n[{size - OUTPUT_BYTES} more bytes]"


def _become_subreaper() -> None:
    """Have what arms leave behind become our child, where Linux offers that, so that we can find and end it."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_descendants() -> None:
    """End every process below us and wait until none is left.

    The resource trackers of `multiprocessing` come last, and by themselves: once nobody uses them they remove
    the semaphores and shared memory that killed processes left.
    """
    if sys.platform != "linux":
        return
    began = time.monotonic()
    patience = began + GRACE_S
    while (pids := counters.descendants(os.getpid())) and time.monotonic() < began + PATIENCE_S:
        for pid in pids:
            if time.monotonic() > patience or not _is_resource_tracker(pid):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.002)


def _is_resource_tracker(pid: int) -> bool:
    try:
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False

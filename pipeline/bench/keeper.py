"""The keeper: starts arms, runs trials with them, and leaves nothing behind.

One small process for each run (on a cluster, for each node). It reads one description a line from its standard
input and writes one reply a line, with progress in between, to its standard output. Every arm leads a process
group of its own; when a trial ends, its time is up, or the other end of standard input closes because the
conductor is gone, the whole tree is killed: pools of every start method were seen to survive a killed driver.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from . import ending, exclusive, limits, node, orphans, shared, trial
from .folders import remove
from .kept import Kept
from .limits import Guard
from .messages import Message, receive, send, take_over_standard_streams
from .printed import Printed
from .reference import describe
from .rounds import Arm, ArmFailed, ask, say_where

_starting = threading.Lock()
"""Who holds it may start arms and make folders; what ends the keeper keeps it."""
_ROOM_BYTES = 65_536
"""A disk that does not take so many is full."""


def main() -> None:
    """Serve trials until standard input closes, or says what is no message."""
    library, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    ending.become_subreaper()
    commands, replies = take_over_standard_streams()
    described: queue.Queue[Message] = queue.Queue()

    def listen() -> None:
        with ExitStack() as last:  # whatever fails, what comes after it is done
            last.callback(os._exit, 0)
            last.callback(remove, scratch)
            last.callback(ending.kill_descendants)
            last.callback(_starting.acquire)  # for good
            # The main thread may be waiting for an arm: end from here, at once.
            while (message := receive(commands)) is not None:
                described.put(message)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        message = described.get()
        try:
            reply = _serve(message, library, scratch, lambda progress: send(replies, {"progress": progress}))
        except OSError as error:
            reply = {**_nothing("not run", f"the keeper could not do it: {error}"), "errno": error.errno}
        except Exception as error:
            reply = _nothing("not run", f"a bug of pipeline: {describe(error)}", traceback.format_exc())
        with suppress(OSError):  # the conductor went meanwhile: `listen` ends us
            send(replies, {"done": reply})


def _serve(message: Message, library: Path, scratch: Path, tell: Callable[[Message], None]) -> Message:
    """Do what a message describes, while no other sweep on this machine does anything, unless that does not matter."""
    if message["kind"] == "describe":
        return node.describe()
    if message["exclusive"] is None:
        return measure(message, library, scratch, tell)
    with exclusive.machine(message["exclusive"], lambda holder: tell({"waits_for": holder})):
        tell({"rounds": 0})  # now the trial's time begins
        return measure(message, library, scratch, tell)


def measure(message: Message, library: Path, scratch: Path, tell: Callable[[Message], None]) -> Message:
    """Take a trial, or the look before them, within its limits, and leave nothing of it.

    Args:
        message: describes it, see `request.Descriptions`.
        library: the folder with the measured side.
        scratch: a private folder.
        tell: called with progress.

    Raises:
        OSError: something of ours could not be done, as where the disk is full.
    """
    deadline = time.monotonic() + message["timeout_s"]
    started: list[str] = []
    outputs: dict[str, str] = {}
    held: list[str] = []
    workers: list[int] = []
    folder = scratch / "t"  # short: paths of sockets below it may have a hundred characters
    remove(folder)  # of a keeper before us that was killed

    @contextmanager
    def start_arm(name: str, described: Message) -> Iterator[Kept]:
        private = folder / str(len(started))
        started.append(name)
        with _starting:
            private.mkdir(parents=True)
            printed = Printed(private / "printed")
        guard.watch(printed)
        try:
            with _starting:
                arm = Kept(name, message, described, library, private, printed.descriptor, deadline)
            try:
                yield arm
            finally:
                arm.end()
                held.extend(arm.shared)
                workers.extend(arm.workers)
        finally:
            outputs[name] = printed.close()

    began, times_short = time.perf_counter(), limits.times_short()
    with ExitStack() as last:  # whatever fails, what comes after it is done
        last.callback(remove, folder)
        last.callback(shared.remove, held, shared.segments(), workers)
        if any("memory_bytes" in each["options"] for each in message.get("arms", ())):  # workers that are a cluster's
            last.callback(orphans.end_in, folder)
        last.callback(ending.kill_descendants)
        with limits.open_guard(message["memory_bytes"]) as guard:
            if message["kind"] == "preflight":
                reply = _preflight(message, start_arm)
            else:
                reply = trial.run(message, start_arm, folder, tell)
        if reply["status"] == "not run":  # while what there was no room beside is still there
            _see_room(scratch)
    if reply["status"] != "measured":  # it may have failed for want of room that others have taken
        _see_room(scratch)
    printed = {name: text for name, text in outputs.items() if text}
    return {**_blame_memory(reply, guard, times_short), "printed": printed, "elapsed_s": time.perf_counter() - began}


def _see_room(scratch: Path) -> None:
    """Raises OSError where the disk is full."""
    with _starting:
        scratch.joinpath("room").write_bytes(bytes(_ROOM_BYTES))


def _blame_memory(reply: Message, guard: Guard, times_short: int | None) -> Message:
    """Where the guard killed an arm, or the system did for want of memory, that is why the trial ended."""
    if reply["status"] == "measured":
        return reply
    if guard.exceeded is not None:
        where = say_where(reply.get("failed_arm") or "")
        return {**reply, "status": "out of memory", "reason": where + guard.exceeded}
    if reply["status"] == "crashed" and reply["reason"].endswith("SIGKILL") and limits.times_short() != times_short:
        return {**reply, "status": "out of memory", "reason": f"{reply['reason']}, by the system for want of memory"}
    return reply


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
        return {**_nothing(failure.status, failure.reason, failure.traceback), "is_unfit": failure.is_unfit}


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

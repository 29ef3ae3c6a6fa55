"""Trials as the local runner measures them: real arms under a real keeper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.runners import Assignment, Event, Outcome, Setting
from pipeline.runners.local import open_runner
from pipeline.scratch import scratch_folder


def describe_arm(name: str, backend: str = "serial", workers: int = 1, **env: str) -> dict[str, Any]:
    """An arm as a trial's description has it."""
    options = {"start_method": "auto", "chunksize": 1} if backend == "process" else {}
    return {"name": name, "python": None, "env": env, "backend": backend, "workers": workers, "options": options}


ANCHOR = describe_arm("anchor")
THREADS = describe_arm("cell", "thread", 2)
PROCESSES = describe_arm("cell", "process", 2)


def describe(folder: Path, *cells: dict[str, Any], workload: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A trial as `request.Descriptions` describes it, of the functions in `folder`."""
    plain: dict[str, Any] = {"task": None, "job": None, "inputs": 6, "params": {}, "reset": None, "check": "auto"}
    return {
        "kind": "trial",
        "timeout_s": 120,
        "memory_bytes": None,
        "exclusive": None,
        "folder": str(folder),
        "path": [str(folder)],
        "workload": {**plain, **workload},
        "arms": [ANCHOR, *cells],
        "sample": None,
        "warm_s": 0.01,
        "task_s": 0.001,
        "rounds": 2,
        "cold": False,
        "spans": None,
        "seed": "seed",
        **changed,
    }


def _setting(nowhere: Path, scratch: Path) -> Setting:
    return Setting(nowhere, nowhere, None, "local", nowhere / "log", about={}, kind="this machine", scratch=scratch)


def measure(description: dict[str, Any]) -> dict[str, Any]:
    """What the keeper says of a trial."""
    reply = outcome(description).reply
    assert reply is not None
    return reply


def outcome(description: dict[str, Any]) -> Outcome:
    """What the runner says of a trial."""
    with events(description) as happening:
        (found,) = (event for event in happening if isinstance(event, Outcome))
    return found


@contextmanager
def events(description: dict[str, Any]) -> Iterator[Iterator[Event]]:
    """What happens in a trial."""
    waiting = [Assignment("cell", "task", 0, 1, description)]
    nowhere = Path(description["folder"])
    with scratch_folder() as scratch, open_runner(_setting(nowhere, scratch)) as runner:
        yield runner.run(lambda _: waiting.pop() if waiting else None)

"""One session of measuring: from a validated sweep to a journal, by whatever runner the sweep names."""

from __future__ import annotations

import logging
import pickle
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from . import environment, outputs, plan, runners, sources
from .cells import Cell, Sweep, digest
from .errors import InputError, Interrupted
from .journal import Journal
from .runners import Assignment, Outcome, Progress
from .sweep import Bag, CellProgress

_log = logging.getLogger("pipeline")
_log.setLevel(logging.INFO)
_log.propagate = False

SPANS = 2_000
"""So many tasks of a cell's first trial are journalled with their start, end and worker."""


class Display(Protocol):
    """Who watches a session."""

    def begin(self, sweep: Sweep, folder: Path, resumed: int) -> None:
        """Measuring begins in `folder`, where `resumed` trials are already."""
        ...

    def preflight(self, workload: str) -> None:
        """A workload is looked at before it is measured."""
        ...

    def update(self, progress: Mapping[str, CellProgress], measuring: tuple[Cell, int] | None) -> None:
        """Something was measured; `measuring` is the cell under way and its trial's rounds so far."""
        ...


@dataclass(frozen=True)
class Session:
    """What a session left behind: the run's folder, and whether it was complete before."""

    folder: Path
    was_finished: bool


@dataclass(frozen=True)
class Request:
    """A sweep and where it was asked for.

    `command` repeats it; `folder` is where relative files and modules are looked for; `path` are further entries
    for the arms' `sys.path`; `pickled` holds inputs that JSON cannot say.
    """

    sweep: Sweep
    command: str
    folder: Path
    path: tuple[str, ...] = ()
    pickled: bytes | None = None


def version_of(request: Request) -> tuple[str, dict[str, Any]]:
    """The version's twelve digits and what they stand for."""
    sweep = request.sweep
    definition = {
        "protocol": plan.PROTOCOL,
        "measure": asdict(sweep.measure),
        "margin": sweep.margin,
        "cells": sorted((cell.definition for cell in sweep.cells), key=digest),
        "sources": sources.digests(sweep, request.folder, list(request.path)),
    }
    return digest(definition), definition


def measure(request: Request, display: Display) -> Session:
    """Measure what the sweep still lacks: go on with an unfinished run of an equal environment, or start one.

    Raises:
        InputError: what was asked for cannot be measured; nothing was.
        Interrupted: a signal came; what was measured is in the journal.
    """
    sweep = request.sweep
    output = Path(sweep.output)
    version, definition = version_of(request)
    outputs.check_writable(output)
    _check_interpreters(sweep)
    first = sweep.cells[0].workload
    code = sources.find_file(first.task or first.job or "", request.folder, list(request.path))
    surroundings = environment.describe(code.parent if code is not None else None)
    found = None if sweep.fresh else outputs.find_run(output, sweep.name, version, surroundings["id"])
    bag = Bag(sweep, found.records if found else ())
    if found is not None and not bag.missing_preflights() and bag.next() is None:
        return Session(found.path, was_finished=True)
    with ExitStack() as stack:
        interruption = stack.enter_context(_signals())
        runner = stack.enter_context(runners.find(sweep.runner)())
        describe = _Describer(request, stack)
        looks = list(_preflights(runner, bag, describe, display, interruption))
        folder = found or outputs.new_run(output, sweep.name, version)
        run = stack.enter_context(
            Journal(folder.path / outputs.JOURNAL, surroundings["id"], surroundings["machine"]["host"])
        )
        stack.enter_context(_logging(folder.path / "log.txt"))
        _log.info("measuring %d cells: %s", len(sweep.measured), request.command)
        run.append(
            "run",
            name=sweep.name,
            version=version,
            definition=definition,
            command=request.command,
            seed=sweep.seed,
            runner=sweep.runner,
            began=time.time(),
            cells=[cell.record() for cell in sweep.cells],
            measured=[cell.id for cell in sweep.measured],
            surroundings=surroundings,
        )
        for look in looks:
            bag.add(run.append("preflight", **look))
        outputs.point_latest(output, folder.path)
        display.begin(sweep, folder.path, sum(record["kind"] == "trial" for record in folder.records))
        reason = "interrupted"
        try:
            _trials(runner, bag, run, describe, display, interruption)
            reason = "finished" if bag.next() is None else "interrupted"
        finally:
            run.append("end", reason=reason, ended=time.time())
            _log.info("%s", reason)
        interruption.check()
    return Session(folder.path, was_finished=False)


def _check_interpreters(sweep: Sweep) -> None:
    for cell in sweep.cells:
        if cell.python is not None and shutil.which(cell.python) is None:
            raise InputError(f"python={cell.python}: there is no such program; write the path of an interpreter")


def _preflights(
    runner: runners.Runner, bag: Bag, describe: _Describer, display: Display, interruption: _Interruption
) -> Iterator[dict[str, Any]]:
    """Look at every workload that no journal record is about; bad input ends everything here."""
    waiting = bag.missing_preflights()
    cells = {cell.workload.id: cell for cell in waiting}

    def take() -> Assignment | None:
        interruption.check()
        if not waiting:
            return None
        cell = waiting.pop(0)
        display.preflight(cell.workload.name)
        return Assignment(cell.workload.id, None, 1, describe.preflight(cell))

    for event in runner.run(take):
        if not isinstance(event, Outcome):
            continue
        reply = event.reply or {"status": "failed", "reason": "its keeper ended", "traceback": None}
        if reply["status"] == "bad input":
            raise InputError(reply["reason"])
        yield {**reply, "workload": event.assignment.id, "name": cells[event.assignment.id].workload.name}


def _trials(
    runner: runners.Runner, bag: Bag, run: Journal, describe: _Describer, display: Display, interruption: _Interruption
) -> None:
    cells = {cell.id: cell for cell in bag.cells}

    def take() -> Assignment | None:
        following = None if interruption.asked else bag.next()
        if following is None:
            return None
        cell, trial, attempt = following
        display.update(bag.progress(), (cell, 0))
        return Assignment(cell.id, trial, attempt, describe.trial(cell, trial, bag))

    lost_in_a_row = 0
    while not interruption.asked and bag.next() is not None and lost_in_a_row < 3:
        for event in runner.run(take):
            assignment = event.assignment
            if isinstance(event, Progress):
                display.update(bag.progress(), (cells[assignment.id], event.rounds))
                continue
            reply = event.reply or {"status": "not run", "reason": f"its keeper on {event.node} ended"}
            lost_in_a_row = lost_in_a_row + 1 if event.reply is None else 0
            if reply["status"] == "bad input":  # of this cell alone: the preflight of its workload was good
                reply["status"] = "failed"
            bag.add(
                run.append("trial", cell=assignment.id, trial=assignment.trial, attempt=assignment.attempt, **reply)
            )
            _log.info("trial %s of cell %s: %s", assignment.trial, assignment.id, reply["reason"] or reply["status"])
            display.update(bag.progress(), None)


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Keep what happens in the run's log file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    try:
        yield
    except (InputError, Interrupted):
        raise
    except Exception:
        _log.exception("a bug of pipeline")
        raise
    finally:
        _log.removeHandler(handler)
        handler.close()


class _Describer:
    """Trial and preflight descriptions: plain JSON, with everything that a keeper on any node needs."""

    def __init__(self, request: Request, stack: ExitStack) -> None:
        self._request = request
        self._workloads: dict[str, dict[str, Any]] = {}
        self._pickle: str | None = None
        if request.pickled is not None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pipeline-"))
            path = Path(folder) / "inputs.pickle"
            path.write_bytes(request.pickled)
            self._pickle = str(path)

    def preflight(self, cell: Cell) -> dict[str, Any]:
        sweep = self._request.sweep
        alike = [each for each in sweep.measured if each.workload.id == cell.workload.id]
        widest = max(each.workers for each in alike)
        return {
            "kind": "preflight",
            **self._common(cell),
            "arm": {"python": None, "env": {}},
            "wanted": {
                "sample": cell.workload.sample,
                "widest": widest,
                "least": 4 * widest,
                "most_s": plan.longest_batch_s(sweep.measure),
                "travels": any(each.pickles for each in alike),
                "task": cell.workload.task,
            },
        }

    def trial(self, cell: Cell, trial: int, bag: Bag) -> dict[str, Any]:
        preflight = bag.preflight(cell)
        measure = self._request.sweep.measure
        options = dict(cell.options)
        if "chunksize" in options:
            options["chunksize"] = plan.chunksize(cell, preflight)
        measured = {
            "name": "cell",
            "python": cell.python,
            "env": dict(cell.env),
            "backend": cell.backend,
            "workers": cell.workers,
            "options": options,
        }
        anchor: dict[str, Any] = {
            "name": "anchor",
            "python": None,
            "env": {},
            "backend": "serial",
            "workers": 1,
            "options": {},
        }
        return {
            "kind": "trial",
            **self._common(cell),
            "arms": [anchor, measured],
            "sample": preflight.sample,
            "rounds": bag.plan(cell).rounds,
            "cold": measure.cold,
            "spans": SPANS if trial == 0 else 0,
            "seed": f"{self._request.sweep.seed} {cell.id} {trial}",
        }

    def _common(self, cell: Cell) -> dict[str, Any]:
        request, workload = self._request, cell.workload
        if workload.id not in self._workloads:
            described = sources.describe(workload, request.folder)
            if isinstance(workload.inputs, Mapping):
                described["inputs"] = {"pickle": self._pickle}
            self._workloads[workload.id] = described
        return {
            "timeout_s": request.sweep.measure.timeout_s,
            "folder": str(request.folder),
            "path": list(request.path),
            "workload": self._workloads[workload.id],
        }


class _Interruption:
    """Whether a signal asked for the end."""

    def __init__(self) -> None:
        self.asked: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` where one did."""
        if self.asked is not None:
            raise Interrupted(self.asked)


@contextmanager
def _signals() -> Iterator[_Interruption]:
    """Ctrl-C and its kin end the session after the trial under way, a second one at once."""
    interruption = _Interruption()

    def ask(number: int, _frame: FrameType | None) -> None:
        if interruption.asked is not None:
            raise Interrupted(number)
        interruption.asked = number

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What is ignored stays so: under nohup, or in the background of a script.
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def pickle_inputs(inputs: Sequence[Any]) -> bytes:
    """Inputs as they travel to the arms of this machine.

    Raises:
        InputError: they cannot be pickled.
    """
    try:
        return pickle.dumps(list(inputs))
    except Exception as error:
        raise InputError(
            f"the inputs cannot be pickled ({error}); give plain values, or name them module:name"
        ) from None

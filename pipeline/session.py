"""One session of measuring: from a request to a journal, by whatever runner the sweep names."""

from __future__ import annotations

import logging
import pickle
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from . import environment, outputs, plan, runners, sources
from .cells import Sweep
from .errors import InputError, Interrupted
from .evidence import MOST_ATTEMPTS
from .interruption import Interruption, heed_signals
from .journal import Journal
from .request import Descriptions, Request, version_of
from .runners import Assignment, Outcome, Progress, Runner, Waiting
from .sweep import Bag, CellProgress, Turn

_log = logging.getLogger("pipeline")
_log.setLevel(logging.INFO)
_log.propagate = False


class Display(Protocol):
    """Who watches a session."""

    def begin(self, sweep: Sweep, folder: Path, resumed: int) -> None:
        """Measuring begins in `folder`, where `resumed` trials are already."""
        ...

    def preflight(self, workload: str) -> None:
        """A workload is looked at before it is measured."""
        ...

    def wait_for(self, holder: str) -> None:
        """Somebody else measures on the machine, and so it waits."""
        ...

    def update(self, progress: Mapping[str, CellProgress], measuring: tuple[str, int] | None) -> None:
        """Something was measured; `measuring` is the id of what is under way and its trial's rounds so far."""
        ...


@dataclass(frozen=True)
class Session:
    """What a session left behind: the run's folder, and whether it was complete before."""

    folder: Path
    was_finished: bool


def measure(request: Request, display: Display) -> Session:
    """Measure what the sweep still lacks: go on with an unfinished run of an equal environment, or start one.

    Raises:
        InputError: what was asked for cannot be measured; nothing was.
        Interrupted: a signal came; what was measured is in the journal.
    """
    sweep, output = request.sweep, Path(request.sweep.output)
    version, definition = version_of(request)
    outputs.check_writable(output)
    _check_interpreters(sweep)
    surroundings = environment.describe(_measured_folder(request))
    found = None if sweep.fresh else outputs.find_run(output, sweep.name, version, surroundings["id"])
    bag = Bag(sweep, found.records if found else ())
    if found is not None and bag.is_done():
        return Session(found.path, was_finished=True)
    with ExitStack() as stack:
        interruption = stack.enter_context(heed_signals())
        runner = stack.enter_context(runners.find(sweep.runner)())
        descriptions = Descriptions(request, stack)
        looks = list(_preflights(runner, bag, descriptions, display, interruption))
        _check_timeout(sweep, looks)
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
            exclusive=sweep.exclusive,
            began=time.time(),
            cells=[cell.record() for cell in sweep.cells],
            measured=[cell.id for cell in sweep.measured],
            surroundings=surroundings,
        )
        try:
            for look in looks:
                bag.add(run.append("preflight", **look))
            outputs.point_latest(output, folder.path)
            display.begin(sweep, folder.path, sum(record["kind"] in ("trial", "play-off") for record in folder.records))
            _trials(runner, bag, run, descriptions, display, interruption)
        finally:
            reason = "finished" if bag.is_done() else "interrupted"
            run.append("end", reason=reason, ended=time.time())
            _log.info("%s", reason)
        if not bag.is_done():
            interruption.check()
    return Session(folder.path, was_finished=False)


def _measured_folder(request: Request) -> Path | None:
    workload = request.sweep.cells[0].workload
    file = sources.find_file(workload.task or workload.job or "", request.folder, list(request.path))
    return None if file is None else file.parent


def _check_interpreters(sweep: Sweep) -> None:
    code = "import sys; print(sys.version_info >= (3, 10))"
    for python in dict.fromkeys(cell.python for cell in sweep.cells if cell.python is not None):
        if shutil.which(python) is None:
            raise InputError(f"python={python}: there is no such program; write the path of an interpreter")
        try:
            asked = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"python={python} does not run ({error}); write the path of an interpreter") from None
        if asked.stdout.strip() != "True":
            raise InputError(f"python={python} is no Python of 3.10 or newer; write the path of one")


def _check_timeout(sweep: Sweep, looks: Sequence[dict[str, Any]]) -> None:
    for look in looks:
        if look["status"] != "measured":
            continue
        preflight = plan.Preflight.of(look)
        least_s = plan.least_trial_s(plan.plan_cell(sweep.measure, preflight), preflight)
        if least_s > sweep.measure.timeout_s:
            raise InputError(
                f"measure.timeout_s={sweep.measure.timeout_s:g}: the plain loop's part of one trial of {look['name']} "
                f"takes {least_s:.0f} s; write measure.timeout_s={3 * least_s:.0f}, or fewer inputs: workload.sample=N"
            )


def _preflights(
    runner: Runner, bag: Bag, descriptions: Descriptions, display: Display, interruption: Interruption
) -> Iterator[dict[str, Any]]:
    """Look at every workload that no journal record is about; bad input ends everything here."""
    waiting = [(cell, 1) for cell in bag.missing_preflights()]
    cells = {cell.workload.id: cell for cell, _ in waiting}

    def take() -> Assignment | None:
        interruption.check()
        if not waiting:
            return None
        cell, attempt = waiting.pop(0)
        display.preflight(cell.workload.name)
        return Assignment(cell.workload.id, None, attempt, descriptions.preflight(cell))

    for event in runner.run(take):
        if isinstance(event, Waiting):
            display.wait_for(event.holder)
        if not isinstance(event, Outcome):
            continue
        cell, attempt = cells[event.assignment.id], event.assignment.attempt
        reply = event.reply
        if reply is None or reply["status"] == "not run":
            if attempt < MOST_ATTEMPTS:
                waiting.append((cell, attempt + 1))
                continue
            said = reply["reason"] if reply else f"its keeper on {event.node} was killed"
            reply = {"status": "crashed", "reason": said, "traceback": None}
        if reply["status"] == "bad input":
            raise InputError(reply["reason"])
        yield {**reply, "workload": cell.workload.id, "name": cell.workload.name}


def _trials(
    runner: Runner, bag: Bag, run: Journal, descriptions: Descriptions, display: Display, interruption: Interruption
) -> None:
    turns: dict[str, Turn] = {}

    def take() -> Assignment | None:
        turn = None if interruption.asked else bag.next()
        if turn is None:
            return None
        turns[turn.id] = turn
        display.update(bag.progress(), (turn.id, 0))
        description = descriptions.trial(turn, bag.preflight(turn.cell))
        return Assignment(turn.id, turn.trial, turn.attempt, description)

    for event in runner.run(take):
        turn = turns[event.assignment.id]
        if isinstance(event, Waiting):
            display.wait_for(event.holder)
            continue
        if isinstance(event, Progress):
            display.update(bag.progress(), (turn.id, event.rounds))
            continue
        lost = {"status": "not run", "reason": f"its keeper on {event.node} was killed", "traceback": None}
        reply = event.reply or lost
        if reply["status"] == "bad input":  # of this cell alone: the preflight of its workload was good
            reply["status"] = "failed"
        which: dict[str, Any] = {"cell": turn.cell.id, "trial": turn.trial, "attempt": turn.attempt, "node": event.node}
        if turn.leader is None:
            bag.add(run.append("trial", **which, **reply))
        else:
            bag.add(run.append("play-off", **which, leader=turn.leader.id, **reply))
        _log.info("trial %s of %s: %s", turn.trial, turn.id, reply["reason"] or reply["status"])
        display.update(bag.progress(), None)


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Keep what happens in the run's log file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    try:
        yield
    except (InputError, Interrupted, OSError) as error:
        _log.info("%s", error)
        raise
    except Exception:
        _log.exception("a bug of pipeline")
        raise
    finally:
        _log.removeHandler(handler)
        handler.close()


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

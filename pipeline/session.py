"""One session of measuring: from a request to a journal, by whatever runner the sweep names."""

from __future__ import annotations

import importlib.util
import logging
import math
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol

from . import cluster, environment, journal, outputs, plan, runners, sources
from .cells import Cell, Measure, Sweep, digest
from .cluster import held
from .cluster.held import Cluster
from .errors import ClusterLost, InputError, Interrupted
from .evidence import MOST_ATTEMPTS, Run
from .interruption import Interruption, heed_signals
from .journal import Journal, Record
from .outputs import RunFolder
from .request import Descriptions, Request, version_of
from .runners import Assignment, Joined, Left, Outcome, Place, Progress, Runner, Started, Travels, Unfit, Waiting
from .scratch import scratch_folder
from .sweep import Bags, CellProgress, Key, Turn
from .wording import clean

_log = logging.getLogger("pipeline")
_log.setLevel(logging.INFO)
_log.propagate = False


class Display(Protocol):
    """Who watches a session."""

    def begin(self, sweep: Sweep, folder: Path, resumed: int, cut_bytes: int = 0) -> None:
        """Measuring begins in `folder`, where `resumed` trials are already.

        So many bytes of the last record there were torn, and cut off.
        """
        ...

    def preflight(self, workload: str) -> None:
        """A workload is looked at before it is measured."""
        ...

    def wait_for(self, what: str) -> None:
        """Nothing goes on meanwhile: somebody else measures on the machine, or no node of the cluster is free."""
        ...

    def travel(self, folder: Path, size_bytes: int, at_most: bool) -> None:
        """Every node gets a copy of the folder, which has so many bytes, or at most so many."""
        ...

    def join(self, node: str, kind: str, about: Mapping[str, Any]) -> None:
        """A node is there to measure."""
        ...

    def turn_down(self, node: str, why: str) -> None:
        """A node is there that cannot."""
        ...

    def lose(self, node: str) -> None:
        """What a node was measuring is lost, and taken again."""
        ...

    def leave(self, node: str) -> None:
        """It is gone."""
        ...

    def end_soon(self) -> None:
        """Somebody asked for the end, which comes after the trial under way. Called from another thread."""
        ...

    def update(self, progress: Mapping[Key, CellProgress], measuring: Mapping[str, tuple[Key, int]]) -> None:
        """Something happened; `measuring` has, by node, the key of what is under way there and its rounds so far."""
        ...


@dataclass(frozen=True)
class Session:
    """What a session left behind: the run's folder, whether it was complete before, and what ended it early."""

    folder: Path
    was_finished: bool
    lost: str | None = None


def measure(request: Request, display: Display) -> Session:
    """Measure what the sweep still lacks: go on with an unfinished run of an equal environment, or start one.

    Raises:
        InputError: what was asked for cannot be measured; nothing was.
        Interrupted: a signal came; what was measured is in the journal.
    """
    sweep, output = request.sweep, Path(request.sweep.output)
    version, definition = version_of(request)
    _check_interpreters(sweep)
    _check_cluster(sweep)
    outputs.check_writable(output)
    surroundings = environment.describe(_measured_folder(request))
    kind = surroundings["id"]
    if _takes_a_cluster(sweep):  # nodes have their own; what stays is who asked, and whom
        surroundings["id"] = digest([kind, sweep.runner, sweep.address])
    found = None if sweep.fresh else outputs.find_run(output, sweep.name, version, surroundings["id"])
    bags = _bags(sweep, found)
    if found is not None and bags.are_done():
        _complete(found, sweep, surroundings)
        return Session(found.path, was_finished=True)
    with ExitStack() as stack:
        interruption = stack.enter_context(heed_signals(display.end_soon))
        run = None
        if found is not None:  # at once: whoever has it open is named before anything is waited for
            run = stack.enter_context(_open(found, surroundings))
            found = outputs.read_again(found, run)
            bags = _bags(sweep, found)
        scratch = stack.enter_context(scratch_folder())
        log = scratch / "cluster.log"
        pickled = _write(request.pickled, scratch)
        of_arms = stack.enter_context(_cluster(request, log, display))
        descriptions = Descriptions(request, pickled, of_arms)
        about = {key: surroundings[key] for key in ("machine", "interpreter")}
        place = request.folder, sources.SHIPPED, pickled, sweep.address, log
        setting = runners.Setting(*place, about, kind, scratch)
        runner = stack.enter_context(runners.find(sweep.runner)(setting))
        looks = _look(sweep, _preflights(runner, bags, descriptions, display, interruption))
        folder = found or outputs.new_run(output, sweep.name, version)
        run = run or stack.enter_context(_open(folder, surroundings))
        stack.enter_context(_logging(folder.path / "log.txt"))
        _begin(run, request, version, definition, surroundings)
        _hold_claims(run, sweep, folder)
        try:
            for outcome, look in looks:
                bags.add(run.append("preflight", node=outcome.node, environment=outcome.kind, **look))
            outputs.point_latest(output, folder.path)
            display.begin(sweep, folder.path, _count_trials(folder), run.cut_bytes)
            lost = _trials(
                runner, _Turns(bags, descriptions, of_arms, run, interruption), bags, run, display, interruption
            )
            if lost is None and bags.unfinished() and not interruption.asked:
                lost = _missing_kinds(bags, journal.read(folder.path / outputs.JOURNAL))
            if lost is not None:
                _log.info("%s", lost)
        finally:
            _end(run, "finished" if bags.are_done() else "interrupted", log)
        if not bags.are_done():
            interruption.check()
    return Session(folder.path, was_finished=False, lost=lost)


def _open(folder: RunFolder, surroundings: dict[str, Any]) -> Journal:
    return Journal(folder.path / outputs.JOURNAL, surroundings["id"], surroundings["machine"]["host"])


def _bags(sweep: Sweep, found: RunFolder | None) -> Bags:
    """What there is of a run that goes on."""
    if found is None:
        return Bags(sweep, ())
    with journal.doubting(found.path / outputs.JOURNAL):
        bags = Bags(sweep, found.records)
        bags.begin()
        bags.are_done()  # it remembers what it works out
    return bags


def _count_trials(folder: RunFolder) -> int:
    return sum(record["kind"] in ("trial", "play-off") for record in folder.records)


def _begin(
    run: Journal, request: Request, version: str, definition: dict[str, Any], surroundings: dict[str, Any]
) -> None:
    sweep = request.sweep
    if run.cut_bytes:
        _log.info("the journal's last line was torn, as by a kill: %d bytes of it are cut off", run.cut_bytes)
    _log.info("measuring %d cells: %s", len(sweep.measured), request.command)
    revisions: dict[str, Any] = {"revisions": request.revisions.to_json()} if request.revisions else {}
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
        **revisions,
    )


def _end(run: Journal, reason: str, log: Path) -> None:
    run.append("end", reason=reason, ended=time.time())
    _log.info("%s", reason)
    if log.exists():
        _log.info("the cluster said:\n%s", log.read_text(errors="replace"))


def _complete(folder: RunFolder, sweep: Sweep, surroundings: dict[str, Any]) -> None:
    """What a run may lack in which all was measured: its end, where it was killed before that, and other claims.

    Claims are no part of the version: a finished run may have others by now. Where it has, they are journalled.
    """
    with journal.doubting(folder.path / outputs.JOURNAL):
        found = Run(folder.records)
        if found.is_finished and found.claims == sweep.claims:
            return
    with _open(folder, surroundings) as run:
        folder = outputs.read_again(folder, run)
        _hold_claims(run, sweep, folder)
        if not Run(folder.records).is_finished:
            run.append("end", reason="finished", ended=time.time())
            outputs.point_latest(Path(sweep.output), folder.path)


def _hold_claims(run: Journal, sweep: Sweep, folder: RunFolder) -> None:
    if Run(folder.records).claims != sweep.claims:
        run.append("claims", claims=[each.record() for each in sweep.claims])


@contextmanager
def _cluster(request: Request, log: Path, display: Display) -> Iterator[Cluster]:
    """The cluster of arms' workers, which is held as long as the block lasts.

    Raises:
        InputError: there is none, or it has several hosts, and what would travel to them is too large.
    """
    sweep = request.sweep
    if not any(cell.clustered for cell in sweep.measured):
        yield held.NONE
    elif sweep.runner != runners.HERE:
        yield held.OF_NODES
    else:
        with held.hold(sweep.address, log) as found:
            if found.hosts > 1:
                display.travel(request.folder, *cluster.weigh(request.folder))
            yield found


def _takes_a_cluster(sweep: Sweep) -> bool:
    return sweep.runner != runners.HERE or any(cell.clustered for cell in sweep.measured)


def _write(pickled: bytes | None, scratch: Path) -> Path | None:
    if pickled is None:
        return None
    path = scratch / "inputs.pickle"
    path.write_bytes(pickled)
    return path


def _check_cluster(sweep: Sweep) -> None:
    asked = ["runner=ray"] if sweep.runner == "ray" else []
    asked += ["backend=ray"] if any(cell.clustered for cell in sweep.measured) else []
    if not asked:
        return
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"{asked[0]}: Ray is not installed for {sys.executable}; pip install ray, or 'pipeline[ray]'")
    if sweep.address.startswith("ray://") and sweep.runner == runners.HERE:
        raise InputError(
            f"cluster.address={sweep.address}: the arms would run outside of the cluster; write runner=ray, so that "
            "they run inside, or the address of its head as nodes see it: HOST:6379"
        )


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
        family = len(sweep.measured) if sweep.interleaved else 0
        planned = plan.plan_cell(sweep.measure, preflight, interleaved=family)
        least_s = plan.least_trial_s(planned, preflight)
        if least_s > sweep.measure.timeout_s:
            raise InputError(
                f"measure.timeout_s={sweep.measure.timeout_s:g}: the plain loop's part of one trial of {look['name']} "
                f"takes {least_s:.0f} s; write measure.timeout_s={3 * least_s:.0f}, or fewer inputs: workload.sample=N"
            )
        if any(cell.clustered for cell in sweep.measured if cell.workload.id == look["workload"]):
            _check_clustered(sweep.measure, preflight, look["name"])


def _check_clustered(measure: Measure, preflight: plan.Preflight, name: str) -> None:
    """Trials of a cluster's cells are as long as the budget has them."""
    planned = plan.plan_cell(measure, preflight, clustered=True)
    usual_s = plan.usual_trial_s(measure, planned, preflight)
    if planned.rounds > 1 and usual_s > measure.timeout_s:
        more = math.ceil(2 * measure.budget_s / measure.timeout_s)
        raise InputError(
            f"measure.timeout_s={measure.timeout_s:g}: a trial of {name} on a Ray cluster, one of "
            f"measure.trials={measure.trials} that share out measure.budget_s={measure.budget_s:g}, takes about "
            f"{usual_s:.0f} s; write measure.timeout_s={2 * usual_s:.0f}, or measure.trials={more}"
        )


def _preflights(
    runner: Runner, bags: Bags, descriptions: Descriptions, display: Display, interruption: Interruption
) -> Iterator[tuple[Outcome, dict[str, Any]]]:
    """Look at every workload that no journal record is about, on one kind of node; bad input ends everything here.

    Where there are several kinds, the others' turn comes when they are given trials.
    """
    if bags.kinds:
        return
    queue = _Looks(bags, descriptions)
    kinds: list[str] = []

    def take(place: Place) -> Assignment | None:
        interruption.check()
        kinds.append(place.kind)
        return queue.take(place) if place.kind == kinds[0] else None

    for event in runner.run(take):
        match event:
            case Travels() | Unfit() | Waiting():
                _show(event, display)
                interruption.check()
            case Started():
                display.preflight(event.assignment.name)
            case Outcome():
                look = queue.put(event)
                if look is not None:
                    if look["status"] == "bad input":
                        raise InputError(look["reason"])
                    yield event, look


def _look(sweep: Sweep, preflights: Iterator[tuple[Outcome, dict[str, Any]]]) -> list[tuple[Outcome, dict[str, Any]]]:
    """Have all of them done before anything is journalled; what they find may end it.

    A function that can be no task is bad input where there is no other one, and else what its cells are labelled with.
    """
    try:
        looks = list(preflights)
    except ClusterLost as error:
        raise InputError(f"{error}; nothing was measured") from None
    if looks and all(look.get("is_unfit") for _, look in looks):
        raise InputError(looks[0][1]["reason"])
    _check_timeout(sweep, [look for _, look in looks])
    return looks


class _Looks:
    """The looks at workloads that a kind of node still lacks."""

    def __init__(self, bags: Bags, descriptions: Descriptions) -> None:
        self._bags, self._descriptions = bags, descriptions
        self._waiting: dict[str, list[tuple[Cell, int]]] = {}
        self._under_way: dict[tuple[str, str], Cell] = {}

    def take(self, place: Place) -> Assignment | None:
        """The next one for a node of a kind; `None` where there is none."""
        if place.kind not in self._waiting:
            self._waiting[place.kind] = [(cell, 1) for cell in self._bags.of(place.kind).missing_preflights()]
        waiting = self._waiting[place.kind]
        if not waiting:
            return None
        cell, attempt = waiting.pop(0)
        self._under_way[place.kind, cell.workload.id] = cell
        description = self._descriptions.preflight(cell)
        return Assignment(cell.workload.id, cell.workload.name, None, attempt, description)

    def put(self, outcome: Outcome) -> dict[str, Any] | None:
        """What was found, as the journal keeps it; `None` where the look is taken again."""
        cell, attempt = self._under_way.pop((outcome.kind, outcome.assignment.id)), outcome.assignment.attempt
        reply = outcome.reply
        if reply is None or reply["status"] == "not run":
            if attempt < MOST_ATTEMPTS:
                self._waiting[outcome.kind].append((cell, attempt + 1))
                return None
            if reply is None:
                reply = {"status": "crashed", "reason": outcome.lost, "traceback": None}
        return {**reply, "workload": cell.workload.id, "name": cell.workload.name}


class _Turns:
    """The looks and trials of a session: what comes next, and what became of it."""

    def __init__(
        self, bags: Bags, descriptions: Descriptions, of_arms: Cluster, run: Journal, interruption: Interruption
    ) -> None:
        self._bags, self._descriptions, self._run, self._interruption = bags, descriptions, run, interruption
        self._cluster = of_arms
        self._looks = _Looks(bags, descriptions)
        self._turns: dict[Assignment, Turn] = {}

    def take(self, place: Place) -> Assignment | None:
        """The next one for a node of a kind; none any more once somebody asked for the end."""
        if self._interruption.asked:
            return None
        look = self._looks.take(place)
        if look is not None:
            return look
        bag = self._bags.of(place.kind)
        turn = bag.take()
        if turn is None:
            return None
        description = self._descriptions.trial(turn, bag.preflight(turn.cell))
        name, clustered = turn.cell.workload.name, turn.clustered
        assignment = Assignment(turn.id, name, turn.trial, turn.attempt, description, clustered)
        self._turns[assignment] = turn
        return assignment

    def put(self, outcome: Outcome) -> Outcome:
        """Keep what became of one; that comes back, as it counts.

        Raises:
            ClusterLost: it counts for nothing, and nothing else would.
        """
        turn = self._turns.pop(outcome.assignment, None)
        if turn is None:
            look = _look_record(self._run, self._looks, outcome)
            if look is not None:
                self._bags.add(look)
            return outcome
        outcome = self._excused(turn, outcome)
        self._bags.add(_trial_record(self._run, turn, outcome))
        return outcome

    def _excused(self, turn: Turn, outcome: Outcome) -> Outcome:
        """Lost with its cluster, where that is why something went wrong."""
        if not turn.clustered or (outcome.reply is not None and outcome.reply["status"] == "measured"):
            return outcome
        try:
            lost = self._cluster.see_to()
        except ClusterLost as error:
            self._bags.add(_trial_record(self._run, turn, replace(outcome, reply=None, lost=str(error))))
            raise
        return outcome if lost is None else replace(outcome, reply=None, lost=lost)


def _trials(
    runner: Runner, turns: _Turns, bags: Bags, run: Journal, display: Display, interruption: Interruption
) -> str | None:
    """All that the nodes can take; where the cluster was lost meanwhile, why."""
    kinds: dict[str, str] = {}
    under_way: dict[str, tuple[Key, int]] = {}
    try:
        for event in runner.run(turns.take):
            match event:
                case Travels() | Joined() | Left() | Unfit() | Waiting():
                    if isinstance(event, Joined):
                        kinds[event.node] = event.kind
                    if isinstance(event, Waiting) and event.node is not None:
                        under_way.pop(event.node, None)
                    _heed(event, run, display)
                case Started() | Progress():
                    rounds = event.rounds if isinstance(event, Progress) else 0
                    under_way[event.node] = (kinds[event.node], event.assignment.id), rounds
                    display.update(bags.progress(), under_way)
                case Outcome():
                    under_way.pop(event.node, None)
                    counted = turns.put(event)
                    if counted.reply is None and event.assignment.attempt < MOST_ATTEMPTS:
                        display.lose(event.node)
                    display.update(bags.progress(), under_way)
            if interruption.asked and not under_way:  # something may wait for a node, or for its turn there
                break
    except ClusterLost as error:
        return str(error)
    return None


def _missing_kinds(bags: Bags, records: Sequence[Record]) -> str:
    """Why it is not finished though all nodes that there are have nothing to do."""
    machines = {each["environment"]: each["about"]["machine"] for each in records if each["kind"] == "node"}
    known = {kind: f"{each['cpu']}, usable_cores={each['usable_cores']}" for kind, each in machines.items()}
    kinds = "; ".join(f"{count} on {known.get(kind, kind)}" for kind, count in bags.unfinished().items())
    return (
        f"cells that were begun on a kind of node of which none is free any more are not finished ({kinds}); "
        "fresh=true begins without it"
    )


def _heed(event: Travels | Joined | Left | Unfit | Waiting, run: Journal, display: Display) -> None:
    """What becomes of the nodes."""
    match event:
        case Travels():
            _log.info("every node gets a copy of %s, %s bytes", event.folder, event.size_bytes)
            _show(event, display)
        case Joined():
            if event.node != run.node:
                run.append("node", node=event.node, environment=event.kind, about=event.about)
                _log.info("%s joined", event.node)
            display.join(event.node, event.kind, event.about)
        case Left():
            _log.info("%s left", event.node)
            display.leave(event.node)
        case Unfit():
            _log.info("%s cannot take part: %s", event.node, event.why)
            _show(event, display)
        case Waiting():
            _show(event, display)


def _show(event: Travels | Unfit | Waiting, display: Display) -> None:
    match event:
        case Travels():
            display.travel(event.folder, event.size_bytes, event.at_most)
        case Unfit():
            display.turn_down(event.node, event.why)
        case Waiting():
            display.wait_for(event.what)


def _look_record(run: Journal, looks: _Looks, outcome: Outcome) -> Record | None:
    look = looks.put(outcome)
    if look is None:
        return None
    if look["status"] == "bad input":  # on this kind of node alone: another one could
        look["status"] = "failed"
    return run.append("preflight", node=outcome.node, environment=outcome.kind, **look)


def _trial_record(run: Journal, turn: Turn, outcome: Outcome) -> Record:
    reply = outcome.reply or {"status": "not run", "reason": outcome.lost, "traceback": None, "lost": True}
    if reply["status"] == "bad input":  # of this cell alone: the preflight of its workload was good
        reply["status"] = "failed"
    kind, match = ("trial", {}) if turn.leader is None else ("play-off", {"leader": turn.leader.id})
    _log.info("trial %s of %s on %s: %s", turn.trial, turn.id, outcome.node, reply["reason"] or reply["status"])
    return run.append(
        kind,
        cell=turn.cell.id,
        trial=turn.trial,
        attempt=turn.attempt,
        node=outcome.node,
        environment=outcome.kind,
        **match,
        **reply,
    )


class _Log(logging.FileHandler):
    """A file, not one that somebody laid a link to in its place."""

    def _open(self) -> TextIOWrapper:
        def follow_no_link(path: str, flags: int) -> int:
            return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)

        return open(self.baseFilename, "a", encoding="utf-8", opener=follow_no_link)


class _Formatter(logging.Formatter):
    """For a file that somebody may look at in a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Keep what happens in the run's log file."""
    handler = _Log(path)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
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

"""What the journal's trials say of each cell: the first step of everything that is reported."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from . import hardware, journal, statistics
from .cells import ANCHOR, Measure
from .claims import Claims
from .errors import InputError
from .journal import Record
from .plan import ALPHA, Plan, Preflight, plan_cell, plan_match

#: A trial that was lost with its node is run again this often.
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Evidence:
    """The trials of one cell that count, and what became of the cell.

    `status` and `reason` are those of DESIGN's contract; `trials` are journal records with status `measured`;
    `failed_arm` is the name of the one that ended it. One that is `given_up` was not run for causes of the machine, so
    often that the next session takes it again, and this one does not.
    """

    status: str
    reason: str | None
    traceback: str | None
    trials: tuple[Record, ...]
    attempts: int
    failed_arm: str | None = None
    given_up: bool = False

    def of_arm(self, arm: str) -> Evidence:
        """What a match says of one of its arms: as if its trials had been of that cell alone."""
        if arm not in self._of_arms:
            trials = (
                {**trial, "arms": {"anchor": trial["arms"]["anchor"], "cell": trial["arms"][arm]}}
                for trial in self.trials
            )
            self._of_arms[arm] = replace(self, trials=tuple(trials))
        return self._of_arms[arm]

    @cached_property
    def _of_arms(self) -> dict[str, Evidence]:
        return {}

    @cached_property
    def _ordered(self) -> dict[tuple[str, str], statistics.LogRatios]:
        return {}

    @cached_property
    def flags(self) -> dict[Room, tuple[Flag, ...]]:
        """What `flags.find` found, by what room there was."""
        return {}

    @cached_property
    def _middles(self) -> dict[tuple[str, str], float | None]:
        return {}

    def log_ratios(self, over: str = "anchor", arm: str = "cell") -> list[list[float]]:
        """For each trial, log(time of the arm `over` / time of `arm`) of each of its rounds."""
        return [log_ratios(trial, over, arm) for trial in self.trials]

    def speedup(self, alpha: float, over: str = "anchor", arm: str = "cell") -> statistics.Speedup:
        """The speed-up of one arm over another, at level 1 - `alpha`."""
        if (over, arm) not in self._ordered:  # asked for at several levels
            self._ordered[over, arm] = statistics.LogRatios.of(self.log_ratios(over, arm))
        return self._ordered[over, arm].speedup(alpha)

    def over_before(self, alpha: float) -> statistics.Speedup:
        """The speed of the revision after over that of the one before, which were interleaved."""
        return self.speedup(alpha, over="cell", arm="after")

    @cached_property
    def capacity(self) -> statistics.Speedup | None:
        """What the machine offered meanwhile, in cores: the median of all probes and its 95 % interval.

        It is a speed-up too: that of spinning processes over one of them. `None` where there was no probe: in cells
        of one worker and on machines of one core; and where the workers were on other machines than the probe.
        """
        if self.spans_machines:
            return None
        probes = [[math.log(each) for each in trial.get("capacity") or ()] for trial in self.trials]
        return statistics.speedup(probes, ALPHA) if any(probes) else None

    @cached_property
    def spans_machines(self) -> bool:
        """Whether workers were on other machines than the plain loop."""
        return any(
            node.partition("/")[0] != trial["node"].partition("/")[0]
            for trial in self.trials
            for node in trial["arms"]["cell"].get("placed", ())
        )

    def cores_used(self, arm: str) -> float | None:
        """How many cores an arm kept busy in a batch, on average; `None` where CPU time is not counted."""
        cpu_s, batch_s = self.middle(arm, "cpu_s"), self.middle(arm, "batch_s")
        return None if cpu_s is None or not batch_s else cpu_s / batch_s

    def middle(self, arm: str, what: str) -> float | None:
        """The median over all trials and rounds of an arm's `what`; `None` where it was never recorded."""
        if (arm, what) not in self._middles:  # asked for again and again, by flags and sentences
            self._middles[arm, what] = middle(self.trials, arm, what)
        return self._middles[arm, what]


@dataclass(frozen=True)
class Flag:
    """What restricts the claims: `name` is a word or two for tables, `detail` says with numbers what was seen."""

    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})"


@dataclass(frozen=True)
class Room:
    """What a machine has for us, in cores.

    `attainable_cores` are how many cores' worth of time can be had, which a container's quota may make less;
    `whole_cores` how many cores' worth of work these are at least: hyper-threads count half.
    """

    cores: int
    attainable_cores: float
    whole_cores: float


def log_ratios(trial: Record, over: str, arm: str) -> list[float]:
    """log(time of the arm `over` / time of `arm`) of each round of a trial."""
    arms = trial["arms"]
    pairs = zip(arms[over]["batch_s"], arms[arm]["batch_s"], strict=True)
    return [math.log(over_s / arm_s) for over_s, arm_s in pairs]


def middle(trials: Iterable[Record], arm: str, what: str) -> float | None:
    """The median of an arm's `what` over all `trials`, and their rounds where each has one."""
    values: list[float] = []
    for trial in trials:
        values.extend(told(trial["arms"][arm], what))
    return float(median(values)) if values else None


def told(arm: Mapping[str, Any], what: str) -> Sequence[float]:
    """An arm's `what` as far as it is known: of each round, or one of them all."""
    value: Any = arm.get(what)
    if isinstance(value, array):
        return value
    return [each for each in (value if isinstance(value, list) else [value]) if each is not None]


def gather(trials: Sequence[Record], preflight: Record | None) -> Evidence:
    """One cell's evidence from its `trial` records and the `preflight` record of its workload."""
    if preflight is not None and preflight["status"] != "measured":
        return Evidence(preflight["status"], preflight["reason"], preflight["traceback"], (), 0)
    # Each trial counts once, whoever else wrote into the journal.
    good = tuple({trial["trial"]: trial for trial in reversed(trials) if trial["status"] == "measured"}.values())[::-1]
    counted = {trial["trial"] for trial in good}
    lost = [trial for trial in trials if trial["status"] == "not run" and trial["trial"] not in counted]
    for trial in trials:
        if trial["status"] not in ("measured", "not run"):
            return Evidence(
                trial["status"], trial["reason"], trial["traceback"], good, len(trials), trial.get("failed_arm")
            )
    most, most_keepers = _most_attempts(lost), _most_attempts(trial for trial in lost if not is_of_machine(trial))
    if most >= MOST_ATTEMPTS:
        said = f"a trial of it was lost {most} times: {lost[-1]['reason']}"
        if most_keepers >= MOST_ATTEMPTS:
            return Evidence("failed", said, None, good, len(trials))
        said += "; the same command takes it again"
        return Evidence("not run", said, None, good, len(trials), given_up=True)
    if good:
        return Evidence("measured", None, None, good, len(trials))
    return Evidence("not run", "the measuring ended before its turn came", None, (), len(trials))


def _most_attempts(lost: Iterable[Record]) -> int:
    return max(Counter(trial["trial"] for trial in lost).values(), default=0)


def is_of_machine(record: Record) -> bool:
    """Whether a trial, or the look before them, was not run for a cause of the machine: no keeper was `lost` by it."""
    if record["status"] != "not run":
        return False
    in_words = str(record["reason"]).startswith("its keeper ")  # of earlier versions, which kept no mark
    return not record.get("lost", in_words)


def variants(cells: Iterable[Record]) -> dict[str, str]:
    """For each cell what tells it from others of its workload and backend; empty where nothing has to."""
    alike: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for cell in cells:
        details = {
            **cell["options"],
            **{f"env.{key}": value for key, value in cell["env"].items()},
            "python": cell["python"],
        }
        alike.setdefault((cell["anchor"], cell["backend"]), {})[cell["id"]] = details
    found: dict[str, str] = {}
    for group in alike.values():
        keys = dict.fromkeys(key for details in group.values() for key in details)
        varying = [key for key in keys if len({repr(details.get(key)) for details in group.values()}) > 1]
        for id_, details in group.items():
            said = {key: "null" if details[key] is None else details[key] for key in varying if key in details}
            found[id_] = " ".join(f"{key}={value}" for key, value in said.items())
    return found


def begun(path: Path, records: Sequence[Record]) -> Record:
    """The record that defines the run of a journal.

    Raises:
        InputError: there is none, as where it was killed before it wrote one.
    """
    if not records or not _begins(records[0]):
        raise InputError(f"{path}: its first line does not begin a run; run the command that made it again")
    return records[0]


@dataclass(frozen=True)
class Run:
    """A run as its journal tells it: the one thing that tables, verdict and report are functions of."""

    records: tuple[Record, ...]

    @classmethod
    def read(cls, path: Path, *, damaged: bool = False) -> Run:
        """From a journal file; from what is whole of a `damaged` one where that is asked for.

        Raises:
            InputError: it is no journal, is damaged, or nothing began in it.
        """
        records, lost = journal.salvage(path) if damaged else (journal.read(path), [])
        if lost:  # every session begins with such a record, so that the next one will do where the first is lost
            records.sort(key=lambda record: not _begins(record))
        header = begun(path, records)
        header = {**header, "lost_lines": lost} if lost else header
        return cls(hardware.apart((header, *records[1:])))

    @cached_property
    def header(self) -> Record:
        """The record that defines the run: name, version, definition, command, cells, surroundings."""
        return self.records[0]

    @cached_property
    def cells(self) -> tuple[Record, ...]:
        """The definitions of all cells: for each workload its anchor, then the others in the order asked for."""
        listed: dict[str, Record] = {}
        for cell in self.header["cells"]:
            listed.setdefault(cell["anchor"], {**cell, "id": cell["anchor"], **ANCHOR})
            if cell["id"] != cell["anchor"] or cell["id"] in self.header["measured"]:
                listed[cell["id"]] = cell
        places = {id_: place for place, id_ in enumerate(listed)}
        return tuple(sorted(listed.values(), key=lambda cell: places[cell["anchor"]]))

    @property
    def revisions(self) -> dict[str, Record] | None:
        """Of a run that interleaved two revisions what `before` and `after` are: see `revisions.Revision`.

        In its trials the arms `anchor` and `cell` are of the revision before, and `after` is the cell of the other one.
        """
        return self.header.get("revisions")

    @property
    def lost_lines(self) -> list[range]:
        """The numbers of the journal's lines that are damaged, and left out."""
        lost: list[range] = self.header.get("lost_lines", [])
        return lost

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end; where several sessions measured, the last of them tells."""
        ended = (record["reason"] for record in reversed(self.records) if record["kind"] == "end")
        return next(ended, None) == "finished"

    @cached_property
    def measured(self) -> frozenset[str]:
        """The ids of the cells that got trials of their own."""
        return frozenset(self.header["measured"])

    @cached_property
    def family(self) -> int:
        """How many cells the verdict's intervals hold for at once: all that were measured on a kind of machine."""
        return len(self.measured) // len(self.header.get("machines", [None]))

    def room(self, cell: Record) -> Room:
        """What the machine had for us; where the system does not tell, its cores may be hyper-threads."""
        machine = self.header.get("machines", {}).get(cell.get("kind"), self.header["surroundings"]["machine"])
        cores, quota = int(machine["usable_cores"]), machine.get("quota_cores")
        attainable = cores if quota is None else min(cores, float(quota))
        threads = 1 if machine.get("smt") is False else 2
        return Room(cores, attainable, min(cores / threads, attainable))

    @cached_property
    def margin(self) -> float:
        """What smaller difference does not matter, as a share."""
        return float(self.header["definition"]["margin"])

    @cached_property
    def measure(self) -> Measure:
        """The measuring profile."""
        return Measure(**self.header["definition"]["measure"])

    @cached_property
    def claims(self) -> tuple[Claims, ...]:
        """What is held against the run: the claims that came last."""
        found = [record["claims"] for record in self.records if record["kind"] == "claims"]
        return tuple(Claims.of(each) for each in found[-1]) if found else ()

    @cached_property
    def trials(self) -> tuple[Record, ...]:
        """All trial records, in the order in which they were measured."""
        return tuple(record for record in self.records if record["kind"] == "trial")

    @cached_property
    def evidence(self) -> dict[str, Evidence]:
        """Each measured cell's evidence, by its id."""
        trials: dict[str, list[Record]] = {}
        for trial in self.trials:
            trials.setdefault(trial["cell"], []).append(trial)
        return {
            cell["id"]: gather(trials.get(cell["id"], []), self.preflights.get(cell["anchor"]))
            for cell in self.cells
            if cell["id"] in self.measured
        }

    @cached_property
    def matches(self) -> dict[tuple[str, str], Evidence]:
        """Each match's evidence, by the ids of leader and rival; in its trials the rival's arm is called `cell`."""
        trials: dict[tuple[str, str], list[Record]] = {}
        for record in self.records:
            if record["kind"] == "play-off":
                trials.setdefault((record["leader"], record["cell"]), []).append(record)
        return {match: gather(each, None) for match, each in trials.items()}

    @cached_property
    def preflights(self) -> dict[str, Record]:
        """The preflight record of each workload, by the id of its anchor."""
        anchors = {cell["workload_id"]: cell["anchor"] for cell in self.header["cells"]}
        found = (record for record in self.records if record["kind"] == "preflight")
        return {anchors[record["workload"]]: record for record in found}

    @cached_property
    def variants(self) -> dict[str, str]:
        """See the function of that name."""
        return variants(self.cells)

    def plan(self, cell: Record) -> Plan | None:
        """How the cell's evidence was planned; `None` where its workload's preflight failed."""
        preflight = self.preflights.get(cell["anchor"])
        if preflight is None or preflight["status"] != "measured":
            return None
        clustered, interleaved = cell.get("clustered", False), self.family if self.revisions else 0
        return plan_cell(self.measure, Preflight.of(preflight), clustered=clustered, interleaved=interleaved)

    def match_plan(self, leader: Record, rival: Record) -> Plan:
        """How a match between two cells was planned."""
        preflight = Preflight.of(self.preflights[rival["anchor"]])
        over_loop = [self.evidence[cell["id"]].speedup(ALPHA).estimate for cell in (rival, leader)]
        clustered = any(cell.get("clustered", False) for cell in (rival, leader))
        return plan_match(self.measure, preflight, (over_loop[0], over_loop[1]), clustered=clustered)

    def of_workload(self, anchor: str) -> Sequence[Record]:
        """The definitions of a workload's cells that got trials of their own, by the id of its anchor."""
        return self._of_workloads.get(anchor, ())

    @cached_property
    def _of_workloads(self) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for cell in self.cells:
            if cell["id"] in self.measured:
                found.setdefault(cell["anchor"], []).append(cell)
        return found

    def of_anchor(self, anchor: str) -> tuple[Record, ...]:
        """The trials in which an anchor was measured: all of its workload's."""
        return tuple(trial for cell in self.of_workload(anchor) for trial in self.evidence[cell["id"]].trials)


def _begins(record: Record) -> bool:
    return record["kind"] == "run" and set(record) >= _HEADER


_HEADER = {"name", "version", "definition", "command", "cells", "measured", "surroundings"}

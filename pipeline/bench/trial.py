"""One trial: two or more fresh arms, measured against each other for some rounds.

It is self-contained: its description is plain JSON, and so is its record. The first arm is the anchor.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from . import check, counters
from .capacity import Probe, open_probe
from .messages import Message

#: The shorter arm of a round lasts at least this long and this many ticks of the clock.
LEAST_REPETITION_S = 0.020
LEAST_TICKS = 1000
#: A repetition of the longer arm is not stretched past this for the shorter one's sake.
MOST_STRETCHED_S = 0.250
#: So often, at most, the machine's capacity is probed between the rounds of a trial.
PROBES = 4

START_ARM = Callable[[str, Message], AbstractContextManager["Arm"]]


class Arm(Protocol):
    """A process that answers one command at a time.

    Both methods raise `ArmFailed` when the measured code raised, the process ended, or the trial's time is up.
    """

    def tell(self, do: str, **details: Any) -> None:
        """Send a command."""
        ...

    def answer(self) -> Message:
        """Wait for the reply to it."""
        ...


class ArmFailed(Exception):
    """Why a trial ended early: `status` as in a cell's status, and one sentence; a traceback where there is one."""

    def __init__(self, status: str, reason: str, traceback: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.traceback = traceback


def run(description: Message, start_arm: START_ARM, scratch: Path, tell: Callable[[Message], None]) -> Message:
    """Measure one trial.

    Args:
        description: `arms` (each name, python, env, backend, workers, options), `workload`, `sample`, `rounds`,
            `cold`, `spans` (how many to keep, 0 for none), `warm_s` (a batch in a plain loop, as the preflight
            saw it), `seed`.
        start_arm: starts the process for one of the arms.
        scratch: a private folder.
        tell: called with progress after each round.

    Returns:
        The record: status, reason, traceback, arms (name -> startup_s, cold_s, shutdown_s, peak_rss_bytes,
        batch_s and counters for each round, ...), orders, repeat, capacity (one probe each), machine (counters
        over all rounds), phases_s.
    """
    arms_described: list[Message] = description["arms"]
    record: Message = {
        "status": "measured",
        "reason": None,
        "traceback": None,
        "repeat": 1,
        "orders": [],
        "arms": {each["name"]: {"options": each["options"], "batch_s": [], "cpu_s": []} for each in arms_described},
        "phases_s": {},
        "capacity": [],
        "probe_cpu_s": 0.0,
        "machine": None,
    }
    phases_s = record["phases_s"]
    try:
        with ExitStack() as stack:
            with _timed(phases_s, "interpreters"):
                arms = {each["name"]: stack.enter_context(start_arm(each["name"], each)) for each in arms_described}
                probe = stack.enter_context(open_probe(max(each["workers"] for each in arms_described)))
                for arm in arms.values():  # side by side: nothing is timed yet
                    arm.tell("load", workload=description["workload"])
                for name, arm in arms.items():
                    record["arms"][name]["interpreter"] = arm.answer()["interpreter"]
            with _timed(phases_s, "startup"):
                for each in arms_described:
                    pool = {key: each[key] for key in ("backend", "workers", "options")}
                    record["arms"][each["name"]] |= ask(
                        arms[each["name"]], "open", sample=description["sample"], **pool
                    )
            if probe is not None:
                with _timed(phases_s, "probe"):
                    probe.calibrate()
            with _timed(phases_s, "rounds" if description["cold"] else "warm-up"):
                _warm_up(description, arms, record, scratch)
            if not description["cold"]:
                with _timed(phases_s, "rounds"):
                    before = counters.read_machine()
                    _measure(description, arms, record, probe, tell)
                    record["machine"] = counters.since(before, counters.read_machine())
            with _timed(phases_s, "shutdown"):
                for name, arm in arms.items():
                    record["arms"][name] |= ask(arm, "close")
    except ArmFailed as failure:
        record |= {"status": failure.status, "reason": failure.reason, "traceback": failure.traceback}
    return record


def ask(arm: Arm, do: str, **details: Any) -> Message:
    """Send a command and wait for its reply."""
    arm.tell(do, **details)
    return arm.answer()


def _warm_up(description: Message, arms: dict[str, Arm], record: Message, scratch: Path) -> None:
    """One batch through every arm, kept as cold; then compare, look at spans, calibrate."""
    anchor, *others = arms
    order = random.Random(description["seed"]).sample(list(arms), len(arms))
    for name in order:
        record["arms"][name] |= ask(arms[name], "cold")
    expected, how = scratch / "expected.pickle", description["workload"]["check"]
    if how != "none":
        ask(arms[anchor], "save", path=str(expected))
        for name in others:
            compared = ask(arms[name], "check", path=str(expected), check=how)
            record["arms"][name]["answers"] = compared["answers"]
            if compared["answers"] == check.DIFFERENT:
                raise ArmFailed(
                    "invalid",
                    f"its results differ from the plain loop's: {compared['difference']}; "
                    "workload.check=module:function compares them your way",
                )
        expected.unlink(missing_ok=True)
    if description["cold"]:
        record["orders"].append(order)
        for measured in record["arms"].values():
            measured["batch_s"].append(measured["cold_s"])
        return
    if description["spans"]:
        for name in others:
            record["arms"][name] |= ask(arms[name], "spans", most=description["spans"])
    # Where the plain loop is long already, `calibrate` would find 1 whatever the cells take.
    if description["warm_s"] < MOST_STRETCHED_S:
        record["repeat"] = calibrate([_fastest_warm_s(arm) for arm in arms.values()])


def _fastest_warm_s(arm: Arm) -> float:
    fastest = math.inf
    for _ in range(3):
        fastest = min(fastest, ask(arm, "run", repeat=1)["batch_s"])
        if fastest >= LEAST_REPETITION_S:
            break
    return fastest


def calibrate(batch_s: Sequence[float]) -> int:
    """How often every arm repeats its batch in a round, from what one batch takes in each arm."""
    tick_s = time.get_clock_info("perf_counter").resolution
    shortest, longest = max(min(batch_s), 1e-9), max(batch_s)
    for_noise = math.ceil(LEAST_REPETITION_S / shortest)
    for_clock = math.ceil(LEAST_TICKS * tick_s / shortest)
    return max(1, for_clock, min(for_noise, int(MOST_STRETCHED_S / longest)))


def _measure(
    description: Message, arms: dict[str, Arm], record: Message, probe: Probe | None, tell: Callable[[Message], None]
) -> None:
    order, rounds = list(arms), description["rounds"]
    rng = random.Random(description["seed"])
    probed = {each * rounds // PROBES for each in range(PROBES)}
    for done in range(rounds):
        if probe is not None and done in probed:
            record["capacity"].append(probe.measure())
        rng.shuffle(order)
        replies = {name: ask(arms[name], "run", repeat=record["repeat"]) for name in order}
        record["orders"].append(list(order))
        for name, reply in replies.items():
            for what, value in reply.items():
                record["arms"][name].setdefault(what, []).append(value)
        tell({"rounds": done + 1})
    if probe is not None:
        record["capacity"].append(probe.measure())
        record["probe_cpu_s"] = probe.spun_s


@contextmanager
def _timed(into: dict[str, float], phase: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        into[phase] = time.perf_counter() - began

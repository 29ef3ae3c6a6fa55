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

from . import check
from .messages import Message

#: The shorter arm of a round lasts at least this long and this many ticks of the clock.
LEAST_REPETITION_S = 0.020
LEAST_TICKS = 1000
#: A repetition of the longer arm is not stretched past this for the shorter one's sake.
MOST_STRETCHED_S = 0.250

START_ARM = Callable[[str, Message], AbstractContextManager["Arm"]]


class Arm(Protocol):
    """A process that answers one command at a time."""

    def ask(self, do: str, **details: Any) -> Message:
        """Send a command and wait for its reply.

        Raises:
            ArmFailed: the measured code raised, the process ended, or the trial's time is up.
        """
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
            `cold`, `spans` (how many to keep, 0 for none), `seed`.
        start_arm: starts the process for one of the arms.
        scratch: a private folder.
        tell: called with progress after each round.

    Returns:
        The record: status, reason, traceback, arms (name -> startup_s, cold_s, shutdown_s, peak_rss_bytes,
        batch_s and cpu_s for each round, ...), orders, repeat, phases_s.
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
        "capacity": None,
        "flags": [],
    }
    phases_s = record["phases_s"]
    try:
        with ExitStack() as stack:
            with _timed(phases_s, "interpreters"):
                arms = {each["name"]: stack.enter_context(start_arm(each["name"], each)) for each in arms_described}
                for name, arm in arms.items():
                    record["arms"][name]["interpreter"] = arm.ask("load", workload=description["workload"])[
                        "interpreter"
                    ]
            with _timed(phases_s, "startup"):
                for each in arms_described:
                    reply = arms[each["name"]].ask("open", sample=description["sample"], **_pool(each))
                    record["arms"][each["name"]] |= reply
            with _timed(phases_s, "warm-up"):
                _warm_up(description, arms, record, scratch)
            with _timed(phases_s, "rounds"):
                _measure(description, arms, record, tell)
            with _timed(phases_s, "shutdown"):
                for name, arm in arms.items():
                    record["arms"][name] |= arm.ask("close")
    except ArmFailed as failure:
        record |= {"status": failure.status, "reason": failure.reason, "traceback": failure.traceback}
    return record


def _pool(described: Message) -> Message:
    return {key: described[key] for key in ("backend", "workers", "options")}


def _warm_up(description: Message, arms: dict[str, Arm], record: Message, scratch: Path) -> None:
    """One batch through every arm, kept as cold and never as a round; then compare, look at spans, calibrate."""
    anchor, *others = arms
    order = random.Random(description["seed"]).sample(list(arms), len(arms))
    for name in order:
        record["arms"][name]["cold_s"] = arms[name].ask("batch")["batch_s"]
    record["cold_order"] = order
    expected, how = scratch / "expected.pickle", description["workload"]["check"]
    if how != "none":
        arms[anchor].ask("save", path=str(expected))
        for name in others:
            answers = arms[name].ask("check", path=str(expected), check=how)["answers"]
            record["arms"][name]["answers"] = answers
            if answers == check.DIFFERENT:
                raise ArmFailed("invalid", "its results differ from those of a plain loop over the same inputs")
    expected.unlink(missing_ok=True)
    if description["cold"]:
        return
    if description["spans"]:
        for name in others:
            record["arms"][name] |= arms[name].ask("spans", most=description["spans"])
    cold = [record["arms"][name]["cold_s"] for name in arms]
    if min(cold) < MOST_STRETCHED_S:
        record["repeat"] = calibrate([_fastest_warm_s(arm) for arm in arms.values()])


def _fastest_warm_s(arm: Arm) -> float:
    fastest = arm.ask("batch")["batch_s"]
    for _ in range(2):
        if fastest >= LEAST_REPETITION_S:
            break
        fastest = min(fastest, arm.ask("batch")["batch_s"])
    return float(fastest)


def calibrate(batch_s: Sequence[float]) -> int:
    """How often every arm repeats its batch in a round, from what one batch takes in each arm."""
    tick_s = time.get_clock_info("perf_counter").resolution
    shortest, longest = max(min(batch_s), 1e-9), max(batch_s)
    for_noise = math.ceil(LEAST_REPETITION_S / shortest)
    for_clock = math.ceil(LEAST_TICKS * tick_s / shortest)
    return max(1, for_clock, min(for_noise, int(MOST_STRETCHED_S / longest)))


def _measure(description: Message, arms: dict[str, Arm], record: Message, tell: Callable[[Message], None]) -> None:
    if description["cold"]:
        record["orders"].append(record["cold_order"])
        for name in arms:
            record["arms"][name]["batch_s"].append(record["arms"][name]["cold_s"])
        return
    order = list(arms)
    rng = random.Random(description["seed"])
    for done in range(description["rounds"]):
        rng.shuffle(order)
        replies = {name: arms[name].ask("run", repeat=record["repeat"]) for name in order}
        record["orders"].append(list(order))
        for name, reply in replies.items():
            for what, value in reply.items():
                record["arms"][name][what].append(value)
        tell({"rounds": done + 1})


@contextmanager
def _timed(into: dict[str, float], phase: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        into[phase] = time.perf_counter() - began

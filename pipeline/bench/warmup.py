"""What comes before the rounds of a trial: first batches, their answers, and how often to repeat them."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import check, rounds
from .messages import Message
from .rounds import Arm, ArmFailed, Rounds, ask, say_where

#: The shorter arm of a round lasts at least this long and this many ticks of the clock.
LEAST_REPETITION_S = 0.020
LEAST_TICKS = 1000
#: A repetition of the longer arm is not stretched past this for the shorter one's sake.
MOST_STRETCHED_S = 0.250


def run(description: Message, arms: Mapping[str, Arm], record: Message, taken: Rounds, scratch: Path) -> None:
    """One batch through every arm, kept as cold; then compare, calibrate."""
    order = random.Random(description["seed"]).sample(list(arms), len(arms))
    replies = taken.take(order, "cold")
    for name, reply in replies.items():
        record["arms"][name] |= {"cold_s": reply["batch_s"], "peak_rss_bytes": reply["rss_bytes"]}
    if description["workload"]["check"] != "none":
        _compare(arms, record, scratch / "expected.pickle", description["workload"]["check"])
    if description["cold"]:
        rounds.add(record, order, replies)
        return
    # Where the plain loop is long already, `calibrate` would find 1 whatever the cells take.
    if description["warm_s"] < MOST_STRETCHED_S:
        record["repeat"] = calibrate([_fastest_warm_s(arm) for arm in arms.values()])


def _compare(arms: Mapping[str, Arm], record: Message, expected: Path, how: str) -> None:
    anchor, *others = arms
    ask(arms[anchor], "save", path=str(expected))
    for name in others:
        compared = ask(arms[name], "check", path=str(expected), check=how)
        record["arms"][name]["answers"] = compared["answers"]
        if compared["answers"] == check.DIFFERENT:
            raise ArmFailed(
                "invalid",
                f"{say_where(name)}its results differ from the plain loop's: {compared['difference']}; "
                "workload.check=module:function compares them your way",
                failed_arm=name,
            )
    expected.unlink(missing_ok=True)


def _fastest_warm_s(arm: Arm) -> float:
    fastest = math.inf
    for _ in range(3):
        fastest = min(fastest, ask(arm, "time")["batch_s"])
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

"""A trial during which the machine changed does not count, and the report says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench import steady, trial
from pipeline.bench.rounds import Arm, ArmFailed
from pipeline.bench.steady import Reading
from pipeline.evidence import Run
from pipeline.journal import Record
from pipeline.report import exports

from . import recorded
from .recorded import Told, Work
from .trials import THREADS, describe

BEFORE = Reading(awake_s=100.0, passed_s=5_000.0, date_s=1e9, cpus=frozenset({0, 1, 2, 3}))


def _later(seconds: float, **changed: Any) -> Reading:
    """As it should be after so many seconds, but for what changed."""
    assert BEFORE.passed_s is not None
    clocks = {"awake_s": BEFORE.awake_s, "passed_s": BEFORE.passed_s, "date_s": BEFORE.date_s}
    return replace(BEFORE, **{**{key: value + seconds for key, value in clocks.items()}, **changed})


SUSPENDED = replace(BEFORE, awake_s=110.0, passed_s=5_072.0, date_s=1e9 + 72)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (_later(60), None),
        (_later(60, date_s=1e9 + 60.4), None),
        (SUSPENDED, "the machine was suspended for 62.0 s during the trial"),
        (_later(60, date_s=1e9 + 3660), "the machine's clock was set forward by 3600.0 s during the trial"),
        (_later(60, date_s=1e9 + 50), "the machine's clock was set back by 10.0 s during the trial"),
        (_later(60, cpus=frozenset({0, 1})), "the trial began with 4 CPUs and ended with 2, without 2, 3"),
        (
            _later(60, cpus=frozenset({0, 1, 2, 7})),
            "the trial began with 4 CPUs and ended with 4, without 3 and with 7",
        ),
    ],
)
def test_what_happened_to_the_machine_is_read_from_its_clocks_and_cpus(after: Reading, said: str | None) -> None:
    """A clock that a daemon slews a little is no step."""
    assert steady.find_change(BEFORE, after) == said


def test_what_the_system_does_not_tell_is_no_change() -> None:
    """Where it has no clock that goes on during a suspend, the time of day tells that it was one, or was set."""
    bare = replace(BEFORE, passed_s=None, cpus=None)
    assert steady.find_change(bare, replace(bare, awake_s=110.0, date_s=1e9 + 10)) is None
    said = steady.find_change(bare, replace(bare, awake_s=110.0, date_s=1e9 + 72))
    assert said == "the machine's clock was set forward by 62.0 s during the trial"


def test_this_machine_stays_what_it_is_between_two_readings() -> None:
    """Both are of the real clocks."""
    assert steady.find_change(steady.read(), steady.read()) is None


def test_a_trial_during_which_it_changed_did_not_run(tmp_path: Path) -> None:
    """Also where it failed, which may be why; without a change it did fail."""

    @contextmanager
    def start_arm(_name: str, _described: Any) -> Iterator[Arm]:
        raise ArmFailed("failed", "no answer from the server", failed_arm="cell")
        yield

    def measure(*readings: Reading) -> tuple[str, str]:
        looks = iter(readings)
        description = describe(tmp_path, THREADS, workload={"task": "tasks:task"})
        found = trial.run(description, start_arm, tmp_path, lambda _: None, lambda: next(looks))
        return found["status"], found["reason"]

    assert measure(BEFORE, _later(3)) == ("failed", "no answer from the server")
    assert measure(BEFORE, SUSPENDED) == ("not run", "the machine was suspended for 62.0 s during the trial")


def test_the_report_counts_what_did_not_count() -> None:
    """With the causes, and how many of them were taken again: a run may end before."""
    whole = recorded.run(Work([Told(trials=3)]))
    at = whole.records.index(whole.trials[0])
    reason = "the machine was suspended for 62.0 s during the trial"
    lost = [{**whole.trials[0], "attempt": attempt, "status": "not run", "reason": reason} for attempt in (1, 2)]
    again = {**whole.trials[0], "attempt": 3}

    def tell(*first: Record) -> str:
        return str(exports.export(Run((*whole.records[:at], *first, *whole.records[at + 1 :])), "markdown"))

    assert f"3 trials; 2 more did not count and were taken again (2 times: {reason})" in tell(*lost, again)
    assert f"2 trials; 2 more did not count, 1 of which was taken again (2 times: {reason})" in tell(*lost)
    assert f"2 trials; 1 more did not count ({reason})" in tell(lost[0])
    assert "more did not count" not in tell(whole.trials[0])

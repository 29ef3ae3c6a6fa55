"""What is recommended: simulated sweeps with known speed-ups, through the real scheduling and play-off."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.evidence import Run
from pipeline.verdict import NOT_ENOUGH, STAY_SERIAL, USE, Verdict, decide

from . import recorded
from .recorded import Told, Work
from .truth.noise import lognormal
from .truth.simulate import DEFAULT, simulate

EIGHT_ALIKE = {(backend, workers): 3.0 for backend in ("thread", "process") for workers in (2, 3, 4, 5)}


def _verdict(speedups: dict[tuple[str, int], float], seed: int = 1, **measure: Any) -> tuple[Run, Verdict]:
    run = simulate(np.random.default_rng(seed), lognormal, speedups, replace(DEFAULT, **measure))
    (verdict,) = decide(run)
    return run, verdict


def _busy(run: Run, **machine: float) -> Run:
    """The run on a machine on which others were busy, too."""
    quiet = {"busy_s": 0.0, "steal_s": 0.0, "pressure_s": 0.0, "throttled_s": 0.0}
    return Run(
        tuple(
            {
                **record,
                "machine": {what: share * record["phases_s"]["rounds"] for what, share in {**quiet, **machine}.items()},
            }
            if record["kind"] in ("trial", "play-off")
            else record
            for record in run.records
        )
    )


def test_a_leader_without_rivals_needs_no_play_off() -> None:
    """Everybody else is shown to be slower by more than the margin."""
    run, verdict = _verdict({("thread", 2): 1.0, ("process", 2): 1.9})
    assert verdict.decision == USE
    assert verdict.chosen is not None
    assert verdict.chosen.name == "2 processes"
    assert run.matches == {}


def test_the_cheapest_of_equals_is_chosen_on_fresh_rounds() -> None:
    """Its figures are those of the match, and the other is named as a tie."""
    run, verdict = _verdict({("thread", 2): 1.9, ("thread", 4): 1.9})
    assert verdict.chosen is not None
    assert verdict.chosen.name == "2 threads"
    assert [each.name for each in verdict.ties] == ["4 threads"]
    (match,) = run.matches.values()
    assert verdict.chosen.speedup.rounds == sum(len(trial["orders"]) for trial in match.trials)
    assert verdict.chosen.speedup.low <= 1.9 <= verdict.chosen.speedup.high


def test_three_rivals_meet_the_leader_and_the_rest_is_not_settled() -> None:
    """Of eight cells alike, four take part in the play-off."""
    run, verdict = _verdict(EIGHT_ALIKE)
    assert len({leader for leader, _ in run.matches}) == 1
    assert len(run.matches) == 3
    assert len(verdict.unresolved) == 4
    assert any("would tell" in said or "Not settled" in said for said in verdict.because)


def test_nothing_that_helps_is_a_finding() -> None:
    """Not a lack of evidence."""
    _, verdict = _verdict({("thread", 2): 0.98, ("process", 2): 0.8})
    assert verdict.decision == STAY_SERIAL
    assert verdict.to_json()["backend"] == "serial"


def test_a_gain_of_just_the_margin_is_neither() -> None:
    """What would settle it is said."""
    _, verdict = _verdict({("thread", 2): 1.05})
    assert verdict.decision == NOT_ENOUGH
    assert "measure.max_rounds" in verdict.because[0]


def test_pools_that_compete_for_cores_are_not_judged_on_a_shared_machine() -> None:
    """Neighbours leave the loop its core, and more to pools of more workers."""
    run, verdict = _verdict({("process", 2): 1.9, ("process", 4): 1.9})
    assert verdict.decision == USE
    (verdict,) = decide(_busy(run, busy_s=8.0))
    assert verdict.decision == NOT_ENOUGH
    assert "busy with other things" in verdict.because[0]


def test_a_job_that_runs_once_is_told_from_how_many_tasks_on_a_pool_pays() -> None:
    """Opening and closing takes 20 ms, a task 3.125 ms in the loop, and half of that in the pool."""
    _, verdict = _verdict({("thread", 2): 2.0})
    assert verdict.pays_from_tasks in {13, 14}
    assert verdict.to_json()["pays_from_tasks"] == verdict.pays_from_tasks
    assert any(f"pays from {verdict.pays_from_tasks} such tasks on" in said for said in verdict.because)


def _for_one_batch(*cells: Told, **preflight: Any) -> list[str]:
    """What is said of it, with 8 processes in front."""
    heavy = Told("process", 8, 6.0, trials=14, startup_s=0.5)
    run = recorded.run(Work([*cells, heavy], **preflight))
    (verdict,) = decide(run)
    assert verdict.chosen is not None
    assert verdict.chosen.name == "8 processes"
    return [said for said in verdict.because if "opened for one batch of 16 tasks alone" in said]


def test_what_does_better_where_a_pool_is_opened_for_one_batch_alone_is_told() -> None:
    """With its interval from opening to closing, and that of the recommended one."""
    (said,) = _for_one_batch(Told("thread", 8, 3.0, trials=14))
    assert re.search(r"alone, 8 threads do better: 2\.\d+ times \(.+\) as fast as a loop from", said)
    assert re.search(r"; 8 processes: 0\.2\d+ times \(.+\)\.$", said)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Told("thread", 8, 3.0, trials=14, startup_s=0.3), id="a loop does better"),
        pytest.param(Told("thread", 8, 3.0, trials=4), id="too few trials"),
        pytest.param(Told("thread", 8, 3.0, trials=14, python="python3.13"), id="another interpreter"),
        pytest.param(Told("thread", 8, 3.0, trials=14, env={"A": "1"}), id="other variables"),
        pytest.param(Told("serial", 1, 1.3, trials=14, python="python3.13"), id="a plain loop"),
        pytest.param(Told("thread", 8, 3.0, trials=14, noise=0.2), id="noise"),
    ],
)
def test_nothing_is_said_to_do_better_that_is_not_shown_to(other: Told) -> None:
    """Or whose gain may be another's."""
    assert _for_one_batch(other) == []


def test_of_a_sample_nothing_is_said_of_one_batch() -> None:
    assert _for_one_batch(Told("thread", 8, 3.0, trials=14), available=160) == []


def test_a_batch_too_small_to_pay_for_the_pool_is_told_so() -> None:
    (verdict,) = decide(recorded.run(Work([Told("process", 8, 6.0, trials=14, startup_s=0.5)])))
    assert verdict.pays_from_tasks is not None
    assert any(
        f"from {verdict.pays_from_tasks} such tasks on, and not for these 16" in each for each in verdict.because
    )


def test_an_unfinished_play_off_leaves_its_rivals_open() -> None:
    """The leader is recommended all the same: the sweep has shown that it helps."""
    run, verdict = _verdict({("thread", 2): 1.9, ("thread", 4): 1.9})
    (verdict,) = decide(Run(tuple(record for record in run.records if record["kind"] != "play-off")))
    assert verdict.decision == USE
    assert len(verdict.unresolved) == 1
    assert any("how many workers is not" in said for said in verdict.because)


def test_what_scaling_laws_say_stands_beside_the_verdict() -> None:
    """Of every backend, with the refusal where there are too few counts."""
    amdahl = {("thread", workers): 1 / (0.1 + 0.9 / workers) for workers in (1, 2, 4, 8)}
    _, verdict = _verdict({**amdahl, ("process", 2): 1.2}, budget_s=60, max_rounds=2000, target=0.01)
    scaling, _ = verdict.to_json()["scaling"]
    assert scaling["backend"] == "thread"
    fraction = scaling["amdahl"]["serial_fraction"]
    assert fraction["low"] <= 0.1 <= fraction["high"]


def _last_match_ends(run: Run, arm: str) -> Run:
    """The run, where the last trial of its match was a crash of that arm."""
    records = list(run.records)
    last = max(at for at, record in enumerate(records) if record["kind"] == "play-off")
    records[last] |= {"status": "crashed", "reason": "its process was ended by SIGSEGV", "failed_arm": arm}
    return Run(tuple(records))


def test_a_rival_that_crashes_in_the_play_off_is_not_recommended() -> None:
    """However well it did before: it is named, and the leader stays."""
    run, verdict = _verdict({("thread", 2): 1.9, ("thread", 4): 1.9})
    assert verdict.chosen is not None
    ((leader, rival),) = run.matches
    cells = {cell["id"]: cell["workers"] for cell in run.cells}
    (verdict,) = decide(_last_match_ends(run, "cell"))
    assert verdict.chosen is not None
    assert verdict.chosen.workers == cells[leader]
    assert [each.workers for each in verdict.unresolved] == [cells[rival]]
    assert any("SIGSEGV" in said for said in verdict.because)


def test_a_leader_that_crashes_in_the_play_off_ends_in_a_refusal() -> None:
    """Nobody else was shown to be the fastest."""
    run, _ = _verdict({("thread", 2): 1.9, ("thread", 4): 1.9})
    (verdict,) = decide(_last_match_ends(run, "leader"))
    assert verdict.decision == NOT_ENOUGH
    assert "SIGSEGV" in verdict.because[0]


def _matches_say(run: Run, gains: dict[str, float]) -> Run:
    """The run, where each arm of its matches is so many times as fast as it was."""
    return Run(
        tuple(
            record
            if record["kind"] != "play-off"
            else {
                **record,
                "arms": {
                    name: {**arm, "batch_s": [each / gains.get(name, 1.0) for each in arm["batch_s"]]}
                    for name, arm in record["arms"].items()
                },
            }
            for record in run.records
        )
    )


def test_a_gain_that_fresh_rounds_do_not_bear_out_is_not_claimed() -> None:
    """The sweep's was luck: then neither of them is worth more than the margin."""
    run, _ = _verdict({("thread", 2): 1.2, ("thread", 4): 1.2})
    (verdict,) = decide(_matches_say(run, {"leader": 1.02 / 1.2, "cell": 1.02 / 1.2}))
    assert verdict.decision == NOT_ENOUGH
    assert "does not bear that out" in verdict.because[0]


def test_a_leader_that_is_beaten_when_nobody_else_may_lead_is_not_recommended() -> None:
    """Play-offs that contradict each other say that something changes."""
    run, _ = _verdict({("thread", 2): 1.9, ("thread", 4): 1.9})
    ((first, second),) = run.matches
    again = [record for record in run.records if record["kind"] == "play-off"]
    beaten = _matches_say(run, {"cell": 1.3})
    back = _matches_say(Run(tuple(again)), {"cell": 1.3}).records
    (verdict,) = decide(Run((*beaten.records, *({**each, "leader": second, "cell": first} for each in back))))
    assert verdict.decision == NOT_ENOUGH
    assert "came out first, and then, in fresh rounds" in verdict.because[0]


def test_laws_are_withheld_where_the_machine_was_shared() -> None:
    """What a neighbour takes would pass for a serial share."""
    run, _ = _verdict({("process", workers): 1 / (0.1 + 0.9 / workers) for workers in (1, 2, 4, 8)})
    (verdict,) = decide(_busy(run, busy_s=20.0))
    assert verdict.decision == NOT_ENOUGH
    assert "shared" in verdict.to_json()["scaling"][0]["amdahl"]["refused"]

"""The bag of trials: order, planned looks, and going on from a journal."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.cells import Cell, Measure, Sweep, Workload
from pipeline.plan import Plan, Preflight, chunksize, plan_cell
from pipeline.playoff import MOST_RIVALS
from pipeline.sweep import Bag, Bags, Turn

WORKLOAD = Workload("w", "m:f", None, 8, {}, "auto", "auto", None)
PREFLIGHT = {
    "kind": "preflight",
    "workload": WORKLOAD.id,
    "status": "measured",
    "tasks": 8,
    "available": 8,
    "sample": None,
    "cold_s": 0.1,
    "warm_s": 0.1,
    "task_s": 0.0125,
    "widest": 8,
}


def _cell(workers: int) -> Cell:
    return Cell(WORKLOAD, "thread", workers, {}, {}, None)


def _sweep(seed: int = 0, **measure: Any) -> Sweep:
    profile = {"target": 0.05, "budget_s": 60.0, "trials": 4, "max_rounds": 100, "timeout_s": 60.0, "cold": False}
    cells = tuple(_cell(workers) for workers in (1, 2, 3, 4, 5))
    return Sweep("w", cells, Measure(**{**profile, **measure}), 0.05, seed, False, "outputs", "local")


def _trial(turn: Turn, ratio: float = 1.0, rounds: int = 12, status: str = "measured") -> dict[str, Any]:
    """A trial in which the anchor takes `ratio` times as long as the cell and the leader, if there is one."""
    arms = {name: {"batch_s": [1.0] * rounds, "peak_rss_bytes": 1e8, "startup_s": 0.1} for name in ("leader", "cell")}
    arms["anchor"] = {"batch_s": [ratio] * rounds}
    match = {"kind": "trial"} if turn.leader is None else {"kind": "play-off", "leader": turn.leader.id}
    common = {"cell": turn.cell.id, "trial": turn.trial, "status": status, "reason": "because", "traceback": None}
    return {**match, **common, "arms": arms, "phases_s": {"rounds": 1.0}, "elapsed_s": 1.0}


def _empty(bag: Bag, **trial: Any) -> list[str]:
    taken = []
    while (following := bag.next()) is not None:
        taken.append(following.id)
        bag.add(_trial(following, **trial))
    return taken


def test_every_cell_gets_a_trial_before_any_gets_its_next() -> None:
    """So an hour's noise falls on all of them."""
    taken = _empty(Bag(_sweep(), [PREFLIGHT]))
    for begin in range(0, len(taken), 5):
        assert len(set(taken[begin : begin + 5])) == 5


def test_the_order_is_drawn_anew_in_each_turn_and_follows_the_seed() -> None:
    """Another seed is another order, the same seed is the same."""
    first = _empty(Bag(_sweep(), [PREFLIGHT]))
    assert first == _empty(Bag(_sweep(), [PREFLIGHT]))
    assert first != _empty(Bag(_sweep(seed=1), [PREFLIGHT]))
    assert first[:5] != first[5:10]


def test_a_bag_filled_from_a_journal_goes_on_as_the_first_would_have() -> None:
    """Wherever the journal ends."""
    whole = Bag(_sweep(), [PREFLIGHT])
    records: list[dict[str, Any]] = [PREFLIGHT]
    while (following := whole.next()) is not None:
        assert Bag(_sweep(), records).next() == following
        record = _trial(following, ratio=2.0)
        records.append(record)
        whole.add(record)
    assert Bag(_sweep(), records).next() is None


def test_a_cell_ends_at_a_planned_look_with_a_narrow_interval_and_not_before() -> None:
    """Rounds that all agree end each cell at its first look."""
    assert len(_empty(Bag(_sweep(), [PREFLIGHT]))) == 5 * 4


def test_a_cell_whose_interval_stays_wide_gets_all_its_trials() -> None:
    """Up to the last look."""
    sweep = _sweep()
    bag = Bag(sweep, [PREFLIGHT])
    plan = plan_cell(sweep.measure, Preflight.of(PREFLIGHT))
    count = 0
    while (following := bag.next()) is not None:
        count += 1
        record = _trial(following, ratio=1.0 if following.trial % 2 else 3.0)
        bag.add({**record, "phases_s": {"rounds": 0.1}})
    assert count == 5 * plan.looks[-1]


def test_a_cell_that_failed_gets_no_more_trials() -> None:
    """The others do."""
    bag = Bag(_sweep(), [PREFLIGHT, _trial(Turn(_cell(1), None, 0, 1, Plan(1, (1,))), status="failed")])
    assert _cell(1).id not in _empty(bag)


def test_those_that_are_about_as_fast_as_the_fastest_meet_it_after_the_sweep() -> None:
    """Three of them at most, in matches of their own, and no cell is measured any more."""
    bag = Bag(_sweep(), [PREFLIGHT])
    turns = []
    while (following := bag.next()) is not None:
        turns.append(following)
        bag.add(_trial(following, ratio=2.0))
    matches = [(turn.leader.id, turn.cell.id) for turn in turns if turn.leader is not None]
    assert len(set(matches)) == MOST_RIVALS
    assert len({leader for leader, _ in matches}) == 1
    assert [turn.leader is None for turn in turns] == sorted((turn.leader is None for turn in turns), reverse=True)


def test_a_rival_that_proves_faster_leads_and_is_played_again() -> None:
    """On fresh rounds, also against the one that led before."""
    bag = Bag(_sweep(), [PREFLIGHT])
    leaders: list[str] = []
    while (following := bag.next()) is not None:
        record = _trial(following, ratio=2.0)
        if following.leader is not None:
            leaders += [following.leader.id] * (following.leader.id not in leaders)
            record["arms"]["leader"]["batch_s"] = [1.0 if following.leader.id != leaders[0] else 1.02] * 12
        bag.add(record)
    assert len(leaders) == 2
    matches = {(each.leader.id, each.cell.id) for each in bag.progress().values() if each.leader is not None}
    assert (leaders[1], leaders[0]) in matches


@pytest.mark.parametrize(
    ("lost", "status"),
    [
        pytest.param({"lost": True}, "failed", id="keeper"),
        pytest.param({"reason": "its keeper on a node was killed, or hung"}, "failed", id="keeper, as once told"),
        pytest.param({}, "not run", id="machine"),
    ],
)
def test_a_lost_trial_is_taken_again_and_not_for_ever(lost: dict[str, Any], status: str) -> None:
    """After three losses the cell has failed, which cost its keepers; it was not run, for causes of the machine."""
    bag = Bag(_sweep(), [PREFLIGHT])
    assert _lose(bag, lost) == [(0, 1), (0, 2), (0, 3)]
    assert bag.progress()[_cell(1).id].evidence.status == status
    assert bag.is_done()


def test_the_next_session_takes_afresh_what_was_not_run_for_causes_of_the_machine() -> None:
    """A look as well; and what cost its keepers stays as it is."""
    bag = Bag(_sweep(), [PREFLIGHT])
    _lose(bag, {})
    bag.begin()
    assert not bag.is_done()
    assert _lose(bag, {"lost": True}) == [(0, 4), (0, 5), (0, 6)]
    bag.begin()
    assert bag.progress()[_cell(1).id].evidence.status == "failed"
    bag = Bag(_sweep(), [{**PREFLIGHT, "status": "not run", "reason": "no memory", "traceback": None}])
    assert bag.is_done()
    bag.begin()
    assert bag.missing_preflights()


def test_a_kind_of_node_whose_looks_are_all_taken_afresh_is_not_forgotten() -> None:
    """Though nothing is left of it, and the other kind is done."""
    bags = Bags(_sweep(), [{**PREFLIGHT, "environment": "done"}])
    while (following := bags.of("done").next()) is not None:
        bags.add({**_trial(following, ratio=2.0 if following.cell.workers == 1 else 1.0), "environment": "done"})
    bags.add({**PREFLIGHT, "environment": "other", "status": "not run", "reason": "no memory", "traceback": None})
    bags.begin()
    assert "other" in bags.unfinished()
    assert not bags.are_done()


def _lose(bag: Bag, lost: dict[str, Any]) -> list[tuple[int, int]]:
    """Take all that there is, with those of a cell lost: their numbers and attempts."""
    attempts = []
    while (following := bag.next()) is not None:
        is_lost = following.cell.id == _cell(1).id
        if is_lost:
            attempts.append((following.trial, following.attempt))
        bag.add({**_trial(following, status="not run" if is_lost else "measured"), **(lost if is_lost else {})})
    return attempts


def test_a_cell_waits_for_the_look_at_its_workload() -> None:
    """Also where its progress was asked for before."""
    bag = Bag(_sweep(), [])
    assert bag.next() is None
    assert not any(each.done for each in bag.progress().values())
    bag.add(PREFLIGHT)
    assert bag.next() is not None


def test_trials_that_are_under_way_are_not_begun_again_nor_beyond_the_next_look() -> None:
    """As many of each cell as there are up to the look, each with a number of its own; those lost come again."""
    bag = Bag(_sweep(), [PREFLIGHT])
    taken = []
    while (turn := bag.take()) is not None:
        taken.append(turn)
    assert sorted((turn.id, turn.trial) for turn in taken) == sorted(
        (_cell(n).id, t) for n in range(1, 6) for t in range(4)
    )
    bag.add(_trial(taken[0], status="not run"))
    again = bag.take()
    assert again is not None
    assert (again.id, again.trial, again.attempt) == (taken[0].id, taken[0].trial, 2)


def test_a_workload_whose_preflight_failed_is_not_measured() -> None:
    """Its cells carry the preflight's reason."""
    failed = {**PREFLIGHT, "status": "failed", "reason": "ValueError: no", "traceback": "..."}
    bag = Bag(_sweep(), [failed])
    assert bag.next() is None
    assert {each.evidence.reason for each in bag.progress().values()} == {"ValueError: no"}


@pytest.mark.parametrize("warm_s", [1e-5, 0.005, 0.05, 0.5, 2.0, 60.0])
@pytest.mark.parametrize("budget_s", [1.0, 4.0, 20.0, 120.0])
@pytest.mark.parametrize("trials", [1, 3, 12])
def test_plans_hold_together(warm_s: float, budget_s: float, trials: int) -> None:
    """Looks rise, rounds and budget are kept, and slow batches get a single look."""
    measure = _sweep(budget_s=budget_s, trials=trials).measure
    plan = plan_cell(measure, Preflight(8, 8, None, warm_s, warm_s, warm_s / 8, 8))
    assert plan.rounds >= 1
    assert list(plan.looks) == sorted(set(plan.looks))
    assert plan.looks[0] >= 1
    assert plan.rounds * plan.looks[-1] <= measure.max_rounds
    assert plan.rounds * plan.looks[-1] * 1.5 * warm_s <= max(budget_s, 1.5 * warm_s)
    if warm_s * 2 > budget_s:
        assert plan == Plan(1, (1,))


@pytest.mark.parametrize(
    ("task_s", "tasks", "workers", "expected"),
    [(1e-6, 10_000, 2, 1250), (0.001, 1000, 2, 5), (0.1, 1000, 2, 1), (1e-6, 8, 8, 1), (1e-6, 64, 4, 4)],
)
def test_automatic_chunks_last_some_milliseconds_and_leave_enough_for_each_worker(
    task_s: float, tasks: int, workers: int, expected: int
) -> None:
    """Cheap tasks travel together, dear ones alone."""
    cell = Cell(WORKLOAD, "process", workers, {"chunksize": "auto"}, {}, None)
    assert chunksize(cell, Preflight(tasks, tasks, None, 1.0, 1.0, task_s, tasks)) == expected


def test_a_kind_of_node_of_which_nothing_was_measured_leaves_nothing_unfinished() -> None:
    """It came and went; a kind of which something was measured lacks what it lacks."""
    sweep = _sweep()
    records = [PREFLIGHT]
    bag = Bag(sweep, records)
    while (turn := bag.next()) is not None:
        records.append(_trial(turn))
        bag.add(records[-1])
    bags = Bags(sweep, [{**record, "environment": "one"} for record in records])
    keys = set(bags.progress())
    assert bags.are_done()
    assert bags.of("two").next() is None
    assert bags.are_done()
    assert keys < set(bags.progress())
    bags.add({**PREFLIGHT, "environment": "two"})
    assert not bags.are_done()
    assert bags.unfinished() == {"two": len(sweep.measured)}

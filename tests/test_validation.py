"""Cells are validated before anything runs, and their ids stand for what is measured."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pipeline.cells import Cell, Sweep, digest
from pipeline.errors import InputError
from pipeline.validation import make_sweep
from pipeline.wording import nearest

CONFIG: dict[str, Any] = {
    "workload": {
        "name": "cpu",
        "task": "experiments/cpu.py:loop",
        "job": None,
        "inputs": 16,
        "params": {"iterations": 10},
        "sample": "auto",
        "check": "auto",
        "reset": None,
    },
    "backend": {
        "name": "process",
        "takes": ["workers", "start_method", "chunksize"],
        "pickles": True,
        "start_method": "auto",
        "chunksize": "auto",
    },
    "measure": {"target": 0.1, "budget_s": 4, "trials": 3, "max_rounds": 100, "timeout_s": 120, "cold": False},
    "runner": {"name": "local", "exclusive": True},
    "cluster": {"address": "local"},
    "workers": 2,
    "env": {},
    "python": None,
    "name": None,
    "margin": 0.05,
    "seed": 0,
    "fresh": False,
    "output": "outputs",
}
THREAD = {"name": "thread", "takes": ["workers"], "pickles": False, "start_method": None, "chunksize": None}
SERIAL = {"name": "serial", "takes": [], "pickles": False, "start_method": None, "chunksize": None}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the values of dotted keys replaced."""
    config = copy.deepcopy(CONFIG)
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = config
        for parent in parents:
            node = node[parent]
        node[last] = value
    return config


def sweep(*changes: dict[str, Any], experiment: str | None = None) -> Sweep:
    return make_sweep([changed(each) for each in changes], experiment)


def cell(changes: dict[str, Any]) -> Cell:
    (only,) = sweep(changes).cells
    return only


def refusal(*changes: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        sweep(*changes)
    assert str(caught.value).isprintable(), "one line"
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("workers", 0, "workers=0 is too small; write 1 or more"),
        ("workers", -1, "workers=-1 is too small; write 1 or more"),
        ("workers", 1.5, "workers=1.5: a number with a fraction is no whole number; write 1, 2, ..."),
        ("workers", "many", "workers=many: text is no whole number; write 1, 2, ..."),
        ("workers", True, "workers=True: true or false is no whole number; write 1, 2, ..."),
        ("workers", None, "workers=None: nothing is no whole number; write 1, 2, ..."),
        ("workers", [1, 2], "workers=[1, 2]: a list is no whole number; write 1, 2, ..."),
        ("seed", -1, "seed=-1 is too small; write 0 or more"),
        ("margin", 1, "margin=1 is not a number between 0 and 1; write one, as in margin=0.05"),
        ("margin", "5%", "margin=5% is not a number between 0 and 1; write one"),
        ("measure.target", float("nan"), "measure.target=nan is not a number between 0 and 1"),
        ("measure", 3, "measure=3 is no mapping; give it the keys budget_s, "),
        ("workload", None, "workload=None is no mapping; give it the keys inputs"),
        ("runner", {}, "runner.exclusive is missing"),
        ("fresh", "yes", "fresh=yes is neither true nor false; write one of them"),
        ("output", None, "output=None is no text; write some"),
        ("output", "", "output='' is no text; write some"),
        ("python", 3.12, "python=3.12 is no text; write some, in quotes if need be"),
        ("env", "A=1", "env='A=1' is no mapping; write +env.NAME=VALUE"),
        ("measure.target", 0, "measure.target=0 is not a number between 0 and 1"),
        ("measure.budget_s", -1, "measure.budget_s=-1 is not a number above 0; write one"),
        ("measure.budget_s", float("inf"), "measure.budget_s=inf is not a number above 0"),
        ("measure.trials", 0, "measure.trials=0 is too small; write 1 or more"),
        ("measure.max_rounds", 1.5, "measure.max_rounds=1.5: a number with a fraction is no whole number"),
        ("measure.timeout_s", "1m", "measure.timeout_s=1m is not a number above 0"),
        ("measure.timeout_s", 1e11, "measure.timeout_s=100000000000.0 is more than 1e+09 seconds; write fewer"),
        ("measure.budget_s", 1e308, "measure.budget_s=1e+308 is more than 1e+09 seconds; write fewer"),
        ("measure.budget_s", int("9" * 400), "99 is more than 1e+09 seconds; write fewer, as in measure.budget_s=10"),
        ("backend.chunk_s", int("9" * 400), "99 is more than 1e+09 seconds; write fewer, as in backend.chunk_s=10"),
        ("env", {"TMPDIR": "/tmp"}, "env.TMPDIR=/tmp: each trial has a folder for temporary files of its own"),
        (
            "measure.memory",
            "lots",
            "measure.memory=lots is no size; write auto, a number of bytes, or one as in measure.memory=4GB",
        ),
        ("measure.memory", "4 apples", "measure.memory=4 apples is no size; write auto"),
        ("measure.memory", "-1GB", "measure.memory=-1GB is no size; write auto"),
        ("measure.memory", "9" * 400 + "GB", "GB is no size; write auto"),
        ("measure.memory", 1.5, "measure.memory=1.5 is no size; write auto"),
        ("measure.memory", None, "measure.memory=None is no size; write auto"),
        ("measure.memory", True, "measure.memory=True is no size; write auto"),
        ("measure.memory", 4, "measure.memory=4 is too small; write auto, or 64MB or more"),
        ("measure.memory", "1kB", "measure.memory=1kB is too small; write auto, or 64MB or more"),
        ("measure.cold", 1, "measure.cold=1 is neither true nor false"),
        ("measure.budget", 3, "measure.budget=3: there is no such key; did you mean measure.budget_s? There are"),
        ("wokers", 3, "wokers=3: there is no such key; did you mean workers? There are"),
        ("workload.tsk", "a:b", "workload.tsk='a:b': there is no such key; did you mean workload.task? There are"),
        (
            "backend.chunksizes",
            3,
            "backend.chunksizes=3: there is no such key; did you mean backend.chunksize? There are",
        ),
        ("backend.chunksize", 0, "backend.chunksize=0 is too small; write 1 or more"),
        ("backend.chunksize", "big", "backend.chunksize=big: text is no whole number; write auto or 1, 2, ..."),
        (
            "backend.start_method",
            "spwan",
            "backend.start_method=spwan is no start method; did you mean spawn? There are",
        ),
        ("workload.inputs", [], "workload.inputs=[] is empty; give at least one input"),
        ("workload.inputs", 0, "workload.inputs=0 is too small; write 1 or more"),
        ("workload.inputs", None, "workload.inputs=None is nothing to go over; write a number, a list or module:name"),
        ("workload.inputs", True, "workload.inputs=True is nothing to go over"),
        ("workload.inputs", "paths", "workload.inputs=paths names no function; write module:function"),
        ("workload.task", "resize", "workload.task=resize names no function; write module:function or path/file.py:"),
        ("workload.task", ":f", "workload.task=:f names no function"),
        ("workload.task", "m:", "workload.task=m: names no function"),
        ("workload.task", 3, "workload.task=3 names no function"),
        ("workload.task", None, "workload.task is missing: write workload.task=module:function"),
        ("workload.job", "m:f", "workload.job=m:f: give one of them"),
        ("workload.check", "sometimes", "workload.check=sometimes names no function"),
        ("workload.reset", "f", "workload.reset=f names no function"),
        ("workload.sample", 0, "workload.sample=0 is too small; write 1 or more"),
        ("workload.sample", "some", "workload.sample=some: text is no whole number; write auto, all or 1, 2, ..."),
        ("workload.params", [1], "workload.params=[1] is no mapping; write +workload.params.NAME=VALUE"),
        ("workload.name", 3, "workload.name=3 is no text"),
        ("name", "a/b", "name=a/b cannot be a folder's name; write up to 100 letters, digits, - and _"),
        ("name", "..", "name=.. cannot be a folder's name"),
        ("name", ".", "name=. cannot be a folder's name"),
        ("name", "", "name='' is no text"),
        ("name", "a\nb", "name=a b cannot be a folder's name"),
        ("name", 3, "name=3 is no text"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_with_reason_and_remedy(key: str, value: object, said: str) -> None:
    assert said in refusal({key: value})


@pytest.mark.parametrize(
    "key",
    [
        "workers",
        "env",
        "name",
        "measure",
        "measure.cold",
        "workload",
        "workload.inputs",
        "backend.takes",
        "runner.name",
    ],
)
def test_a_key_that_was_removed_or_forgotten_is_missed(key: str) -> None:
    config = changed({})
    *parents, last = key.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    del node[last]
    with pytest.raises(InputError, match=f"^{key} is missing; give it a value, as the files in conf/ do$"):
        make_sweep([config])


@pytest.mark.parametrize("key", ["seed", "margin", "name", "measure.trials"])
def test_what_holds_for_a_sweep_takes_one_value(key: str) -> None:
    values = ("a", "b") if key == "name" else (1, 2)
    said = refusal(*({key: value} for value in values))
    assert said == f"{key} takes one value in a sweep, not {values[0]!r} and {values[1]!r}; write one of them"


def test_a_loop_has_one_worker() -> None:
    assert [each.workers for each in sweep(*({"backend": SERIAL, "workers": n} for n in (1, 2, 4))).cells] == [1]


def test_threads_have_neither_chunks_nor_start_methods() -> None:
    configs = [{"backend": {**THREAD, "chunksize": size, "start_method": "spawn"}} for size in (None, 1, 8)]
    (only,) = sweep(*configs).cells
    assert dict(only.options) == {}


def test_chunks_and_start_methods_make_process_cells_of_their_own() -> None:
    configs = [{"backend.chunksize": size, "backend.start_method": how} for size in (1, 8) for how in ("fork", "spawn")]
    assert len(sweep(*configs).cells) == 4


def test_cells_that_come_out_the_same_count_once_in_their_first_places() -> None:
    assert [each.workers for each in sweep({}, {"workers": 4}, {}, {"workers": 4}).cells] == [2, 4]


@pytest.mark.parametrize(
    ("given", "bytes_"),
    [
        ("auto", None),
        (500_000_000, 500_000_000),
        ("4GB", 4_000_000_000),
        ("4 GB", 4_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("64000kB", 64_000_000),
        ("100000000B", 100_000_000),
    ],
)
def test_memory_is_a_number_of_bytes_or_one_with_a_unit(given: str | int, bytes_: int | None) -> None:
    assert sweep({"measure.memory": given}).measure.memory == bytes_


def test_a_limit_of_memory_counts_for_the_version_where_one_was_set() -> None:
    """As that of time does; without one, versions are what they were before there was any."""
    without = sweep({}).measure.definition
    assert "memory" not in without
    assert sweep({"measure.memory": "auto"}).measure.definition == without
    assert sweep({"measure.memory": "4GB"}).measure.definition == {**without, "memory": 4_000_000_000}


def test_an_id_is_the_same_today_and_tomorrow() -> None:
    """Reports are kept by it: a change here orphans what users have measured."""
    assert cell({}).id == digest(
        {
            "workload": {
                "task": "experiments/cpu.py:loop",
                "job": None,
                "inputs": 16,
                "params": {"iterations": 10},
                "sample": "auto",
                "check": "auto",
                "reset": None,
            },
            "backend": "process",
            "workers": 2,
            "options": {"start_method": "auto", "chunksize": "auto"},
            "env": {},
            "python": None,
        }
    )
    assert cell({}).id == "c3d52ef08e93"


@pytest.mark.parametrize(
    "changes",
    [
        {"workload.name": "other"},
        {"name": "other", "output": "elsewhere", "seed": 7, "fresh": True},
        {"measure.trials": 9, "margin": 0.1},
        {"backend": {key: CONFIG["backend"][key] for key in reversed(CONFIG["backend"])}},
        {"workload": {key: CONFIG["workload"][key] for key in reversed(CONFIG["workload"])}},
    ],
)
def test_an_id_does_not_depend_on_names_order_or_how_it_is_measured(changes: dict[str, Any]) -> None:
    assert cell(changes).id == cell({}).id


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": 3},
        {"backend": THREAD},
        {"backend.chunksize": 1},
        {"env": {"OMP_NUM_THREADS": "1"}},
        {"env": {"OMP_NUM_THREADS": None}},
        {"python": "python3.13t"},
        {"workload.inputs": 17},
        {"workload.params": {"iterations": 11}},
        {"workload.check": None},
    ],
)
def test_an_id_depends_on_all_that_is_measured(changes: dict[str, Any]) -> None:
    assert cell(changes).id != cell({}).id


def test_an_environments_numbers_are_text() -> None:
    number, text = (cell({"env": {"OMP_NUM_THREADS": one}}) for one in (1, "1"))
    assert number.id == text.id


def test_workloads_of_one_name_are_told_apart_by_what_differs() -> None:
    made = sweep({"workload.inputs": 4}, {"workload.inputs": 8, "workload.params": {"iterations": 5}})
    assert [each.workload.name for each in made.cells] == ["cpu inputs=4 iterations=10", "cpu inputs=8 iterations=5"]
    assert made.name == "cpu"


def test_workloads_of_different_names_keep_them() -> None:
    made = sweep({}, {"workload.name": "mine", "workload.inputs": 8})
    assert [each.workload.name for each in made.cells] == ["cpu", "mine"]
    assert made.name == "cpu-mine"


def test_a_workload_without_a_name_has_its_functions() -> None:
    assert cell({"workload.name": None}).workload.name == "loop"
    assert cell({"workload.name": None, "workload.task": None, "workload.job": "a.b:run"}).workload.name == "run"


def test_a_sweep_is_named_by_hand_else_by_its_experiment_else_by_its_workloads() -> None:
    assert sweep({"name": "mine"}, experiment="article").name == "mine"
    assert sweep({}, experiment="article").name == "article"
    assert sweep({}).name == "cpu"


def test_anchors_are_measured_alone_only_where_a_workload_has_no_other_cell() -> None:
    made = sweep({"backend": SERIAL}, {}, {"backend": SERIAL, "workload.inputs": 8})
    assert [(each.backend, each.workload.inputs) for each in made.measured] == [("process", 16), ("serial", 8)]


def test_the_nearest_word_comes_first_and_all_words_follow() -> None:
    assert nearest("wokers", {"workers", "env"}, "a.") == "did you mean a.workers? There are env, workers"
    assert nearest("xyz", {"workers", "env"}) == "there are env, workers"

"""The matrix's vocabulary as frozen values: workload, cell, measuring profile, sweep."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from .errors import InputError

Json = Any
"""What JSON can say: None, bool, int, float, str, lists and dicts of these."""


def digest(value: Json) -> str:
    """Twelve hexadecimal digits that stand for a JSON value, whatever the order of its keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Workload:
    """A function or a job, its inputs and how a batch of them is made up; the fields are the keys of `workload`.

    `inputs` is a number, a list, `module:name`, or `{"pickle": DIGEST}` for Python objects given to `measure`.
    """

    name: str
    task: str | None
    job: str | None
    inputs: Json
    params: Mapping[str, Json]
    sample: int | str
    check: str
    reset: str | None

    @cached_property
    def definition(self) -> dict[str, Json]:
        """What makes this workload what it is: all but its name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of the definition."""
        return digest(self.definition)


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    `options` are those that the backend takes; `python` is `None` for this one; `pickles` says whether the backend
    sends tasks and inputs to other processes.
    """

    workload: Workload
    backend: str
    workers: int
    options: Mapping[str, Json]
    env: Mapping[str, str | None]
    python: str | None
    pickles: bool = False

    @cached_property
    def definition(self) -> dict[str, Json]:
        """What the cell's id stands for."""
        return {
            "workload": self.workload.definition,
            "backend": self.backend,
            "workers": self.workers,
            "options": dict(self.options),
            "env": dict(self.env),
            "python": self.python,
        }

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of the definition."""
        return digest(self.definition)

    @cached_property
    def anchor(self) -> Cell:
        """The plain loop over the same batch that this cell's speed-up is relative to."""
        return Cell(self.workload, "serial", 1, {}, {}, None)

    def record(self) -> dict[str, Json]:
        """The cell as the journal keeps it."""
        return {
            "id": self.id,
            "anchor": self.anchor.id,
            "workload_id": self.workload.id,
            "name": self.workload.name,
            **self.definition,
        }


@dataclass(frozen=True)
class Measure:
    """How much evidence a cell gets; the fields are the keys of `measure`, seconds where they end in `_s`."""

    target: float
    budget_s: float
    trials: int
    max_rounds: int
    timeout_s: float
    cold: bool


@dataclass(frozen=True)
class Sweep:
    """All the cells of one command and what holds for all of them."""

    name: str
    cells: tuple[Cell, ...]
    measure: Measure
    margin: float
    seed: int
    fresh: bool
    output: str
    runner: str

    @cached_property
    def measured(self) -> tuple[Cell, ...]:
        """The cells that get trials: all but anchors, which every trial has anyway, unless a workload has no other."""
        anchors = {cell.anchor.id for cell in self.cells}
        others = [cell for cell in self.cells if cell.id not in anchors]
        with_others = {cell.workload.id for cell in others}
        alone = [cell for cell in self.cells if cell.workload.id not in with_others]
        return _unique([*others, *alone])


_CELL_KEYS = {"workload", "backend", "workers", "env", "python"}
_SWEEP_KEYS = {"measure", "margin", "seed", "fresh", "output", "runner", "name"}
_WORKLOAD_KEYS = set(Workload.__dataclass_fields__)


def make_sweep(configs: Sequence[Mapping[str, Json]], experiment: str | None = None) -> Sweep:
    """Validate resolved configurations, one a cell, and put them together.

    Cells that come out the same count once. Workloads of one name that differ are told apart by what differs.

    Raises:
        InputError: a value is none that its key can have.
    """
    for config in configs:
        _known(config, _CELL_KEYS | _SWEEP_KEYS, "")
        for key in sorted(_SWEEP_KEYS):
            if config[key] != configs[0][key]:
                both = f"{configs[0][key]!r} and {config[key]!r}"
                raise InputError(f"{key} takes one value in a sweep, not {both}; write one, as in {key}=VALUE")
    common = configs[0]
    _known(common["runner"], {"name"}, "runner.")
    cells = _name_apart(_unique(_make_cell(config) for config in configs))
    workloads = dict.fromkeys(cell.workload.name.split(" ")[0] for cell in cells)
    name = common["name"] if common["name"] is not None else experiment or "-".join(workloads)
    if not isinstance(name, str) or not name or name.startswith(".") or set(name) & set('/\\\0:*?"<>|\n'):
        raise InputError(f"name={name!r} cannot be a folder's name; write letters, digits, - and _")
    return Sweep(
        name=name,
        cells=cells,
        measure=_make_measure(common["measure"]),
        margin=_number("margin", common["margin"], above=0, below=1),
        seed=_whole("seed", common["seed"], least=0),
        fresh=_truth("fresh", common["fresh"]),
        output=_text("output", common["output"]),
        runner=_text("runner.name", common["runner"]["name"]),
    )


def _make_cell(config: Mapping[str, Json]) -> Cell:
    _known(config["backend"], {"name", "takes", "pickles"}, "backend.", optional=_BACKEND_OPTIONS)
    backend = dict(config["backend"])
    name, takes, pickles = backend.pop("name"), backend.pop("takes"), backend.pop("pickles")
    workers = _whole("workers", config["workers"], least=1)
    for key, value in backend.items():
        if key in takes:
            _BACKEND_OPTIONS[key](f"backend.{key}", value)
    env = _mapping("env", config["env"])
    return Cell(
        workload=_make_workload(config["workload"]),
        backend=name,
        workers=workers if "workers" in takes else 1,
        options={key: value for key, value in backend.items() if key in takes},
        env={key: None if value is None else str(value) for key, value in env.items()},
        python=None if config["python"] is None else _text("python", config["python"]),
        pickles=pickles,
    )


def _make_workload(config: Mapping[str, Json]) -> Workload:
    _known(config, _WORKLOAD_KEYS, "workload.")
    task, job = (_reference(f"workload.{key}", config[key]) for key in ("task", "job"))
    if task is None and job is None:
        raise InputError("workload.task is missing: write workload.task=module:function or path/file.py:function")
    if task is not None and job is not None:
        raise InputError(f"workload.task={task} and workload.job={job}: give one of them, the job maps its own tasks")
    check = "none" if config["check"] is None else config["check"]
    if check not in ("auto", "none"):
        _reference("workload.check", check)
    sample = config["sample"]
    return Workload(
        name=_text("workload.name", config["name"] or (task or job or "").rpartition(":")[2]),
        task=task,
        job=job,
        inputs=_inputs(config["inputs"]),
        params=_mapping("workload.params", config["params"]),
        sample=sample if sample in ("auto", "all") else _whole("workload.sample", sample, least=1, or_else="auto, all"),
        check=check,
        reset=_reference("workload.reset", config["reset"]),
    )


def _make_measure(config: Mapping[str, Json]) -> Measure:
    _known(config, set(Measure.__dataclass_fields__), "measure.")
    return Measure(
        target=_number("measure.target", config["target"], above=0, below=1),
        budget_s=_number("measure.budget_s", config["budget_s"], above=0),
        trials=_whole("measure.trials", config["trials"], least=1),
        max_rounds=_whole("measure.max_rounds", config["max_rounds"], least=1),
        timeout_s=_number("measure.timeout_s", config["timeout_s"], above=0),
        cold=_truth("measure.cold", config["cold"]),
    )


def _unique(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    return tuple({cell.id: cell for cell in cells}.values())


def _name_apart(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Give different workloads of one name the parts of their definitions that differ as part of their names."""
    same_name: dict[str, dict[str, Workload]] = {}
    for cell in cells:
        same_name.setdefault(cell.workload.name, {})[cell.workload.id] = cell.workload
    names: dict[str, str] = {}
    for name, workloads in same_name.items():
        flat = {id_: _flat(workload.definition) for id_, workload in workloads.items()}
        varying = sorted(
            key
            for key in {key for each in flat.values() for key in each}
            if len({json.dumps(each.get(key)) for each in flat.values()}) > 1
        )
        for id_, each in flat.items():
            apart = [f"{key.removeprefix('params.')}={each.get(key)}" for key in varying]
            names[id_] = " ".join([name, *apart])
    return tuple(replace(cell, workload=replace(cell.workload, name=names[cell.workload.id])) for cell in cells)


def _flat(value: Json, prefix: str = "") -> dict[str, Json]:
    if isinstance(value, dict) and value:
        return {k: v for key, each in value.items() for k, v in _flat(each, f"{prefix}{key}.").items()}
    return {prefix.rstrip("."): value}


def _known(config: Json, keys: set[str], prefix: str, optional: Iterable[str] = ()) -> None:
    if not isinstance(config, Mapping):
        raise InputError(f"{prefix.rstrip('.')}={config!r} is no mapping; give it the keys {', '.join(sorted(keys))}")
    known = {*keys, *optional}
    for key in config:
        if key not in known:
            raise InputError(f"{prefix}{key}={config[key]!r}: there is no such key; {nearest(str(key), known, prefix)}")
    for key in sorted(keys - set(config)):
        raise InputError(f"{prefix}{key} is missing; give it a value, as the files in conf/ do")


def nearest(word: str, words: Iterable[str], prefix: str = "") -> str:
    """`did you mean ...?` for the word most alike, with `prefix` before it, and all of them."""
    import difflib

    words = sorted(words)
    alike = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    options = f"here are {', '.join(words)}"
    return f"did you mean {prefix}{alike[0]}? T{options}" if alike else f"t{options}"


def _whole(key: str, value: Json, least: int, or_else: str = "") -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        others = f"{or_else} or " if or_else else ""
        raise InputError(f"{key}={value}: {_kind(value)} is no whole number; write {others}{least}, {least + 1}, ...")
    if value < least:
        raise InputError(f"{key}={value} is too small; write {least} or more")
    return value


def _number(key: str, value: Json, above: float, below: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < below:
        span = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise InputError(
            f"{key}={value} is not a number {span}; write one, as in {key}={(above + min(below, 9)) / 2:g}"
        )
    return float(value)


def _truth(key: str, value: Json) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{key}={value} is neither true nor false; write one of them")
    return value


def _text(key: str, value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{key}={value!r} is no text; write some, in quotes if need be")
    return value


def _mapping(key: str, value: Json) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{key}={value!r} is no mapping; write +{key}.NAME=VALUE")
    return {str(name): each for name, each in value.items()}


def _reference(key: str, value: Json) -> str | None:
    if value is None:
        return None
    place, _, name = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not place or not name:
        raise InputError(f"{key}={value} names no function; write module:function or path/file.py:function")
    return str(value)


def _inputs(value: Json) -> Json:
    if isinstance(value, bool) or value is None:
        raise InputError(f"workload.inputs={value} is nothing to go over; write a number, a list or module:name")
    if isinstance(value, int):
        return _whole("workload.inputs", value, least=1)
    if isinstance(value, list):
        if not value:
            raise InputError("workload.inputs=[] is empty; give at least one input")
        return value
    if isinstance(value, dict):
        return value
    return _reference("workload.inputs", value)


def _kind(value: Json) -> str:
    return {bool: "true or false", float: "a number with a fraction", str: "text", type(None): "nothing"}.get(
        type(value), f"a {type(value).__name__}"
    )


def _start_method(key: str, value: Json) -> None:
    methods = ("auto", "fork", "forkserver", "spawn")
    if value not in methods:
        raise InputError(f"{key}={value} is no start method; {nearest(str(value), methods)}")


def _chunksize(key: str, value: Json) -> None:
    if value != "auto":
        _whole(key, value, least=1, or_else="auto")


_BACKEND_OPTIONS = {"start_method": _start_method, "chunksize": _chunksize}

"""From resolved configurations to a validated sweep: every value is what its key can have, or one line says why not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pkgutil import iter_modules
from types import ModuleType

from . import runners
from .bench import backends
from .cells import Cell, Json, Measure, Sweep, Workload, unique
from .claims import Claims
from .claims_made import make_claims
from .errors import InputError
from .values import known, mapping, number, one_of, plain, seconds, size, text, truth, whole
from .wording import nearest

_LONGEST_NAME = 100
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
_LEAST_MEMORY_BYTES = 64_000_000
"""Two bare arms and the processes that probe the machine take about half of it."""
_CELL_KEYS = {"workload", "backend", "workers", "env", "python"}
_SWEEP_KEYS = {"measure", "margin", "seed", "fresh", "output", "runner", "cluster", "name"}
_WORKLOAD_KEYS = set(Workload.__dataclass_fields__)
_WORKLOAD_DEFAULTS: dict[str, Json] = {
    "name": None,
    "task": None,
    "job": None,
    "params": {},
    "sample": "auto",
    "check": "auto",
    "reset": None,
}
"""A workload of the user's own may leave out what it does not need."""


def make_sweep(
    configs: Sequence[Mapping[str, Json]], experiment: str | None = None, pickled: str | None = None
) -> Sweep:
    """Validate resolved configurations, one a cell, and put them together.

    Cells that come out the same count once. Workloads of one name that differ are told apart by what differs.
    `pickled` is the digest of inputs that came as Python objects.

    Raises:
        InputError: a value is none that its key can have.
    """
    for config in configs:
        known(config, _CELL_KEYS | _SWEEP_KEYS, "", optional={"claims"})
        for key in sorted(_SWEEP_KEYS):
            _same(config[key], configs[0][key], key)
    common = configs[0]
    known(common["runner"], {"name", "exclusive"}, "runner.")
    cells = unique(_make_cell(config, pickled) for config in configs)
    workloads = dict.fromkeys(cell.workload.name for cell in cells)
    return Sweep(
        name=folder_name(common["name"], experiment or "-".join(workloads)),
        cells=_name_apart(cells),
        measure=_make_measure(common["measure"]),
        margin=number("margin", common["margin"], above=0, below=1),
        seed=whole("seed", common["seed"], least=0),
        fresh=truth("fresh", common["fresh"]),
        output=text("output", common["output"]),
        runner=one_of("runner.name", common["runner"]["name"], _RUNNERS),
        address=_address(common["cluster"]),
        exclusive=truth("runner.exclusive", common["runner"]["exclusive"]),
        claims=_claims(config.get("claims") for config in configs),
    )


def _claims(given: Iterable[Json]) -> tuple[Claims, ...]:
    """Those of each experiment that the sweep is made of, once: a cell's configuration has its own experiment's."""
    different: list[Json] = []
    for each in given:
        if each is not None and each not in different:
            different.append(each)
    return tuple(make_claims(each, _BACKENDS) for each in different)


def _make_cell(config: Mapping[str, Json], pickled: str | None) -> Cell:
    known(config["backend"], {"name", "takes", "pickles"}, "backend.", optional={*_BACKEND_OPTIONS, *_TRAITS})
    backend = {**_TRAITS, **config["backend"]}
    name, takes = one_of("backend.name", backend.pop("name"), _BACKENDS), backend.pop("takes")
    if not isinstance(takes, list) or not all(each in ("workers", *_BACKEND_OPTIONS) for each in takes):
        raise InputError(f"backend.takes={takes} is no list of what a backend takes: workers, {', '.join(backend)}")
    pickles, clustered = (truth(f"backend.{key}", backend.pop(key)) for key in ("pickles", "clustered"))
    chunk_s = seconds("backend.chunk_s", backend.pop("chunk_s"))
    workers = whole("workers", config["workers"], least=1)
    for key, value in backend.items():
        if key in takes:
            _BACKEND_OPTIONS[key](f"backend.{key}", value)
    env = mapping("env", config["env"])
    if "TMPDIR" in env:
        raise InputError(
            f"env.TMPDIR={env['TMPDIR']}: each trial has a folder for temporary files of its own; set TMPDIR for the "
            "command, and these folders are made there"
        )
    return Cell(
        workload=_make_workload(config["workload"], pickled),
        backend=name,
        workers=workers if "workers" in takes else 1,
        options={key: value for key, value in backend.items() if key in takes},
        env={key: None if value is None else str(value) for key, value in env.items()},
        python=None if config["python"] is None else text("python", config["python"]),
        pickles=pickles,
        clustered=clustered,
        chunk_s=chunk_s,
    )


def _make_workload(config: Json, pickled: str | None) -> Workload:
    known(config, {"inputs"}, "workload.", optional=_WORKLOAD_KEYS)
    config = {**_WORKLOAD_DEFAULTS, **config}
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
        name=text("workload.name", config["name"] or (task or job or "").rpartition(":")[2]),
        task=task,
        job=job,
        inputs=_inputs(config["inputs"], pickled),
        params=mapping("workload.params", config["params"]),
        sample=sample if sample in ("auto", "all") else whole("workload.sample", sample, least=1, or_else="auto, all"),
        check=check,
        reset=_reference("workload.reset", config["reset"]),
    )


def _make_measure(config: Mapping[str, Json]) -> Measure:
    known(config, set(Measure.__dataclass_fields__) - {"memory"}, "measure.", optional={"memory"})
    memory = config.get("memory", "auto")
    return Measure(
        target=number("measure.target", config["target"], above=0, below=1),
        budget_s=seconds("measure.budget_s", config["budget_s"]),
        trials=whole("measure.trials", config["trials"], least=1),
        max_rounds=whole("measure.max_rounds", config["max_rounds"], least=1),
        timeout_s=seconds("measure.timeout_s", config["timeout_s"]),
        cold=truth("measure.cold", config["cold"]),
        memory=None if memory == "auto" else size("measure.memory", memory, least=_LEAST_MEMORY_BYTES, or_else="auto"),
    )


def _address(config: Json) -> str:
    known(config, {"address"}, "cluster.")
    address = text("cluster.address", config["address"])
    if not re.fullmatch(r"auto|local|(ray://)?[\w.-]+:\d+|(ray://)?\[[0-9a-fA-F:]+\]:\d+", address):
        raise InputError(f"cluster.address={address} is no address; write local, auto, HOST:PORT or ray://HOST:PORT")
    return address


def _same(one: Json, first: Json, key: str) -> None:
    """Refuse two values of a key that holds for the whole sweep, and say which part of it differs."""
    if isinstance(one, Mapping) and isinstance(first, Mapping):
        for part in sorted({*one, *first}):
            _same(one.get(part), first.get(part), f"{key}.{part}")
    elif json.dumps(one) != json.dumps(first):
        raise InputError(f"{key} takes one value in a sweep, not {first!r} and {one!r}; write one of them")


def folder_name(given: Json, otherwise: str) -> str:
    """The name that was given, which must be one for a folder, or else one made of a text."""
    if given is None:
        made = re.sub(r"[^\w.=-]+", "-", otherwise).encode()[:_LONGEST_NAME].decode(errors="ignore").strip("-. ")
        return f"{made}_" if _is_taken(made) else made
    name = text("name", given)
    fits = len(name.encode()) <= _LONGEST_NAME and re.fullmatch(r"(?!\.)[\w.=+ -]*[\w=+-]", name)
    if not fits or _is_taken(name):
        raise InputError(f"name={name} cannot be a folder's name; write up to {_LONGEST_NAME} letters, digits, - and _")
    return name


def _is_taken(name: str) -> bool:
    """Whether it is no folder's: latest leads to the newest run, index.html shows all, on some systems in capitals.

    Others are those of devices on Windows, whatever follows a dot.
    """
    return name.lower() in ("", "latest", "index.html") or name.partition(".")[0].strip().lower() in _DEVICES


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


def _reference(key: str, value: Json) -> str | None:
    if value is None:
        return None
    place, _, name = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not place or not name:
        raise InputError(f"{key}={value} names no function; write module:function or path/file.py:function")
    return str(value)


def _inputs(value: Json, pickled: str | None) -> Json:
    if isinstance(value, bool) or value is None:
        raise InputError(f"workload.inputs={value} is nothing to go over; write a number, a list or module:name")
    if isinstance(value, int):
        return whole("workload.inputs", value, least=1)
    if isinstance(value, list):
        if not value:
            raise InputError("workload.inputs=[] is empty; give at least one input")
        return plain("workload.inputs", value)
    if pickled is not None and value == {"pickle": pickled}:
        return value
    if not isinstance(value, str):
        raise InputError(f"workload.inputs={value} is nothing to go over; write a number, a list or module:name")
    return _reference("workload.inputs", value)


def _word(what: str, words: Sequence[str], key: str, value: Json) -> None:
    if value not in words:
        raise InputError(f"{key}={value} is no {what}; {nearest(str(value), words)}")


def _chunksize(key: str, value: Json) -> None:
    if value != "auto":
        whole(key, value, least=1, or_else="auto")


def _modules(package: ModuleType) -> list[str]:
    return sorted(each.name for each in iter_modules(package.__path__))


_BACKENDS, _RUNNERS = _modules(backends), _modules(runners)
_BACKEND_OPTIONS: dict[str, Callable[[str, Json], None]] = {
    "start_method": partial(_word, "start method", ("auto", "fork", "forkserver", "spawn")),
    "chunksize": _chunksize,
    "style": partial(_word, "style", ("actor", "task")),
    "placement": partial(_word, "placement", ("pack", "spread")),
}
_TRAITS: dict[str, Json] = {"clustered": False, "chunk_s": Cell.chunk_s}
"""What a backend's file may say of it, if it is not so."""

"""The same path from Python and notebooks."""

from __future__ import annotations

import base64
import html
import json
import os
import pickletools
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from . import matrix, outputs, report, session
from .cells import Json, digest
from .display import Silent, open_display
from .errors import InputError, Interrupted
from .evidence import Run
from .refusals import shown
from .request import Request
from .summary import headline
from .validation import make_sweep

_ARGUMENTS = {
    "workload": "task",
    "workload.task": "task",
    "workload.job": "task",
    "workload.inputs": "inputs",
    "backend": "backends",
    "workers": "workers",
    "measure": "profile",
    "fresh": "fresh",
    "output": "output",
}
"""The keys that arguments of `measure` set, and these arguments."""

_INTO_A_FILE = (
    "is defined in a notebook or script, which other processes cannot import; put it into a file "
    "(%%writefile mymodule.py in a notebook), import it from there and give that"
)

_MOST_TOLD = 1_000_000
"""Inputs that are longer as JSON are pickled: each trial's description has them, and the journal for each cell."""


@dataclass(frozen=True, repr=False)
class Result:
    """What was measured and what follows from it.

    Attributes:
        summary: one row a cell; see `tables.SUMMARY` for the columns and their units.
        verdict: as in `verdict.json`, `{"workloads": {NAME: {"decision": ..., ...}}}`.
        report: the page, `report.html`.
        folder: the run's folder.
    """

    summary: pd.DataFrame
    verdict: dict[str, Any]
    report: Path
    folder: Path
    headlines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join([*self.headlines, f"report: {self.report}"])

    def _repr_html_(self) -> str:
        said = [f"<p><strong>{html.escape(headline_)}</strong></p>" for headline_ in self.headlines]
        for each in self.verdict["workloads"].values():
            said += [f"<p>{html.escape(sentence)}</p>" for sentence in each["because"]]
        columns = ["workload", "backend", "workers", "status", "batch_s", "speedup", "speedup_low", "speedup_high"]
        table = self.summary[columns].to_html(index=False, float_format="{:.3g}".format, escape=True)
        figure = base64.b64encode((self.folder / "figures" / "speedup.png").read_bytes()).decode()
        return "".join([*said, table, f'<img alt="speed-up over workers" src="data:image/png;base64,{figure}">'])


def measure(
    task: Callable[..., Any] | str,
    inputs: Iterable[Any] | Callable[..., Any] | int | str,
    *,
    backends: Iterable[str] | str = ("thread", "process"),
    workers: Iterable[int] | int = (1, 2, 4, 8),
    params: Mapping[str, Any] | None = None,
    profile: str = "default",
    overrides: Sequence[str] = (),
    output: str | Path = "outputs",
    fresh: bool = False,
    progress: bool = True,
) -> Result:
    """Measure a function over its inputs on each backend and worker count, and say which to use.

    Args:
        task: a function of a module, or `module:function`, or `path/file.py:function`; called with one input.
        inputs: the inputs; or a number n for 0..n-1, `module:name`, or a function or context manager of a module
            that gives them. What JSON cannot say, or not in a megabyte, is pickled for the processes that measure.
        backends: as in `conf/backend/`, or one of them.
        workers: how many of a backend's workers, each from 1 on, or one such number.
        params: keyword arguments of the task, of what JSON can say.
        profile: how much evidence: `quick`, `default` or `thorough`.
        overrides: further words of the command line, such as `backend.chunksize=1,8`, for what no argument says.
        output: the folder for reports.
        fresh: measure again where an unfinished or finished run of the same stands.
        progress: show progress on standard error.

    Raises:
        InputError: something cannot be measured; nothing was.
        KeyboardInterrupt: what was measured is kept, and the same call goes on.
    """
    given_params = _params(params)
    _refuse_arguments(overrides, given_params)
    words = [
        "workload=function",
        f"backend={','.join(_listed('backends', backends))}",
        f"workers={','.join(_listed('workers', workers))}",
        f"measure={profile}",
        f"fresh={str(fresh).lower()}",
        *overrides,
    ]
    reference = task if isinstance(task, str) else _reference(task, "the task")
    given, pickled = _inputs(inputs)
    pickle_digest = None if pickled is None else digest(pickled.hex())
    expanded = matrix.expand(matrix.make_loader(), words, multirun=True)
    for config in expanded.configs:
        config["output"] = str(output)
        workload = config["workload"]
        workload["task"] = reference
        workload["inputs"] = given if pickled is None else {"pickle": pickle_digest}
        workload["params"] = {**(workload["params"] or {}), **given_params}
    command = f"pipeline.measure({reference!r}, ..., overrides={words!r})"
    sweep = make_sweep(expanded.configs, pickled=pickle_digest)
    request = Request(sweep, command, Path.cwd(), _own_path(), pickled)
    try:
        if progress:
            with open_display() as display:
                folder = session.measure(request, display).folder
        else:
            folder = session.measure(request, Silent()).folder
    except Interrupted as interruption:
        raise KeyboardInterrupt("interrupted; the same call goes on where it stopped") from interruption
    findings = report.write(Run.read(folder / outputs.JOURNAL), folder)
    return Result(
        summary=findings.summary,
        verdict=json.loads((folder / "verdict.json").read_text(encoding="utf-8")),
        report=folder / "report.html",
        folder=folder,
        headlines=tuple(headline(each) for each in findings.verdicts),
    )


def _reference(function: Callable[..., Any], what: str) -> str:
    """`module:name` of a function, which the processes that measure will import."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or name is None:
        raise InputError(
            f"{what} {function!r} has no module and name to import it by; wrap it in a function of a module"
        )
    if module == "__main__":
        raise InputError(f"{what} {name} {_INTO_A_FILE}")
    if "<" in name:
        raise InputError(f"{what} {module}.{name} is not at its module's top level; define it there with def")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function and found != function:
        raise InputError(f"{what} {module}.{name} is another object than the one given; give that one, or rename it")
    return f"{module}:{name}"


def _listed(name: str, values: Any) -> list[str]:
    """An argument's values as words; a single one counts as a list of it."""
    single = isinstance(values, str) or not isinstance(values, Iterable)
    words = [str(each) for each in ([values] if single else values)]
    if not words:
        raise InputError(f"{name}=[] leaves nothing to measure; give at least one")
    return words


def _params(params: Mapping[str, Any] | None) -> dict[str, Json]:
    """The task's keyword arguments, which reach it through JSON."""
    if not isinstance(params, Mapping | None):
        raise InputError(f"params={shown(repr(params))} is no mapping; give a dict of the task's keyword arguments")
    given = dict(params or {})
    for name, value in given.items():
        if _told({name: value}) is None:
            raise InputError(
                f"params, {name!r}: {shown(repr(value))} would not reach the task as it is; give None, truth values, "
                "finite numbers, text, and lists and dicts of these, and have the task make of them what it needs"
            )
    return given


def _refuse_arguments(overrides: Iterable[str], params: Iterable[str]) -> None:
    """Overrides of what an argument says: one of the two would be lost."""
    if isinstance(overrides, str):
        raise InputError(f"overrides={shown(repr(overrides))} is one text; give a list of such")
    arguments = {**_ARGUMENTS, **{f"workload.params.{name}": "params" for name in params}}
    for word in overrides:
        argument = arguments.get(word.partition("=")[0].strip().lstrip("+~"))
        if argument is not None:
            raise InputError(f"overrides, {shown(word)}: give the argument {argument} instead")


def _inputs(inputs: Iterable[Any] | Callable[..., Any] | int | str) -> tuple[Json, bytes | None]:
    """As the configuration says them, and the pickle of those that it cannot say."""
    if isinstance(inputs, int | str) and not isinstance(inputs, bool):
        return inputs, None
    if callable(inputs):
        return _reference(inputs, "the function that gives the inputs"), None
    if not isinstance(inputs, Iterable):
        raise InputError(
            f"inputs={shown(repr(inputs))} is nothing to go over; give the inputs, or their number, or a function "
            "or module:name that gives them"
        )
    listed = list(inputs)
    if not listed:
        raise InputError("the inputs are empty; give at least one")
    told = _told(listed)
    if told is not None and len(told) <= _MOST_TOLD:
        return listed, None
    # Of what is equal the same is read, and so pickled: how much of it is one object differs.
    pickled = session.pickle_inputs(listed if told is None else json.loads(told))
    for module, name in _globals(pickled) if b"__main__" in pickled else ():  # to follow them all takes a while
        if module == "__main__":
            raise InputError(f"the inputs need {name}, which {_INTO_A_FILE}")
    return None, pickled


def _globals(pickled: bytes) -> Iterator[tuple[Any, Any]]:
    """Module and name of each class and function that a pickle refers to."""
    # Only texts matter: they are followed through the memo, and everything else that is pushed counts as None.
    pushed: list[Any] = []
    memo: list[Any] = []
    for opcode, argument, _ in pickletools.genops(pickled):
        match opcode.name:
            case "MEMOIZE":
                memo.append(pushed[-1])
            case "BINGET" | "LONG_BINGET":
                assert isinstance(argument, int)
                pushed.append(memo[argument])
            case "STACK_GLOBAL":
                yield pushed[-2], pushed[-1]
                pushed.append(None)
            case "PROTO" | "FRAME":
                pass
            case _:
                pushed.append(argument if isinstance(argument, str) else None)


def _told(value: Any) -> str | None:
    """As JSON, where that gives the very same value back."""
    try:
        told = json.dumps(value, allow_nan=False)
        again = json.loads(told)
    except (TypeError, ValueError, RecursionError):
        return None
    return told if _same(value, again) else None


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _own_path() -> tuple[str, ...]:
    """This process's entries of `sys.path` that another one of this interpreter would not have by itself."""
    library = {
        Path(os.path.realpath(sysconfig.get_path(key))) for key in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    own = [entry for entry in sys.path if entry and Path(entry).name != zipped]
    return tuple(entry for entry in own if library.isdisjoint(_and_parents(entry)))


def _and_parents(entry: str) -> set[Path]:
    path = Path(os.path.realpath(entry))
    return {path, *path.parents}

"""The same path from Python and notebooks."""

from __future__ import annotations

import base64
import html
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from . import matrix, report, session, tables
from .cells import digest
from .display import Silent, open_display
from .errors import InputError, Interrupted
from .evidence import Run
from .session import Request
from .summary import headline
from .validation import make_sweep
from .verdict import decide


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
    backends: Sequence[str] = ("thread", "process"),
    workers: Sequence[int] = (1, 2, 4, 8),
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
            that gives them. What JSON cannot say is pickled for the processes that measure.
        backends: as in `conf/backend/`.
        workers: how many of a backend's workers, each from 1 on.
        params: keyword arguments of the task.
        profile: how much evidence: `quick`, `default` or `thorough`.
        overrides: further words of the command line, such as `backend.chunksize=1,8`.
        output: the folder for reports.
        fresh: measure again where an unfinished or finished run of the same stands.
        progress: show progress on standard error.

    Raises:
        InputError: something cannot be measured; nothing was.
        KeyboardInterrupt: what was measured is kept, and the same call goes on.
    """
    words = [
        "workload=function",
        f"backend={','.join(backends)}",
        f"workers={','.join(map(str, workers))}",
        f"measure={profile}",
        f"fresh={str(fresh).lower()}",
        *overrides,
    ]
    reference = task if isinstance(task, str) else _reference(task, "the task")
    given, pickled = _inputs(inputs)
    expanded = matrix.expand(matrix.make_loader(), words, multirun=True)
    for config in expanded.configs:
        config["output"] = str(output)
        config["workload"] |= {"task": reference, "inputs": given, "params": dict(params or {})}
    command = f"pipeline.measure({reference!r}, ..., overrides={words!r})"
    request = Request(make_sweep(expanded.configs), command, Path.cwd(), _own_path(), pickled)
    try:
        if progress:
            with open_display() as display:
                folder = session.measure(request, display).folder
        else:
            folder = session.measure(request, Silent()).folder
    except Interrupted as interruption:
        raise KeyboardInterrupt("interrupted; the same call goes on where it stopped") from interruption
    run = Run.read(folder / "journal.jsonl")
    report.write(run, folder)
    verdicts = decide(run)
    return Result(
        summary=tables.summarise(run),
        verdict={"workloads": {each.workload: each.to_json() for each in verdicts}},
        report=folder / "report.html",
        folder=folder,
        headlines=tuple(headline(each) for each in verdicts),
    )


def _reference(function: Callable[..., Any], what: str) -> str:
    """`module:name` of a function, which the processes that measure will import."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or name is None:
        raise InputError(
            f"{what} {function!r} has no module and name to import it by; wrap it in a function of a module"
        )
    if module == "__main__":
        raise InputError(
            f"{what} {name} is defined in a notebook or script, which other processes cannot import; put it into a "
            f"file (%%writefile mymodule.py in a notebook), import it from there and give that"
        )
    if "<" in name:
        raise InputError(f"{what} {module}.{name} is not at its module's top level; define it there with def")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function and found != function:
        raise InputError(f"{what} {module}.{name} is another object than the one given; give that one, or rename it")
    return f"{module}:{name}"


def _inputs(inputs: Iterable[Any] | Callable[..., Any] | int | str) -> tuple[Any, bytes | None]:
    """As the configuration says them, and the pickle of those that it cannot say."""
    if isinstance(inputs, int | str):
        return inputs, None
    if callable(inputs):
        return _reference(inputs, "the function that gives the inputs"), None
    listed = list(inputs)
    if not listed:
        raise InputError("the inputs are empty; give at least one")
    if _is_plain(listed):
        return listed, None
    pickled = session.pickle_inputs(listed)
    return {"pickle": digest(pickled.hex())}, pickled


def _is_plain(value: Any) -> bool:
    """Whether JSON gives the very same value back."""
    try:
        again = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return False
    return _same(value, again)


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
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    return tuple(entry for entry in sys.path if entry and not any(entry.startswith(prefix) for prefix in prefixes))

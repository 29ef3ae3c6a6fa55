"""What is recommended, as a script to paste: the pool as it was opened, and the call as it was measured."""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pprint import pformat
from typing import Any

from ..evidence import Run
from ..journal import Record
from ..verdict import STAY_SERIAL, Verdict
from . import imports
from .imports import Imports
from .text import clean_all, shorten

_WIDEST = 88
_LONGEST = 1_000
"""A value of more characters is left to the reader."""
_OWN = {*dir(builtins), "bound", "found", "function", "import_module", "inputs", "map_", "partial", "result", "results"}
"""Names that are ours in a script, whatever its pool is."""


def write_all(run: Run, verdicts: Iterable[Verdict]) -> tuple[str | None, ...]:
    """The script of each verdict; `None` where nothing is recommended, or it cannot be said.

    That is so where the journal does not tell how the pool was opened and the function was called, as older ones, or
    where the function has a name that Python has no words for. The run's texts have to be as measured.
    """
    anchors = [cell["id"] for cell in run.cells if cell["id"] == cell["anchor"]]
    cells, codes = {cell["id"]: cell for cell in run.cells}, _codes(run)
    found = []
    for verdict, anchor in zip(verdicts, anchors, strict=True):
        recommended = _recommended(verdict, anchor)
        code, called = codes.get(recommended or ""), run.preflights.get(anchor, {}).get("called")
        found.append(
            None if recommended is None or not code or not called else _write(cells[recommended], code, called)
        )
    return tuple(found)


def _recommended(verdict: Verdict, anchor: str) -> str | None:
    """The cell's id."""
    if verdict.chosen is not None:
        return verdict.chosen.id
    return anchor if verdict.decision == STAY_SERIAL else None


def _codes(run: Run) -> dict[str, Record]:
    """How the pool of each cell was opened, by its id: see `bench.backends.Code`."""
    anchors = {cell["id"]: cell["anchor"] for cell in run.cells}
    found: dict[str, Record] = {}
    for trial in run.trials:
        if trial["status"] != "measured":
            continue
        for id_, arm in ((trial["cell"], "cell"), (anchors[trial["cell"]], "anchor")):
            if id_ not in found and "code" in trial["arms"][arm]:
                found[id_] = clean_all(trial["arms"][arm]["code"])  # to be pasted, with nothing that cannot be seen
    return found


def _write(cell: Record, code: Record, called: Record) -> str | None:
    workload = cell["workload"]
    named = [workload["task"] or workload["job"]]
    if isinstance(workload["inputs"], str):
        named.append(workload["inputs"])
    words = re.findall(r"\w+", " ".join([code["map"], *code["imports"], *code["definitions"], *code["opens"]]))
    found = imports.find(named, {*_OWN, *words})
    return None if found is None else _script(cell, code, called, found)


def _script(cell: Record, code: Record, called: Record, found: Imports) -> str:
    workload = cell["workload"]
    function, *given = found.names
    bound = {name: workload["params"][name] for name in called["function"]}
    ours = [*code["imports"], *found.own, *(["from functools import partial"] if bound else [])]
    work = _in_pool(code, "bound" if bound else function, is_job=workload["job"] is not None)
    guarded = [
        *(_around("bound = ", _call("partial", bound, function)) if bound else []),
        *_over_inputs(workload, called, given[0] if given else None, work),
    ]
    blocks = [_comments(cell, found), *_grouped(ours), found.lines, *_definitions(code)]
    blocks.append(['if __name__ == "__main__":', *_indented(guarded)])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _comments(cell: Record, found: Imports) -> list[str]:
    env, said = cell["env"], []
    if found.folder is not None:
        folder = "the folder that it was measured from" if found.folder == "." else _shown(found.folder)
        said.append(f"# Save this in {folder}")
    said += [f"# Run without {_shown(name)}" for name, value in env.items() if value is None]
    said += [f"# Run with {_shown(f'{name}={value}')}" for name, value in env.items() if value is not None]
    return said if cell["python"] is None else [*said, f"# Run with {_shown(cell['python'])}"]


def _shown(text: str) -> str:
    """In a comment, which the end of a line would end."""
    return shorten(text if text.isprintable() else ascii(text), 200)


def _grouped(lines: Sequence[str]) -> list[list[str]]:
    """Python's own modules before others."""
    ordered = sorted(lines, key=lambda line: (line.startswith("from"), line))
    is_own = [re.split(r"[ .]", line)[1] in sys.stdlib_module_names for line in ordered]
    return [[line for line, own in zip(ordered, is_own, strict=True) if own is wanted] for wanted in (True, False)]


def _definitions(code: Record) -> list[list[str]]:
    """With two empty lines after them."""
    return [[*code["definitions"], ""]] if code["definitions"] else []


def _in_pool(code: Record, function: str, *, is_job: bool) -> list[str]:
    """The pool, and what is done in it."""
    if is_job:
        map_ = _filled(code["map"], "function")
        done = ["def map_(function, inputs):", f"    return {map_}", "", f"result = {function}(map_, inputs)"]
    else:
        done = [f"results = {_filled(code['map'], function)}"]
    return [*code["opens"], *_indented(done)] if code["opens"] else done


def _filled(map_: str, function: str) -> str:
    return map_.replace("{function}", function).replace("{inputs}", "inputs")


def _over_inputs(workload: Record, called: Record, name: str | None, work: Sequence[str]) -> list[str]:
    """What is done with the inputs, and before it where they come from; `name` is what they are named by, if any."""
    inputs = workload["inputs"]
    if name is None:
        return [*_given_inputs(inputs), *work]
    params = called["inputs"]
    found = [name] if params is None else _call(name, {each: workload["params"][each] for each in params})
    if called["entered"]:
        return [*_around("with ", found, " as found:"), *_indented(["inputs = list(found)", *work])]
    return [*_around("inputs = list(", found, ")"), *work]


def _given_inputs(inputs: Any) -> list[str]:
    if isinstance(inputs, int):
        return [f"inputs = range({inputs})"]
    literal = _literal(inputs, at=len("inputs = ")) if isinstance(inputs, list) else None
    return ["inputs = ...  # yours"] if literal is None else _around("inputs = ", literal.split("\n"))


def _call(function: str, given: Mapping[str, Any], *first: str) -> list[str]:
    """A call in as few lines as are not too wide; a value too long to show is left to the reader."""
    arguments = [(each, "") for each in first]
    for name, value in given.items():
        literal = _literal(value, at=len(f"{name}="))
        shown, said = ("...", "  # yours") if literal is None else (literal, "")
        is_plain = name.isidentifier() and not keyword.iskeyword(name)
        arguments.append((f"{name}={shown}" if is_plain else f"**{{{name!r}: {shown}}}", said))
    line = f"{function}({', '.join(argument for argument, _ in arguments)})"
    if len(line) <= _WIDEST and "\n" not in line and not any(said for _, said in arguments):
        return [line]
    listed = [_indented(f"{argument},{said}".split("\n")) for argument, said in arguments]
    return [f"{function}(", *itertools.chain.from_iterable(listed), ")"]


def _literal(value: Any, at: int) -> str | None:
    """What JSON says, as Python says it in that column; `None` where that is too long."""
    if len(repr(value)) > _LONGEST:
        return None
    return pformat(value, width=_WIDEST, compact=True, sort_dicts=False).replace("\n", "\n" + " " * at)


def _around(before: str, lines: Sequence[str], after: str = "") -> list[str]:
    first, *rest = lines
    *most, last = [before + first, *rest]
    return [*most, last + after]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]

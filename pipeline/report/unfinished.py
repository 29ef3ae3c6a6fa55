"""What to say of a run that did not come to its end, or of which something was lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .. import hardware
from ..cells import Cell, Sweep
from ..evidence import Run
from ..sweep import Bag
from ..wording import clean

_MOST_NUMBERS = 8


@dataclass(frozen=True)
class Unfinished:
    """How far the run is or what of it is lost, and the command that goes on with it or measures anew."""

    sentence: str
    command: str


def describe(run: Run) -> Unfinished | None:
    """`None` for a run that is finished and whole. Its texts have to be as measured: its cells' ids stand for them."""
    if run.lost_lines:
        sentence = f"In this run's journal {lost(run)}; what follows rests on the others. To measure anew:"
        return Unfinished(sentence, _command(run, fresh="true"))
    if run.is_finished:
        return None
    done, count = _done(run), len(run.measured)
    cells = "1 cell" if count == 1 else f"{count:,} cells"
    open_end = ", and the play-off is not" if done == count and run.revisions is None else ""
    done_ = f"{done:,} of {cells} {'is' if done == 1 else 'are'} done{open_end}"
    sentence = f"This run is not finished: {done_}. To go on with it:"
    return Unfinished(sentence, _command(run, fresh="false"))  # with fresh=true it would start another run


def lost(run: Run) -> str:
    """Which lines of a damaged journal are left out."""
    named, others = run.lost_lines[:_MOST_NUMBERS], sum(map(len, run.lost_lines[_MOST_NUMBERS:]))
    numbers = ", ".join(f"{each[0]}" if len(each) == 1 else f"{each[0]} to {each[-1]}" for each in named)
    more = f" and {others:,} more" if others else ""
    lines = f"line {numbers} is" if sum(map(len, named)) == 1 else f"lines {numbers}{more} are"
    return f"{lines} missing or damaged"


def _command(run: Run, fresh: str) -> str:
    command = clean(run.header["command"])
    found = re.sub(r"(?<![\w.])fresh=\w+", f"fresh={fresh}", command)
    return found if fresh == "false" or found != command else f"{command} fresh={fresh}"


def _done(run: Run) -> int:
    """How many of the measured cells get no more trials, by the rule that ends their measuring."""
    return sum(_done_of_kind(run, kind) for kind in run.header.get("machines", [run.header["environment"]]))


def _done_of_kind(run: Run, kind: str) -> int:
    cells = tuple(Cell.of(cell) for cell in run.header["cells"] if cell.get("kind", kind) == kind)
    asked = Sweep("", cells, run.measure, margin=run.margin, seed=0, fresh=False, output="", runner="")
    sweep = replace(asked, interleaved=run.revisions is not None)
    records = (hardware.as_measured(record) for record in run.records if record["environment"] == kind)
    progress = Bag(sweep, records).progress().values()
    return sum(each.done and each.leader is None and each.evidence.status != "not run" for each in progress)

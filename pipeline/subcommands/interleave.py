"""What `compare --interleave` does: measure two revisions of the code in one run, and say what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import journal, outputs
from ..errors import InputError
from ..interruption import heed_signals
from ..measuring import command_line, measure
from ..status import ALL_MEASURED, FAIL_ON, SOME_NOT_MEASURED
from ..streams import say, tell, writing
from ..wording import clean

if TYPE_CHECKING:
    from ..cells import Sweep

APART = "-interleaved"
"""Ends the names of such runs, so that `NAME@latest` stays a run with a verdict."""


def run(before: str, after: str | None, overrides: Sequence[str], words: Sequence[str]) -> Path:
    """Measure every cell of the matrix in both revisions, their rounds interleaved.

    Args:
        before: whatever git knows for a commit.
        after: likewise, `None` for the working tree.
        overrides: what the matrix is.
        words: those of the whole command.

    Returns:
        The run's folder.

    Raises:
        InputError: something cannot be measured; nothing was.
        Interrupted: a signal came; what was measured is kept.
    """
    from .. import revisions
    from ..request import Request

    sweep = _sweep(overrides)
    with (
        heed_signals(lambda: tell("ending as soon as the revisions are put away")) as interruption,
        revisions.check_out(before, after or revisions.WORKING_TREE, Path.cwd()) as found,
    ):
        interruption.check()
        for each in (found.before, found.after):
            each.check(sweep)
        tell(f"before: {found.before.name}, {found.before.subject}\nafter: {found.after.name}, {found.after.subject}")
        request = Request(sweep, command_line(words), found.before.folder, revisions=found)
        return measure(request, words).folder


def _sweep(overrides: Sequence[str]) -> Sweep:
    from .. import matrix
    from ..validation import make_sweep

    found = matrix.expand(matrix.make_loader(), overrides, multirun=True)
    sweep = make_sweep(found.configs, found.experiment)
    if sweep.runner != "local":
        raise InputError(f"runner={sweep.runner}: revisions are checked out on this machine alone; write runner=local")
    if any(cell.clustered for cell in sweep.cells):
        raise InputError("backend=ray: revisions are checked out on this machine alone; leave it out")
    return replace(sweep, name=f"{sweep.name}{APART}", interleaved=True)


def draw(folder: Path, output: Path | None = None, fail_on: str | None = None, *, damaged: bool = False) -> int:
    """Draw the comparison of an interleaved run from its journal, into `output` or its own folder, and print it."""
    from .. import comparison, interleaved
    from ..evidence import Run
    from ..report import compared, history, unfinished
    from ..report.text import clean_run

    path, place = folder / outputs.JOURNAL, output or folder
    with journal.doubting(path):
        run_ = Run.read(path, damaged=damaged)
        found = interleaved.compare(clean_run(run_))
        with writing(place):
            outputs.write(place / "compare.json", comparison.to_json(found))
            outputs.write(place / "compare.html", compared.page(found))
            root = outputs.root_of(folder)
            if root is not None:
                outputs.write(root / outputs.INDEX, history.page(root))
        open_end = unfinished.describe(run_)
        to_go_on = "" if open_end is None else f"\n{open_end.sentence} {open_end.command}"
        text = f"{compared.text(found)}{to_go_on}"
        is_whole = run_.is_finished and all(each.status == "measured" for each in run_.evidence.values())
    say(f"{text}\n\npage: {clean(str(place / 'compare.html'))}")
    if fail_on and found.any_is(fail_on):
        return FAIL_ON
    return ALL_MEASURED if is_whole else SOME_NOT_MEASURED

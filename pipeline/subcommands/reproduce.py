"""`python -m pipeline reproduce RUN`: measure the same again here, and say which conclusions held."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import lookup, outputs
from ..errors import InputError, Interrupted
from ..measuring import command_line, going_on
from ..streams import say, tell, writing
from ..wording import clean
from . import NAMES, Parser
from .report import draw

if TYPE_CHECKING:
    from ..cells import Sweep
    from ..journal import Record

PARSER = Parser(
    prog="python -m pipeline reproduce",
    description="Measure what a run measured again, here and now, from its stored configuration, and say which of its "
    "conclusions held. Give it in the folder in which the run was started: there the measured code is looked for. What "
    "the run names is run: functions, interpreters, variables. Do so with runs that you trust alone.",
    allow_abbrev=False,
)
PARSER.add_argument("run", metavar="RUN", help="a run's folder, as in outputs/latest, or NAME@latest")
PARSER.add_argument(
    "--cluster", metavar="ADDRESS", default="local", help="the address of the Ray cluster, if it takes one"
)
PARSER.add_argument("--output", metavar="FOLDER", default=str(lookup.OUTPUT), help="where the new run goes")


def run(words: Sequence[str]) -> int:
    """Measure, draw the new run's report, and compare."""
    given = PARSER.parse_args(words)
    folder = lookup.find(given.run)
    from .. import comparison, journal, session
    from ..display import open_display
    from ..evidence import Run, begun
    from ..report import compared
    from ..report.text import clean_run
    from ..request import Request, version_of

    path = folder / outputs.JOURNAL
    with journal.doubting(path):
        stored = Run(tuple(journal.read(path)))
        header = begun(path, stored.records)
        sweep = replace(_sweep(header, given.output, given.cluster), claims=stored.claims)
        request = Request(sweep, _going_on(header, sweep), Path.cwd())
    version = version_of(request)[0]
    try:
        with open_display() as display, writing(given.output):
            done = session.measure(request, display)
    except Interrupted:
        tell(f"interrupted; what was measured is kept. To go on: {request.command}")
        raise
    if done.lost is not None:
        tell(f"error: {done.lost}; what was measured is kept. To go on: {request.command}")
    again = done.folder
    status = draw(again)
    with journal.doubting(path):
        before, after = (clean_run(Run.read(each / outputs.JOURNAL)) for each in (folder, again))
        found = comparison.compare(before, after)
        with writing(again):
            outputs.write(again / "compare.html", compared.page(found))
        was = before.header["version"]
        same = "the same version" if version == was else f"version {version}, not {was}"
        said = [f"\nIs it reproduced? Measured again: {same}.", *compared.conclusions(before, after, found)]
        text = compared.text(found)
    say("\n".join([*said, "", text, "", f"page: {clean(str(again / 'compare.html'))}"]))
    return status


def _going_on(header: Record, sweep: Sweep) -> str:
    """The run's own command as it goes on with the new one: the words that began this begin another each time."""
    command, begins = str(header["command"]), f"{command_line([])} "
    if not command.startswith(begins):  # a call from Python
        return command
    words = shlex.split(command.removeprefix(begins))
    if words and words[0] in NAMES:  # an earlier version kept what had been typed
        return command
    is_told = sweep.address != "local" or "cluster.address=" in command
    elsewhere = {"cluster.address": sweep.address} if is_told else {}
    return going_on(words, output=sweep.output, **elsewhere)


def _sweep(header: Record, output: str, address: str) -> Sweep:
    from ..cells import Cell, Measure, Sweep
    from ..validation import folder_name

    if "revisions" in header:
        raise InputError(f"{header['name']} compared two revisions; its own command measures them again: fresh=true")
    if any(isinstance(cell["workload"]["inputs"], dict) for cell in header["cells"]):
        raise InputError(
            f"the inputs of {header['name']} were Python objects given to pipeline.measure, and are not stored; "
            "call it again with fresh=True, and compare the runs"
        )
    definition = header["definition"]
    return Sweep(
        name=folder_name(header["name"], ""),  # as the journal may be anybody's
        cells=tuple(Cell.of(cell) for cell in header["cells"]),
        measure=Measure(**definition["measure"]),
        margin=definition["margin"],
        seed=header["seed"],
        fresh=True,
        output=output,
        runner=header["runner"],
        exclusive=header.get("exclusive", True),
        address=address,
    )

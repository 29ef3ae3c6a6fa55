"""`python -m pipeline report RUN`: draw the report of a run again."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

from .. import journal, lookup, outputs
from ..status import ALL_MEASURED, SOME_NOT_MEASURED
from ..streams import say, tell, writing
from ..wording import clean
from . import Parser, interleave

PARSER = Parser(
    prog="python -m pipeline report",
    description="Draw the report of a run again from its journal, and print what it says.",
    allow_abbrev=False,
)
PARSER.add_argument("run", metavar="RUN", help="a run's folder, as in outputs/latest, or NAME@latest")
PARSER.add_argument("--damaged", action="store_true", help="use what is whole of a damaged journal, and say so")


def run(words: Sequence[str]) -> int:
    """Draw it."""
    given = PARSER.parse_args(words)
    return draw(lookup.find(given.run), damaged=given.damaged)


def draw(folder: Path, *, damaged: bool = False) -> int:
    """Draw a run's report and say what it says; of a `damaged` journal where that is asked for."""
    from .. import report
    from ..evidence import Run
    from ..report import history, unfinished
    from ..summary import summary_text

    path = folder / outputs.JOURNAL
    with journal.doubting(path):
        run_ = Run.read(path, damaged=damaged)
        if journal.torn_bytes(path):
            tell(f"{path}: its last line is torn, as by a kill, and left out")
    gc.freeze()  # it stays to the end, and may be a million objects to look for cycles in
    if run_.revisions is not None:
        return interleave.draw(folder, damaged=damaged)
    with journal.doubting(path):
        with writing(folder):
            findings = report.write(run_, folder)
            root = outputs.root_of(folder)
            if root is not None:
                outputs.write(root / outputs.INDEX, history.page(root))
        if run_.lost_lines:
            tell(f"{path}: {unfinished.lost(run_)}; the report rests on the others")
        text = summary_text(findings)
        ended = {each.status for each in (*findings.run.evidence.values(), *findings.run.matches.values())}
        is_whole = run_.is_finished and not run_.lost_lines and ended <= {"measured", "unsupported"}
    say(f"{text}\nreport: {clean(str(folder / 'report.html'))}")
    return ALL_MEASURED if is_whole else SOME_NOT_MEASURED

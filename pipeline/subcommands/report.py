"""`python -m pipeline report RUN`: draw the report of a run again."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

from .. import lookup, outputs
from ..status import ALL_MEASURED, SOME_NOT_MEASURED
from ..streams import say, writing
from . import Parser, interleave

PARSER = Parser(
    prog="python -m pipeline report",
    description="Draw the report of a run again from its journal, and print what it says.",
    allow_abbrev=False,
)
PARSER.add_argument("run", metavar="RUN", help="a run's folder, as in outputs/latest, or NAME@latest")


def run(words: Sequence[str]) -> int:
    """Draw it."""
    return draw(lookup.find(PARSER.parse_args(words).run))


def draw(folder: Path) -> int:
    """Draw a run's report and say what it says."""
    from .. import report
    from ..evidence import Run
    from ..report import history
    from ..summary import summary_text

    run_ = Run.read(folder / outputs.JOURNAL)
    gc.freeze()  # it stays to the end, and may be a million objects to look for cycles in
    if run_.revisions is not None:
        return interleave.draw(folder)
    with writing(folder):
        findings = report.write(run_, folder)
        root = outputs.root_of(folder)
        if root is not None:
            outputs.write(root / "index.html", history.page(root))
    say(f"{summary_text(findings)}\nreport: {folder / 'report.html'}")
    ended = {each.status for each in (*findings.run.evidence.values(), *findings.run.matches.values())}
    return ALL_MEASURED if run_.is_finished and ended <= {"measured", "unsupported"} else SOME_NOT_MEASURED

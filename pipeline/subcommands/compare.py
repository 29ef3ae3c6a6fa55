"""`python -m pipeline compare A B`: what became faster or slower between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import lookup, outputs
from ..status import ALL_MEASURED, FAIL_ON
from ..streams import say, writing
from . import Parser

PARSER = Parser(
    prog="python -m pipeline compare",
    description="Hold run B against run A, cell by cell: faster, slower, the same, or nobody can tell.",
    epilog=lookup.WAYS[0].upper() + lookup.WAYS[1:] + ".",
    allow_abbrev=False,
)
PARSER.add_argument("before", metavar="A", help="the run before")
PARSER.add_argument("after", metavar="B", help="the run after")
PARSER.add_argument("--fail-on", choices=["slower", "faster"], help="exit with 3 where any cell is that")
PARSER.add_argument("--output", type=Path, metavar="FOLDER", help="where compare.html and compare.json go")


def run(words: Sequence[str]) -> int:
    """Compare them, print the table, and write page and JSON."""
    given = PARSER.parse_args(words)
    folders = [lookup.find(word) for word in (given.before, given.after)]
    from .. import comparison
    from ..evidence import Run
    from ..report import compared
    from ..report.text import clean_run

    before, after = (clean_run(Run.read(folder / outputs.JOURNAL)) for folder in folders)
    found = comparison.compare(before, after)
    folder = given.output or lookup.OUTPUT / "compare" / "..".join(folder.resolve().name for folder in folders)
    with writing(folder):
        outputs.write(folder / "compare.json", comparison.to_json(found))
        outputs.write(folder / "compare.html", compared.page(found))
    say(f"{compared.text(found)}\n\npage: {folder / 'compare.html'}")
    return FAIL_ON if given.fail_on and found.any_is(given.fail_on) else ALL_MEASURED

"""`python -m pipeline compare A B`: what became faster or slower between two runs, or two revisions of the code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import journal, lookup, outputs
from ..errors import InputError
from ..status import ALL_MEASURED, FAIL_ON
from ..streams import say, writing
from ..wording import clean
from . import Parser, interleave

PARSER = Parser(
    prog="python -m pipeline compare",
    usage="%(prog)s [options] A B\n       %(prog)s --interleave [options] A [B] [KEY=VALUE ...]",
    description="Hold run B against run A, cell by cell: faster, slower, the same, or nobody can tell. "
    "With --interleave A and B are git revisions of the measured code. Every cell of the matrix that KEY=VALUE says, "
    "as with -m, is measured in both, in turns, round by round: the true A/B test, which tells much smaller "
    "differences. They are checked out into temporary folders, with what git tracks and nothing else.",
    epilog=f"A run: {lookup.WAYS}. A revision: whatever git knows for a commit, or . for what git tracks in the "
    "working tree as it stands, which is also what a missing B means. The same twice (A/A) shows how alike the same "
    "code comes out.",
    allow_abbrev=False,
)
PARSER.add_argument("before", metavar="A", help="the run or revision before")
PARSER.add_argument("rest", metavar="B", nargs="*", help="the run or revision after")
PARSER.add_argument("--interleave", action="store_true", help="measure two revisions of the code, in turns")
PARSER.add_argument("--fail-on", choices=["slower", "faster"], help="exit with 3 where any cell is that")
PARSER.add_argument("--output", type=Path, metavar="FOLDER", help="where compare.html and compare.json go")


def run(words: Sequence[str]) -> int:
    """Compare them, print the table, and write page and JSON."""
    given = PARSER.parse_intermixed_args(list(words))
    if given.interleave:
        after, overrides = _split(given.rest)
        folder = interleave.run(given.before, after, overrides, ["compare", *words])
        return interleave.draw(folder, given.output, given.fail_on)
    if len(given.rest) != 1:
        raise InputError("compare takes two runs, A and B; two revisions of the code with --interleave")
    return _compare([lookup.find(word) for word in (given.before, *given.rest)], given.output, given.fail_on)


def _split(rest: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The revision after and the overrides: what has a `=` or takes something away is one of these."""
    if rest and "=" not in rest[0] and not rest[0].startswith("~"):
        return rest[0], rest[1:]
    return None, rest


def _compare(folders: Sequence[Path], output: Path | None, fail_on: str | None) -> int:
    from .. import comparison
    from ..evidence import Run
    from ..report import compared
    from ..report.text import clean_run

    with journal.doubting(*(folder / outputs.JOURNAL for folder in folders)):
        before, after = (clean_run(Run.read(folder / outputs.JOURNAL)) for folder in folders)
        for each, folder in zip((before, after), folders, strict=True):
            if each.revisions is not None:
                raise InputError(f"{folder} is a comparison itself; python -m pipeline report {folder} shows it")
        found = comparison.compare(before, after)
        folder = output or lookup.OUTPUT / "compare" / "..".join(folder.resolve().name for folder in folders)
        with writing(folder):
            outputs.write(folder / "compare.json", comparison.to_json(found))
            outputs.write(folder / "compare.html", compared.page(found))
        text = compared.text(found)
    say(f"{text}\n\npage: {clean(str(folder / 'compare.html'))}")
    return FAIL_ON if fail_on and found.any_is(fail_on) else ALL_MEASURED

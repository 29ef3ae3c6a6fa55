"""`python -m pipeline export RUN --format FORMAT`: a run for other programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .. import journal, lookup, outputs
from ..errors import InputError
from ..status import ALL_MEASURED
from ..streams import refusal
from . import Parser

FORMATS = {
    "csv": "one row a cell, as summary.csv has it",
    "parquet": "one row a round, as samples.parquet has it",
    "json": "definition, surroundings, cells and verdict",
    "markdown": "the report",
    "pyperf": "each cell's batches as pyperf's JSON: pyperf show, stats, hist, compare_to",
}

PARSER = Parser(
    prog="python -m pipeline export",
    description="Write what a run measured in a form for other programs: "
    + "; ".join(f"{name}: {what}" for name, what in FORMATS.items()),
    allow_abbrev=False,
)
PARSER.add_argument("run", metavar="RUN", help="a run's folder, as in outputs/latest, or NAME@latest")
PARSER.add_argument("--format", choices=FORMATS, required=True)
PARSER.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")


def run(words: Sequence[str]) -> int:
    """Write it."""
    given = PARSER.parse_args(words)
    folder = lookup.find(given.run)
    if given.output is None and sys.stdout is None:
        raise InputError("standard output is closed; write --output FILE, or > FILE")
    if given.format == "parquet" and given.output is None and sys.stdout.isatty():
        raise InputError("--format parquet is no text for a terminal; write --output FILE, or > FILE")
    from ..evidence import Run
    from ..report import exports

    journal_ = folder / outputs.JOURNAL
    with journal.doubting(journal_):
        content = exports.export(Run.read(journal_), given.format)
    try:
        _put(content.encode() if isinstance(content, str) else content, given.output)
    except OSError as error:
        raise InputError(f"{refusal(error, given.output or 'standard output')}; write another --output FILE") from error
    return ALL_MEASURED


def _put(data: bytes, output: Path | None) -> None:
    """Into a file whole or not at all; a link, a device or a pipe stays what it is."""
    if output is None:
        with suppress(BrokenPipeError):  # as after `| head`
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
    elif os.path.lexists(output) and not output.is_file():
        output.write_bytes(data)
    else:
        outputs.write(output.resolve() if output.is_symlink() else output, data)

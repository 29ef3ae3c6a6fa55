"""Prove the conclusions: `python -m tests.truth [SECTION ...]` prints a table and keeps it in docs/truth.md."""

from __future__ import annotations

import inspect
import platform
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline import environment

from ..benchmarks.asked import asked
from . import comparison_rows, live, peer_rows, scaling_rows, simulated
from .row import Row, table

PAGE = Path(__file__).parent.parent.parent / "docs" / "truth.md"

SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    **simulated.SECTIONS,
    **scaling_rows.SECTIONS,
    **comparison_rows.SECTIONS,
    **peer_rows.SECTIONS,
    **live.SECTIONS,
}

HEAD = """# Are the conclusions true?

What `make truth` measures, and how it came out. Simulated rows play noise models and recorded traces of identical code
(`tests/truth/traces`) through the real scheduling, stopping, play-off and verdict; no time passes. Live rows really
measure workloads whose answer is known, on the machine that the section names. What is not met stays in the table.
`python -m tests.truth SECTION ...` takes some sections again and leaves the others as they are.
"""


def main() -> int:
    """Take the sections that were named, all of them otherwise; the exit status says whether every bar was met."""
    missed = 0
    for name in asked(SECTIONS, "section"):
        rows = []
        for row in _taken(name):
            print(row, flush=True)
            rows.append(row)
            missed += row.is_met is False
        keep(name, rows)
    return min(missed, 1)


def _taken(name: str) -> Iterator[Row]:
    """A section's rows; what ends it early is one of them, and the other sections are still taken."""
    try:
        yield from SECTIONS[name]()
    except Exception as error:  # noqa: BLE001 - a run that failed, or a bug of the harness
        yield Row(f"{name} ended early", "", f"{type(error).__name__}: {error}".partition("\n")[0], is_met=False)


def keep(name: str, rows: list[Row]) -> None:
    """Put a section into the page, where the sections stand in their order."""
    kept = _sections(PAGE.read_text()) if PAGE.exists() else {}
    about = inspect.cleandoc(SECTIONS[name].__doc__ or "")
    kept[name] = f"{about}\n\n{_where()}\n\n{table(rows)}"
    parts = [HEAD, *(f"## {each}\n\n{kept.get(each, 'Not taken yet.')}\n" for each in SECTIONS)]
    PAGE.write_text("\n".join(parts))


def _sections(page: str) -> dict[str, str]:
    _, *parts = re.split(r"^## (\w+)\n\n", page, flags=re.MULTILINE)
    return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _where() -> str:
    machine = environment.describe(None)["machine"]
    cores = f"{machine['usable_cores']} cores"
    return f"{datetime.now(UTC):%d %B %Y}, {machine['cpu']}, {cores}, Python {platform.python_version()}."


if __name__ == "__main__":
    sys.exit(main())

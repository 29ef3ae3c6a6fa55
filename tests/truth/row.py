"""A line of the table that `python -m tests.truth` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was asked, the bar it has to reach, what was reached; `is_met` is `None` where there is no bar."""

    what: str
    bar: str
    reached: str
    is_met: bool | None

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO", None: ""}[self.is_met]
        return f"| {self.what} | {self.bar} | {self.reached} | {mark} |"


def at_most(what: str, reached: float, bar: float, form: str = "{:.1%}", detail: str = "") -> Row:
    """A row whose bar must not be passed."""
    said = form.format(reached) + (f" {detail}" if detail else "")
    return Row(what, f"at most {form.format(bar)}", said, reached <= bar)


def at_least(what: str, reached: float, bar: float, form: str = "{:.1%}", detail: str = "") -> Row:
    """A row whose bar must be reached."""
    said = form.format(reached) + (f" {detail}" if detail else "")
    return Row(what, f"at least {form.format(bar)}", said, reached >= bar)


def table(rows: Iterable[Row]) -> str:
    """As Markdown."""
    return "\n".join(["| what | bar | reached | met |", "| --- | --- | --- | --- |", *map(str, rows)])

"""What other people's text must go through before it is shown anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..evidence import Run
from ..journal import Record
from ..wording import clean

_NUMBERS = {"arms", "capacity", "machine", "orders", "phases_s"}
"""The large parts of a record; nothing in them is shown as it stands, but for"""
_TEXTS = ("code", "interpreter", "options", "placed", "pools")
"""these parts of an arm."""


def clean_run(run: Run) -> Run:
    """The run with every text clean that a user can have set, named or printed."""
    clean_part = _Once()
    return Run(tuple(_clean_record(record, clean_part) for record in run.records))


def _clean_record(record: Record, clean_part: Callable[[Any], Any]) -> Record:
    """The very same one where it is clean: there may be a hundred thousand."""
    cleaned = {key: clean_all(value) if key not in _NUMBERS else value for key, value in record.items()}
    if "arms" in record:
        cleaned["arms"] = {clean(name): _clean_arm(arm, clean_part) for name, arm in record["arms"].items()}
    return record if cleaned == record else cleaned


def _clean_arm(arm: Record, clean_part: Callable[[Any], Any]) -> Record:
    unclean = {key: part for key in _TEXTS if key in arm and (part := clean_part(arm[key])) is not arm[key]}
    return {**arm, **unclean} if unclean else arm


class _Once:
    """Cleans what is one object in many arms once."""

    def __init__(self) -> None:
        self._cleaned: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        if id(value) not in self._cleaned:
            cleaned = clean_all(value)
            self._cleaned[id(value)] = value if cleaned == value else cleaned
        return self._cleaned[id(value)]


def one_line(text: str) -> str:
    """With its lines joined by spaces."""
    return " ".join(text.split())


def first_line(text: str) -> str:
    """The first of its lines that says something."""
    return next(filter(None, map(one_line, text.splitlines())), "")


def shorten(text: str, most: int) -> str:
    """At most so many characters of it, the end of a longer one cut off."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def shorten_middle(text: str, most: int) -> str:
    """At most so many characters of it, a longer one's middle cut out, as what tells it apart may stand at its end."""
    return text if len(text) <= most else f"{text[: most - most // 2 - 1]}…{text[len(text) - most // 2 :]}"


def excerpt(text: str, head: int, tail: int = 0, widest: int = 400) -> str:
    """Its first `head` and last `tail` lines, with a word about those between."""
    lines = [shorten(line, widest) for line in text.rstrip("\n").split("\n")]
    left_out = len(lines) - head - tail
    if left_out <= 1:
        return "\n".join(lines)
    return "\n".join([*lines[:head], f"[{left_out} more lines]", *lines[len(lines) - tail :]])


def clean_all(value: Any) -> Any:
    """JSON with all of its texts clean."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(key): clean_all(each) for key, each in value.items()}
        case list():
            return [clean_all(each) for each in value]
        case _:
            return value

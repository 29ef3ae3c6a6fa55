"""Records as they are held: of a million rounds, most of what the trials say is alike, and the rest are numbers.

Nothing of it changes its value. Numbers of rounds are in arrays instead of lists, and what is equal is one object.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any

_ALIKE = ("code", "interpreter", "options")
"""Parts of an arm that few arms have each for itself."""


class Compactor:
    """Makes records compact, all those of one journal, of which nobody changes a part."""

    def __init__(self) -> None:
        self._seen: dict[Any, Any] = {}

    def compact(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record, equal to what it was but for its arrays."""
        held: dict[str, Any] = {
            key: sys.intern(value) if type(value) is str else value for key, value in record.items()
        }
        if "orders" in held:
            held["orders"] = [self._seen.setdefault(tuple(order), order) for order in held["orders"]]
        if "arms" in held:
            held["arms"] = {name: self._arm(arm) for name, arm in held["arms"].items()}
        return held

    def _arm(self, arm: dict[str, Any]) -> dict[str, Any]:
        held = {key: self._numbers(value) if type(value) is list else value for key, value in arm.items()}
        for key in _ALIKE:
            if key in held:
                held[key] = self._seen.setdefault(repr(held[key]), held[key])
        return held

    def _numbers(self, values: list[Any]) -> Any:
        """In an array, if they all are; those that are all the same, as most counters are, are few arrays."""
        if not values:
            return self._seen.setdefault((), values)
        if values[0] is None and values.count(None) == len(values):
            return self._seen.setdefault((None, len(values)), values)
        try:
            held = array("d", values)
        except (TypeError, OverflowError):
            return values
        if held.tolist() != values:
            return values
        content = held.tobytes()  # by which 0.0 and -0.0 differ
        if content != content[: held.itemsize] * len(held):
            return held
        return self._seen.setdefault(content, held)

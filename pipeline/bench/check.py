"""Did two arms compute the same?"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from . import reference
from .errors import Unavailable

ALIKE = "alike"
DIFFERENT = "different"
NOT_COMPARABLE = "not comparable"


def save(results: Any, path: Path) -> bool:
    """Leave `results` for another arm of this trial; false where they cannot be pickled.

    Raises:
        Unavailable: they cannot be written, as where the disk is full.
    """
    try:
        items = [pickle.dumps(each, protocol=4) for each in results] if isinstance(results, list) else None
        whole = pickle.dumps(results, protocol=4) if items is None else b""
    except Exception:  # whatever the measured code's own __reduce__ raises
        return False
    try:
        path.write_bytes(pickle.dumps((items, whole)))
        path.chmod(0o600)  # whatever the measured code's umask is
    except OSError as error:
        raise Unavailable(f"its results could not be kept: {error}") from error
    return True


def compare(expected_path: Path, got: Any, check: str) -> tuple[str, str]:
    """Hold `got` against what the anchor saved.

    Args:
        check: `auto`, or `module:function`, called as function(expected, got).

    Returns:
        `ALIKE`, `DIFFERENT` or `NOT_COMPARABLE`, and what is different, in a few words.
    """
    if not expected_path.exists():
        return NOT_COMPARABLE, ""
    # An arm of this very trial wrote it, into the trial's private folder.
    items, whole = pickle.loads(expected_path.read_bytes())
    if check != "auto":
        expected = pickle.loads(whole) if items is None else [pickle.loads(each) for each in items]
        same = reference.load_function(check, "workload.check")
        return (ALIKE, "") if same(expected, got) else (DIFFERENT, f"{check} says so")
    if items is None:
        answer = _compare(whole, got)
        return answer, "" if answer == ALIKE else _both(whole, got)
    if not isinstance(got, list) or len(got) != len(items):
        return DIFFERENT, f"{len(items)} results there"
    found = [_compare(stored, each) for stored, each in zip(items, got, strict=True)]
    for answer in (DIFFERENT, NOT_COMPARABLE):
        if answer in found:
            at = found.index(answer)
            return answer, f"the result for input number {at}: {_both(items[at], got[at])}"
    return ALIKE, ""


def _both(stored: bytes, got: Any) -> str:
    try:
        return f"{pickle.loads(stored)!r:.60} there, {got!r:.60} here"
    except Exception:  # whatever the measured code's own __repr__ raises
        return "it cannot be shown"


def _compare(stored: bytes, got: Any) -> str:
    """Equal, or else equal pickles.

    Pickles of equal objects differ by which of their parts are one object, so both make the same journey first. Where
    the type leaves `==` to mean "the same object", different pickles prove nothing.
    """
    try:
        expected = pickle.loads(stored)
        if _equal(expected, got):
            return ALIKE
        there_and_back = pickle.dumps(pickle.loads(pickle.dumps(got, protocol=4)), protocol=4)
        if there_and_back == pickle.dumps(expected, protocol=4):
            return ALIKE
    except Exception:  # whatever the measured code's own __reduce__ raises
        return NOT_COMPARABLE
    has_equality = any("__eq__" in vars(each) for each in type(got).__mro__ if each is not object)
    return DIFFERENT if has_equality or type(got) is not type(expected) else NOT_COMPARABLE


def _equal(expected: Any, got: Any) -> bool:
    try:
        return bool(expected == got)
    except Exception:  # arrays refuse a truth value
        return False

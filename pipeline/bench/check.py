"""Did two arms compute the same?"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import reference

ALIKE = "alike"
DIFFERENT = "different"
NOT_COMPARABLE = "not comparable"


def save(results: Any, path: Path) -> bool:
    """Leave `results` for another arm of this trial; false where they cannot be pickled."""
    try:
        path.write_bytes(pickle.dumps(results, protocol=4))
    except Exception:  # whatever the measured code's own __reduce__ raises
        return False
    return True


def compare(expected_path: Path, got: Any, check: str) -> str:
    """Hold `got` against what the anchor saved.

    Args:
        check: `auto`, equal or else equal pickles; or `module:function`, called as function(expected, got).

    Returns:
        `ALIKE`, `DIFFERENT` or `NOT_COMPARABLE`.
    """
    try:
        stored = expected_path.read_bytes()
        expected = pickle.loads(stored)  # an arm of this very trial wrote it, into the trial's private folder
    except Exception:
        return NOT_COMPARABLE
    if check != "auto":
        same: Callable[[Any, Any], object] = reference.load(check, "workload.check")  # type: ignore[assignment]
        return ALIKE if same(expected, got) else DIFFERENT
    try:
        if bool(expected == got):
            return ALIKE
    except Exception:  # arrays refuse a truth value
        pass
    try:
        return ALIKE if pickle.dumps(got, protocol=4) == stored else DIFFERENT
    except Exception:
        return NOT_COMPARABLE

"""What our own code stands on, which the measured code may have changed: where imports look, how deep calls may go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PATH, _META_PATH = list(sys.path), list(sys.meta_path)
_DEPTH = sys.getrecursionlimit()


@contextmanager
def own_ground() -> Iterator[None]:
    """Have both as they were when the arm began; afterwards they are the measured code's again."""
    theirs = list(sys.path), list(sys.meta_path), sys.getrecursionlimit()
    sys.path[:], sys.meta_path[:] = _PATH, _META_PATH
    sys.setrecursionlimit(max(_DEPTH, theirs[2]))
    try:
        yield
    finally:
        sys.path[:], sys.meta_path[:] = theirs[:2]
        sys.setrecursionlimit(theirs[2])

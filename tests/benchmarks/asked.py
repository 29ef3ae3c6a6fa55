"""Which rows of a table are asked for on the command line."""

from __future__ import annotations

import sys
from collections.abc import Collection


def asked(known: Collection[str], kind: str) -> list[str]:
    """Those that are named, all of them otherwise; where there is no such one, a line says so and the program ends."""
    names = sys.argv[1:] or list(known)
    for name in names:
        if name not in known:
            print(f"error: there is no {kind} {name!r}; here are {', '.join(known)}", file=sys.stderr)
            raise SystemExit(2)
    return names

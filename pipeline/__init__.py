"""Threads, processes or a plain loop, and how many workers, for *your* function on *your* machine.

`python -m pipeline --help` is the command; `measure` is the same from Python and notebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Result, measure

__version__ = "0.1.0"
__all__ = ["Result", "measure"]


def __getattr__(name: str) -> Any:
    # Importing `pipeline` stays cheap: what `measure` needs comes with its first use.
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

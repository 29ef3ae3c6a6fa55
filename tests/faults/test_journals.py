"""The fuzzer of journals in small; `make faults` has it in full."""

from __future__ import annotations

import random

from . import journals


def test_damaged_journals_are_refused_or_told_right() -> None:
    """No traceback, and no table but that of what was written."""
    seed = random.randrange(10**6)
    told = journals.fuzz(60, seed)
    assert (told.tracebacks, told.wrong) == ([], []), f"seed {seed}"
    assert sum(told.answers.values()) == 60

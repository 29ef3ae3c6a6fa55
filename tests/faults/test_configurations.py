"""The fuzzer of command lines in small; `make faults` has it in full."""

from __future__ import annotations

import random

from . import configurations


def test_odd_words_get_one_line() -> None:
    """Exit status 2 and a line, or what was asked for: no traceback, no hang; and real commands answer the same."""
    begin = random.randrange(10**6)
    told = configurations.fuzz(60, begin)
    assert (told.tracebacks, told.hangs) == ([], []), f"seed {begin}"
    assert sum(told.statuses.values()) >= 30
    assert configurations.compare_with_processes(told, most=2) == []

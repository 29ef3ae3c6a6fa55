"""The kill harness in small; `make faults` has it in full."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from . import kills


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds leftovers through /proc")
def test_runs_killed_at_random_moments_are_finished_by_the_same_command() -> None:
    """By every signal: all trials are there once, the tables are those of a run that nobody killed, nothing is left."""
    seed = random.randrange(10**6)
    told = kills.kill_and_resume(runs=6, seed=seed)
    assert (told.faults, told.leftovers) == ({}, []), f"seed {seed}"

"""What guarding a trial costs it: watching its memory and output, and looking for what it left behind."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest import mock

from pipeline.bench import ending, keeper, kept, limits
from pipeline.runners.local import make_library

from ..trials import THREADS, describe
from .figure import Figure

PAIRS = 60
TASK = "def task(x):\n    return x\n"


def run() -> list[Figure]:
    """Trials of a loop and two threads, guarded and not, in pairs; milliseconds that the guards add."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath("tasks.py").write_text(TASK)
        library = make_library(folder)
        description = describe(folder, THREADS, workload={"task": "tasks:task"})

        def trial() -> float:
            reply = keeper.measure(description, library, folder, lambda _: None)
            assert reply["status"] == "measured", reply
            return float(reply["elapsed_s"])

        def bare() -> float:
            with _no_guards():
                return trial()

        return [Figure("guards of a trial, ms", 1000 * _added_s(trial, bare), 10)]


def _added_s(guarded: Callable[[], float], bare: Callable[[], float]) -> float:
    added = []
    for _ in range(PAIRS):
        took = {each: each() for each in random.sample([guarded, bare], 2)}
        added.append(took[guarded] - took[bare])
    return median(added)


@contextmanager
def _no_guards() -> Iterator[None]:
    with (
        mock.patch.object(limits.Guard, "look_after"),
        mock.patch.object(limits, "_share_bytes"),
        mock.patch.object(limits, "times_short"),
        mock.patch.object(kept, "prefer_to_be_killed"),
        mock.patch.object(ending, "kill_descendants"),
    ):
        yield

"""A figure with its bar, and the pairs of commands that figures are taken from."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Figure:
    """What was reached, against what must be."""

    name: str
    value: float
    bar: float
    at_least: bool = False
    detail: str = ""

    @property
    def reached(self) -> bool:
        """Whether the bar was."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        verdict = "reached" if self.reached else "MISSED"
        return f"{verdict:8}{self.name}: {self.value:.3g} (bar: {bound} {self.bar:g}) {self.detail}"


def paired(one: Callable[[], float], other: Callable[[], float], rounds: int) -> float:
    """The median of one()/other() over adjacent pairs in random order; each returns what it measured."""
    ratios = []
    for _ in range(rounds):
        measured = {}
        for which in random.sample([one, other], 2):
            measured[which] = which()
        ratios.append(measured[one] / measured[other])
    return median(ratios)


def wall_s(words: Sequence[str], folder: Path) -> float:
    """Seconds that a command takes; `words` follow the interpreter."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=folder, env=environment(), check=True, capture_output=True)
    return time.perf_counter() - began


def environment() -> dict[str, str]:
    """This process's, in which the package is found."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}

"""What many tests need: the command as a user runs it, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
LEAST = ("measure=quick", "measure.trials=1", "measure.max_rounds=1")
"""One trial of one round for each cell: enough to see that everything runs."""


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    status: int
    out: str
    err: str
    folder: Path

    @property
    def run(self) -> Path:
        """The run's folder that `outputs/latest` points at."""
        return (self.folder / "outputs" / "latest").resolve()

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The run's journal records of one kind."""
        lines = (self.run / "journal.jsonl").read_text().splitlines()
        return [record for record in map(json.loads, lines) if record["kind"] == kind]


class Command:
    """`python -m pipeline` in a user's folder."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self._variables = folder, variables

    def __call__(self, *words: str) -> Finished:
        """Run it to its end."""
        started = self.start(*words)
        out, err = started.communicate()
        return Finished(started.returncode, out, err, self.folder)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it, with its streams in pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.line(words), cwd=self.folder, env=self.environment(), stdout=pipe, stderr=pipe, text=True
        )

    @staticmethod
    def line(words: tuple[str, ...]) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "pipeline", *words]

    def environment(self) -> dict[str, str]:
        """The environment, in which the package is found also where it is not installed."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return {**os.environ, "PYTHONPATH": path, "COLUMNS": "80", **self._variables}


@pytest.fixture
def pipeline(tmp_path: Path) -> Command:
    """The command, in an empty folder."""
    return Command(tmp_path)


@pytest.fixture
def user_module(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a module of the user's into the folder where the command runs."""

    def write(name: str, source: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path

    return write

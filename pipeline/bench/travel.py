"""What of a user's folder travels to other nodes of a cluster, and what stays at home."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

STAYS = [
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "env",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".ipynb_checkpoints",
    "outputs",
    "build",
    "dist",
]
"""Folders, wherever they are: what tools made, and what a node has or makes itself."""


def working_dir(folder: str) -> dict[str, Any]:
    """Ray's runtime environment that brings the folder to a worker, as its own."""
    return {"working_dir": folder, "excludes": [f"{each}/" for each in STAYS]}


def runtime_env(folder: str) -> dict[str, Any]:
    """And this package with it."""
    return {**working_dir(folder), "py_modules": [str(Path(__file__).parent)]}


def size_bytes(folder: Path) -> int:
    """What travels of a folder."""
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each not in STAYS]
        for each in files:
            with suppress(OSError):  # a broken link
                total += os.stat(os.path.join(path, each)).st_size  # noqa: PTH116, PTH118 - many of them
    return total
